//! Connections that are opened before their pool is live, so that the first requests after a switch find them.
//!
//! Owns opening them; must not keep them, which the desk does: it hands them to the pool when that is live, and closes
//! them as it does any other that is not used. A worker that only switched would have every one of its first requests wait
//! for a connection of its own, all of them at once.

use std::rc::Rc;

use futures_util::{StreamExt as _, stream};

use super::{
    endpoint::{ConnectError, Endpoint},
    trunk::{Opened, Room},
    worker::Worker,
};
use crate::{
    core::{gate::spec::WARMED_AT_ONCE, service::UpstreamProtocol},
    mailbox::{ColdPool, WarmUpAnswer},
};

/// Opens a connection to each endpoint that has none.
pub(super) async fn warm_up(worker: Rc<Worker>, pool: &ColdPool) -> WarmUpAnswer {
    let Some((protocol, endpoints)) = worker.desk().warm_up(pool) else {
        return WarmUpAnswer::default();
    };
    let opening = endpoints.into_iter().map(|endpoint| {
        let worker = Rc::clone(&worker);
        async move {
            let id = endpoint.id();
            let opened = open(&worker, endpoint, protocol).await;
            match opened {
                Ok(true) => worker.desk().count_connect(&pool.service, pool.colour),
                Ok(false) => {}
                Err(error) => return Some((id, error.as_str())),
            }
            None
        }
    });
    let opening: Vec<_> = opening.collect();
    let failed = stream::iter(opening).buffer_unordered(WARMED_AT_ONCE);
    WarmUpAnswer {
        failed: failed.filter_map(std::future::ready).collect().await,
    }
}

/// Says whether it had to be opened.
async fn open(
    worker: &Rc<Worker>,
    endpoint: Rc<Endpoint>,
    protocol: UpstreamProtocol,
) -> Result<bool, ConnectError> {
    let connections = endpoint.connections();
    if connections.has_idle() {
        return Ok(false);
    }
    if protocol == UpstreamProtocol::Http1 {
        let mut upstream = endpoint.connect(None).await?;
        upstream.unused_since(worker.clock().coarse());
        connections.keep(upstream);
        return Ok(true);
    }
    let trunks = connections.trunks();
    if !matches!(trunks.room(worker), Room::Open) {
        return Ok(false);
    }
    let dial = || Endpoint::dial(Rc::clone(&endpoint), protocol);
    let opened = trunks.open(worker, (dial, endpoint.connect_timeout()));
    if let (Opened::Http1, _) = opened.await? {
        connections.learn_http1(worker.clock().coarse());
    }
    Ok(true)
}

//! An attempt on a connection that many requests share: HTTP/2 towards the endpoint.

use std::rc::Rc;

use http::Response;

use super::Outbound;
use crate::{
    core::health::PassiveFailure,
    proxy::{
        endpoint::{ConnectError, Endpoint},
        error::ProxyError,
        exchange::Failed,
        inbound::Inbound,
        pool_desk::PoolDesk,
        trunk::{Opened, Place, Room, call},
        upload::RequestBody,
    },
};

impl Outbound<'_> {
    /// On a trunk. Whether it may be sent again, the endpoint says itself, whatever the method: where it says nothing,
    /// the same holds as on a connection of its own.
    pub(super) async fn call(
        &mut self,
        body: RequestBody,
        pool: &PoolDesk,
        endpoint: &Rc<Endpoint>,
    ) -> Result<Response<Inbound>, ProxyError> {
        let place = match self.place(pool, endpoint).await {
            Ok(Some(place)) => place,
            // The endpoint does not speak HTTP/2, as has turned out.
            Ok(None) => return self.exchange(body, pool, endpoint).await,
            Err(error) => {
                self.body = Some(body);
                return Err(error);
            }
        };
        let fresh = !place.has_answered();
        self.begins_waiting();
        match call(place, (self.outgoing(), body), self.watched()).await {
            Ok(response) => Ok(response.map(|it| Inbound::Http2(Box::new(it)))),
            Err(failed) => Err(self.not_called(failed, (pool, endpoint, fresh))),
        }
    }

    fn not_called(
        &mut self,
        failed: Failed,
        (pool, endpoint, fresh): (&PoolDesk, &Endpoint, bool),
    ) -> ProxyError {
        let avoid = self.avoids(failed.error, pool, endpoint);
        if failed.unsent.is_none() && failed.error == ProxyError::Closed && fresh {
            self.report(endpoint, PassiveFailure::Reset);
            self.tried.push(endpoint.id());
        } else if avoid {
            self.tried.push(endpoint.id());
        }
        let may_replay = self.may_replay();
        self.not_answered(failed, may_replay, avoid)
    }

    /// A place on a trunk, of which another is opened where the known ones are full; `None` if the endpoint does not
    /// speak HTTP/2, and need not.
    async fn place(
        &mut self,
        pool: &PoolDesk,
        endpoint: &Rc<Endpoint>,
    ) -> Result<Option<Place>, ProxyError> {
        let worker = Rc::clone(self.downstream.worker());
        let spec = &pool.snapshot().spec;
        let connections = endpoint.connections();
        let mut has_given_up = false;
        for _ in 0..OPENINGS {
            let trunks = connections.trunks();
            match trunks.room(&worker) {
                Room::Place(place) => return Ok(Some(place)),
                Room::Full => break,
                Room::Open => {}
            }
            let dial = || Endpoint::dial(Rc::clone(endpoint), spec.protocol);
            let opening = trunks.open(&worker, (dial, spec.timeouts.connect));
            match self.unless_cut(opening).await {
                None => return Err(ProxyError::CutByDeadline),
                Some(Ok((opened, is_own))) => {
                    pool.stats().connects.add(u64::from(is_own));
                    match opened {
                        Opened::Trunk => connections.forget_http1(),
                        Opened::Http1 => {
                            connections.learn_http1(worker.clock().coarse());
                            return Ok(None);
                        }
                    }
                }
                Some(Err(ConnectError::Exhausted))
                    if !std::mem::replace(&mut has_given_up, true)
                        && worker.desk().give_up_idle() => {}
                Some(Err(error)) => return Err(self.not_connected(error, pool, endpoint)),
            }
        }
        self.tried.push(endpoint.id());
        Err(ProxyError::Crowded)
    }
}

/// Trunks that one request waits for: others may be faster to fill them.
const OPENINGS: usize = 8;

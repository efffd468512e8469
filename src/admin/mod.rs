//! The admin side: JSON over HTTP for operators, metrics and probes for machines.
//!
//! Each call is a file; `router.rs` lists them. Everything is asked of the controller through its handle; nothing is decided here, and nothing on the data plane leads here. It has its
//! own addresses, its own bounds, and runs on the control plane's runtime: it cannot stall a worker.
//! `docs/admin-api.md` is its reference.

mod about;
mod accept;
mod body;
mod call_error;
mod caller;
mod calls;
mod config;
mod context;
mod diff;
mod endpoints;
mod error;
mod events;
mod group;
mod history;
mod listen;
mod metrics;
mod once;
mod openapi;
mod order;
mod origin;
mod page;
mod path;
mod plan;
mod precondition;
mod problem;
mod pulse;
mod readiness;
mod reload;
#[cfg(test)]
pub(crate) mod rig;
mod rollback;
mod router;
mod safe_to_stop;
mod services;
mod sheet;
mod stall;
mod steer;
mod switch;
mod switch_many;
#[cfg(test)]
mod tests;
mod word;

pub mod tokens;
pub mod wire;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::{
    accept::Acceptor,
    context::{Context, Door, Keys},
};
pub use self::{
    caller::{ACTOR_HEADER, ACTOR_LIMIT},
    error::AdminError,
    once::{HEADER as KEY_HEADER, KEY_LIMIT},
    problem::TYPE_PREFIX,
};
use crate::{
    config::{AdminAddr, AdminConfig, MetricsConfig},
    control::handle::ControlHandle,
    telemetry::{events::Events, metrics::Metrics},
};

/// What the admin side is made of.
#[derive(Debug)]
pub struct AdminSetup {
    /// `[admin]`
    pub config: AdminConfig,
    /// `[metrics]`
    pub metrics_config: Option<MetricsConfig>,
    /// The way to the controller.
    pub handle: ControlHandle,
    /// What is told at `/metrics`.
    pub metrics: Arc<Metrics>,
    /// What is told at `/v1/events`.
    pub events: Arc<Events>,
}

/// The running admin side. Dropping it ends it; [`stop`](Self::stop) waits for the calls in flight.
#[derive(Debug)]
pub struct AdminServer {
    /// Where it answers.
    pub bound: AdminBound,
    /// Where the metrics address answers.
    pub metrics: Option<SocketAddr>,
    keys: Keys,
    stop: DropGuard,
    acceptors: Vec<JoinHandle<()>>,
}

/// Where the admin side answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminBound {
    /// A TCP address, with the port that the kernel chose for port 0.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Binds the addresses and answers calls on the runtime that this is called in.
///
/// # Errors
/// [`AdminError`] if the address may not be served without a token, the tokens cannot be read, or an
/// address cannot be bound; then nothing is bound.
pub async fn serve(setup: AdminSetup) -> Result<AdminServer, AdminError> {
    let door = door(&setup.config)?;
    let stop = CancellationToken::new();
    let keys = Keys::new(setup.config.token_file)?;
    let context = Context {
        document: Arc::default(),
        handle: setup.handle,
        metrics: setup.metrics,
        events: setup.events,
        pulses: Arc::default(),
        streams: Arc::new(Semaphore::new(STREAMS_LIMIT)),
        closing: stop.clone(),
        keys,
        door,
    };
    let (listener, bound) = match setup.config.listen {
        AdminAddr::Tcp(addr) => {
            let (listener, addr) = listen::tcp("admin", addr).await?;
            (listener, AdminBound::Tcp(addr))
        }
        AdminAddr::Unix(path) => (listen::unix(&path).await?, AdminBound::Unix(path)),
    };
    let metrics = match setup.metrics_config {
        Some(config) => Some(listen::tcp("metrics", config.listen).await?),
        None => None,
    };
    let acceptor = |listener, router| {
        let stop = stop.clone();
        let acceptor = Acceptor {
            listener,
            router,
            stop,
        };
        tokio::spawn(acceptor.run())
    };
    let mut acceptors = vec![acceptor(listener, router::admin(context.clone()))];
    let metrics = metrics.map(|(listener, addr)| {
        acceptors.push(acceptor(listener, router::telemetry(context.clone())));
        addr
    });
    Ok(AdminServer {
        bound,
        metrics,
        keys: context.keys,
        stop: stop.drop_guard(),
        acceptors,
    })
}

impl AdminServer {
    /// Reads the token file again; from now on the tokens in it count, and no others.
    ///
    /// # Errors
    /// [`AdminError::Tokens`] if the file cannot be used; the tokens that counted still do.
    pub fn reload_tokens(&self) -> Result<(), AdminError> {
        self.keys.read()?.count();
        Ok(())
    }

    /// Takes no new connection, lets the calls in flight end for a few seconds, and removes the socket file.
    pub async fn stop(self) {
        drop(self.stop);
        for acceptor in self.acceptors {
            // It ends by itself; a panic in it has been told by the panic hook.
            let _ = acceptor.await;
        }
    }
}

fn door(config: &AdminConfig) -> Result<Door, AdminError> {
    match &config.listen {
        AdminAddr::Unix(_) => Ok(Door::Unix),
        AdminAddr::Tcp(addr) if addr.ip().to_canonical().is_loopback() => Ok(Door::Loopback),
        AdminAddr::Tcp(_) if config.token_file.is_some() => Ok(Door::Reachable),
        // The configuration refuses it, too; whoever embeds the crate may come without one.
        AdminAddr::Tcp(addr) => Err(AdminError::OpenToAll(*addr)),
    }
}

/// Streams of events that may last at once.
const STREAMS_LIMIT: usize = 32;

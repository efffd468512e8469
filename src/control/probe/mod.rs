//! Probes: what cutover itself sees of every endpoint, live or standby.
//!
//! Owns the front: whoever decides what is to be probed leaves it here and goes on. When an endpoint is probed is
//! `schedule.rs`'s, the probes under way are `rounds.rs`'s, what one probe does is `attempt.rs`'s and, for each kind of
//! probe, one more file's. Must not judge what a row of verdicts means, which is `HealthTracker`'s. One task for all
//! endpoints, and one for each probe under way, beat a task for each endpoint: an endpoint that hangs delays nobody's
//! probe either way, and eighty thousand that are only waiting for their time hold no task.

mod attempt;
pub(super) mod failure;
mod grpc;
mod http;
pub(super) mod http2;
mod rounds;
mod schedule;
pub(super) mod secure;
pub(super) mod tcp;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, mpsc};

pub(super) use self::attempt::Spoken;
use self::rounds::Rounds;
use super::{
    Running,
    resolver::{Addresses, Resolver},
};
use crate::{
    core::{
        event::{Watched, WatchedService},
        health::ProbeVerdict,
        ids::{EndpointId, ServiceName},
    },
    tls::Connectors,
};

/// Probes a changing set of endpoints.
#[derive(Debug)]
pub struct Prober {
    wishes: Arc<Wishes>,
    _running: Running,
}

/// What probes have to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// One has ended.
    Verdict(EndpointId, ProbeVerdict),
    /// Some have begun much later than they should have, because there is no keeping up with so many.
    Late {
        /// How many, since this was told last.
        count: u64,
        /// By how much the latest of them.
        behind: Duration,
    },
}

impl Prober {
    /// Probes nothing yet; what is found out goes to `findings`. Where endpoints have TLS, `connectors` has what it
    /// begins with.
    #[must_use]
    pub fn new(connectors: Arc<Connectors>, findings: mpsc::Sender<Finding>) -> Self {
        let wishes = Arc::<Wishes>::default();
        let rounds = Rounds::new(connectors, findings);
        Self {
            _running: Running::spawn(rounds.run(Arc::clone(&wishes))),
            wishes,
        }
    }

    /// Probes exactly these endpoints of each of these services from now on. Those that are probed already, in the same
    /// way, go on undisturbed. `resolver` watches the same.
    pub fn watch(&self, services: &[WatchedService], resolver: &Resolver) {
        let mut wanted = self.wishes.wanted();
        for service in services {
            let endpoints = service.endpoints.iter().filter_map(|watched| {
                let addresses = resolver.addresses(&service.service, watched)?;
                Some((watched.clone(), addresses))
            });
            wanted.insert(service.service.clone(), endpoints.collect());
        }
        drop(wanted);
        self.wishes.changed.notify_one();
    }
}

/// What is to be probed and is not yet, by service: a later wish takes the place of an earlier one, so that there are
/// never more than services.
#[derive(Debug, Default)]
struct Wishes {
    // Taken to leave something, and to fetch all of it.
    wanted: Mutex<BTreeMap<ServiceName, Vec<(Watched, Addresses)>>>,
    changed: Notify,
}

impl Wishes {
    fn wanted(&self) -> MutexGuard<'_, BTreeMap<ServiceName, Vec<(Watched, Addresses)>>> {
        // Each change to it is one insertion, so a panic elsewhere leaves it whole.
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How cutover names itself to endpoints.
const USER_AGENT: &str = concat!("cutover-probe/", env!("CARGO_PKG_VERSION"));

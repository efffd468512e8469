//! What the names of endpoints stand for, asked again on an interval.
//!
//! Owns the addresses of each watched endpoint; must not judge health. A name that cannot be resolved keeps
//! its last addresses: a broken name server is no reason to empty a pool. An address that is typed as such
//! is known at once and never asked for. The system's resolver (`getaddrinfo`) is used rather than one of our
//! own, so that cutover sees what every other program on the machine sees.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::lookup_host,
    sync::{Semaphore, mpsc, watch},
    time::{sleep, timeout},
};

use super::Running;
use crate::core::{
    event::{Event, Watched},
    ids::{EndpointAddr, EndpointId},
    notice::Notice,
};

/// Resolves a changing set of names.
#[derive(Debug)]
pub struct Resolver {
    known: BTreeMap<EndpointId, Resolved>,
    interval: Duration,
    permits: Arc<Semaphore>,
    found: mpsc::Sender<Found>,
}

/// What a resolver has to say.
#[derive(Debug)]
pub enum Found {
    /// To core.
    Event(Event),
    /// To people.
    Notice(Box<Notice>),
}

#[derive(Debug)]
struct Resolved {
    addresses: watch::Receiver<Arc<[SocketAddr]>>,
    /// `None` for an address that is typed as such.
    _running: Option<Running>,
}

impl Resolver {
    /// Resolves nothing yet, later each name every `interval`; what it finds goes to `found`.
    #[must_use]
    pub fn new(interval: Duration, found: mpsc::Sender<Found>) -> Self {
        Self {
            known: BTreeMap::new(),
            interval,
            permits: Arc::new(Semaphore::new(LOOKUPS_AT_ONCE)),
            found,
        }
    }

    /// Resolves exactly these from now on; those known already go on undisturbed.
    pub fn watch(&mut self, set: &[Watched]) {
        let mut before = std::mem::take(&mut self.known);
        for watched in set {
            let resolved = before
                .remove(&watched.id)
                .unwrap_or_else(|| self.start(watched));
            self.known.insert(watched.id, resolved);
        }
    }

    /// The addresses of a watched endpoint, now and later; empty until its name is resolved.
    #[must_use]
    pub fn addresses(&self, id: EndpointId) -> Option<watch::Receiver<Arc<[SocketAddr]>>> {
        Some(self.known.get(&id)?.addresses.clone())
    }

    fn start(&self, watched: &Watched) -> Resolved {
        let literal = watched.addr.as_str().parse::<SocketAddr>();
        let (addresses, receiver) = watch::channel(Arc::from_iter(literal.iter().copied()));
        let lookup = Lookup {
            id: watched.id,
            addr: watched.addr.clone(),
            addresses,
            permits: Arc::clone(&self.permits),
            found: self.found.clone(),
        };
        let running = literal
            .is_err()
            .then(|| Running::spawn(lookup.for_ever(self.interval)));
        Resolved {
            addresses: receiver,
            _running: running,
        }
    }
}

/// The lookups of one name.
struct Lookup {
    id: EndpointId,
    addr: EndpointAddr,
    addresses: watch::Sender<Arc<[SocketAddr]>>,
    permits: Arc<Semaphore>,
    found: mpsc::Sender<Found>,
}

impl Lookup {
    async fn for_ever(self, interval: Duration) {
        let mut failing = false;
        loop {
            let found = match self.once().await {
                Ok(addresses) => {
                    failing = false;
                    let changed = self.addresses.send_if_modified(|known| {
                        let differs = *known != addresses;
                        known.clone_from(&addresses);
                        differs
                    });
                    changed.then_some(Found::Event(Event::Resolved(self.id, addresses)))
                }
                Err(error) => {
                    let told = std::mem::replace(&mut failing, true);
                    let endpoint = self.addr.clone();
                    (!told)
                        .then(|| Found::Notice(Box::new(Notice::ResolveFailed { endpoint, error })))
                }
            };
            if let Some(found) = found
                && self.found.send(found).await.is_err()
            {
                return;
            }
            // A name that never stood for anything is asked for sooner: its endpoint can serve nobody.
            let unknown = self.addresses.borrow().is_empty();
            sleep(if unknown {
                interval.min(RETRY)
            } else {
                interval
            })
            .await;
        }
    }

    /// The addresses in an order of their own, so that a name server that rotates them changes nothing.
    async fn once(&self) -> Result<Arc<[SocketAddr]>, String> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let addr = self.addr.clone();
        // The system's call cannot be broken off. It keeps its permit for as long as it keeps its thread.
        let lookup = tokio::spawn(async move {
            let addresses = lookup_host(addr.as_str()).await;
            drop(permit);
            addresses.map(|them| them.take(ADDRESSES_LIMIT).collect::<Vec<_>>())
        });
        let mut addresses = match timeout(LOOKUP_TIMEOUT, lookup).await {
            Ok(Ok(Ok(addresses))) => addresses,
            Ok(Ok(Err(error))) => return Err(error.to_string()),
            Ok(Err(ended)) => return Err(ended.to_string()),
            Err(_) => return Err("the name server did not answer in time".to_owned()),
        };
        if addresses.is_empty() {
            return Err("the name has no address".to_owned());
        }
        addresses.sort_unstable();
        addresses.dedup();
        Ok(addresses.into())
    }
}

/// Lookups that may be under way at once; each holds a thread of the runtime's blocking pool.
const LOOKUPS_AT_ONCE: usize = 16;
/// How long one lookup may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// Until a name that was never resolved is asked for again.
const RETRY: Duration = Duration::from_secs(1);
/// Addresses of one name that are used.
const ADDRESSES_LIMIT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::service::{ProbeKind, ProbeSpec, UpstreamProtocol};

    fn watched(id: u64, addr: &str) -> Watched {
        let probe = ProbeSpec {
            kind: ProbeKind::Tcp,
            protocol: UpstreamProtocol::Http1,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            rise: 1,
            fall: 1,
            jitter_percent: 0,
            introduces: None,
        };
        Watched {
            id: EndpointId(id),
            addr: EndpointAddr::new(addr),
            probe: Arc::new(probe),
            tls: None,
        }
    }

    fn resolver() -> (Resolver, mpsc::Receiver<Found>) {
        let (found, receiver) = mpsc::channel(8);
        (Resolver::new(Duration::from_millis(20), found), receiver)
    }

    #[tokio::test]
    async fn a_typed_address_is_known_at_once_and_a_removed_one_is_not() {
        let (mut resolver, _found) = resolver();
        resolver.watch(&[watched(1, "127.0.0.1:80"), watched(2, "[::1]:80")]);
        let addresses = |resolver: &Resolver, id| {
            let addresses = resolver.addresses(EndpointId(id))?;
            Some(addresses.borrow().to_vec())
        };
        let literal = vec!["[::1]:80".parse().unwrap()];
        assert_eq!(addresses(&resolver, 2), Some(literal));
        resolver.watch(&[watched(1, "127.0.0.1:80")]);
        assert_eq!(addresses(&resolver, 2), None);
        assert!(addresses(&resolver, 1).is_some());
    }

    #[tokio::test]
    async fn a_name_is_resolved_and_told_once_while_it_stays_the_same() {
        let (mut resolver, mut found) = resolver();
        resolver.watch(&[watched(7, "localhost:80")]);
        let first = timeout(LOOKUP_TIMEOUT, found.recv()).await.unwrap();
        let Some(Found::Event(Event::Resolved(id, addresses))) = first else {
            panic!("{first:?}");
        };
        assert_eq!(id, EndpointId(7));
        assert!(
            addresses
                .iter()
                .all(|addr| addr.ip().is_loopback() && addr.port() == 80)
        );
        assert_eq!(
            resolver.addresses(id).unwrap().borrow().len(),
            addresses.len()
        );
        let second = timeout(Duration::from_millis(200), found.recv()).await;
        assert!(second.is_err(), "{second:?}");
    }

    #[tokio::test]
    async fn a_name_that_fails_is_told_once() {
        let (mut resolver, mut found) = resolver();
        resolver.watch(&[watched(7, "no-such-name.invalid:80")]);
        let first = timeout(2 * LOOKUP_TIMEOUT, found.recv()).await.unwrap();
        assert!(
            matches!(&first, Some(Found::Notice(it)) if matches!(**it, Notice::ResolveFailed { .. })),
            "{first:?}"
        );
        let second = timeout(Duration::from_millis(200), found.recv()).await;
        assert!(second.is_err(), "{second:?}");
    }
}

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
    event::{Event, Watched, WatchedService},
    ids::{EndpointAddr, EndpointId, ServiceName},
    notice::Notice,
};

/// Resolves a changing set of names.
#[derive(Debug)]
pub struct Resolver {
    /// Those whose host is a name, by service.
    known: BTreeMap<ServiceName, BTreeMap<EndpointId, Resolved>>,
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

/// The addresses of an endpoint, now and later. Small, because there may be eighty thousand: one that is typed as such is
/// read again whenever it is asked for.
#[derive(Clone, Debug)]
pub enum Addresses {
    /// What is typed is one.
    Typed,
    /// What a name stands for; none until it is resolved.
    Found(Box<watch::Receiver<Arc<[SocketAddr]>>>),
}

impl Addresses {
    /// Those of this moment, of the endpoint that they belong to.
    #[must_use]
    pub fn now(&self, watched: &Watched) -> Arc<[SocketAddr]> {
        match self {
            Self::Typed => typed(watched).into_iter().collect(),
            Self::Found(found) => Arc::clone(&found.borrow()),
        }
    }
}

#[derive(Debug)]
struct Resolved {
    addresses: watch::Receiver<Arc<[SocketAddr]>>,
    _running: Running,
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

    /// Resolves exactly these endpoints of each of these services from now on; those known already go on undisturbed.
    pub fn watch(&mut self, services: &[WatchedService]) {
        for service in services {
            let mut before = self.known.remove(&service.service).unwrap_or_default();
            let names = service.endpoints.iter().filter(|it| typed(it).is_none());
            let resolved = names.map(|watched| {
                let known = before.remove(&watched.id);
                (watched.id, known.unwrap_or_else(|| self.start(watched)))
            });
            let resolved: BTreeMap<_, _> = resolved.collect();
            if !resolved.is_empty() {
                self.known.insert(service.service.clone(), resolved);
            }
        }
    }

    /// The addresses of a watched endpoint of a service, now and later.
    #[must_use]
    pub fn addresses(&self, service: &ServiceName, watched: &Watched) -> Option<Addresses> {
        if typed(watched).is_some() {
            return Some(Addresses::Typed);
        }
        let resolved = self.known.get(service)?.get(&watched.id)?;
        Some(Addresses::Found(Box::new(resolved.addresses.clone())))
    }

    fn start(&self, watched: &Watched) -> Resolved {
        let (addresses, receiver) = watch::channel(Arc::from_iter([]));
        let lookup = Lookup {
            id: watched.id,
            addr: watched.addr.clone(),
            addresses,
            permits: Arc::clone(&self.permits),
            found: self.found.clone(),
        };
        Resolved {
            addresses: receiver,
            _running: Running::spawn(lookup.for_ever(self.interval)),
        }
    }
}

/// The address itself, where no name stands for it.
fn typed(watched: &Watched) -> Option<SocketAddr> {
    watched.addr.as_str().parse().ok()
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

    fn shop() -> ServiceName {
        ServiceName::new("shop")
    }

    fn of_shop(endpoints: &[Watched]) -> WatchedService {
        WatchedService {
            service: shop(),
            endpoints: endpoints.to_vec(),
        }
    }

    fn resolver() -> (Resolver, mpsc::Receiver<Found>) {
        let (found, receiver) = mpsc::channel(8);
        (Resolver::new(Duration::from_millis(20), found), receiver)
    }

    #[tokio::test]
    async fn a_typed_address_is_known_at_once_and_a_removed_one_is_not() {
        let (mut resolver, _found) = resolver();
        let (address, name) = (
            watched(1, "[::1]:80"),
            watched(2, "no-such-name.invalid:80"),
        );
        let addresses = |resolver: &Resolver, watched| {
            let addresses = resolver.addresses(&shop(), watched)?;
            Some(addresses.now(watched).to_vec())
        };
        let both = [address.clone(), name.clone()];
        resolver.watch(&[of_shop(&both)]);
        let typed = vec!["[::1]:80".parse().unwrap()];
        assert_eq!(addresses(&resolver, &address), Some(typed));
        assert_eq!(addresses(&resolver, &name), Some(Vec::new()));
        resolver.watch(&[of_shop(&both[..1])]);
        assert_eq!(addresses(&resolver, &name), None);
        assert!(addresses(&resolver, &address).is_some());
    }

    #[tokio::test]
    async fn a_name_is_resolved_and_told_once_while_it_stays_the_same() {
        let (mut resolver, mut found) = resolver();
        let localhost = watched(7, "localhost:80");
        resolver.watch(&[of_shop(std::slice::from_ref(&localhost))]);
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
        let known = resolver.addresses(&shop(), &localhost).unwrap();
        assert_eq!(known.now(&localhost).len(), addresses.len());
        let second = timeout(Duration::from_millis(200), found.recv()).await;
        assert!(second.is_err(), "{second:?}");
    }

    #[tokio::test]
    async fn a_name_that_fails_is_told_once() {
        let (mut resolver, mut found) = resolver();
        resolver.watch(&[of_shop(&[watched(7, "no-such-name.invalid:80")])]);
        let first = timeout(2 * LOOKUP_TIMEOUT, found.recv()).await.unwrap();
        assert!(
            matches!(&first, Some(Found::Notice(it)) if matches!(**it, Notice::ResolveFailed { .. })),
            "{first:?}"
        );
        let second = timeout(Duration::from_millis(200), found.recv()).await;
        assert!(second.is_err(), "{second:?}");
    }
}

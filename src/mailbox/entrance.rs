//! A listener as its connections know it, and who has come in by it.
//!
//! Owns the count of open connections, as a whole and for each client. A place is taken and given back by a guard,
//! so that no end of a connection can forget it. The counts are shared by all workers and touched when a connection
//! begins and ends, never by a request.

use std::{
    net::IpAddr,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use super::clients::{Client, Clients};
use crate::{
    config::{ListenerConfig, ListenerLimits, PeerPolicy},
    core::ids::{ListenerId, ListenerName},
    tls::Acceptor,
};

/// A listener as the connections know it that came in by it; they may outlive it.
#[derive(Debug)]
pub struct Entrance {
    /// Its number.
    pub id: ListenerId,
    /// Its name.
    pub name: ListenerName,
    /// Its bounds. `max_connections` is over all workers.
    pub limits: Arc<ListenerLimits>,
    /// Whom it believes.
    pub peers: PeerPolicy,
    /// What it answers handshakes with; in the clear, nothing.
    pub tls: Option<Arc<Acceptor>>,
    /// Where it redirects every request to: `https` on this port.
    pub redirect_https: Option<u16>,
    occupancy: Arc<Occupancy>,
}

/// Who has come in. An heir of the listener goes on with it, so that a reload does not let in twice as many.
#[derive(Debug, Default)]
struct Occupancy {
    open: AtomicUsize,
    clients: Clients,
}

impl Entrance {
    /// Listener `id`, by which nobody has come in yet.
    #[must_use]
    pub fn new(id: ListenerId, config: &ListenerConfig, tls: Option<Arc<Acceptor>>) -> Self {
        Self {
            id,
            name: config.name.clone(),
            limits: Arc::new(config.limits.clone()),
            peers: config.peers.clone(),
            tls,
            redirect_https: config.redirect_https,
            occupancy: Arc::default(),
        }
    }

    /// The same, counting those who came in by `ancestor`, too.
    #[must_use]
    pub fn heir_of(self, ancestor: &Self) -> Self {
        Self {
            occupancy: Arc::clone(&ancestor.occupancy),
            ..self
        }
    }

    /// Takes a place for one connection; `None` if as many are open as may be. `Relaxed`: nothing else is read by
    /// this number.
    #[must_use]
    pub fn enter(&self) -> Option<Place> {
        let max = self.limits.max_connections;
        let one_more = |open: usize| (open < max).then_some(open + 1);
        let taken = self
            .occupancy
            .open
            .fetch_update(Relaxed, Relaxed, one_more)
            .is_ok();
        taken.then(|| Place(Arc::clone(&self.occupancy)))
    }

    /// Takes a place whether there is room or not: for those who had been accepted before the listener closed.
    #[must_use]
    pub fn enter_last(&self) -> Place {
        self.occupancy.open.fetch_add(1, Relaxed);
        Place(Arc::clone(&self.occupancy))
    }

    /// Counts one more connection of the client at `ip`.
    ///
    /// # Errors
    /// [`Crowded`] if it has as many as a client may have.
    pub fn welcome(&self, ip: IpAddr) -> Result<Guest, Crowded> {
        let Some(max) = self.limits.max_connections_per_client else {
            return Ok(Guest(None));
        };
        let client = Client::at(ip);
        if self.occupancy.clients.enter(client, max) {
            Ok(Guest(Some((Arc::clone(&self.occupancy), client))))
        } else {
            Err(Crowded(max))
        }
    }
}

/// A client has as many connections as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client has `{0}` connections already; raise `max_connections_per_client`")]
pub struct Crowded(NonZeroUsize);

/// One open connection, until it is dropped.
#[derive(Debug)]
pub struct Place(Arc<Occupancy>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

/// One connection of one client, until it is dropped; nothing where clients are not counted.
#[derive(Debug)]
pub struct Guest(Option<(Arc<Occupancy>, Client)>);

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some((occupancy, client)) = &self.0 {
            occupancy.clients.leave(*client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entrance(max: usize, per_client: usize) -> Entrance {
        let config = ListenerConfig {
            name: ListenerName::new("web"),
            listen: ([127, 0, 0, 1], 0).into(),
            limits: ListenerLimits {
                max_connections: max,
                max_connections_per_client: NonZeroUsize::new(per_client),
                ..ListenerLimits::default()
            },
            peers: PeerPolicy::default(),
            tls: None,
            redirect_https: None,
        };
        Entrance::new(ListenerId(1), &config, None)
    }

    #[test]
    fn as_many_come_in_as_there_are_places_and_no_more() {
        let entrance = entrance(2, 0);
        let first = entrance.enter();
        let second = entrance.enter();
        assert!(first.is_some() && second.is_some());
        assert!(entrance.enter().is_none());
        drop(first);
        assert!(entrance.enter().is_some());
        let _last = entrance.enter_last();
        assert!(entrance.enter().is_none(), "the last one counts, too");
    }

    #[test]
    fn an_heir_counts_those_who_were_there_before() {
        let old = entrance(2, 1);
        let ip = IpAddr::from([192, 0, 2, 1]);
        let (_first, _guest) = (old.enter(), old.welcome(ip));
        let heir = entrance(2, 1).heir_of(&old);
        let _second = heir.enter();
        assert!(heir.enter().is_none());
        assert!(heir.welcome(ip).is_err());
    }

    #[test]
    fn workers_that_ask_at_once_do_not_pass_the_limit() {
        let entrance = entrance(1000, 500);
        let ip = IpAddr::from([192, 0, 2, 1]);
        let (places, guests) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..400 {
                        if let Some(place) = entrance.enter() {
                            places.fetch_add(1, Relaxed);
                            std::mem::forget(place);
                        }
                        if let Ok(guest) = entrance.welcome(ip) {
                            guests.fetch_add(1, Relaxed);
                            std::mem::forget(guest);
                        }
                    }
                });
            }
        });
        assert_eq!((places.into_inner(), guests.into_inner()), (1000, 500));
    }
}

//! Connections counted by client.
//!
//! Owns the table and what counts as one client. It has an entry for each client with an open connection and none for
//! any other, so `max_connections` is its bound.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

/// Who counts as one: an IPv4 address, or the 64-bit prefix of an IPv6 address, because whoever has one address of
/// such a network usually has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
    V4(Ipv4Addr),
    V6(u64),
}

impl Client {
    pub(super) fn at(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            // The upper half of 128 bits fits.
            IpAddr::V6(ip) => Self::V6((ip.to_bits() >> 64) as u64),
        }
    }

    /// Neighbouring addresses, which often come together, are to meet in different shards.
    fn shard(self) -> usize {
        let low = match self {
            Self::V4(ip) => u64::from(ip.to_bits()),
            Self::V6(prefix) => prefix,
        };
        (low % SHARDS as u64) as usize
    }
}

/// How many connections each client has. Locked for one look-up when a connection begins and ends, and only where
/// clients are counted; in shards, so that workers rarely meet. The standard hasher is keyed: nobody can choose
/// addresses that collide.
#[derive(Debug, Default)]
pub(super) struct Clients([Mutex<HashMap<Client, usize>>; SHARDS]);

impl Clients {
    /// Counts one connection more, unless the client has `max`.
    pub(super) fn enter(&self, client: Client, max: NonZeroUsize) -> bool {
        let mut shard = self.shard(client);
        let open = shard.entry(client).or_insert(0);
        let may = *open < max.get();
        *open += usize::from(may);
        may
    }

    /// Counts one less.
    pub(super) fn leave(&self, client: Client) {
        let mut shard = self.shard(client);
        if let Some(open) = shard.get_mut(&client) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                shard.remove(&client);
            }
            if shard.len() < shard.capacity() / SHRINK_BELOW {
                shard.shrink_to_fit();
            }
        }
    }

    /// A panic cannot leave a count half changed.
    fn shard(&self, client: Client) -> std::sync::MutexGuard<'_, HashMap<Client, usize>> {
        self.0[client.shard()]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

const SHARDS: usize = 16;
/// A table that is used to less than this part of its room gives the rest back.
const SHRINK_BELOW: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ip: &str) -> Client {
        Client::at(ip.parse().unwrap())
    }

    #[test]
    fn a_client_is_an_address_or_a_network_of_version_6() {
        assert_eq!(at("192.0.2.1"), at("::ffff:192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
    }

    #[test]
    fn nothing_is_kept_of_those_who_left() {
        let clients = Clients::default();
        let two = NonZeroUsize::new(2).unwrap();
        for number in 0..4096_u32 {
            let client = Client::V4(number.into());
            assert!(clients.enter(client, two) && clients.enter(client, two));
            assert!(!clients.enter(client, two), "a third is too many");
        }
        for number in 0..4096_u32 {
            let client = Client::V4(number.into());
            clients.leave(client);
            assert!(clients.enter(client, two), "one of two has left");
            clients.leave(client);
            clients.leave(client);
        }
        for shard in &clients.0 {
            let shard = shard.lock().unwrap();
            assert!(
                shard.is_empty() && shard.capacity() < 16,
                "{}",
                shard.capacity()
            );
        }
    }
}

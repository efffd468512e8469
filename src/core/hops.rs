//! Who sent a request, by the lists that proxies on its way have made.
//!
//! Owns which entry is believed: from the right, where the nearest proxy wrote, each entry is vouched for by the hop on
//! its right, as long as that one is trusted. The first that is not trusted is the client; what stands left of it
//! could be its own invention. Must not know fields or networks. Taking the left-most entry is the obvious
//! design; anybody can write that one.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The hops that are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hops {
    /// From the right: the one that the peer names first.
    nearest_first: Vec<IpAddr>,
}

impl Hops {
    /// Reads entries from the right, until one is not trusted, cannot be read, or is one too many. `None` stands for an
    /// entry that cannot be read: who wrote it is the last one known then.
    pub fn read(
        from_the_right: impl Iterator<Item = Option<IpAddr>>,
        is_trusted: impl Fn(IpAddr) -> bool,
    ) -> Self {
        let mut nearest_first = Vec::new();
        for hop in from_the_right.take(HOPS_LIMIT).map_while(|hop| hop) {
            nearest_first.push(hop);
            if !is_trusted(hop) {
                break;
            }
        }
        Self { nearest_first }
    }

    /// The client, if a hop is believed at all.
    #[must_use]
    pub fn client(&self) -> Option<IpAddr> {
        self.nearest_first.last().copied()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nearest_first.len()
    }

    /// From the client on, in the order in which the request passed.
    pub fn in_order(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.nearest_first.iter().rev().copied()
    }
}

/// The address that an entry of such a list names: with or without port, an IPv6 address with or without brackets,
/// in quotes or not.
#[must_use]
pub fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim_matches([' ', '\t']);
    if entry.len() > ENTRY_LIMIT {
        return None;
    }
    let entry = entry
        .strip_prefix('"')
        .and_then(|inner| inner.strip_suffix('"'))
        .unwrap_or(entry);
    let bracketed = || {
        let inner = entry.strip_prefix('[')?.strip_suffix(']')?;
        inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    };
    let with_port = || entry.parse::<SocketAddr>().ok().map(|addr| addr.ip());
    let ip = entry.parse().ok().or_else(with_port).or_else(bracketed)?;
    Some(ip.to_canonical())
}

/// Hops of one request that are looked at.
pub const HOPS_LIMIT: usize = 32;
/// Bytes of an entry that could be an address with a port.
const ENTRY_LIMIT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Entries are written left to right, as in the field.
    fn read(list: &str) -> Hops {
        let trusted = |it: IpAddr| it.to_string().starts_with("10.");
        Hops::read(list.rsplit(',').map(address), trusted)
    }

    #[test]
    fn the_right_most_hop_that_is_not_trusted_is_the_client() {
        for (list, client) in [
            ("192.0.2.7", "192.0.2.7"),
            ("198.51.100.1, 192.0.2.7", "192.0.2.7"),
            ("192.0.2.7, 10.0.0.2", "192.0.2.7"),
            ("1.1.1.1, 192.0.2.7, 10.0.0.2, 10.0.0.3", "192.0.2.7"),
            // All are trusted: the first one asked.
            ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
            // Who wrote what cannot be read is the last one known.
            ("1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"),
            ("1.1.1.1, _hidden, 192.0.2.7:443", "192.0.2.7"),
        ] {
            assert_eq!(read(list).client(), Some(ip(client)), "{list}");
        }
        for list in [
            "",
            "unknown",
            "1.1.1.1, junk",
            "1.1.1.1 2.2.2.2",
            "192.0.2.7,",
        ] {
            assert_eq!(read(list).client(), None, "{list}");
        }
    }

    #[test]
    fn believed_hops_are_listed_in_order() {
        let hops = read("1.1.1.1, 192.0.2.7, 10.0.0.2, 10.0.0.3");
        let listed: Vec<_> = hops.in_order().map(|hop| hop.to_string()).collect();
        assert_eq!(listed, ["192.0.2.7", "10.0.0.2", "10.0.0.3"]);
        assert_eq!(hops.count(), 3);
    }

    #[test]
    fn no_more_than_so_many_are_looked_at() {
        let looked_at = std::cell::Cell::new(0);
        let endless = std::iter::repeat_with(|| {
            looked_at.set(looked_at.get() + 1);
            Some(ip("10.0.0.1"))
        });
        assert_eq!(Hops::read(endless, |_| true).count(), HOPS_LIMIT);
        assert_eq!(looked_at.get(), HOPS_LIMIT);
    }

    #[test]
    fn an_address_may_have_a_port_brackets_and_quotes() {
        for (entry, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            (" 192.0.2.7\t", "192.0.2.7"),
            ("192.0.2.7:4711", "192.0.2.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
        ] {
            assert_eq!(address(entry), Some(ip(expected)), "{entry}");
        }
        for entry in [
            "",
            " ",
            "unknown",
            "_hidden",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.7:",
            "192.0.2.7:99999",
            "192.0.2.07",
            "fe80::1%eth0",
            "[192.0.2.7]",
            "2001:db8::1]:443",
            "\"192.0.2.7",
            "localhost",
            "192.0.2.7;x",
        ] {
            assert_eq!(address(entry), None, "{entry}");
        }
        assert_eq!(address(&format!("192.0.2.7:{}", "0".repeat(100))), None);
    }

    proptest::proptest! {
        #[test]
        fn what_stands_left_of_the_client_makes_no_difference(
            left in "[ -~]{0,40}",
            right in proptest::collection::vec("10\\.0\\.0\\.[1-9]", 0..4),
        ) {
            let believed = ["192.0.2.7".to_owned()].into_iter().chain(right).collect::<Vec<_>>().join(", ");
            let spoofed = format!("{left}, {believed}");
            proptest::prop_assert_eq!(read(&spoofed), read(&believed));
        }
    }
}

//! Whom a listener believes: which peers speak for others, and by what.
//!
//! Owns the values; `validate` reads what the file says of them. Must not look at requests.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

/// Whom a listener believes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerPolicy {
    /// Peers that are believed when they say for whom they speak. `None` if the file does not say: then nobody is
    /// believed in that, but ids and traces are taken from anybody.
    pub trusted: Option<Networks>,
    /// Peers that must introduce their clients by the PROXY protocol.
    pub introducers: Networks,
    /// Where a trusted peer says it.
    pub client_from: ClientFrom,
    /// What becomes of requests without a trace.
    pub trace: TracePolicy,
}

/// Where a trusted peer says for whom it speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientFrom {
    /// In `X-Forwarded-For`; in `Forwarded` where that is missing.
    #[default]
    Auto,
    /// In `X-Forwarded-For` alone.
    XForwardedFor,
    /// In `Forwarded` alone.
    Forwarded,
}

/// What becomes of requests without a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TracePolicy {
    /// They pass as they are.
    #[default]
    Pass,
    /// They get a new one.
    Create,
}

/// A list of networks. Shared, because every connection may ask it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Arc<[IpNet]>);

impl Networks {
    /// These.
    #[must_use]
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Whether `ip` is in one of them; an IPv4 address that is written as an IPv6 one is meant as IPv4.
    #[must_use]
    pub fn contain(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|network| network.contains(&ip))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_its_network_in_either_form() {
        let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|it| it.parse().unwrap());
        let networks = Networks::new(networks);
        for (ip, expected) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("11.0.0.1", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(networks.contain(ip.parse().unwrap()), expected, "{ip}");
        }
        assert!(!Networks::default().contain("10.0.0.1".parse().unwrap()));
    }
}

//! Networks: `10.0.0.0/8`, `2001:db8::/32`; an address alone is the network of itself.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::addr::{IPV4, IPV6};
use crate::config::{
    form,
    text::{BadValue, FromText},
};

/// One network.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Network(pub(in crate::config) IpNet);

impl FromText for Network {
    const KIND: &'static str = "a network";
    const EXAMPLE: &'static str = "\"10.0.0.0/8\"";

    fn text_form() -> Value {
        form::pattern(&format!(
            "{IPV4}(/(3[0-2]|[0-2]?[0-9]))?|{IPV6}(/(12[0-8]|1[01][0-9]|0?[0-9]?[0-9]))?"
        ))
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        let bad =
            |complaint: &str, suggestion: String| Err(BadValue::new(text, complaint, suggestion));
        let network = match (text.parse::<IpNet>(), text.parse::<IpAddr>()) {
            (Ok(network), _) => network,
            (Err(_), Ok(ip)) => IpNet::from(ip),
            (Err(_), Err(_)) => {
                let suggestion = "write an address and the length of its prefix, such as `10.0.0.0/8` or `::1/128`";
                return bad("is no network", suggestion.to_owned());
            }
        };
        if let IpAddr::V6(ip) = network.addr()
            && let Some(v4) = ip.to_ipv4_mapped()
        {
            let suggestion = format!("write it as IPv4, such as `{v4}`");
            return bad("is an IPv4 address in an IPv6 one", suggestion);
        }
        let whole = network.trunc();
        if whole != network {
            let suggestion = format!("did you mean `{whole}`, or `{}` alone?", network.addr());
            return bad("is an address within its network", suggestion);
        }
        Ok(Self(network))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn network(text: &str, expected: &str) {
        let written = match Network::from_text(text) {
            Ok(network) => network.0.to_string(),
            Err(bad) => bad.to_string(),
        };
        assert_eq!(written, expected);
    }

    #[test]
    fn an_address_alone_is_its_own_network() {
        network("10.0.0.0/8", "10.0.0.0/8");
        network("192.0.2.7", "192.0.2.7/32");
        network("::1", "::1/128");
        network("2001:DB8::/32", "2001:db8::/32");
        network("0.0.0.0/0", "0.0.0.0/0");
    }

    #[test]
    fn a_bad_network_is_told_why() {
        let form = "is no network; write an address and the length of its prefix, such as `10.0.0.0/8` or `::1/128`";
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "lan",
            "::1/129",
            "10.0.0.1:80",
        ] {
            network(text, &format!("`{text}` {form}"));
        }
        network(
            "10.1.2.3/8",
            "`10.1.2.3/8` is an address within its network; did you mean `10.0.0.0/8`, or `10.1.2.3` alone?",
        );
        network(
            "::ffff:10.0.0.0/104",
            "`::ffff:10.0.0.0/104` is an IPv4 address in an IPv6 one; write it as IPv4, such as `10.0.0.0`",
        );
    }
}

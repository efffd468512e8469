//! Addresses: of endpoints (`host:port`), of listeners (an IP address and a port), of the admin side.
//!
//! Owns what an address may look like and its one spelling, so that equal addresses are equal texts. Must not
//! resolve names.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4},
    path::PathBuf,
};

use serde_json::Value;

use super::number;
use crate::{
    config::{
        AdminAddr, form,
        text::{BadValue, FromText},
    },
    core::ids::EndpointAddr,
};

/// Reads the address of an endpoint, as the file and the admin call that registers endpoints take it; a
/// host name becomes lower case, an IPv6 address is written in its shortest form.
///
/// # Errors
/// Says what is wrong and suggests a cure.
pub fn parse_endpoint(text: &str) -> Result<EndpointAddr, BadValue> {
    EndpointAddr::from_text(text)
}

impl FromText for EndpointAddr {
    const KIND: &'static str = "an address";
    const EXAMPLE: &'static str = "\"10.0.0.1:8080\"";

    fn text_form() -> Value {
        let pattern = format!("({}):{PORT}", host_pattern());
        form::pattern_without(&pattern, r"^(0\.0\.0\.0\.?|\[[0:]+\]):")
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        // Most are spelt as they should be: an IPv4 address has one spelling, a port several by zeros before it.
        let is_one = |addr: SocketAddrV4| !addr.ip().is_unspecified();
        if !text.contains(":0") && text.parse().is_ok_and(is_one) {
            return Ok(Self::new(text));
        }
        let (host, port) = host_and_port(text)?;
        let host = canonical_host(host).map_err(|bad| bad.into_value(text))?;
        if port == 0 {
            let suggestion = "use the port that the endpoint listens on";
            return Err(BadValue::new(text, "has port 0", suggestion));
        }
        if let Host::Ip(ip) = &host
            && ip.is_unspecified()
        {
            let suggestion = "use an address that can be connected to, such as `127.0.0.1`";
            return Err(BadValue::new(text, "is no single address", suggestion));
        }
        Ok(Self::new(&format!("{}:{port}", host.written())))
    }
}

/// Where something listens.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct ListenAddr(pub(in crate::config) SocketAddr);

impl FromText for ListenAddr {
    const KIND: &'static str = "an address";
    const EXAMPLE: &'static str = "\"0.0.0.0:8080\"";

    fn text_form() -> Value {
        form::pattern(&listen_pattern())
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        if let Ok(addr) = text.parse() {
            return Ok(Self(addr));
        }
        let digits = |port: &str| !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit());
        if digits(text)
            || text
                .strip_prefix([':', '*'])
                .is_some_and(|it| digits(it.trim_start_matches(':')))
        {
            let port = text.trim_start_matches(['*', ':']);
            let suggestion = format!("did you mean `0.0.0.0:{port}`?");
            return Err(BadValue::new(text, "has no address", suggestion));
        }
        let (host, port) = host_and_port(text)?;
        match canonical_host(host).map_err(|bad| bad.into_value(text))? {
            Host::Ip(ip) => Ok(Self(SocketAddr::new(ip, port))),
            Host::Name(name) => {
                let ip = if name == "localhost" {
                    "127.0.0.1"
                } else {
                    "0.0.0.0"
                };
                let suggestion = format!("use an IP address such as `{ip}:{port}`");
                Err(BadValue::new(
                    text,
                    "is a name, not an address to listen on",
                    suggestion,
                ))
            }
        }
    }
}

impl FromText for AdminAddr {
    const KIND: &'static str = "an address";
    const EXAMPLE: &'static str = "\"127.0.0.1:9900\"";

    fn text_form() -> Value {
        form::pattern(&format!(r"{}|unix:[^\x00]+", listen_pattern()))
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        let Some(path) = text.strip_prefix("unix:") else {
            return ListenAddr::from_text(text).map(|addr| Self::Tcp(addr.0));
        };
        if path.is_empty() || path.contains('\0') {
            let suggestion = "write `unix:` and a path, such as `unix:/run/cutover/admin.sock`";
            return Err(BadValue::new(text, "has no path", suggestion));
        }
        Ok(Self::Unix(PathBuf::from(path)))
    }
}

/// The host of an address or route, in its one spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Ip(IpAddr),
    Name(String),
}

impl Host {
    /// As it stands in `host:port` and in a `Host` field.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Ip(IpAddr::V4(ip)) => ip.to_string(),
            Self::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
            Self::Name(name) => name.clone(),
        }
    }
}

/// Why a host is none; the caller knows the text around it.
#[derive(Debug)]
pub(super) struct BadHost {
    complaint: String,
    suggestion: &'static str,
}

impl BadHost {
    fn new(complaint: impl Into<String>, suggestion: &'static str) -> Self {
        Self {
            complaint: complaint.into(),
            suggestion,
        }
    }

    pub(super) fn into_value(self, text: &str) -> BadValue {
        BadValue::new(text, self.complaint, self.suggestion)
    }
}

/// Reads a host: a name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn canonical_host(host: &str) -> Result<Host, BadHost> {
    if let Some(inner) = host.strip_prefix('[') {
        let ip = inner
            .strip_suffix(']')
            .and_then(|it| it.parse::<Ipv6Addr>().ok());
        return ip.map(|ip| Host::Ip(ip.into())).ok_or_else(|| {
            BadHost::new("is not an IPv6 address in brackets", "write it as `[::1]`")
        });
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    // A name whose last label is a number is read as an IPv4 address everywhere (WHATWG URL, section 3.5).
    let last = name.rsplit('.').next().unwrap_or_default();
    if !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
        return name
            .parse()
            .map(Host::Ip)
            .map_err(|_| BadHost::new("is not an IPv4 address", "use four numbers from 0 to 255"));
    }
    if !host.is_ascii() {
        let suggestion = "write the name in its ASCII form, which begins with `xn--`";
        return Err(BadHost::new("has letters beyond ASCII", suggestion));
    }
    if name.len() > NAME_LIMIT || !name.split('.').all(is_label) {
        let suggestion = "use letters, digits, `-` and `_`, in labels of 63 at most";
        return Err(BadHost::new("is not a host name", suggestion));
    }
    Ok(Host::Name(name))
}

fn is_label(label: &str) -> bool {
    // Underscores are no part of RFC 1123 names, but container engines give such names out.
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=63).contains(&label.len())
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn host_and_port(text: &str) -> Result<(&str, u16), BadValue> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let rest = rest.split('/').next().unwrap_or_default();
        let suggestion = format!("write the address alone: `{rest}`");
        return Err(BadValue::new(
            text,
            format!("begins with `{scheme}://`"),
            suggestion,
        ));
    }
    let bare_v6 = text.parse::<Ipv6Addr>().is_ok();
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !bare_v6 && !port.contains(']') => (host, port),
        Some((_, port)) if !bare_v6 && !port.contains(']') => {
            let suggestion = format!("add one, such as `127.0.0.1:{port}`");
            return Err(BadValue::new(text, "has no host", suggestion));
        }
        _ => {
            let host = if bare_v6 {
                format!("[{text}]")
            } else {
                text.to_owned()
            };
            let suggestion = format!("add one, such as `{host}:8080`");
            return Err(BadValue::new(text, "has no port", suggestion));
        }
    };
    if let Some((port, _)) = port.split_once('/') {
        let suggestion = format!("write the address alone: `{host}:{port}`");
        return Err(BadValue::new(text, "has a path", suggestion));
    }
    match port_number(port) {
        Ok(port) => Ok((host, port)),
        Err(complaint) => Err(BadValue::new(text, complaint, PORTS)),
    }
}

/// Reads a port, or says what is wrong with it.
pub(super) fn port_number(port: &str) -> Result<u16, String> {
    match number::whole_decimal(port).map(u16::try_from) {
        Some(Ok(port)) => Ok(port),
        Some(Err(_)) => Err(format!("has port `{port}`, which is out of range")),
        None => Err(format!("has no number for a port but `{port}`")),
    }
}

/// How a host looks.
pub(super) fn host_pattern() -> String {
    // The last label of a name is no number; beyond that a label neither begins nor ends with `-`.
    let label = "[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?";
    let last = "[0-9]*[A-Za-z_]([A-Za-z0-9_-]*[A-Za-z0-9_])?|[0-9]+-[A-Za-z0-9_-]*[A-Za-z0-9_]";
    format!(r"(({label}\.)*({last})|{IPV4})\.?|\[{IPV6}\]")
}

fn listen_pattern() -> String {
    format!(r"({IPV4}\.?|\[{IPV6}(%[0-9]+)?\]):{PORT_OR_NONE}")
}

/// How an IPv4 address looks.
pub(super) const IPV4: &str = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}";
/// What every IPv6 address looks like, and some other things do.
pub(super) const IPV6: &str = "[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*";
/// A port but 0.
const PORT: &str =
    "0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
/// A port, or 0.
pub(super) const PORT_OR_NONE: &str =
    "0*([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
/// What to do about a bad port.
pub(super) const PORTS: &str = "use a number from 1 to 65535";
/// Characters of a host name (RFC 1035 section 2.3.4).
const NAME_LIMIT: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn endpoint(text: &str, expected: &str) {
        let written = match parse_endpoint(text) {
            Ok(addr) => addr.to_string(),
            Err(bad) => bad.to_string(),
        };
        assert_eq!(written, expected);
    }

    #[test]
    fn an_address_has_one_spelling() {
        endpoint("10.0.0.1:080", "10.0.0.1:80");
        endpoint("Shop.Example.com.:80", "shop.example.com:80");
        endpoint("web_1:8080", "web_1:8080");
        endpoint("[0:0::0:1]:80", "[::1]:80");
    }

    #[test]
    fn a_bad_endpoint_is_told_what_it_lacks() {
        endpoint(
            "10.0.0.1",
            "`10.0.0.1` has no port; add one, such as `10.0.0.1:8080`",
        );
        endpoint("::1", "`::1` has no port; add one, such as `[::1]:8080`");
        endpoint(
            "[::1]",
            "`[::1]` has no port; add one, such as `[::1]:8080`",
        );
        endpoint(":80", "`:80` has no host; add one, such as `127.0.0.1:80`");
        endpoint(
            "a:0",
            "`a:0` has port 0; use the port that the endpoint listens on",
        );
        endpoint(
            "a:65536",
            "`a:65536` has port `65536`, which is out of range; use a number from 1 to 65535",
        );
        endpoint(
            "a:http",
            "`a:http` has no number for a port but `http`; use a number from 1 to 65535",
        );
        endpoint(
            "a:+1",
            "`a:+1` has no number for a port but `+1`; use a number from 1 to 65535",
        );
        endpoint(
            "http://a:80/x",
            "`http://a:80/x` begins with `http://`; write the address alone: `a:80`",
        );
        endpoint(
            "a:80/x",
            "`a:80/x` has a path; write the address alone: `a:80`",
        );
        endpoint(
            "10.0.0.256:80",
            "`10.0.0.256:80` is not an IPv4 address; use four numbers from 0 to 255",
        );
        endpoint(
            "0.0.0.0:80",
            "`0.0.0.0:80` is no single address; use an address that can be connected to, such as `127.0.0.1`",
        );
        endpoint(
            "[x]:80",
            "`[x]:80` is not an IPv6 address in brackets; write it as `[::1]`",
        );
        endpoint(
            "a b:80",
            "`a b:80` is not a host name; use letters, digits, `-` and `_`, in labels of 63 at most",
        );
        endpoint(
            "köln:80",
            "`köln:80` has letters beyond ASCII; write the name in its ASCII form, which begins with `xn--`",
        );
    }

    #[track_caller]
    fn listen(text: &str, expected: &str) {
        let written = match ListenAddr::from_text(text) {
            Ok(addr) => addr.0.to_string(),
            Err(bad) => bad.to_string(),
        };
        assert_eq!(written, expected);
    }

    #[test]
    fn a_listener_wants_an_ip_address_and_may_leave_the_port_to_the_kernel() {
        listen("127.0.0.1:0", "127.0.0.1:0");
        listen("[::]:80", "[::]:80");
        listen(
            ":8080",
            "`:8080` has no address; did you mean `0.0.0.0:8080`?",
        );
        listen(
            "*:8080",
            "`*:8080` has no address; did you mean `0.0.0.0:8080`?",
        );
        listen(
            "8080",
            "`8080` has no address; did you mean `0.0.0.0:8080`?",
        );
        listen(
            "localhost:80",
            "`localhost:80` is a name, not an address to listen on; use an IP address such as `127.0.0.1:80`",
        );
        listen(
            "0.0.0.0:99999",
            "`0.0.0.0:99999` has port `99999`, which is out of range; use a number from 1 to 65535",
        );
    }

    #[test]
    fn the_admin_side_may_be_a_unix_socket() {
        let addr = AdminAddr::from_text("unix:/run/a.sock").unwrap();
        assert_eq!(addr, AdminAddr::Unix("/run/a.sock".into()));
        assert!(AdminAddr::from_text("unix:").is_err());
    }
}

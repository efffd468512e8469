//! What decides on which side of a shift a request is.
//!
//! Owns the keys and where in a request they are; must not know shares. Whoever has a key stands at the same point for
//! as long as the shift lasts, on every worker and after a restart, so that who was on the new colour at ten per cent is
//! still there at fifty.

use std::{borrow::Cow, fmt, net::IpAddr, str::FromStr, sync::Arc};

use http::HeaderMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{cookie, share::Point};

/// See the module; written as `request`, `client` or `cookie:NAME`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ShiftKey {
    /// Each request for itself.
    #[default]
    Request,
    /// The client's address; of IPv6 its network of 64 bits, within which addresses come and go.
    Client,
    /// The value of this cookie; the client's address where there is none.
    Cookie(Arc<str>),
}

impl ShiftKey {
    /// Where a request stands by its key; `None` if each is for itself. `salt` parts services and colours, so that not the
    /// same clients are always the first.
    pub fn point(
        &self,
        salt: [&str; 2],
        headers: &HeaderMap,
        client: impl FnOnce() -> IpAddr,
    ) -> Option<Point> {
        let cookie = match self {
            Self::Request => return None,
            Self::Client => None,
            Self::Cookie(name) => cookie::value(headers, name).filter(|value| !value.is_empty()),
        };
        if let Some(value) = cookie {
            return Some(Point::of(salt, value));
        }
        Some(match client().to_canonical() {
            IpAddr::V4(addr) => Point::of(salt, &addr.octets()),
            IpAddr::V6(addr) => Point::of(salt, &addr.octets()[..8]),
        })
    }
}

impl fmt::Display for ShiftKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("request"),
            Self::Client => f.write_str("client"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
        }
    }
}

/// A text that is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is `request`, `client` or `cookie:NAME`")]
pub struct NotAKey;

impl FromStr for ShiftKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        match (text, text.strip_prefix("cookie:")) {
            ("request", _) => Ok(Self::Request),
            ("client", _) => Ok(Self::Client),
            (_, Some(name)) if cookie::is_name(name) => Ok(Self::Cookie(name.into())),
            _ => Err(NotAKey),
        }
    }
}

impl Serialize for ShiftKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for ShiftKey {
    fn schema_name() -> Cow<'static, str> {
        "ShiftKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "by what a request is counted: `request`, `client`, or `cookie:NAME`",
            "type": "string"
        })
    }
}

impl<'de> Deserialize<'de> for ShiftKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [&str; 2] = ["shop", "green"];

    fn point(key: &str, cookies: &'static str, client: &str) -> Option<Point> {
        let key: ShiftKey = key.parse().unwrap();
        let headers = HeaderMap::from_iter([(
            http::header::COOKIE,
            http::HeaderValue::from_static(cookies),
        )]);
        key.point(SALT, &headers, || client.parse().unwrap())
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        for text in ["request", "client", "cookie:sid"] {
            assert_eq!(text.parse::<ShiftKey>().unwrap().to_string(), text);
        }
        for text in ["", "Client", "cookie:", "cookie:a b", "header:x"] {
            assert_eq!(text.parse::<ShiftKey>(), Err(NotAKey), "{text}");
        }
    }

    #[test]
    fn a_client_is_its_address_and_of_ipv6_its_network() {
        assert_eq!(point("request", "", "10.0.0.1"), None);
        let one = point("client", "", "10.0.0.1");
        assert_eq!(one, point("client", "a=b", "::ffff:10.0.0.1"));
        assert_ne!(one, point("client", "", "10.0.0.2"));
        assert_eq!(
            point("client", "", "2001:db8::1"),
            point("client", "", "2001:db8::2")
        );
        assert_ne!(
            point("client", "", "2001:db8::1"),
            point("client", "", "2001:db8:0:1::1")
        );
    }

    #[test]
    fn a_session_is_its_cookie_and_without_one_its_client() {
        let session = point("cookie:sid", "sid=7", "10.0.0.1");
        assert_eq!(session, point("cookie:sid", "x=1; sid=7", "10.0.0.2"));
        let client = point("client", "", "10.0.0.1");
        assert_eq!(point("cookie:sid", "sid=", "10.0.0.1"), client);
        assert_eq!(point("cookie:sid", "other=7", "10.0.0.1"), client);
    }
}

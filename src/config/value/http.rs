//! Values that end up in a request: hosts, paths, header fields, status codes.

use std::ops::RangeInclusive;

use http::{HeaderName, HeaderValue, header};
use serde_json::Value;
use toml::de::DeValue;

use super::{
    addr::{PORT_OR_NONE, PORTS, canonical_host, host_pattern, port_number},
    number,
};
use crate::config::{
    form,
    judge::{At, Judge, shown},
    text::{BadValue, FromText},
    tree::{Node, Typed},
};

/// A `Host` field.
#[derive(Clone, Debug)]
pub(in crate::config) struct HostText(pub(in crate::config) HeaderValue);

impl FromText for HostText {
    const KIND: &'static str = "a host";
    const EXAMPLE: &'static str = "\"shop.example.com\"";

    fn text_form() -> Value {
        form::pattern(&format!("({})(:{PORT_OR_NONE})?", host_pattern()))
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (text, None),
        };
        let host = canonical_host(host).map_err(|bad| bad.into_value(text))?;
        let port = match port.map(port_number).transpose() {
            Ok(port) => port.map(|port| format!(":{port}")).unwrap_or_default(),
            Err(complaint) => return Err(BadValue::new(text, complaint, PORTS)),
        };
        HeaderValue::from_str(&format!("{}{port}", host.written()))
            .map(Self)
            .map_err(|_| BadValue::new(text, "is not a host", "write `host` or `host:port`"))
    }
}

/// The name of a service of gRPC, such as `shop.v1.Checkout`; empty for all of an endpoint.
#[derive(Clone, Debug)]
pub(in crate::config) struct GrpcService(pub(in crate::config) String);

impl FromText for GrpcService {
    const KIND: &'static str = "the name of a gRPC service";
    const EXAMPLE: &'static str = "\"shop.v1.Checkout\"";

    fn text_form() -> Value {
        form::pattern(&format!("[!-~]{{0,{GRPC_SERVICE_LIMIT}}}"))
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.len() > GRPC_SERVICE_LIMIT {
            let suggestion = "use a name such as `shop.v1.Checkout`, 200 bytes at most";
            return Err(BadValue::new(
                text,
                "is not the name of a gRPC service",
                suggestion,
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Bytes of the name of a service.
const GRPC_SERVICE_LIMIT: usize = 200;

/// The target of a probe's request.
#[derive(Clone, Debug)]
pub(in crate::config) struct ProbePath(pub(in crate::config) String);

impl FromText for ProbePath {
    const KIND: &'static str = "a path";
    const EXAMPLE: &'static str = "\"/healthz\"";

    fn text_form() -> Value {
        form::pattern(&format!("/[!-\"$-~]{{0,{}}}", PATH_LIMIT - 1))
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !text.starts_with('/') {
            let suggestion = format!("did you mean `/{text}`?");
            return Err(BadValue::new(text, "does not begin with `/`", suggestion));
        }
        if !plain || text.contains('#') || text.len() > PATH_LIMIT {
            let suggestion =
                "use a path as it comes in a request, percent-encoded, 2048 bytes at most";
            return Err(BadValue::new(text, "is not a path", suggestion));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Status codes: `200`, `"200"`, `"200-399"`.
#[derive(Clone, Debug)]
pub(in crate::config) struct StatusRange(pub(in crate::config) RangeInclusive<u16>);

impl FromText for StatusRange {
    const KIND: &'static str = "a range of status codes";
    const EXAMPLE: &'static str = "\"200-399\"";

    fn text_form() -> Value {
        form::pattern(r"\s*0*[2-5][0-9]{2}\s*(-\s*0*[2-5][0-9]{2}\s*)?")
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let code = |text: &str| {
            let code = u16::try_from(number::whole_decimal(text.trim())?).ok()?;
            (200..=599).contains(&code).then_some(code)
        };
        match (code(first), code(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self(first..=last)),
            _ => Err(BadValue::new(
                text,
                "is not a range of status codes",
                "use `200` to `599`, such as `200` or `200-399`",
            )),
        }
    }
}

/// What `expect` holds: a number is taken, too, because a single code looks like one.
#[derive(Clone, Debug)]
pub(in crate::config) struct Expect(pub(in crate::config) RangeInclusive<u16>);

impl Typed for Expect {
    fn form() -> Value {
        form::either(vec![form::whole_number(200, 599), StatusRange::form()])
    }

    fn typed(node: Node<'_>, judge: &mut Judge<'_>) -> Option<Self> {
        let DeValue::Integer(code) = node.value else {
            return StatusRange::typed(node, judge).map(|range| Self(range.0));
        };
        let code = number::whole(code).map_or_else(|| code.to_string(), |code| code.to_string());
        StatusRange::from_text(&code)
            .map(|range| Self(range.0))
            .map_err(|bad| bad.report(node.at, judge))
            .ok()
    }
}

/// Further fields of a probe's request.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Headers(pub(in crate::config) Vec<(HeaderName, HeaderValue)>);

impl Typed for Headers {
    fn form() -> Value {
        let own = FRAMING.iter().chain([&header::HOST]);
        let name = form::pattern_without(TOKEN, &one_of(own));
        form::map(name, FieldValue::form(), HEADERS_LIMIT)
    }

    fn typed(node: Node<'_>, judge: &mut Judge<'_>) -> Option<Self> {
        let DeValue::Table(entries) = node.value else {
            let suggestion = "write `{ name = \"value\" }`";
            node.wrong_type("a table of header fields", suggestion, judge);
            return None;
        };
        if entries.len() > HEADERS_LIMIT {
            let text = format!("`{}` has {} fields", judge.key(), entries.len());
            judge.error(
                node.at,
                text,
                format!("{HEADERS_LIMIT} is the most it may have"),
            );
            return None;
        }
        let fields = entries.iter().filter_map(|(key, value)| {
            let at = At::Byte(key.span().start);
            let name = header_name(key.get_ref(), at, judge);
            let value = judge.within(key.get_ref(), |judge| {
                FieldValue::typed(Node::new(value), judge)
            });
            Some((name?, value?.0))
        });
        Some(Self(fields.collect()))
    }
}

fn header_name(text: &str, at: At, judge: &mut Judge<'_>) -> Option<HeaderName> {
    let complaint = match HeaderName::from_bytes(text.as_bytes()) {
        Ok(header::HOST) => (
            "is set by a key of its own",
            "use the key `host` beside `headers`",
        ),
        Ok(name) if FRAMING.contains(&name) => (
            "is set by cutover",
            "remove it: it says where a request ends, or its connection",
        ),
        Ok(name) => return Some(name),
        Err(_) => (
            "is no name of a header field",
            "use letters, digits and `-`",
        ),
    };
    let text = format!("`{}` in `{}` {}", shown(text), judge.key(), complaint.0);
    judge.error(at, text, complaint.1);
    None
}

/// The value of a header field.
#[derive(Debug)]
struct FieldValue(HeaderValue);

impl FromText for FieldValue {
    const KIND: &'static str = "a header value";
    const EXAMPLE: &'static str = "\"value\"";

    fn text_form() -> Value {
        form::pattern("[\t -~]*")
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        HeaderValue::from_str(text).map(Self).map_err(|_| {
            BadValue::new(
                text,
                "is not a header value",
                "use visible ASCII characters and blanks",
            )
        })
    }
}

/// A pattern for exactly these names, however they are written.
pub(super) fn one_of<'a>(names: impl Iterator<Item = &'a HeaderName>) -> String {
    let names: Vec<_> = names.map(|it| form::any_case(it.as_str())).collect();
    format!("^({})$", names.join("|"))
}

/// How a token looks (RFC 9110 section 5.6.2), which is what a name of a field is.
pub(super) const TOKEN: &str = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/// Fields that say where a message ends or what becomes of its connection.
const FRAMING: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
    header::TE,
];
/// Bytes of a probe's target.
const PATH_LIMIT: usize = 2048;
/// Further fields of a probe's request.
const HEADERS_LIMIT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_range_may_be_one_code() {
        let range = |text| StatusRange::from_text(text).map(|it| it.0).ok();
        assert_eq!(range("200"), Some(200..=200));
        assert_eq!(range("200-399"), Some(200..=399));
        for text in [
            "",
            "-",
            "399-200",
            "100",
            "600",
            "2xx",
            "200-",
            "200-300-400",
        ] {
            assert_eq!(range(text), None, "{text}");
        }
    }

    #[test]
    fn a_host_may_have_a_port() {
        let host = |text| {
            HostText::from_text(text)
                .map(|it| it.0)
                .map_err(|it| it.to_string())
        };
        assert_eq!(
            host("Shop.Example.com:80"),
            Ok(HeaderValue::from_static("shop.example.com:80"))
        );
        assert_eq!(host("[::1]"), Ok(HeaderValue::from_static("[::1]")));
        assert!(host("a b").is_err() && host("a:b").is_err() && host("").is_err());
    }
}

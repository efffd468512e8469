//! How a line of the access log looks.
//!
//! Owns the keys and the escaping; must not write. Whatever a client chose (target, host, request id) is escaped
//! so that it can neither begin a line nor end a field, nor reach a terminal as a control sequence.

use std::{
    borrow::Cow,
    io::{self, Write},
    net::IpAddr,
    time::Duration,
};

use http::Version;
use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use super::AccessRecord;
use crate::{
    config::AccessLogFormat,
    core::{
        ids::{Colour, Tenure},
        time::Timestamp,
        trace::trace_id,
    },
};

/// Appends one line with its end.
pub(super) fn line(format: AccessLogFormat, record: &AccessRecord, out: &mut Vec<u8>) {
    let begin = out.len();
    let made = match format {
        AccessLogFormat::Json => json(record, out),
        AccessLogFormat::Common => common(record, out),
    };
    match made {
        Ok(()) => out.push(b'\n'),
        // Writing to memory does not fail; half a line must not stay if it ever does.
        Err(_) => out.truncate(begin),
    }
}

/// The JSON object; its keys are a promise.
#[derive(Serialize)]
struct JsonLine<'a> {
    ts: Timestamp,
    client: IpAddr,
    method: &'a str,
    target: &'a str,
    proto: &'static str,
    host: Option<Cow<'a, str>>,
    status: u16,
    service: Option<&'a str>,
    colour: Option<Colour>,
    preview: bool,
    endpoint: Option<&'a str>,
    tenure: Option<Tenure>,
    duration_ms: f64,
    head_ms: f64,
    bytes_in: u64,
    bytes_out: u64,
    replays: u32,
    request_id: Cow<'a, str>,
    trace_id: Option<&'a str>,
    cause: Option<&'static str>,
}

fn json(record: &AccessRecord, out: &mut Vec<u8>) -> io::Result<()> {
    let line = JsonLine {
        ts: record.at,
        client: record.client,
        method: record.method.as_str(),
        target: &record.target,
        proto: proto(record.version),
        host: record.host.as_ref().map(|host| text(host.as_bytes())),
        status: record.status,
        service: record.service.as_ref().map(|name| name.as_str()),
        colour: record.colour,
        preview: record.preview,
        endpoint: record.endpoint.as_ref().map(|addr| addr.as_str()),
        tenure: record.tenure,
        duration_ms: millis(record.took),
        head_ms: millis(record.head_took),
        bytes_in: record.bytes_in,
        bytes_out: record.bytes_out,
        replays: record.replays,
        request_id: text(record.request_id.as_bytes()),
        trace_id: traced(record),
        cause: record.cause,
    };
    line.serialize(&mut Serializer::with_formatter(out, Careful))?;
    Ok(())
}

fn traced(record: &AccessRecord) -> Option<&str> {
    trace_id(record.traceparent.as_ref()?.as_bytes())
}

/// Bytes that are not UTF-8 become U+FFFD: JSON has no way to write them.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// JSON that also escapes what JSON would let pass: DEL, the C1 controls (U+009B begins a terminal's control
/// sequence) and the separators that some readers take for line ends.
struct Careful;

impl Formatter for Careful {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        let mut rest = fragment;
        while let Some((at, bad)) = rest.char_indices().find(|(_, char)| is_unsafe(*char)) {
            let (good, from_bad) = rest.split_at(at);
            writer.write_all(good.as_bytes())?;
            write!(writer, "\\u{:04x}", u32::from(bad))?;
            rest = from_bad.strip_prefix(bad).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

fn is_unsafe(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}' | '\u{2029}')
}

/// NCSA httpd's common log format, then `name=value` fields.
fn common(record: &AccessRecord, out: &mut Vec<u8>) -> io::Result<()> {
    write!(out, "{} - - [{}] \"", record.client, ncsa_date(record.at))?;
    escape(record.method.as_str().as_bytes(), out)?;
    out.push(b' ');
    escape(record.target.as_bytes(), out)?;
    write!(out, " {}\" {} ", proto(record.version), record.status)?;
    match record.bytes_out {
        0 => out.push(b'-'),
        bytes => write!(out, "{bytes}")?,
    }
    let service = record.service.as_ref().map(|name| name.as_str().as_bytes());
    let endpoint = record
        .endpoint
        .as_ref()
        .map(|addr| addr.as_str().as_bytes());
    field("service", service, out)?;
    field(
        "colour",
        record.colour.map(|colour| colour.as_str().as_bytes()),
        out,
    )?;
    field("endpoint", endpoint, out)?;
    field("preview", record.preview.then_some(b"true"), out)?;
    let tenure = record.tenure.map(|tenure| tenure.to_string());
    field("tenure", tenure.as_ref().map(String::as_bytes), out)?;
    let (took, head) = (millis(record.took), millis(record.head_took));
    write!(out, " duration_ms={took:.3} head_ms={head:.3}")?;
    write!(
        out,
        " bytes_in={} replays={}",
        record.bytes_in, record.replays
    )?;
    field(
        "host",
        record.host.as_ref().map(|host| host.as_bytes()),
        out,
    )?;
    field("request_id", Some(record.request_id.as_bytes()), out)?;
    field("trace_id", traced(record).map(str::as_bytes), out)?;
    field("cause", record.cause.map(str::as_bytes), out)
}

/// ` name=value`, in quotes unless the value is of harmless bytes only; `-` for none.
fn field(name: &str, value: Option<&[u8]>, out: &mut Vec<u8>) -> io::Result<()> {
    write!(out, " {name}=")?;
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:/[]-".contains(byte);
    match value {
        None => out.push(b'-'),
        // A bare `-` means none.
        Some(value) if !value.is_empty() && value != b"-" && value.iter().all(harmless) => {
            out.extend_from_slice(value);
        }
        Some(value) => {
            out.push(b'"');
            escape(value, out)?;
            out.push(b'"');
        }
    }
    Ok(())
}

/// As httpd does it: quotes and backslashes get a backslash, bytes beyond printable ASCII become `\xNN`.
fn escape(bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b' '..=b'~' => out.push(*byte),
            _ => write!(out, "\\x{byte:02x}")?,
        }
    }
    Ok(())
}

/// `10/Oct/2000:13:55:36 +0000`
fn ncsa_date(at: Timestamp) -> String {
    let text = at.to_string();
    let mut parts = text.split(['-', 'T', '.']);
    let mut part = || parts.next().unwrap_or_default();
    let (year, month, day, time) = (part(), part(), part(), part());
    let month = month.parse::<usize>().unwrap_or_default();
    let month = MONTHS.get(month.wrapping_sub(1)).unwrap_or(&"-");
    format!("{day}/{month}/{year}:{time} +0000")
}

fn proto(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/-",
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 microseconds")]
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method};
    use serde_json::{Value, json};

    use super::*;
    use crate::core::ids::{EndpointAddr, ServiceName};

    fn record() -> AccessRecord {
        AccessRecord {
            at: Timestamp::from_millis(1_700_000_000_123),
            client: IpAddr::from([192, 0, 2, 7]),
            method: Method::POST,
            target: "/cart?id=7".to_owned(),
            version: Version::HTTP_11,
            host: Some(HeaderValue::from_static("shop.example.com")),
            status: 201,
            service: Some(ServiceName::new("shop")),
            colour: Some(Colour::Green),
            preview: false,
            endpoint: Some(EndpointAddr::new("10.0.0.1:30081")),
            tenure: Some(Tenure(3)),
            took: Duration::from_micros(1_234),
            head_took: Duration::from_micros(1_000),
            bytes_in: 12,
            bytes_out: 345,
            replays: 1,
            request_id: HeaderValue::from_static("4f2a-1"),
            traceparent: Some(HeaderValue::from_static(
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            )),
            cause: None,
        }
    }

    /// What a hostile client may send, as far as the types let it.
    fn hostile() -> AccessRecord {
        AccessRecord {
            target: "/a\r\nforged\u{1b}[2J\"\\\u{9b}\u{7f}\u{2028}é".to_owned(),
            host: Some(HeaderValue::from_bytes(b"x\" status=200\xff").unwrap()),
            request_id: HeaderValue::from_bytes(b"tab\there").unwrap(),
            traceparent: None,
            service: None,
            colour: None,
            endpoint: None,
            tenure: None,
            cause: Some("connect refused"),
            bytes_out: 0,
            ..record()
        }
    }

    fn written(format: AccessLogFormat, record: &AccessRecord) -> String {
        let mut out = Vec::new();
        line(format, record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_json_line_has_every_key() {
        let line = written(AccessLogFormat::Json, &record());
        let expected = json!({
            "ts": "2023-11-14T22:13:20.123Z", "client": "192.0.2.7", "method": "POST",
            "target": "/cart?id=7", "proto": "HTTP/1.1", "host": "shop.example.com", "status": 201,
            "service": "shop", "colour": "green", "preview": false, "endpoint": "10.0.0.1:30081", "tenure": 3,
            "duration_ms": 1.234, "head_ms": 1.0, "bytes_in": 12, "bytes_out": 345, "replays": 1,
            "request_id": "4f2a-1",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "cause": null
        });
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
    }

    #[test]
    fn a_common_line_is_the_common_log_format_and_fields() {
        assert_eq!(
            written(AccessLogFormat::Common, &record()),
            "192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] \"POST /cart?id=7 HTTP/1.1\" 201 345 \
             service=shop colour=green endpoint=10.0.0.1:30081 preview=- tenure=3 duration_ms=1.234 \
             head_ms=1.000 bytes_in=12 replays=1 host=shop.example.com request_id=4f2a-1 trace_id=4bf92f3577b34da6a3ce929d0e0e4736 cause=-\n"
        );
    }

    #[test]
    fn a_client_cannot_forge_a_json_line() {
        let record = hostile();
        let line = written(AccessLogFormat::Json, &record);
        let (body, end) = line.split_at(line.len() - 1);
        assert_eq!(end, "\n");
        assert!(!body.chars().any(is_unsafe), "{body}");
        let read: Value = serde_json::from_str(body).unwrap();
        assert_eq!(read["target"], record.target);
        assert_eq!(read["host"], "x\" status=200\u{fffd}");
        assert_eq!(read["request_id"], "tab\there");
    }

    #[test]
    fn a_client_cannot_forge_a_common_line() {
        let line = written(AccessLogFormat::Common, &hostile());
        assert_eq!(
            line,
            "192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] \"POST \
             /a\\x0d\\x0aforged\\x1b[2J\\\"\\\\\\xc2\\x9b\\x7f\\xe2\\x80\\xa8\\xc3\\xa9 HTTP/1.1\" 201 - \
             service=- colour=- endpoint=- preview=- tenure=- duration_ms=1.234 head_ms=1.000 bytes_in=12 \
             replays=1 host=\"x\\\" status=200\\xff\" request_id=\"tab\\x09here\" \
             trace_id=- cause=\"connect refused\"\n"
        );
    }
}

//! The header of the PROXY protocol, by which a balancer introduces its client before the client's own bytes.
//!
//! Owns both versions, read and written (HAProxy's `proxy-protocol.txt`); must not read from sockets or decide who may
//! send one. Reading is asked again with more bytes until it knows: as long as it does not, every byte seen belongs to
//! the header, so that whoever reads can take those bytes and no more.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A connection as a header names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// Who connected.
    pub source: SocketAddr,
    /// To where.
    pub destination: SocketAddr,
}

/// What bytes at the start of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The beginning of a header, or nothing yet.
    Incomplete,
    /// A header of so many bytes. It may introduce nobody: then whoever sends it speaks for itself.
    Header(usize, Option<Introduction>),
    /// No header, or one that is malformed.
    Malformed(&'static str),
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// Reads the header at the start of `bytes`.
#[must_use]
pub fn read(bytes: &[u8]) -> Reading {
    if begins(bytes, V2_SIGNATURE) {
        return read_v2(bytes);
    }
    if begins(bytes, V1_SIGNATURE) {
        return read_v1(bytes);
    }
    Reading::Malformed("no PROXY header")
}

/// Whether `bytes` are the beginning of what begins with `signature`.
fn begins(bytes: &[u8], signature: &[u8]) -> bool {
    let length = bytes.len().min(signature.len());
    bytes[..length] == signature[..length]
}

fn read_v1(bytes: &[u8]) -> Reading {
    let seen = &bytes[..bytes.len().min(V1_LIMIT)];
    let Some(end) = seen.iter().position(|byte| *byte == b'\n') else {
        return if seen.len() == V1_LIMIT {
            Reading::Malformed("PROXY line is too long")
        } else {
            Reading::Incomplete
        };
    };
    let line = seen[..end]
        .strip_suffix(b"\r")
        .and_then(|line| line.strip_prefix(V1_SIGNATURE));
    let line = line.and_then(|line| std::str::from_utf8(line).ok());
    match line.and_then(read_line) {
        Some(introduced) => Reading::Header(end + 1, introduced),
        None => Reading::Malformed("malformed PROXY line"),
    }
}

/// What follows `PROXY `.
fn read_line(line: &str) -> Option<Option<Introduction>> {
    let (family, rest) = line.split_once(' ').unwrap_or((line, ""));
    let mut words = rest.split(' ');
    let mut word = || words.next();
    let (source, destination) = match family {
        // What else it says is to be ignored.
        "UNKNOWN" => return Some(None),
        "TCP4" => (v4(word()?)?, v4(word()?)?),
        "TCP6" => (v6(word()?)?, v6(word()?)?),
        _ => return None,
    };
    let (source_port, destination_port) = (port(word()?)?, port(word()?)?);
    word().is_none().then_some(Some(Introduction {
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
    }))
}

fn v4(text: &str) -> Option<IpAddr> {
    text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

fn v6(text: &str) -> Option<IpAddr> {
    text.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// Digits without a leading zero.
fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_canonical = text == "0" || !text.starts_with('0');
    (digits && is_canonical)
        .then(|| text.parse().ok())
        .flatten()
}

fn read_v2(bytes: &[u8]) -> Reading {
    let Some((signed, rest)) = bytes.split_at_checked(V2_SIGNATURE.len()) else {
        return Reading::Incomplete;
    };
    debug_assert_eq!(signed, V2_SIGNATURE);
    // What is wrong is told as soon as it shows.
    match rest.first() {
        None => return Reading::Incomplete,
        Some(0x20 | 0x21) => {}
        Some(_) => return Reading::Malformed("unknown PROXY version or command"),
    }
    let addresses = match rest.get(1) {
        None => return Reading::Incomplete,
        Some(0x00) => 0,
        Some(0x11 | 0x12) => 12,
        Some(0x21 | 0x22) => 36,
        Some(0x31 | 0x32) => 216,
        Some(_) => return Reading::Malformed("unknown PROXY family"),
    };
    let Some(length) = rest.get(2..4) else {
        return Reading::Incomplete;
    };
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let introduces = rest[0] == 0x21;
    if length > V2_LIMIT - V2_FIXED {
        return Reading::Malformed("PROXY header is too long");
    }
    if introduces && length < addresses {
        return Reading::Malformed("PROXY header is too short for its addresses");
    }
    let Some(body) = rest.get(4..4 + length) else {
        return Reading::Incomplete;
    };
    // What follows the addresses may be passed over, and so may its checksum.
    let introduced = introduces.then(|| introduction(body, addresses)).flatten();
    Reading::Header(V2_FIXED + length, introduced)
}

/// The addresses at the start of `body`; Unix sockets and unknown families have none that a client could be known by.
fn introduction(body: &[u8], length: usize) -> Option<Introduction> {
    let short = |at: usize| Some(u16::from_be_bytes(body.get(at..at + 2)?.try_into().ok()?));
    let (source, destination, ports) = match length {
        12 => {
            let ip = |at: usize| {
                Some(IpAddr::from(
                    <[u8; 4]>::try_from(body.get(at..at + 4)?).ok()?,
                ))
            };
            (ip(0)?, ip(4)?, 8)
        }
        36 => {
            let ip = |at: usize| {
                Some(IpAddr::from(
                    <[u8; 16]>::try_from(body.get(at..at + 16)?).ok()?,
                ))
            };
            (ip(0)?, ip(16)?, 32)
        }
        _ => return None,
    };
    Some(Introduction {
        source: SocketAddr::new(source, short(ports)?),
        destination: SocketAddr::new(destination, short(ports + 2)?),
    })
}

/// Writes a header. Without an introduction it says that whoever sends it speaks for itself, as probes do.
#[must_use]
pub fn write(version: ProxyVersion, introduction: Option<Introduction>) -> Vec<u8> {
    let ends = introduction.map(|it| (it.source.port(), it.destination.port(), it.family()));
    match (version, ends) {
        (ProxyVersion::V1, None) => b"PROXY UNKNOWN\r\n".to_vec(),
        (ProxyVersion::V1, Some((source, destination, family))) => {
            let (name, from, to) = match family {
                Family::V4(from, to) => ("TCP4", from.to_string(), to.to_string()),
                Family::V6(from, to) => ("TCP6", from.to_string(), to.to_string()),
            };
            format!("PROXY {name} {from} {to} {source} {destination}\r\n").into_bytes()
        }
        (ProxyVersion::V2, None) => [V2_SIGNATURE, &[0x20, 0x00, 0, 0]].concat(),
        (ProxyVersion::V2, Some((source, destination, family))) => {
            let (kind, length, addresses) = match family {
                Family::V4(from, to) => (0x11, 12, [from.octets(), to.octets()].concat()),
                Family::V6(from, to) => (0x21, 36, [from.octets(), to.octets()].concat()),
            };
            let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
            [V2_SIGNATURE, &[0x21, kind, 0, length], &addresses, &ports].concat()
        }
    }
}

/// Both addresses in one family.
#[derive(Clone, Copy, Debug)]
enum Family {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

impl Introduction {
    fn family(self) -> Family {
        let ends = (
            self.source.ip().to_canonical(),
            self.destination.ip().to_canonical(),
        );
        let mapped = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        match ends {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Family::V4(source, destination),
            (source, destination) => Family::V6(mapped(source), mapped(destination)),
        }
    }
}

const V1_SIGNATURE: &[u8] = b"PROXY ";
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of a line, its end included.
const V1_LIMIT: usize = 107;
/// Bytes of a binary header before its addresses.
const V2_FIXED: usize = 16;
/// Bytes of a whole binary header; balancers that describe the client's certificate need a few hundred.
pub const V2_LIMIT: usize = 4096;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;

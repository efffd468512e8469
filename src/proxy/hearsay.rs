//! What a trusted peer says of a request: for whom it speaks, and by which way the request came.
//!
//! Owns which of its fields is believed, and how both are continued for the endpoint; the lists are read by
//! `core::hops` and `core::forwarded`. Must not be asked about peers that are not trusted. Only one field can decide:
//! a proxy that writes `X-Forwarded-For` passes a client's own `Forwarded` on unread, and the other way round.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};

use super::{
    client::Client,
    headers::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO},
};
use crate::{
    config::{ClientFrom, PeerPolicy},
    core::{
        forwarded::{Element, from_the_right, write},
        hops::{HOPS_LIMIT, Hops, address},
        host,
    },
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Hearsay {
    /// Who asked.
    pub(crate) client: IpAddr,
    /// `X-Forwarded-For` as it goes on: the peer is its last entry.
    pub(crate) list: HeaderValue,
    /// The protocol that the client spoke, if it is told.
    pub(crate) proto: Option<HeaderValue>,
    /// The host that the client named, if it is told.
    pub(crate) host: Option<HeaderValue>,
    /// The elements of `Forwarded` that come before cutover's own.
    elements: String,
    /// Whether the peer wrote a `Forwarded` that is believed; then it is continued for every endpoint.
    pub(crate) has_forwarded: bool,
}

impl Hearsay {
    /// Reads what `peer`, which is trusted, says of the request with these fields.
    pub(crate) fn read(headers: &HeaderMap, peer: IpAddr, policy: &PeerPolicy) -> Self {
        let is_trusted = |ip| policy.trusted.as_ref().is_some_and(|it| it.contain(ip));
        let standard = Standard::read(headers, is_trusted);
        let by_list = match policy.client_from {
            ClientFrom::Auto => headers.contains_key(&X_FORWARDED_FOR),
            ClientFrom::XForwardedFor => true,
            ClientFrom::Forwarded => false,
        };
        if !by_list {
            return standard.into_hearsay(peer);
        }
        let entries = texts(headers, &X_FORWARDED_FOR).flat_map(|text| text.rsplit(','));
        let entries = entries.filter(|entry| !entry.trim_ascii().is_empty());
        let hops = Hops::read(entries.map(address), is_trusted);
        let mut hearsay = Self {
            client: hops.client().unwrap_or(peer),
            list: continued(headers, peer),
            proto: single(headers, &X_FORWARDED_PROTO).filter(|it| is_web(it.as_bytes())),
            host: single(headers, &X_FORWARDED_HOST).filter(names_a_host),
            elements: String::new(),
            has_forwarded: false,
        };
        let agrees = standard.hops.client() == hops.client() && hops.count() > 0;
        if policy.client_from == ClientFrom::Auto && agrees {
            hearsay.elements = standard.text;
            hearsay.has_forwarded = true;
        } else {
            hearsay.elements = converted(&hops, &hearsay);
        }
        hearsay
    }

    /// The whole `Forwarded` for an endpoint, `own` being the element that cutover adds.
    fn forwarded(&self, own: String) -> String {
        match self.elements.as_str() {
            "" => own,
            before => format!("{before}, {own}"),
        }
    }
}

/// `Forwarded` for an endpoint: what is `told` of the way here, and cutover's own element; `host` is the one that came
/// with the request.
pub(crate) fn forwarded(
    told: Option<&Hearsay>,
    client: &Client,
    host: Option<&HeaderValue>,
) -> HeaderValue {
    let host = host.and_then(|host| host.to_str().ok());
    let own = write(client.ip(), host, Some(client.scheme()));
    let whole = match told {
        Some(told) => told.forwarded(own),
        None => own,
    };
    // Made of addresses and of hosts that were judged, it is always a sound value.
    HeaderValue::from_str(&whole).unwrap_or_else(|_| HeaderValue::from_static("for=unknown"))
}

/// What `Forwarded` says (RFC 7239).
struct Standard {
    hops: Hops,
    /// The elements that can be read, from the right on, in their order.
    text: String,
    proto: Option<HeaderValue>,
    host: Option<HeaderValue>,
}

impl Standard {
    fn read(headers: &HeaderMap, is_trusted: impl Fn(IpAddr) -> bool) -> Self {
        let texts: Vec<_> = texts(headers, &FORWARDED)
            .flat_map(from_the_right)
            .take(HOPS_LIMIT)
            .collect();
        let elements: Vec<_> = texts.iter().map_while(|text| Element::read(text)).collect();
        let hops = Hops::read(elements.iter().map(|it| it.node), is_trusted);
        let readable: Vec<_> = texts.iter().take(elements.len()).rev().copied().collect();
        // What the client's own neighbour says of it.
        let first = hops
            .count()
            .checked_sub(1)
            .and_then(|place| elements.get(place));
        let told = |text: Option<&str>| text.and_then(|it| HeaderValue::from_str(it).ok());
        Self {
            text: readable.join(", "),
            proto: told(first.and_then(|it| it.proto)).filter(|it| is_web(it.as_bytes())),
            host: told(first.and_then(|it| it.host)).filter(names_a_host),
            hops,
        }
    }

    fn into_hearsay(self, peer: IpAddr) -> Hearsay {
        let hops = self.hops.in_order().chain([peer]);
        let hops: Vec<_> = hops.map(|hop| hop.to_string()).collect();
        Hearsay {
            client: self.hops.client().unwrap_or(peer),
            list: value(hops.join(", ").as_bytes(), peer),
            proto: self.proto,
            host: self.host,
            has_forwarded: !self.text.is_empty(),
            elements: self.text,
        }
    }
}

/// The values of a field, the last one first. One that is no text stands for something that cannot be read.
fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    let values = headers.get_all(name).iter().rev();
    values.map(|value| value.to_str().unwrap_or(UNREADABLE))
}

/// The value of a field that is there once.
fn single(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.clone())
}

fn is_web(proto: &[u8]) -> bool {
    proto.eq_ignore_ascii_case(b"http") || proto.eq_ignore_ascii_case(b"https")
}

fn names_a_host(value: &HeaderValue) -> bool {
    let host = value.to_str().ok().and_then(host::canonical);
    host.is_some_and(|host| !host.is_empty())
}

/// `X-Forwarded-For` as it came, and the peer.
fn continued(headers: &HeaderMap, peer: IpAddr) -> HeaderValue {
    let mut list = Vec::new();
    for value in headers.get_all(&X_FORWARDED_FOR) {
        list.extend_from_slice(value.as_bytes().trim_ascii());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(peer.to_string().as_bytes());
    value(&list, peer)
}

fn value(list: &[u8], peer: IpAddr) -> HeaderValue {
    // Made of values and addresses, it is always a sound value itself.
    HeaderValue::from_bytes(list)
        .or_else(|_| HeaderValue::from_str(&peer.to_string()))
        .unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// What the believed part of an `X-Forwarded-For` says in the terms of RFC 7239 (section 7.4).
fn converted(hops: &Hops, told: &Hearsay) -> String {
    let text = |value: &Option<HeaderValue>| {
        let text = value.as_ref().and_then(|it| it.to_str().ok());
        text.map(str::to_owned)
    };
    let (host, proto) = (text(&told.host), text(&told.proto));
    let elements = hops.in_order().enumerate().map(|(place, hop)| match place {
        0 => write(hop, host.as_deref(), proto.as_deref()),
        _ => write(hop, None, None),
    });
    let elements: Vec<_> = elements.collect();
    elements.join(", ")
}

/// No entry of any list.
const UNREADABLE: &str = "\u{fffd}";

#[cfg(test)]
mod tests;

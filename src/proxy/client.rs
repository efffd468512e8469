//! One client's connection: who it is, and where it came in. Shared by everything that is served on it.

use std::{
    cell::{Cell, OnceCell},
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
};

use http::HeaderValue;

use super::{hearsay::Hearsay, worker::Worker};
use crate::{core::proxy_header::Introduction, mailbox::Entrance, tls::Identity};

/// See the module.
#[derive(Debug)]
pub(crate) struct Client {
    worker: Rc<Worker>,
    listener: Arc<Entrance>,
    ends: Introduction,
    addr: HeaderValue,
    trust: Trust,
    identity: OnceCell<Identity>,
    /// Requests so far.
    requests: Cell<u64>,
}

/// How much is believed of what requests on a connection say about their way here. Decided once, by the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Nothing: there is a list of trusted peers, and this one is not on it.
    Nothing,
    /// Their id and their trace: there is no list.
    Names,
    /// Everything: this peer is on the list.
    Everything,
}

impl Client {
    /// `ends` are those of its connection, or those that somebody introduced it with.
    pub(crate) fn new(
        worker: &Rc<Worker>,
        listener: &Arc<Entrance>,
        ends: Introduction,
    ) -> Rc<Self> {
        let ip = ends.source.ip().to_canonical();
        let trust = match &listener.peers.trusted {
            None => Trust::Names,
            Some(trusted) if trusted.contain(ip) => Trust::Everything,
            Some(_) => Trust::Nothing,
        };
        Rc::new(Self {
            worker: Rc::clone(worker),
            listener: Arc::clone(listener),
            ends,
            addr: written(ip),
            trust,
            identity: OnceCell::new(),
            requests: Cell::new(0),
        })
    }

    pub(crate) const fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    pub(crate) fn listener(&self) -> &Entrance {
        &self.listener
    }

    /// Its address; IPv4 where it is written as IPv6.
    pub(crate) fn ip(&self) -> IpAddr {
        self.ends.source.ip().to_canonical()
    }

    /// What an endpoint is told of it before a request; `told` is what is believed of that one's way here. The port of
    /// somebody else's client is not known.
    pub(crate) fn introduction(&self, told: Option<&Hearsay>) -> Introduction {
        match told {
            Some(told) if told.client != self.ip() => Introduction {
                source: SocketAddr::new(told.client, 0),
                ..self.ends
            },
            Some(_) | None => self.ends,
        }
    }

    /// How much is believed of what its requests say.
    pub(crate) const fn trust(&self) -> Trust {
        self.trust
    }

    /// The protocol that it speaks, as URLs name it.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.listener.tls.is_some() {
            "https"
        } else {
            "http"
        }
    }

    /// The same as a field value.
    pub(crate) fn proto(&self) -> &'static HeaderValue {
        if self.listener.tls.is_some() {
            &HTTPS
        } else {
            &HTTP
        }
    }

    /// The handshake is over; who the client has proved to be, if it was asked.
    pub(crate) fn proves(&self, identity: Option<Identity>) {
        if let Some(identity) = identity {
            // There is one handshake on a connection.
            let _ = self.identity.set(identity);
        }
    }

    /// Who it has proved to be by a certificate.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.get()
    }

    /// Its address as a field value.
    pub(crate) const fn addr(&self) -> &HeaderValue {
        &self.addr
    }

    /// Counts a request.
    pub(crate) fn begins_request(&self) {
        self.requests.set(self.requests.get() + 1);
    }

    /// Whether no request has come yet.
    pub(crate) fn has_had_none(&self) -> bool {
        self.requests.get() == 0
    }

    /// Whether the last request was the last that may come on this connection.
    pub(crate) fn has_had_its_requests(&self) -> bool {
        let max = self.listener.limits.max_requests_per_connection;
        max.is_some_and(|max| self.requests.get() >= max.get())
    }
}

/// An address as a field value. IPv4 is written by hand: the standard library's way takes a thirtieth of all instructions
/// of a connection with one request.
fn written(ip: IpAddr) -> HeaderValue {
    let value = match ip {
        IpAddr::V4(ip) => {
            let (mut text, mut length) = ([b'.'; 4 * "255.".len()], 0);
            for octet in ip.octets() {
                for (worth, is_needed) in [(100, octet > 99), (10, octet > 9), (1, true)] {
                    if is_needed {
                        text[length] = b'0' + octet / worth % 10;
                        length += 1;
                    }
                }
                length += 1;
            }
            HeaderValue::from_bytes(&text[..length - 1])
        }
        IpAddr::V6(ip) => HeaderValue::from_str(&ip.to_string()),
    };
    // An address is always a sound field value.
    value.unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

static HTTP: HeaderValue = HeaderValue::from_static("http");
static HTTPS: HeaderValue = HeaderValue::from_static("https");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_the_standard_library_does() {
        let octets = [0, 1, 9, 10, 11, 99, 100, 101, 199, 200, 249, 250, 255];
        for octet in octets {
            let ip = IpAddr::from([octet, 255 - octet, octet / 2, octet]);
            assert_eq!(written(ip), *ip.to_string());
        }
        let ip: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(written(ip), "2001:db8::1");
    }
}

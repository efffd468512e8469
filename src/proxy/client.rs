//! One client's connection: who it is, and where it came in. Shared by everything that is served on it.

use std::{cell::Cell, net::SocketAddr, rc::Rc, sync::Arc};

use http::HeaderValue;

use super::worker::Worker;
use crate::mailbox::Entrance;

/// See the module.
#[derive(Debug)]
pub(crate) struct Client {
    worker: Rc<Worker>,
    listener: Arc<Entrance>,
    peer: SocketAddr,
    addr: HeaderValue,
    /// Requests so far.
    requests: Cell<u64>,
}

impl Client {
    pub(crate) fn new(worker: &Rc<Worker>, listener: &Arc<Entrance>, peer: SocketAddr) -> Rc<Self> {
        let ip = peer.ip().to_canonical().to_string();
        Rc::new(Self {
            worker: Rc::clone(worker),
            listener: Arc::clone(listener),
            peer,
            // An address is always a sound field value.
            addr: HeaderValue::from_str(&ip)
                .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            requests: Cell::new(0),
        })
    }

    pub(crate) const fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    pub(crate) fn listener(&self) -> &Entrance {
        &self.listener
    }

    pub(crate) const fn peer(&self) -> SocketAddr {
        self.peer
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

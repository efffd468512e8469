//! One endpoint as one worker sees it.
//!
//! Owns opening connections and the count of requests in flight; must not pick or send.

use std::{cell::Cell, io, rc::Rc, time::Duration};

use http::HeaderValue;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use super::{
    connections::Connections, error::ProxyError, loads::Loads, protocol::Negotiated,
    secure::Secure, transport::Transport, upstream::Upstream,
};
use crate::{
    core::{
        health::PassiveFailure,
        ids::{Colour, EndpointAddr, EndpointId},
        in_flight::Ending,
        proxy_header::{self, Introduction},
        service::{ServiceSpec, UpstreamProtocol},
        snapshot::EndpointSnapshot,
    },
    machine::is_exhausted,
    telemetry::stats::ConnectFailure,
    tls::Connectors,
};

/// One endpoint as one worker sees it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    worker: usize,
    snapshot: EndpointSnapshot,
    host: HeaderValue,
    connect_timeout: Duration,
    /// `None` where connections are in the clear.
    secure: Option<Secure>,
    connections: Rc<Connections>,
    loads: Rc<Loads>,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectError {
    /// Refused, unreachable, or another error of the kernel's.
    Refused,
    /// Not within the connect timeout.
    Timeout,
    /// The endpoint's name stands for no address.
    Unresolved,
    /// Connected, and no TLS.
    Handshake,
    /// TLS, with a certificate that is not trusted.
    Untrusted,
    /// No descriptor or port is left for one.
    Exhausted,
}

impl ConnectError {
    /// How it is counted, what it says of the endpoint, and what the client is told if nothing else helps.
    pub(crate) const fn consequences(self) -> (ConnectFailure, Option<PassiveFailure>, ProxyError) {
        match self {
            Self::Refused => (
                ConnectFailure::Refused,
                Some(PassiveFailure::ConnectFailed),
                ProxyError::ConnectRefused,
            ),
            Self::Timeout => (
                ConnectFailure::Timeout,
                Some(PassiveFailure::ConnectTimeout),
                ProxyError::ConnectTimeout,
            ),
            Self::Unresolved => (ConnectFailure::Unresolved, None, ProxyError::Unresolved),
            Self::Exhausted => (ConnectFailure::Exhausted, None, ProxyError::Exhausted),
            Self::Handshake => (
                ConnectFailure::Tls,
                Some(PassiveFailure::HandshakeFailed),
                ProxyError::TlsFailed,
            ),
            Self::Untrusted => (
                ConnectFailure::Untrusted,
                Some(PassiveFailure::Untrusted),
                ProxyError::Untrusted,
            ),
        }
    }

    /// In words, as probes have them.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "connect refused",
            Self::Timeout => "connect timeout",
            Self::Unresolved => "name not resolved",
            Self::Handshake => "tls handshake failed",
            Self::Untrusted => "certificate not trusted",
            Self::Exhausted => "no descriptor or port left",
        }
    }

    fn of(error: &io::Error) -> Self {
        if is_exhausted(error) {
            Self::Exhausted
        } else {
            Self::Refused
        }
    }
}

/// Where an endpoint belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Belongs<'a> {
    pub(crate) worker: usize,
    pub(crate) spec: &'a ServiceSpec,
    pub(crate) colour: Colour,
    pub(crate) connectors: &'a Connectors,
    pub(crate) loads: &'a Rc<Loads>,
}

impl Endpoint {
    /// `known` is the same endpoint in an older desk of the same tenure, whose connections are taken over. If nothing has
    /// changed, it is the one.
    pub(crate) fn new(
        belongs: Belongs<'_>,
        snapshot: &EndpointSnapshot,
        known: Option<&Rc<Self>>,
    ) -> Rc<Self> {
        let spec = belongs.spec;
        let tls = spec.upstream_tls[belongs.colour].as_ref();
        let taken_over = known.filter(|known| {
            known.snapshot.resolved == snapshot.resolved
                && *known.connections.spec() == spec.connections
                && known.secure.as_ref().map(Secure::spec) == tls
        });
        let same = taken_over.filter(|known| {
            known.connect_timeout == spec.timeouts.connect
                && (known.weight(), known.is_ready()) == (snapshot.weight, snapshot.ready)
        });
        if let Some(same) = same {
            return Rc::clone(same);
        }
        let connections = taken_over.map_or_else(
            || Connections::new(spec.connections.clone()),
            |known| Rc::clone(&known.connections),
        );
        let host = HeaderValue::from_str(snapshot.addr.as_str())
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        Rc::new(Self {
            worker: belongs.worker,
            host,
            secure: tls.map(|tls| Secure::new(tls, belongs.connectors, &snapshot.addr)),
            connect_timeout: spec.timeouts.connect,
            snapshot: snapshot.clone(),
            connections,
            loads: Rc::clone(belongs.loads),
        })
    }

    pub(crate) const fn id(&self) -> EndpointId {
        self.snapshot.id
    }

    pub(crate) const fn addr(&self) -> &EndpointAddr {
        &self.snapshot.addr
    }

    pub(crate) const fn host(&self) -> &HeaderValue {
        &self.host
    }

    pub(crate) const fn is_ready(&self) -> bool {
        self.snapshot.ready
    }

    pub(crate) const fn weight(&self) -> u32 {
        self.snapshot.weight
    }

    /// Requests of this worker in flight.
    pub(crate) fn in_flight(&self) -> u32 {
        u32::try_from(self.snapshot.counter.in_flight_of(self.worker)).unwrap_or(u32::MAX)
    }

    /// Counts one request more, until the guard is dropped.
    pub(crate) fn occupy(self: &Rc<Self>) -> Occupied {
        self.snapshot.counter.begin(self.worker);
        self.loads.changed(self.id(), || self.in_flight());
        Occupied {
            endpoint: Rc::clone(self),
            ending: Cell::new(Ending::ClientGone),
        }
    }

    /// Those connections to it that are not used at present.
    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// How long opening a connection may take.
    pub(crate) const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// What tells its connections from others: endpoints that share them have the same.
    pub(crate) fn connections_id(&self) -> *const Connections {
        Rc::as_ptr(&self.connections)
    }

    /// Whether its connections begin with an introduction.
    pub(crate) fn is_introduced(&self) -> bool {
        self.connections.spec().introduces.is_some()
    }

    /// Opens a connection for HTTP/1: to the first address that accepts, within the connect timeout over all of them.
    /// `client` is whom the endpoint is introduced to, if it expects that.
    pub(crate) async fn connect(
        &self,
        client: Option<Introduction>,
    ) -> Result<Box<Upstream>, ConnectError> {
        let opening = self.connect_in_time(UpstreamProtocol::Http1, client);
        let (transport, _) = opening.await?;
        let mut upstream = Upstream::new(transport, Rc::clone(&self.connections));
        if let Some(client) = client {
            upstream.belongs_to(client);
        }
        Ok(upstream)
    }

    /// Opens one that will be shared. If the endpoint rather speaks HTTP/1 and may, there is none, and the connection
    /// is kept for that.
    pub(crate) async fn dial(
        endpoint: Rc<Self>,
        protocol: UpstreamProtocol,
    ) -> Result<Option<Transport>, ConnectError> {
        let (transport, negotiated) = endpoint.connect_in_time(protocol, None).await?;
        let connections = &endpoint.connections;
        match (negotiated, protocol) {
            (Negotiated::Http2, _) => {
                transport.keep_alive();
                Ok(Some(transport))
            }
            (Negotiated::Nothing | Negotiated::Http1, UpstreamProtocol::Http2) => {
                tracing::debug!(endpoint = %endpoint.addr(), "no HTTP/2 was agreed on");
                Err(ConnectError::Handshake)
            }
            (
                Negotiated::Nothing | Negotiated::Http1,
                UpstreamProtocol::Http1 | UpstreamProtocol::Auto,
            ) => {
                connections.keep(Upstream::new(transport, Rc::clone(connections)));
                Ok(None)
            }
        }
    }

    async fn connect_in_time(
        &self,
        protocol: UpstreamProtocol,
        client: Option<Introduction>,
    ) -> Result<(Transport, Negotiated), ConnectError> {
        match timeout(self.connect_timeout, self.connect_any(protocol, client)).await {
            Ok(connected) => connected,
            Err(_) => Err(ConnectError::Timeout),
        }
    }

    async fn connect_any(
        &self,
        protocol: UpstreamProtocol,
        client: Option<Introduction>,
    ) -> Result<(Transport, Negotiated), ConnectError> {
        let mut error = ConnectError::Unresolved;
        for addr in &*self.snapshot.resolved {
            match TcpStream::connect(addr).await {
                Ok(socket) => match self.begin(socket, protocol, client).await {
                    Ok(begun) => return Ok(begun),
                    Err(cause) => error = cause,
                },
                Err(cause) => {
                    tracing::debug!(endpoint = %self.addr(), %addr, error = %cause, "connect failed");
                    error = ConnectError::of(&cause);
                }
            }
        }
        Err(error)
    }

    async fn begin(
        &self,
        mut socket: TcpStream,
        protocol: UpstreamProtocol,
        client: Option<Introduction>,
    ) -> Result<(Transport, Negotiated), ConnectError> {
        // Small requests must not wait for the acknowledgement of earlier ones.
        socket
            .set_nodelay(true)
            .map_err(|_| ConnectError::Refused)?;
        if let Some(version) = self.connections.spec().introduces {
            let header = proxy_header::write(version, client);
            let written = socket.write_all(&header).await;
            written.map_err(|_| ConnectError::Refused)?;
        }
        match &self.secure {
            // In the clear, nothing can be agreed on.
            None => Ok((Transport::Plain(socket), known(protocol))),
            // Boxed, so that requests in the clear hold no room for it.
            Some(secure) => Box::pin(secure.handshake(socket, self.addr(), protocol)).await,
        }
    }
}

/// What is spoken where nothing was agreed on.
const fn known(protocol: UpstreamProtocol) -> Negotiated {
    match protocol {
        UpstreamProtocol::Http1 | UpstreamProtocol::Auto => Negotiated::Http1,
        UpstreamProtocol::Http2 => Negotiated::Http2,
    }
}

/// Counts a request on an endpoint until it is dropped.
#[derive(Debug)]
pub(crate) struct Occupied {
    endpoint: Rc<Endpoint>,
    ending: Cell<Ending>,
}

impl Occupied {
    /// Says how the request ends there when this is dropped.
    pub(crate) fn ends(&self, ending: Ending) {
        self.ending.set(ending);
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let endpoint = &self.endpoint;
        let counter = &endpoint.snapshot.counter;
        counter.end(endpoint.worker, self.ending.get());
        endpoint
            .loads
            .changed(endpoint.id(), || endpoint.in_flight());
    }
}

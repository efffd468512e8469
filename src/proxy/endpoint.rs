//! One endpoint as one worker sees it.
//!
//! Owns opening connections and the count of requests in flight; must not pick or send.

use std::{rc::Rc, time::Duration};

use http::HeaderValue;
use tokio::{net::TcpStream, time::timeout};

use super::{connections::Connections, transport::Transport, upstream::Upstream};
use crate::core::{
    ids::{EndpointAddr, EndpointId},
    service::ServiceSpec,
    snapshot::EndpointSnapshot,
};

/// One endpoint as one worker sees it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    worker: usize,
    snapshot: EndpointSnapshot,
    host: HeaderValue,
    connect_timeout: Duration,
    connections: Rc<Connections>,
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
}

impl Endpoint {
    /// `known` is the same endpoint in an older desk of the same tenure, whose connections are taken over.
    pub(crate) fn new(
        worker: usize,
        snapshot: EndpointSnapshot,
        spec: &ServiceSpec,
        known: Option<&Rc<Self>>,
    ) -> Self {
        let taken_over = known.filter(|known| {
            known.snapshot.resolved == snapshot.resolved
                && *known.connections.spec() == spec.connections
        });
        let connections = taken_over.map_or_else(
            || Connections::new(spec.connections.clone()),
            |known| Rc::clone(&known.connections),
        );
        let host = HeaderValue::from_str(snapshot.addr.as_str())
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        Self {
            worker,
            host,
            connect_timeout: spec.timeouts.connect,
            snapshot,
            connections,
        }
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
        Occupied(Rc::clone(self))
    }

    /// Those connections to it that are not used at present.
    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Whether both use the same connections.
    pub(crate) fn shares_connections(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.connections, &other.connections)
    }

    /// Opens a connection: to the first address that accepts, within the connect timeout over all of them.
    pub(crate) async fn connect(&self) -> Result<Box<Upstream>, ConnectError> {
        let transport = self.connect_in_time().await?;
        Ok(Upstream::new(transport, Rc::clone(&self.connections)))
    }

    /// The same, for a connection that will be shared.
    pub(crate) async fn dial(endpoint: Rc<Self>) -> Result<Transport, ConnectError> {
        let transport = endpoint.connect_in_time().await?;
        transport.keep_alive();
        Ok(transport)
    }

    async fn connect_in_time(&self) -> Result<Transport, ConnectError> {
        match timeout(self.connect_timeout, self.connect_any()).await {
            Ok(connected) => connected,
            Err(_) => Err(ConnectError::Timeout),
        }
    }

    async fn connect_any(&self) -> Result<Transport, ConnectError> {
        let mut error = ConnectError::Unresolved;
        for addr in &*self.snapshot.resolved {
            match TcpStream::connect(addr).await {
                Ok(socket) => return Self::begin(socket),
                Err(cause) => {
                    tracing::debug!(endpoint = %self.addr(), %addr, error = %cause, "connect failed");
                    error = ConnectError::Refused;
                }
            }
        }
        Err(error)
    }

    fn begin(socket: TcpStream) -> Result<Transport, ConnectError> {
        // Small requests must not wait for the acknowledgement of earlier ones.
        socket
            .set_nodelay(true)
            .map_err(|_| ConnectError::Refused)?;
        Ok(Transport::Plain(socket))
    }
}

/// Counts a request on an endpoint until it is dropped.
#[derive(Debug)]
pub(crate) struct Occupied(Rc<Endpoint>);

impl std::ops::Deref for Occupied {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        &self.0
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.0.snapshot.counter.end(self.0.worker);
    }
}

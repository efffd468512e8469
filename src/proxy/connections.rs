//! One worker's connections to one endpoint: opened when needed, kept while unused, retired with the tenure.
//!
//! Owns opening, keeping and checking; must not send. hyper-util's pooled client would share one mutex
//! between all workers, has no bound on what it keeps, and knows nothing of tenures.
//!
//! A kept connection has no task of its own: nobody watches it, it is looked at when it is taken, and by the
//! worker's sweep. So an exchange costs no hand-over between tasks, and dropping an exchange drops its socket.

use std::{
    cell::{Cell, RefCell},
    io,
    mem::MaybeUninit,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use http::HeaderValue;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use super::{body::RequestBody, clock::Tick};
use crate::core::{
    ids::{EndpointAddr, EndpointId},
    service::{ConnectionsSpec, ServiceSpec},
    snapshot::EndpointSnapshot,
};

/// One endpoint as one worker sees it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    worker: usize,
    snapshot: EndpointSnapshot,
    host: HeaderValue,
    connect_timeout: Duration,
    kept: Rc<Kept>,
}

/// Unused connections, most recently used last. Shared with those that are in use, to come back to.
#[derive(Debug)]
struct Kept {
    spec: ConnectionsSpec,
    #[expect(
        clippy::vec_box,
        reason = "a connection moves in and out at each request, as a pointer"
    )]
    idle: RefCell<Vec<Box<Upstream>>>,
    retired: Cell<bool>,
}

/// One connection to an endpoint.
#[derive(Debug)]
pub(crate) struct Upstream {
    sender: SendRequest<RequestBody>,
    /// Gone only where a request is taken back out of it.
    connection: Option<Connection<TokioIo<Socket>, RequestBody>>,
    done: bool,
    reused: bool,
    notes: Rc<SocketNotes>,
    single_use: bool,
    relay: Arc<Relay>,
    relay_waker: Waker,
    idle_since: Tick,
    home: Rc<Kept>,
}

/// How sure one must be that a kept connection was not closed by its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Not at all: the request can be sent again.
    Accept,
    /// As sure as the kernel is.
    AskKernel,
}

/// A socket that can be made to ask the kernel for an end of input before the runtime was told of it.
#[derive(Debug)]
struct Socket {
    stream: TcpStream,
    notes: Rc<SocketNotes>,
}

/// What a socket and the exchange on it tell each other.
#[derive(Debug, Default)]
struct SocketNotes {
    /// Ask the kernel at the next read.
    ask_kernel: Cell<bool>,
    /// Bytes were written since somebody asked.
    written: Cell<bool>,
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
            known.snapshot.resolved == snapshot.resolved && known.kept.spec == spec.connections
        });
        let kept = taken_over.map_or_else(
            || {
                Rc::new(Kept {
                    spec: spec.connections.clone(),
                    idle: RefCell::default(),
                    retired: Cell::new(false),
                })
            },
            |known| Rc::clone(&known.kept),
        );
        let host = HeaderValue::from_str(snapshot.addr.as_str())
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        Self {
            worker,
            host,
            connect_timeout: spec.timeouts.connect,
            snapshot,
            kept,
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

    /// Closes every unused connection, and those in use when they come back.
    pub(crate) fn retire(&self) {
        self.kept.retired.set(true);
        self.kept.idle.take();
    }

    /// Whether both use the same connections.
    pub(crate) fn shares_connections(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.kept, &other.kept)
    }

    /// An unused connection. With `Doubt::AskKernel` it is one that its peer has not closed, for requests that
    /// could not be sent again: one system call is less than a lost order. With `Doubt::Accept` it may turn out
    /// closed when the request is sent; that costs another attempt, and looking at each first would cost every
    /// request more.
    pub(crate) fn take(&self, now: Tick, doubt: Doubt) -> Option<Box<Upstream>> {
        loop {
            let mut upstream = self.kept.idle.borrow_mut().pop()?;
            if self.kept.is_too_old(&upstream, now) {
                continue;
            }
            if doubt == Doubt::AskKernel {
                upstream.notes.ask_kernel.set(true);
                if !upstream.is_usable() {
                    continue;
                }
            }
            upstream.reused = true;
            return Some(upstream);
        }
    }

    /// Opens a connection: to the first address that accepts, within the connect timeout over all of them.
    pub(crate) async fn connect(&self) -> Result<Box<Upstream>, ConnectError> {
        match timeout(self.connect_timeout, self.connect_any()).await {
            Ok(connected) => connected,
            Err(_) => Err(ConnectError::Timeout),
        }
    }

    async fn connect_any(&self) -> Result<Box<Upstream>, ConnectError> {
        let mut error = ConnectError::Unresolved;
        for addr in &*self.snapshot.resolved {
            match TcpStream::connect(addr).await {
                Ok(socket) => return self.begin(socket).await,
                Err(cause) => {
                    tracing::debug!(endpoint = %self.addr(), %addr, error = %cause, "connect failed");
                    error = ConnectError::Refused;
                }
            }
        }
        Err(error)
    }

    async fn begin(&self, socket: TcpStream) -> Result<Box<Upstream>, ConnectError> {
        let refused = |_| ConnectError::Refused;
        // Small requests must not wait for the acknowledgement of earlier ones.
        socket.set_nodelay(true).map_err(refused)?;
        let notes = Rc::<SocketNotes>::default();
        let socket = Socket {
            stream: socket,
            notes: Rc::clone(&notes),
        };
        let handshake = Builder::new()
            .max_buf_size(BUFFER_LIMIT)
            .handshake(TokioIo::new(socket))
            .await;
        let (sender, connection) = handshake.map_err(|_| ConnectError::Refused)?;
        let home = Rc::clone(&self.kept);
        let idle_since = Tick::NEVER;
        let relay = Arc::new(Relay::default());
        Ok(Box::new(Upstream {
            sender,
            connection: Some(connection),
            done: false,
            reused: false,
            single_use: false,
            notes,
            relay_waker: Waker::from(Arc::clone(&relay)),
            relay,
            idle_since,
            home,
        }))
    }

    /// Closes unused connections that are too old or that their peer has closed.
    pub(crate) fn prune(&self, now: Tick) {
        let kept = &self.kept;
        kept.idle
            .borrow_mut()
            .retain_mut(|upstream| !kept.is_too_old(upstream, now) && upstream.is_usable());
    }
}

impl Kept {
    fn is_too_old(&self, upstream: &Upstream, now: Tick) -> bool {
        upstream.idle_since.after(self.spec.idle_timeout) <= now
    }
}

impl Upstream {
    /// Drives the connection: all reading and writing happens here.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(connection) = self.connection.as_mut().filter(|_| !self.done) else {
            return Poll::Ready(());
        };
        self.relay.waker.register(cx.waker());
        let ended = connection.poll_without_shutdown(&mut Context::from_waker(&self.relay_waker));
        self.done = ended.is_ready();
        // How it ended, the exchange learns from the response or from its body.
        ended.map(drop)
    }

    /// Closes the connection; a request that still waits in it comes back to who sent it.
    pub(crate) fn close(&mut self) {
        self.connection = None;
    }

    /// The connection is not to be used for another request.
    pub(crate) const fn is_last_use(&mut self) {
        self.single_use = true;
    }

    /// Whether the endpoint has taken bytes since this was asked last.
    pub(crate) fn take_written(&self) -> bool {
        self.notes.written.take()
    }

    /// Does what wakes the driver of this connection only to tell it of `action` itself, without waking it.
    pub(crate) fn hushed<T>(&self, action: impl FnOnce() -> T) -> T {
        self.relay.muted.store(true, Relaxed);
        let result = action();
        self.relay.muted.store(false, Relaxed);
        result
    }

    /// Where requests go in.
    pub(crate) const fn sender(&mut self) -> &mut SendRequest<RequestBody> {
        &mut self.sender
    }

    /// Whether an earlier exchange used this connection.
    pub(crate) const fn is_reused(&self) -> bool {
        self.reused
    }

    /// Whether the connection can take a request: not closed by its peer, nothing left of the last exchange.
    fn is_usable(&mut self) -> bool {
        // Nobody needs to be woken: an unused connection is looked at when it is needed.
        self.poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
            && self.sender.is_ready()
    }

    /// After an exchange: keeps the connection, unless something speaks against it.
    pub(crate) fn come_back(mut self: Box<Self>, now: Tick) {
        let home = Rc::clone(&self.home);
        let is_usable = self.sender.is_ready() || self.is_usable();
        if self.single_use || home.retired.get() || self.done || !is_usable {
            return;
        }
        let mut idle = home.idle.borrow_mut();
        if idle.len() < home.spec.max_idle {
            self.idle_since = now;
            idle.push(self);
        }
    }

    /// The socket and what was read beyond the response head, after `101 Switching Protocols`.
    pub(crate) fn into_tunnel(self) -> Option<(TcpStream, bytes::Bytes)> {
        let parts = self.connection?.into_parts();
        Some((parts.io.into_inner().stream, parts.read_buf))
    }
}

impl SocketNotes {
    fn wrote(&self, polled: &Poll<io::Result<usize>>) {
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.written.set(true);
        }
    }
}

/// Wakes whoever drives the connection at present, unless it is the one who makes the noise. Without it, every
/// first look at a response's body would wake the task that is looking.
#[derive(Debug, Default)]
struct Relay {
    waker: AtomicWaker,
    /// `Relaxed`: written and read on one thread only.
    muted: AtomicBool,
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.muted.load(Relaxed) {
            self.waker.wake();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.notes.ask_kernel.take() {
            match SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]) {
                Ok(0) => return Poll::Ready(Ok(())),
                // Nothing may come before a request was sent.
                Ok(_) => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.notes.wrote(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.notes.wrote(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
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

/// Largest read buffer, and so the largest piece of a body at once, and the largest response head.
const BUFFER_LIMIT: usize = 256 * 1024;

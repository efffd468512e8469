//! One connection to an endpoint, driven by whoever uses it.
//!
//! It has no task of its own: an exchange drives it and is woken by it, so that no message passes between tasks,
//! and dropping an exchange drops its socket.

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;
use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{Builder, Connection, SendRequest},
    },
};
use hyper_util::rt::TokioIo;

use super::{
    clock::Tick,
    connections::{Connections, Doubt},
    socket::{Socket, SocketNotes},
    transport::Transport,
    upload::RequestBody,
};

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
    home: Rc<Connections>,
}

impl Upstream {
    /// Begins to speak HTTP on `stream`; after each exchange the connection goes back to `home`.
    pub(crate) async fn begin(
        stream: Transport,
        home: Rc<Connections>,
    ) -> hyper::Result<Box<Self>> {
        let notes = Rc::<SocketNotes>::default();
        let socket = TokioIo::new(Socket::new(stream, Rc::clone(&notes)));
        let (sender, connection) = Builder::new()
            .max_buf_size(BUFFER_LIMIT)
            .handshake(socket)
            .await?;
        let relay = Arc::new(Relay::default());
        Ok(Box::new(Self {
            sender,
            connection: Some(connection),
            done: false,
            reused: false,
            single_use: false,
            notes,
            relay_waker: Waker::from(Arc::clone(&relay)),
            relay,
            idle_since: Tick::NEVER,
            home,
        }))
    }

    /// Is used for another request; `false` if its peer has closed it, of which `doubt` says how sure one must
    /// be.
    pub(crate) fn is_taken(&mut self, doubt: Doubt) -> bool {
        self.reused = true;
        doubt == Doubt::Accept || {
            self.notes.ask_kernel.set(true);
            self.is_usable()
        }
    }

    /// When it was used last.
    pub(crate) const fn idle_since(&self) -> Tick {
        self.idle_since
    }

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

    /// Hands a request to the connection, which is to be driven next.
    pub(crate) fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>> + use<>
    {
        // Who sends is who drives: there is nobody to be woken.
        self.relay.muted.store(true, Relaxed);
        let response = self.sender.try_send_request(request);
        self.relay.muted.store(false, Relaxed);
        response
    }

    /// Whether an earlier exchange used this connection.
    pub(crate) const fn is_reused(&self) -> bool {
        self.reused
    }

    /// Whether the connection can take a request: not closed by its peer, nothing left of the last exchange.
    pub(crate) fn is_usable(&mut self) -> bool {
        // Nobody needs to be woken: an unused connection is looked at when it is needed.
        self.poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
            && self.sender.is_ready()
    }

    /// After an exchange: goes home, unless something speaks against it.
    pub(crate) fn come_back(mut self: Box<Self>, now: Tick) {
        let is_usable = self.sender.is_ready() || self.is_usable();
        // What happens on it from now on is nobody's business until it is taken.
        drop(self.relay.waker.take());
        if is_usable && !self.single_use && !self.done {
            self.idle_since = now;
            let home = Rc::clone(&self.home);
            home.keep(self);
        }
    }

    /// The socket and what was read beyond the response head, after `101 Switching Protocols`.
    pub(crate) fn into_tunnel(self) -> Option<(Transport, bytes::Bytes)> {
        let parts = self.connection?.into_parts();
        Some((parts.io.into_inner().into_stream(), parts.read_buf))
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

/// Largest read buffer, and so the largest piece of a body at once, and the largest response head.
const BUFFER_LIMIT: usize = 256 * 1024;

//! Serves one HTTP/2 connection, from its preface to its last stream.
//!
//! Owns how long it may be without a request, and how it ends; its streams look after themselves.

use std::{
    cell::{Cell, RefCell},
    error::Error,
    future::poll_fn,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use hyper::{server::conn::http2::Builder, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    budget::Spent,
    guarded::Guarded,
    limits::{
        CONNECTION_WINDOW, FIELD_OVERHEAD, LEAVING, MAX_FRAME, MAX_LOCAL_RESETS,
        MAX_PENDING_RESETS, MAX_STREAMS, PING_INTERVAL, PING_TIMEOUT, SEND_BUFFER, STREAM_WINDOW,
    },
    streams::{Executor, Streams},
    wire::{Broken, Wire},
};
use crate::{
    config::ListenerLimits,
    proxy::{client::Client, clock::Tick, lifeline::Lifeline, protocol::linger::linger},
    telemetry::limit::Limit,
};

/// Serves `socket`, of which `held` was read before, until it closes or is told to.
pub(crate) async fn serve<S>(client: Rc<Client>, socket: S, held: Vec<u8>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    client.worker().stats().http2_connections.add(1);
    let socket = Rc::new(RefCell::new(socket));
    let session = Session::new(&client);
    let io = TokioIo::new(Guarded::new(
        Rc::clone(&socket),
        held,
        Rc::clone(&client),
        Rc::clone(&session.wire),
    ));
    let streams = Rc::clone(&session.streams);
    let service = service_fn(move |request| streams.serve(request));
    let executor = Executor(Rc::clone(&session.streams));
    let mut connection =
        Box::pin(builder(&client.listener().limits, executor).serve_connection(io, service));
    let ended = poll_fn(|cx| {
        session.lifeline.wakes(cx.waker());
        session.wire.begins_turn();
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(End::of(ended));
            }
            match session.look_around() {
                Next::Wait => return Poll::Pending,
                Next::Close => connection.as_mut().graceful_shutdown(),
                Next::Drop => return Poll::Ready(End::Dropped),
            }
        }
    })
    .await;
    drop(connection);
    session.account_for(ended);
    if ended != End::Dropped
        && !session.wire.has_ended()
        && let Some(socket) = Rc::into_inner(socket)
    {
        // Boxed, so that a connection holds no room for its end.
        Box::pin(linger(socket.into_inner())).await;
    }
}

/// A connection while it is served.
struct Session {
    client: Rc<Client>,
    lifeline: Rc<Lifeline>,
    wire: Rc<Wire>,
    streams: Rc<Streams>,
    stage: Cell<Stage>,
    /// Whether it was told that the process is stopping.
    drain_seen: Cell<bool>,
}

/// What the connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// For its first request.
    New,
    /// For a head to end.
    Head,
    /// For a stream to end.
    Busy,
    /// For another request.
    Idle,
    /// For its end, in order.
    Leaving,
}

/// What to do after hyper has done all it could for now.
enum Next {
    Wait,
    Close,
    Drop,
}

/// How the connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// In order, or by the client.
    Closed,
    /// By h2, which has told the client so.
    Calm,
    /// By h2, because of a mistake of the client's.
    Mistaken,
    /// By cutover.
    Dropped,
}

impl Session {
    fn new(client: &Rc<Client>) -> Self {
        let lifeline = client.worker().lifelines().begin();
        let session = Self {
            client: Rc::clone(client),
            wire: Rc::new(Wire::new()),
            streams: Streams::new(client, &lifeline),
            lifeline,
            stage: Cell::new(Stage::New),
            drain_seen: Cell::new(false),
        };
        session.waits(Stage::New, client.listener().limits.header_read_timeout);
        session
    }

    fn look_around(&self) -> Next {
        let (worker, limits) = (self.client.worker(), &self.client.listener().limits);
        if worker.is_cutting() {
            return Next::Drop;
        }
        let written = self.wire.take_written();
        let is_last = self.stage.get() != Stage::Leaving && self.client.has_had_its_requests();
        if is_last {
            worker.stats().met(Limit::MaxRequestsPerConnection);
        }
        if is_last || (worker.is_draining() && !self.drain_seen.replace(true)) {
            self.waits(Stage::Leaving, LEAVING);
            return Next::Close;
        }
        let is_busy = self.streams.open() > 0;
        match (self.stage.get(), self.wire.is_reading_head()) {
            (Stage::Head, true) => {}
            (Stage::New | Stage::Busy | Stage::Idle, true) => {
                self.waits(Stage::Head, limits.header_read_timeout);
            }
            (Stage::Leaving, _) if is_busy || written => self.waits(Stage::Leaving, LEAVING),
            (Stage::Leaving, _) => {}
            (_, false) if is_busy => self.works(),
            (Stage::New | Stage::Idle, false) => {}
            (Stage::Busy | Stage::Head, false) => self.waits(Stage::Idle, limits.keep_alive),
        }
        if !self.lifeline.has_expired(worker.clock().coarse()) {
            return Next::Wait;
        }
        match self.stage.get() {
            Stage::Head | Stage::Leaving => Next::Drop,
            Stage::New | Stage::Busy | Stage::Idle => {
                let limit = if self.client.has_had_none() {
                    Limit::HeaderReadTimeout
                } else {
                    Limit::KeepAlive
                };
                worker.stats().met(limit);
                self.waits(Stage::Leaving, LEAVING);
                Next::Close
            }
        }
    }

    fn waits(&self, stage: Stage, wait: Duration) {
        self.stage.set(stage);
        let now = self.client.worker().clock().coarse();
        self.lifeline.wait_until(now.after(wait));
    }

    /// Streams have deadlines of their own.
    fn works(&self) {
        self.stage.set(Stage::Busy);
        self.lifeline.wait_until(Tick::NEVER);
    }

    /// Counts what nobody else saw.
    fn account_for(&self, end: End) {
        let stats = self.client.worker().stats();
        let refused = self.wire.streams().saturating_sub(self.streams.begun());
        stats.http2_refused_streams.add(refused);
        let limit = match (self.wire.broken(), end) {
            (Some(Broken::Greeting | Broken::FrameSize), _) | (None, End::Mistaken) => {
                return stats.http2_protocol_errors.add(1);
            }
            (Some(Broken::Spent(Spent::Control)), _) => Limit::Http2ControlFrames,
            (Some(Broken::Spent(Spent::Resets)), _) => Limit::Http2Resets,
            (None, End::Calm) => Limit::Http2Calm,
            (None, End::Dropped) if self.stage.get() == Stage::Head => Limit::HeaderReadTimeout,
            (None, End::Closed | End::Dropped) => return,
        };
        stats.met(limit);
    }
}

impl End {
    fn of(ended: hyper::Result<()>) -> Self {
        match ended.map_err(|error| reason(&error)) {
            Ok(()) | Err(None) => Self::Closed,
            Err(Some(h2::Reason::ENHANCE_YOUR_CALM)) => Self::Calm,
            Err(Some(_)) => Self::Mistaken,
        }
    }
}

/// The error code that h2 has ended a connection with. hyper hands the error on, but does not promise to: this is the
/// only place that relies on it, and a test would notice.
fn reason(error: &hyper::Error) -> Option<h2::Reason> {
    let source = error.source()?.downcast_ref::<h2::Error>()?;
    source.reason().filter(|_| source.is_library())
}

fn builder(limits: &ListenerLimits, executor: Executor) -> Builder<Executor> {
    let fields = limits.max_header_count * FIELD_OVERHEAD;
    let head = u32::try_from(limits.max_header_size + fields).unwrap_or(u32::MAX);
    let mut builder = Builder::new(executor);
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .max_frame_size(MAX_FRAME)
        .max_header_list_size(head)
        .max_send_buf_size(SEND_BUFFER)
        .max_local_error_reset_streams(MAX_LOCAL_RESETS)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .enable_connect_protocol();
    builder
}

//! The streams of one HTTP/2 connection, each a request with a lifeline of its own.
//!
//! Owns how many there are, and the end of those that are waited for in vain: an order to cut or a deadline ends one
//! stream and no other. hyper drives each stream in a task; the executor it is given puts a watch around it.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
};

use http::{Request, Response, StatusCode, header::SEC_WEBSOCKET_ACCEPT};
use tokio::task::{coop::unconstrained, spawn_local};

use super::{connect::Handshake, head};
use crate::proxy::{
    body::ResponseBody,
    client::Client,
    downstream::Downstream,
    forward::Forwarder,
    grpc::Call,
    incoming::Incoming,
    lifeline::Lifeline,
    protocol::{Protocol, Verdict},
    websocket::Key,
};

/// What the streams of one connection share.
#[derive(Debug)]
pub(super) struct Streams {
    client: Rc<Client>,
    /// The connection's: it looks around when its last stream has ended.
    lifeline: Rc<Lifeline>,
    open: Cell<usize>,
    begun: Cell<u64>,
    /// The stream that was begun last, until hyper hands over its task, which is at once.
    next: RefCell<Option<Rc<Downstream>>>,
}

/// One stream, as long as anything of it is left.
#[derive(Debug)]
pub(crate) struct Stream {
    streams: Rc<Streams>,
    verdict: Verdict,
    /// What the endpoint's agreement to a WebSocket is judged by.
    key: Option<Key>,
    call: Option<Call>,
}

impl Streams {
    pub(super) fn new(client: &Rc<Client>, lifeline: &Rc<Lifeline>) -> Rc<Self> {
        Rc::new(Self {
            client: Rc::clone(client),
            lifeline: Rc::clone(lifeline),
            open: Cell::new(0),
            begun: Cell::new(0),
            next: RefCell::new(None),
        })
    }

    /// Streams that are open.
    pub(super) const fn open(&self) -> usize {
        self.open.get()
    }

    /// Streams that ever were.
    pub(super) const fn begun(&self) -> u64 {
        self.begun.get()
    }

    /// Serves one request.
    pub(super) fn serve(
        self: &Rc<Self>,
        mut request: Request<hyper::body::Incoming>,
    ) -> impl Future<Output = Result<Response<ResponseBody>, Infallible>> + use<> {
        let verdict = head::judge(&mut request, &self.client.listener().limits);
        let mut stream = Stream::begin(self, verdict, Call::of(request.headers()));
        let handshake = (verdict == Verdict::Upgrade)
            .then(|| Handshake::begin(&mut request, stream.key.insert(Key::random())));
        let patience = stream.call.as_ref().and_then(Call::timeout);
        let downstream = Downstream::new(&self.client, Protocol::Http2(stream));
        if let Some(patience) = patience {
            downstream.is_waited_for(patience);
        }
        *self.next.borrow_mut() = Some(Rc::clone(&downstream));
        async move {
            let Ok(answer) = Forwarder::new(Rc::clone(&downstream))
                .forward(request.map(Incoming::http2))
                .await;
            Ok(match handshake.flatten() {
                Some(handshake) => handshake.end(answer, &downstream),
                None => answer,
            })
        }
    }
}

impl Stream {
    fn begin(streams: &Rc<Streams>, verdict: Verdict, call: Option<Call>) -> Self {
        streams.open.set(streams.open.get() + 1);
        streams.begun.set(streams.begun.get() + 1);
        Self {
            streams: Rc::clone(streams),
            verdict,
            key: None,
            call,
        }
    }

    pub(crate) const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The gRPC call that it is, if it is one.
    pub(crate) const fn call(&self) -> Option<&Call> {
        self.call.as_ref()
    }

    /// Whether the client can be told what an endpoint answered: to a `CONNECT`, any success would say that there is a
    /// tunnel (RFC 8441 section 5).
    pub(crate) fn admits<B>(&self, answer: &Response<B>) -> bool {
        let Some(key) = &self.key else {
            return true;
        };
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return !answer.status().is_success();
        }
        let mut accepts = answer.headers().get_all(SEC_WEBSOCKET_ACCEPT).iter();
        let accept = accepts.next().filter(|_| accepts.next().is_none());
        accept.is_some_and(|accept| key.is_answered_by(accept.as_bytes()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let streams = &self.streams;
        streams.open.set(streams.open.get() - 1);
        if streams.open.get() == 0 {
            streams.lifeline.wake();
        }
    }
}

/// Where hyper leaves the tasks of streams.
#[derive(Clone, Debug)]
pub(super) struct Executor(pub(super) Rc<Streams>);

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Executor {
    fn execute(&self, task: F) {
        // There is none for the writing half of a tunnel, which ends with the tunnel.
        let downstream = self.0.next.borrow_mut().take();
        // See `accept`: a channel of ours would lose a wake-up to the runtime's turn-taking.
        match downstream {
            Some(downstream) => spawn_local(unconstrained(watch(task, downstream))),
            None => spawn_local(unconstrained(task)),
        };
    }
}

/// Drives a stream until it has ended or is lost. What is dropped here before its end is reset.
async fn watch(task: impl Future<Output = ()>, downstream: Rc<Downstream>) {
    let mut task = pin!(task);
    poll_fn(|cx| {
        downstream.lifeline().wakes(cx.waker());
        if task.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        downstream.drive(cx);
        if is_lost(&downstream) {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

/// Whether a stream is given up. Whoever drives the exchange had the chance to answer within the poll: who is late now
/// is the client, which does not take what it is given.
fn is_lost(downstream: &Downstream) -> bool {
    let unread = downstream.may_not_wait();
    if let Some(unread) = unread {
        downstream.worker().stats().met(unread.limit());
    }
    let cut = downstream.lifeline().cut().is_some() || downstream.worker().is_cutting();
    unread.is_some() || cut
}

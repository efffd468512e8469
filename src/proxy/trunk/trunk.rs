//! One connection of HTTP/2 to an endpoint.
//!
//! Owns its task, which is the only one that reads and writes, and its end: a trunk that is to leave takes no more
//! calls, lets the present ones finish, and is closed. Must not know what is called.

use std::{
    cell::{Cell, RefCell},
    future::{Future as _, poll_fn},
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use h2::{
    SendStream,
    client::{Builder, Connection, ResponseFuture, SendRequest},
};
use http::{Request, uri::Scheme};
use tokio::{task::spawn_local, time::timeout};

use crate::proxy::{clock::Tick, transport::Transport};

/// See the module.
#[derive(Debug)]
pub(super) struct Trunk {
    scheme: Scheme,
    /// There while it takes calls.
    sender: RefCell<Option<SendRequest<Bytes>>>,
    calls: Cell<usize>,
    idle_since: Cell<Tick>,
    /// Whether the endpoint has answered anything on it.
    answered: Cell<bool>,
    /// Whether the endpoint has refused a call that it had room for, by what it said before.
    crowded: Cell<bool>,
    /// The driver, to be told that nobody needs it any more.
    driver: RefCell<Option<Waker>>,
}

/// Why a call could not be begun on a trunk.
#[derive(Debug)]
pub(super) enum NotBegun {
    /// It has no room, or is leaving.
    NoRoom,
    /// The request is none that HTTP/2 can carry.
    Malformed,
}

impl Trunk {
    /// Begins to speak HTTP/2 on `stream`, and waits until the endpoint has said how many calls it takes: an endpoint
    /// that speaks something else is found out before anything was asked of it.
    pub(super) async fn begin(stream: Transport, now: Tick) -> io::Result<Rc<Self>> {
        let scheme = match stream.is_plain() {
            true => Scheme::HTTP,
            false => Scheme::HTTPS,
        };
        let handshake = builder().handshake::<_, Bytes>(stream);
        let (sender, connection) = handshake.await.map_err(io::Error::other)?;
        let mut connection = Box::pin(connection);
        poll_fn(|cx| {
            let ended = connection.as_mut().poll(cx);
            if sender.current_max_send_streams() != UNKNOWN {
                return Poll::Ready(Ok(()));
            }
            ended.map(|_| Err(io::Error::from(io::ErrorKind::InvalidData)))
        })
        .await?;
        let trunk = Rc::new(Self {
            scheme,
            sender: RefCell::new(Some(sender)),
            calls: Cell::new(0),
            idle_since: Cell::new(now),
            answered: Cell::new(false),
            crowded: Cell::new(false),
            driver: RefCell::new(None),
        });
        spawn_local(drive(connection, Rc::clone(&trunk)));
        Ok(trunk)
    }

    /// Calls that it can take besides those it has.
    pub(super) fn room(&self) -> usize {
        let mut sender = self.sender.borrow_mut();
        let Some(open) = sender.as_mut().filter(|_| !self.crowded.get()) else {
            return 0;
        };
        // Nobody waits here: where there is no room now, there is another trunk.
        match open.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => {
                let most = open.current_max_send_streams().min(MAX_CALLS);
                most.saturating_sub(self.calls.get())
            }
            // The endpoint is going away.
            Poll::Ready(Err(_)) => {
                *sender = None;
                0
            }
            Poll::Pending => 0,
        }
    }

    /// Begins a call, for which there was room. What is sent waits for its connection's turn.
    pub(super) fn begin_call(
        &self,
        head: Request<()>,
        is_whole: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), NotBegun> {
        let mut sender = self.sender.borrow_mut();
        let Some(open) = &mut *sender else {
            return Err(NotBegun::NoRoom);
        };
        match open.send_request(head, is_whole) {
            Ok(begun) => Ok(begun),
            Err(error) if error.is_go_away() || error.is_io() => {
                *sender = None;
                Err(NotBegun::NoRoom)
            }
            Err(_) => Err(NotBegun::Malformed),
        }
    }

    /// Of what is called on it.
    pub(super) fn scheme(&self) -> Scheme {
        self.scheme.clone()
    }

    /// A call is begun.
    pub(super) fn enter(&self) {
        self.calls.set(self.calls.get() + 1);
    }

    /// A call has ended.
    pub(super) fn exit(&self, now: Tick) {
        self.calls.set(self.calls.get() - 1);
        self.idle_since.set(now);
        self.crowded.set(false);
        if self.is_leaving() && self.calls.get() == 0 {
            self.wake();
        }
    }

    /// The endpoint has refused a call for want of room.
    pub(super) fn refuses(&self) {
        self.crowded.set(self.calls.get() > 1);
        if self.calls.get() <= 1 {
            // One that has no room for a single call is of no use.
            self.leave();
        }
    }

    /// The endpoint has answered.
    pub(super) fn answers(&self) {
        self.answered.set(true);
    }

    /// Whether the endpoint has ever answered on it.
    pub(super) const fn has_answered(&self) -> bool {
        self.answered.get()
    }

    /// Since when it has no call, if it has none.
    pub(super) fn idle_since(&self) -> Option<Tick> {
        (self.calls.get() == 0).then(|| self.idle_since.get())
    }

    /// Takes no further call; closed when it has none.
    pub(super) fn leave(&self) {
        self.sender.take();
        self.wake();
    }

    /// Whether it takes no further call.
    pub(super) fn is_leaving(&self) -> bool {
        self.sender.borrow().is_none()
    }

    fn wake(&self) {
        if let Some(driver) = &*self.driver.borrow() {
            driver.wake_by_ref();
        }
    }
}

/// Drives a connection to its end. Its calls learn of that from h2.
async fn drive(mut connection: Pin<Box<Connection<Transport, Bytes>>>, trunk: Rc<Trunk>) {
    let ended = poll_fn(|cx| {
        *trunk.driver.borrow_mut() = Some(cx.waker().clone());
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        if trunk.is_leaving() && trunk.calls.get() == 0 {
            return Poll::Ready(false);
        }
        Poll::Pending
    })
    .await;
    trunk.sender.take();
    if !ended {
        // h2 says goodbye when nobody holds a handle any more; an endpoint that does not listen is left alone.
        let _ = timeout(LEAVING, connection).await;
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(CALL_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .max_header_list_size(MAX_HEAD)
        .max_send_buffer_size(SEND_BUFFER)
        .initial_max_send_streams(UNKNOWN)
        .enable_push(false);
    builder
}

/// How many calls an endpoint takes that has not said so yet.
const UNKNOWN: usize = 0;
/// Calls at once on one connection, if the endpoint allows as many; for more, another one is opened.
pub(super) const MAX_CALLS: usize = 100;
/// Bytes of one response that its endpoint may send ahead of its client.
const CALL_WINDOW: u32 = 256 * 1024;
/// Enough for every call's: a client that takes nothing cannot keep the others' responses from coming.
const CONNECTION_WINDOW: u32 = MAX_CALLS as u32 * CALL_WINDOW;
/// Largest frame taken, which is the least that may be offered.
const MAX_FRAME: u32 = 16 * 1024;
/// Largest response head, as h2 counts it.
const MAX_HEAD: u32 = 128 * 1024;
/// Bytes of one request's body that wait for their endpoint.
const SEND_BUFFER: usize = 64 * 1024;
/// How long an endpoint may take to close a connection that was ended in order.
const LEAVING: Duration = Duration::from_secs(2);

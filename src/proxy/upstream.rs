//! One HTTP/1 connection to an endpoint, driven by whoever uses it.
//!
//! It has no task of its own: an exchange drives it and is woken by it, so that no message passes between tasks,
//! and dropping an exchange drops its socket.

use std::{
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Response};
use http_body::{Frame, SizeHint};

use super::{
    clock::Tick,
    connections::{Connections, Doubt},
    outbound::Outgoing,
    protocol::http1::{
        broken::Broken,
        request_writer::RequestWriter,
        response_reader::{Came, ResponseReader},
    },
    silence::{is_silent, seems_silent},
    transport::Transport,
    upload::{Gate, RequestBody},
};
use crate::core::proxy_header::Introduction;

/// One connection to an endpoint.
#[derive(Debug)]
pub(crate) struct Upstream {
    socket: Transport,
    writer: RequestWriter,
    reader: ResponseReader,
    /// No body follows the head of the response, whatever it says.
    bodiless: bool,
    /// Opened when the endpoint asks for the request's body.
    gate: Option<Arc<Gate>>,
    reused: bool,
    idle_since: Tick,
    /// Whom the endpoint was introduced to at the beginning, if to anybody.
    introduction: Option<Box<Introduction>>,
    home: Rc<Connections>,
}

impl Upstream {
    /// Begins to speak HTTP on `socket`; after each exchange the connection goes back to `home`.
    pub(crate) fn new(socket: Transport, home: Rc<Connections>) -> Box<Self> {
        Box::new(Self {
            socket,
            writer: RequestWriter::new(),
            reader: ResponseReader::new(),
            bodiless: false,
            gate: None,
            reused: false,
            idle_since: Tick::NEVER,
            introduction: None,
            home,
        })
    }

    /// It has not been used, and may be kept from now on.
    pub(crate) fn unused_since(&mut self, now: Tick) {
        self.idle_since = now;
    }

    /// It began with this introduction, and belongs to that client alone.
    pub(crate) fn belongs_to(&mut self, client: Introduction) {
        self.introduction = Some(Box::new(client));
    }

    /// The introduction that it began with.
    pub(crate) fn introduction(&self) -> Option<&Introduction> {
        self.introduction.as_deref()
    }

    /// Is used for another request; `false` if its peer has closed it, of which `doubt` says how sure one must
    /// be.
    pub(crate) fn is_taken(&mut self, doubt: Doubt) -> bool {
        self.reused = true;
        match doubt {
            Doubt::Accept => seems_silent(&mut self.socket),
            Doubt::AskKernel => is_silent(&mut self.socket),
        }
    }

    /// When it was used last.
    pub(crate) const fn idle_since(&self) -> Tick {
        self.idle_since
    }

    /// Whether an earlier exchange used this connection.
    pub(crate) const fn is_reused(&self) -> bool {
        self.reused
    }

    /// Whether bytes have left since this was asked last.
    pub(crate) const fn take_written(&mut self) -> bool {
        self.writer.take_progressed()
    }

    /// Begins an exchange; [`Upstream::poll_response`] carries it on.
    pub(crate) fn send(
        &mut self,
        outgoing: Outgoing<'_>,
        body: RequestBody,
        gate: Option<Arc<Gate>>,
    ) {
        self.bodiless = outgoing.head.method == Method::HEAD;
        self.gate = gate;
        self.writer.begin(outgoing, body);
        self.reader.expect();
    }

    /// The body of the request, as whole as it was, if not a byte of the request has left.
    pub(crate) fn take_unsent(&mut self) -> Option<RequestBody> {
        self.writer.take_unsent()
    }

    /// Sends what can be sent, and reads until the head of the response is there.
    pub(crate) fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<()>, Broken>> {
        loop {
            if let Poll::Ready(Err(broken)) = self.writer.poll(Pin::new(&mut self.socket), cx) {
                return Poll::Ready(Err(broken));
            }
            let socket = Pin::new(&mut self.socket);
            match std::task::ready!(self.reader.poll_head(socket, cx, self.bodiless))? {
                Came::Head(response) => return Poll::Ready(Ok(response)),
                Came::Continue => drop(self.gate.take().map(|gate| gate.open())),
            }
        }
    }

    /// The next piece of the response's body; what is left of the request's goes out meanwhile.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Poll::Ready(Err(broken)) = self.writer.poll(Pin::new(&mut self.socket), cx) {
            return Poll::Ready(Some(Err(broken)));
        }
        self.reader.poll_frame(Pin::new(&mut self.socket), cx)
    }

    /// Whether nothing of the response's body is left.
    pub(crate) const fn is_end_stream(&self) -> bool {
        self.reader.is_ended()
    }

    /// What is known of the length of the rest of the response's body.
    pub(crate) fn size_hint(&self) -> SizeHint {
        self.reader.size_hint()
    }

    /// Whether an unused connection can still take a request. It also lets go of memory.
    pub(crate) fn is_usable(&mut self) -> bool {
        self.reader.shrink();
        seems_silent(&mut self.socket)
    }

    /// After an exchange: goes home, unless something of it is left.
    pub(crate) fn come_back(mut self: Box<Self>, now: Tick) {
        if self.writer.is_done() && self.reader.is_reusable() {
            self.idle_since = now;
            self.reader.rest();
            let home = Rc::clone(&self.home);
            home.keep(self);
        }
    }

    /// The socket and what was read beyond the response head, after `101 Switching Protocols`.
    pub(crate) fn into_tunnel(self) -> (Transport, Bytes) {
        (self.socket, self.reader.into_rest())
    }
}

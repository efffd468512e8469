//! Where one request at a time is served: an HTTP/1 connection, which has one of these for all its requests,
//! or a single stream of a connection that has many.
//!
//! Owns how long its client may be waited for, and what for; who that is, its [`Client`] knows.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::Context,
    time::Duration,
};

use http::Response;

use super::{
    client::Client,
    clock::Tick,
    grpc::Call,
    lifeline::Lifeline,
    pace::Paces,
    protocol::{Protocol, Verdict},
    stage::Stage,
    trunk::Carrier,
    tunnel::Tunnel,
    unread::Unread,
    worker::Worker,
};
use crate::{core::service::Timeouts, mailbox::Entrance, telemetry::limit::Limit, tls::Identity};

/// See the module.
#[derive(Debug)]
pub(crate) struct Downstream {
    client: Rc<Client>,
    protocol: Protocol,
    lifeline: Rc<Lifeline>,
    stage: Cell<Stage>,
    busy: Cell<bool>,
    response: Cell<Duration>,
    idle: Cell<Duration>,
    /// When the client gives up, whatever happens until then.
    limit: Cell<Tick>,
    paces: Option<Box<Paces>>,
    unread: Cell<Option<Unread>>,
    tunnel: RefCell<Option<Box<Tunnel>>>,
    /// The request's body, where it does not go its way by itself.
    carrier: RefCell<Option<Carrier>>,
}

impl Downstream {
    pub(crate) fn new(client: &Rc<Client>, protocol: Protocol) -> Rc<Self> {
        let limits = &client.listener().limits;
        let downstream = Rc::new(Self {
            client: Rc::clone(client),
            protocol,
            lifeline: client.worker().lifelines().begin(),
            stage: Cell::new(Stage::Idle),
            busy: Cell::new(false),
            response: Cell::new(Duration::ZERO),
            limit: Cell::new(Tick::NEVER),
            // Until a service says so, for the rest of an answer to a head that was refused.
            idle: Cell::new(limits.keep_alive),
            paces: limits.min_body_rate.map(Paces::new),
            unread: Cell::new(None),
            tunnel: RefCell::new(None),
            carrier: RefCell::new(None),
        });
        // A new connection owes a request within the time for a head, not for a kept-alive one's rest.
        downstream.waits(Stage::Idle, limits.header_read_timeout);
        downstream.is_unparked();
        downstream
    }

    pub(crate) fn worker(&self) -> &Rc<Worker> {
        self.client.worker()
    }

    pub(crate) fn listener(&self) -> &Entrance {
        self.client.listener()
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Who the client has proved to be.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.client.identity()
    }

    /// Whether the connection ends with the present request. Where it has other streams, it is told to by itself.
    pub(crate) fn has_had_its_requests(&self) -> bool {
        self.protocol.is_connection() && self.client.has_had_its_requests()
    }

    pub(crate) fn lifeline(&self) -> &Lifeline {
        &self.lifeline
    }

    /// What the protocol says of the next request. To be asked once for each.
    pub(crate) fn verdict(&self) -> Verdict {
        self.protocol.verdict()
    }

    /// The request that is being served changes to no other protocol. Nobody else would look at what was held
    /// back because of it before more comes.
    pub(crate) fn stays_http(&self) {
        if self.protocol.stays_http() {
            self.lifeline.wake();
        }
    }

    /// Nothing but the end of the connection will say that the answer is whole.
    pub(crate) fn answers_to_the_end(&self) {
        self.protocol.answers_to_the_end();
    }

    /// Whether the client can be told what an endpoint answered.
    pub(crate) fn admits<B>(&self, answer: &Response<B>) -> bool {
        self.protocol.admits(answer)
    }

    /// The gRPC call that is being served, if it is one.
    pub(crate) fn call(&self) -> Option<&Call> {
        self.protocol.call()
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// Whether a request is being served.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.get()
    }

    /// A request begins.
    pub(crate) fn begins(&self) {
        self.busy.set(true);
        self.lifeline.rest_from(Tick::NEVER);
        self.client.begins_request();
        if let Some(paces) = &self.paces {
            paces.request.begins_anew();
        }
    }

    /// The request has ended.
    pub(crate) fn ends(&self) {
        self.busy.set(false);
    }

    /// The service's bounds hold from now on.
    pub(crate) fn adopts(&self, timeouts: &Timeouts) {
        self.response.set(timeouts.response);
        self.idle.set(timeouts.idle);
    }

    /// A request is being served; who waits for what sets deadlines of its own.
    pub(crate) fn works(&self) {
        self.stage.set(Stage::Response);
        self.lifeline.wait_until(self.limit.get());
    }

    /// The client will wait no longer than this, beginning now.
    pub(crate) fn is_waited_for(&self, wait: Duration) {
        self.limit.set(self.worker().clock().coarse().after(wait));
    }

    /// Whether the client has given up by its own account.
    pub(crate) fn is_given_up(&self) -> bool {
        self.limit.get() <= self.worker().clock().coarse()
    }

    /// The whole request has been sent. Where the response has begun before, only its progress counts.
    pub(crate) fn expects_response(&self) {
        if self.stage.get() == Stage::Answering {
            self.expects_progress();
        } else {
            self.waits(Stage::Response, self.response.get());
        }
    }

    /// A byte has moved, or is to move now.
    pub(crate) fn expects_progress(&self) {
        self.waits_for(self.idle.get());
    }

    /// An interim response is awaited.
    pub(crate) fn expects_continue(&self) {
        self.waits(Stage::Response, CONTINUE_TIMEOUT.min(self.response.get()));
    }

    /// The response head is there.
    pub(crate) fn answers(&self) {
        self.waits(Stage::Answering, self.idle.get());
        // What a client still sends is a conversation now, at whatever pace.
        self.body_came(0);
    }

    /// The request is over; the client has time to send another.
    pub(crate) fn rests(&self) {
        let keep_alive = self.listener().limits.keep_alive;
        let draining = self.worker().is_draining();
        self.waits(
            Stage::Idle,
            if draining {
                DRAIN_GRACE.min(keep_alive)
            } else {
                keep_alive
            },
        );
        self.is_unparked();
    }

    /// The connection takes up room from now on; if nothing comes of it soon, it may be parked.
    pub(crate) fn is_unparked(&self) {
        self.lifeline.rest_from(self.now().after(PARK_AFTER));
    }

    /// Whether nothing has happened for a while that parking would get in the way of. Said once.
    pub(crate) fn takes_rest(&self) -> bool {
        self.lifeline.takes_rest(self.now())
            && self.stage.get() == Stage::Idle
            && !self.worker().is_draining()
    }

    /// The bound that a connection without a request has met.
    pub(crate) fn idle_limit(&self) -> Limit {
        if self.client.has_had_none() {
            Limit::HeaderReadTimeout
        } else {
            Limit::KeepAlive
        }
    }

    /// A request head has begun.
    pub(crate) fn expects_head(&self) {
        // What has come of it is kept; one that never ends is not to take a place among those that are parked.
        self.lifeline.rest_from(Tick::NEVER);
        self.waits(Stage::Head, self.listener().limits.header_read_timeout);
    }

    /// Whether the present wait has lasted too long.
    pub(crate) fn has_expired(&self) -> bool {
        self.lifeline.has_expired(self.now())
    }

    /// Nothing but the client keeps the request's body waiting; the endpoint has taken all that came.
    pub(crate) fn waits_for_body(&self) {
        self.lifeline.held().incoming(0, self.now());
        // Once the response has begun it is a conversation, at whatever pace.
        if let Some(paces) = &self.paces
            && self.stage.get() == Stage::Response
        {
            paces.request.waits(self.now());
            self.lifeline.keep_pace_until(paces.deadline());
        }
    }

    /// So many bytes of the request's body have come, and wait for the endpoint.
    pub(crate) fn body_came(&self, bytes: usize) {
        // As much again has been read ahead by then.
        let held = self.lifeline.held();
        held.incoming(bytes.saturating_mul(2), self.now());
        if let Some(paces) = &self.paces {
            paces.request.moved(bytes as u64, self.now());
            self.lifeline.keep_pace_until(paces.deadline());
        }
    }

    /// The endpoint is to be asked for more of the response; false if the client must take what there is first. On a
    /// connection that is shared, only this tells that the client has taken it.
    pub(crate) fn may_ask_for_more(&self) -> bool {
        let held = self.lifeline.held();
        if self.protocol.take_flushed() {
            held.outgoing_is_taken();
        }
        if !self.protocol.is_connection() {
            self.took(0, false);
        }
        held.outgoing() <= TIGHT_ROOM || !self.worker().is_tight()
    }

    /// Whether the client takes nothing at present.
    pub(crate) fn is_stalled(&self) -> bool {
        self.protocol.is_stalled()
    }

    /// So many bytes of the response wait for the client.
    pub(crate) fn hands_on(&self, bytes: usize) {
        let held = self.lifeline.held();
        held.outgoing_grows(bytes, self.protocol.room(), self.now());
        if !self.protocol.is_connection() {
            self.took(bytes as u64, true);
        }
    }

    /// The client has been given all that there was for it, if the protocol says so.
    pub(crate) fn looks_for_flush(&self) {
        if self.protocol.take_flushed() {
            self.lifeline.held().outgoing_is_taken();
        }
    }

    /// So many bytes of a request head that has not ended are held.
    pub(crate) fn holds_head(&self, bytes: usize) {
        self.lifeline.held().incoming(bytes, self.now());
    }

    /// Whether the request's body comes too slowly.
    pub(crate) fn body_is_behind(&self) -> bool {
        let behind = |paces: &Paces| paces.request.deadline() <= self.now();
        self.paces.as_deref().is_some_and(behind)
    }

    /// The client has taken so many bytes, and there are more for it if the answer is `stalled`.
    pub(crate) fn took(&self, bytes: u64, stalled: bool) {
        if bytes > 0 {
            self.lifeline.held().outgoing_moves(self.now());
        }
        if let Some(paces) = &self.paces {
            paces.response.moved(bytes, self.now());
            if stalled {
                paces.response.waits(self.now());
            }
            self.lifeline.keep_pace_until(paces.deadline());
        }
    }

    /// What the client may not do any longer with an answer that is there for it.
    pub(crate) fn may_not_wait(&self) -> Option<Unread> {
        let slow = if self.lifeline.is_behind(self.now()) {
            Unread::Slowly
        } else if self.lifeline.is_shed() {
            Unread::Longest
        } else if self.has_expired() {
            Unread::NotAtAll
        } else {
            return None;
        };
        self.unread.set(Some(slow));
        Some(slow)
    }

    /// Why the connection was ended under an answer, if it was.
    pub(crate) fn unread(&self) -> Option<Unread> {
        self.unread.get()
    }

    /// Leaves a tunnel to whoever takes the connection apart after `101 Switching Protocols`.
    pub(crate) fn leave_tunnel(&self, tunnel: Box<Tunnel>) {
        *self.tunnel.borrow_mut() = Some(tunnel);
    }

    /// Takes the tunnel, if there is one.
    pub(crate) fn take_tunnel(&self) -> Option<Box<Tunnel>> {
        self.tunnel.borrow_mut().take()
    }

    /// The request's body is sent on from here, too.
    pub(crate) fn carries(&self, carrier: Carrier) {
        *self.carrier.borrow_mut() = Some(carrier);
    }

    /// Sends on what it carries.
    pub(crate) fn drive(&self, cx: &mut Context<'_>) {
        if let Some(carrier) = &*self.carrier.borrow() {
            carrier.drive(cx, self);
        }
    }

    fn now(&self) -> Tick {
        self.worker().clock().coarse()
    }

    fn waits(&self, stage: Stage, wait: Duration) {
        self.stage.set(stage);
        self.waits_for(wait);
    }

    fn waits_for(&self, wait: Duration) {
        let deadline = self.now().after(wait);
        self.lifeline.wait_until(deadline.min(self.limit.get()));
    }
}

/// How long a connection without a request lives on while the process stops: a request may be on its way.
pub(super) const DRAIN_GRACE: Duration = Duration::from_millis(500);
/// How long a connection keeps its buffers without a request. A client that asks more often than this pays nothing for
/// being parked; one that asks less often pays two allocations and a copy of some hundred bytes each time.
const PARK_AFTER: Duration = Duration::from_millis(500);
/// How long an endpoint has to answer `Expect: 100-continue` before the body is sent unasked.
const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of a response that may wait for the client while buffers are tight.
const TIGHT_ROOM: u32 = 64 * 1024;

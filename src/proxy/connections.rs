//! One worker's connections to one endpoint: kept while unused, retired with the tenure.
//!
//! Owns keeping; must not send. hyper-util's pooled client would share one mutex between all workers, has no
//! bound on what it keeps, and knows nothing of tenures.
//!
//! Nobody watches a kept connection: it is looked at when it is taken, and by the worker's sweep.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use super::{clock::Tick, trunk::Trunks, upstream::Upstream};
use crate::core::{proxy_header::Introduction, service::ConnectionsSpec};

/// Unused connections, most recently used last. Shared with those that are in use, to come back to.
#[derive(Debug)]
pub(crate) struct Connections {
    spec: ConnectionsSpec,
    #[expect(
        clippy::vec_box,
        reason = "a connection moves in and out at each request, as a pointer"
    )]
    idle: RefCell<Vec<Box<Upstream>>>,
    /// Those that are shared, where the endpoint speaks HTTP/2.
    trunks: Rc<Trunks>,
    /// Until when the endpoint is known to speak HTTP/1, where it may speak either.
    http1_until: Cell<Option<Tick>>,
    retired: Cell<bool>,
    warmth: Cell<Warmth>,
    /// Whether they are opened before their pool is live.
    warming: Cell<bool>,
}

/// Whether unused ones are kept for longer than `idle_timeout` says, because their pool is to be ready to return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Warmth {
    /// They are not.
    None,
    /// The pool is the standby, and held.
    Held,
    /// It has just become live again.
    Returned,
    /// It has, and until then they are good for requests that can be sent again.
    Until(Tick),
}

/// How sure one must be that a kept connection was not closed by its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// As sure as the runtime is, which is told of everything a little late: the request can be sent again.
    Accept,
    /// As sure as the kernel is.
    AskKernel,
}

impl Connections {
    pub(crate) fn new(spec: ConnectionsSpec) -> Rc<Self> {
        Rc::new(Self {
            spec,
            idle: RefCell::default(),
            trunks: Rc::default(),
            http1_until: Cell::new(None),
            retired: Cell::new(false),
            warmth: Cell::new(Warmth::None),
            warming: Cell::new(false),
        })
    }

    /// How they are kept.
    pub(crate) const fn spec(&self) -> &ConnectionsSpec {
        &self.spec
    }

    /// An unused connection. With `Doubt::AskKernel` it is one that its peer has not closed, for requests that
    /// could not be sent again: one system call is less than a lost order. With `Doubt::Accept` it may turn out
    /// closed when the request is sent; that costs another attempt, and looking at each first would cost every
    /// request more. Where endpoints are introduced to clients, it is one of the client's own.
    pub(crate) fn take(
        &self,
        now: Tick,
        doubt: Doubt,
        introduction: Option<&Introduction>,
    ) -> Option<Box<Upstream>> {
        loop {
            let mut upstream = match introduction {
                None => self.idle.borrow_mut().pop()?,
                Some(client) => self.pop_of(client)?,
            };
            let is_old = self.is_too_old(&upstream, now);
            if is_old && self.is_warm() && doubt == Doubt::AskKernel {
                // Its peer may be about to close it. A request that could not be sent again is not risked on it, but
                // others may be.
                self.keep(upstream);
                return None;
            }
            if (!is_old || self.is_warm()) && upstream.is_taken(doubt) {
                return Some(upstream);
            }
        }
    }

    /// The last used one of those that began with this introduction.
    fn pop_of(&self, client: &Introduction) -> Option<Box<Upstream>> {
        let mut idle = self.idle.borrow_mut();
        let place = idle
            .iter()
            .rposition(|upstream| upstream.introduction() == Some(client))?;
        Some(idle.remove(place))
    }

    /// Keeps a connection that is not used any more, if there is room for it. Connections of one client are of no use
    /// to another: of those, the one that was used longest ago makes room.
    pub(crate) fn keep(&self, upstream: Box<Upstream>) {
        let mut idle = self.idle.borrow_mut();
        let is_full = !idle.is_empty() && idle.len() >= self.spec.max_idle;
        if is_full && self.spec.introduces.is_some() {
            idle.remove(0);
        }
        if !self.retired.get() && idle.len() < self.spec.max_idle {
            idle.push(upstream);
        }
    }

    /// Closes every unused connection, and those in use when they come back.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
        self.idle.take();
        self.trunks.retire();
    }

    /// Closes every unused connection, because its descriptor is needed; says whether there was one.
    pub(crate) fn give_up_idle(&self) -> bool {
        !self.idle.take().is_empty()
    }

    /// Keeps unused ones however old they get, as long as their peer does: the pool is held ready to return.
    pub(crate) fn hold(&self) {
        self.warmth.set(Warmth::Held);
    }

    /// The pool is live. If it was held, what was kept may be used, for as long as it would take to find out which are
    /// of use.
    pub(crate) fn returns(&self) {
        if self.warmth.get() == Warmth::Held {
            self.warmth.set(Warmth::Returned);
        }
    }

    fn is_warm(&self) -> bool {
        self.warmth.get() != Warmth::None
    }

    /// Closes unused connections that are too old or that their peer has closed.
    pub(crate) fn prune(&self, now: Tick) {
        match self.warmth.get() {
            Warmth::Returned => {
                let until = now.after(self.spec.idle_timeout);
                self.warmth.set(Warmth::Until(until));
            }
            Warmth::Until(until) if until <= now => self.warmth.set(Warmth::None),
            Warmth::None | Warmth::Held | Warmth::Until(_) => {}
        }
        let is_warm = self.is_warm();
        let mut idle = self.idle.borrow_mut();
        idle.retain_mut(|upstream| {
            (is_warm || !self.is_too_old(upstream, now)) && upstream.is_usable()
        });
        self.trunks
            .prune(|since| !is_warm && since.after(self.spec.idle_timeout) <= now);
    }

    /// They are wanted, though their pool is not live yet.
    pub(crate) fn warm_up(&self) {
        self.warming.set(true);
    }

    /// Their pool is live: what was opened before is like any other.
    pub(crate) fn goes_live(&self) {
        self.warming.set(false);
    }

    /// Whether they are wanted, though their pool is not live.
    pub(crate) const fn is_warming(&self) -> bool {
        self.warming.get()
    }

    /// Whether one is kept.
    pub(crate) fn has_idle(&self) -> bool {
        !self.idle.borrow().is_empty()
    }

    /// Those that are shared.
    pub(crate) const fn trunks(&self) -> &Rc<Trunks> {
        &self.trunks
    }

    /// The endpoint, which may speak either, speaks HTTP/1.
    pub(crate) fn learn_http1(&self, now: Tick) {
        self.http1_until.set(Some(now.after(HTTP1_KNOWN)));
    }

    /// It may speak something else by now.
    pub(crate) fn forget_http1(&self) {
        self.http1_until.set(None);
    }

    /// Whether they are of use where the endpoint may speak either: while one is kept, it need not be asked again.
    pub(crate) fn serve_http1(&self, now: Tick) -> bool {
        let known = self.http1_until.get();
        known.is_some_and(|until| now < until || !self.idle.borrow().is_empty())
    }

    fn is_too_old(&self, upstream: &Upstream, now: Tick) -> bool {
        upstream.idle_since().after(self.spec.idle_timeout) <= now
    }
}

/// How long nobody asks again what an endpoint speaks that spoke HTTP/1.
const HTTP1_KNOWN: Duration = Duration::from_secs(10);

//! What can end a wait from outside: a deadline, or an order to cut.
//!
//! Owns the deadlines of one worker and wakes those whose time has come. A timer of the runtime for each
//! request would be exact to a millisecond and cost an allocation and two trips into the timer wheel each;
//! the waits of a proxy are seconds, so one sweep over all lifelines, ten times a second, is enough.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    sync::Arc,
    task::Waker,
    time::Duration,
};

use super::{clock::Tick, held::Held};
use crate::core::{
    ids::EndpointId,
    in_flight::{Ending, TenureCounter},
};

/// The waits of one connection, or of one tunnel.
#[derive(Debug)]
pub(crate) struct Lifeline {
    deadline: Cell<Tick>,
    /// When the client will have been too slow; a wait of its own, because moving a little does not end it.
    pace: Cell<Tick>,
    /// When it has been without a request long enough to be parked.
    rest: Cell<Tick>,
    held: Held,
    /// What is held is to be given up.
    shed: Cell<bool>,
    cut: Cell<Option<Ending>>,
    /// Identity of the tenure claimed at present; compared, never followed.
    tenure: Cell<*const TenureCounter>,
    /// The endpoint that works for it.
    endpoint: Cell<EndpointId>,
    waker: RefCell<Option<Waker>>,
}

impl Lifeline {
    /// Waits until `deadline` at most, from now on.
    pub(crate) fn wait_until(&self, deadline: Tick) {
        self.deadline.set(deadline);
    }

    /// Whether the deadline has passed.
    pub(crate) fn has_expired(&self, now: Tick) -> bool {
        self.deadline.get() <= now
    }

    /// The client must have moved something by then.
    pub(crate) fn keep_pace_until(&self, deadline: Tick) {
        self.pace.set(deadline);
    }

    /// Whether the client has fallen behind.
    pub(crate) fn is_behind(&self, now: Tick) -> bool {
        self.pace.get() <= now
    }

    /// Nothing has happened by then, unless somebody says otherwise before.
    pub(crate) fn rest_from(&self, then: Tick) {
        self.rest.set(then);
    }

    /// Whether nothing has happened for a while. Said once.
    pub(crate) fn takes_rest(&self, now: Tick) -> bool {
        let rested = self.rest.get() <= now;
        if rested {
            self.rest.set(Tick::NEVER);
        }
        rested
    }

    /// What is kept here.
    pub(crate) const fn held(&self) -> &Held {
        &self.held
    }

    /// Whether what is kept here must be given up, because there is too much of it in all.
    pub(crate) fn is_shed(&self) -> bool {
        self.shed.get() && self.held.bytes() > 0
    }

    /// Whether an order to cut has come, and how the claim is to end.
    pub(crate) fn cut(&self) -> Option<Ending> {
        self.cut.get()
    }

    /// The claim in `tenure` is served here, by `endpoint`; an order to cut one of them will find it.
    pub(crate) fn serves(&self, tenure: &Arc<TenureCounter>, endpoint: EndpointId) {
        self.cut.set(None);
        self.endpoint.set(endpoint);
        self.tenure.set(Arc::as_ptr(tenure));
    }

    /// No claim is served here any more.
    pub(crate) fn serves_nobody(&self) {
        self.cut.set(None);
        self.tenure.set(std::ptr::null());
    }

    /// Whom to wake.
    pub(crate) fn wakes(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    /// Wakes who waits here, to look around.
    pub(crate) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// All lifelines of one worker. As many as it has connections, and those that ended since the last sweep.
#[derive(Debug, Default)]
pub(crate) struct Lifelines(RefCell<Vec<Weak<Lifeline>>>);

impl Lifelines {
    /// A new one, without deadline; it ends with its last owner.
    pub(crate) fn begin(&self) -> Rc<Lifeline> {
        let lifeline = Rc::new(Lifeline {
            deadline: Cell::new(Tick::NEVER),
            pace: Cell::new(Tick::NEVER),
            rest: Cell::new(Tick::NEVER),
            held: Held::nothing(),
            shed: Cell::new(false),
            cut: Cell::new(None),
            tenure: Cell::new(std::ptr::null()),
            endpoint: Cell::default(),
            waker: RefCell::new(None),
        });
        self.0.borrow_mut().push(Rc::downgrade(&lifeline));
        lifeline
    }

    /// Wakes those whose deadline has passed, and some of those who have rested; says how many bytes all of them hold.
    pub(crate) fn sweep(&self, now: Tick) -> u64 {
        let mut held = 0;
        let mut beds = PARKED_AT_ONCE;
        self.each(|lifeline| {
            held += lifeline.held.bytes();
            lifeline.shed.set(false);
            let rested = beds > 0 && lifeline.rest.get() <= now;
            beds -= usize::from(rested);
            if rested || lifeline.has_expired(now) || lifeline.is_behind(now) {
                lifeline.wake();
            }
        });
        held
    }

    /// Gives up as many bytes as there are too many, those first that have not moved since the earliest time, and none
    /// that have moved after `latest`. Says how many.
    pub(crate) fn shed(&self, excess: u64, latest: Tick) -> u64 {
        let mut holding = Vec::new();
        for lifeline in self.0.borrow().iter().filter_map(Weak::upgrade) {
            if lifeline.held.bytes() > 0 && lifeline.held.since() <= latest {
                holding.push(lifeline);
            }
        }
        holding.sort_by_key(|lifeline| lifeline.held.since());
        let mut given_up = 0;
        for lifeline in holding {
            if given_up >= excess {
                break;
            }
            given_up += lifeline.held.bytes();
            lifeline.shed.set(true);
            lifeline.wake();
        }
        given_up
    }

    /// Cuts the claims of one tenure.
    pub(crate) fn cut(&self, tenure: &Arc<TenureCounter>, ending: Ending) {
        self.each(|lifeline| {
            if lifeline.tenure.get() == Arc::as_ptr(tenure) {
                lifeline.cut.set(Some(ending));
                lifeline.wake();
            }
        });
    }

    /// Cuts the claims that one endpoint works for.
    pub(crate) fn cut_endpoint(&self, endpoint: EndpointId, ending: Ending) {
        self.each(|lifeline| {
            if !lifeline.tenure.get().is_null() && lifeline.endpoint.get() == endpoint {
                lifeline.cut.set(Some(ending));
                lifeline.wake();
            }
        });
    }

    /// Cuts every claim.
    pub(crate) fn cut_all(&self, ending: Ending) {
        self.each(|lifeline| {
            lifeline.cut.set(Some(ending));
            lifeline.wake();
        });
    }

    /// Wakes everybody.
    pub(crate) fn wake_all(&self) {
        self.each(Lifeline::wake);
    }

    fn each(&self, mut visit: impl FnMut(&Lifeline)) {
        self.0.borrow_mut().retain(|lifeline| {
            let living = lifeline.upgrade();
            living.as_deref().map(&mut visit);
            living.is_some()
        });
    }
}

/// Connections that are parked in one sweep. Those that came together rest together: all at once they would be a pause for
/// everybody else, and the allocator, which gives memory back to the system only when more of it is freed a little
/// later, would keep it.
const PARKED_AT_ONCE: usize = 256;
/// Time between two sweeps; deadlines are late by this much at most.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        task::Wake,
    };

    use super::*;

    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn those_that_came_together_are_put_to_rest_some_at_a_time_and_none_is_forgotten() {
        let lifelines = Lifelines::default();
        let bell = Arc::new(Bell(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&bell));
        let resting: Vec<_> = (0..2 * PARKED_AT_ONCE + 1)
            .map(|_| lifelines.begin())
            .collect();
        for lifeline in &resting {
            lifeline.rest_from(Tick::ZERO);
            lifeline.wakes(&waker);
        }
        let mut parked = 0;
        for expected in [PARKED_AT_ONCE, PARKED_AT_ONCE, 1, 0] {
            lifelines.sweep(Tick::ZERO);
            assert_eq!(bell.0.swap(0, Relaxed), expected);
            let woken = &resting[parked..parked + expected];
            assert!(woken.iter().all(|lifeline| lifeline.takes_rest(Tick::ZERO)));
            parked += expected;
        }
    }

    #[test]
    fn a_deadline_waits_for_nobody_else() {
        let lifelines = Lifelines::default();
        let bell = Arc::new(Bell(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&bell));
        let due: Vec<_> = (0..=2 * PARKED_AT_ONCE)
            .map(|_| lifelines.begin())
            .collect();
        for lifeline in &due {
            lifeline.rest_from(Tick::ZERO);
            lifeline.wait_until(Tick::ZERO);
            lifeline.wakes(&waker);
        }
        lifelines.sweep(Tick::ZERO);
        assert_eq!(bell.0.load(Relaxed), due.len());
    }
}

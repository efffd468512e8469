//! Operations under way: what was asked for and has not been answered.
//!
//! Owns one map for each stage: waiting for gates, for the journal, for the barrier, for a drain. An event
//! looks for its operation in the map of the stage it belongs to, so that one that comes late, twice or for
//! nothing finds nothing. One map with a stage in its values would need a branch for every wrong pair.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    event::{
        BarrierPassed, Deregister, DrainEndpoint, Effect, EndpointAnswer, EndpointRefusal, Register,
    },
    gate::Gated,
    ids::{Colour, EndpointAddr, GroupName, OpId, ServiceName, Tenure},
    in_flight::TenureCounter,
    leave::Leaving,
    notice::Notice,
    once::Once,
    shift::{Pace, ShiftRecord},
    state::{State, Turn},
    switch::{Actor, Receipt, SwitchRequest, Unchanged, WaitFor, Waiting},
    time::Now,
};

/// Everything under way. Switches are bounded by the number of services: one at a time for each, until its
/// barrier has passed; `draining` is bounded by the drains; the rest by [`CHANGES_LIMIT`].
#[derive(Debug, Default)]
pub(super) struct Operations {
    pub(super) waiting: BTreeMap<OpId, Gated>,
    pub(super) journaling: BTreeMap<OpId, Journaling>,
    pub(super) barriers: BTreeMap<OpId, Committing>,
    pub(super) draining: BTreeMap<OpId, Draining>,
    /// The switch that each service is busy with, from its request until its barrier has passed.
    pub(super) busy: BTreeMap<ServiceName, Waiting>,
    own: u64,
}

/// What stays the same of a switch, whatever its stage.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) op: OpId,
    pub(super) actor: Actor,
    pub(super) reason: Option<String>,
    pub(super) force: bool,
    pub(super) rollback: bool,
    pub(super) group: Option<GroupName>,
    pub(super) pace: Pace,
    pub(super) wait: WaitFor,
    pub(super) at: Now,
    /// Services of the request on which the wanted colour was live already.
    pub(super) unchanged: Vec<Unchanged>,
    /// Who made it end sooner and waits for that, too.
    pub(super) joined: Option<Waiter>,
    /// What it is known by if it is asked again.
    pub(super) once: Option<Once>,
    /// Those who have asked again, and wait as the first does.
    pub(super) again: Vec<Waiter>,
}

/// Somebody who waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    pub(super) op: OpId,
    pub(super) wait: WaitFor,
}

impl Waiter {
    pub(super) const fn new(op: OpId, wait: WaitFor) -> Self {
        Self { op, wait }
    }
}

impl Asked {
    pub(super) fn new(request: SwitchRequest, unchanged: Vec<Unchanged>, at: Now) -> Self {
        Self {
            op: request.op,
            rollback: request.wish.is_rollback(),
            group: request.wish.group().cloned(),
            actor: request.actor,
            reason: request.reason,
            force: request.force,
            pace: request.pace,
            wait: request.wait,
            at,
            unchanged,
            joined: None,
            once: request.once.map(|it| *it),
            again: Vec::new(),
        }
    }

    /// A shift that an earlier process has begun; nobody waits for it.
    pub(super) fn restored(record: &ShiftRecord, op: OpId, now: Now) -> Self {
        Self {
            op,
            actor: record.actor.clone(),
            reason: record.reason.clone(),
            force: record.forced,
            rollback: false,
            group: None,
            pace: Pace::AsFile,
            wait: WaitFor::Committed,
            at: Now {
                wall: record.requested_at,
                ..now
            },
            unchanged: Vec::new(),
            joined: None,
            once: record.once.clone(),
            again: Vec::new(),
        }
    }

    /// Everybody who waits for it.
    pub(super) fn waiters(&self) -> Vec<Waiter> {
        let own = Waiter::new(self.op, self.wait);
        let waiters = [own].into_iter().chain(self.joined);
        let waiters = waiters.chain(self.again.iter().copied());
        waiters.filter(|it| !is_own(it.op)).collect()
    }

    /// Those who asked for it, and not only for its end.
    pub(super) fn callers(&self) -> Vec<OpId> {
        let again = self.again.iter().map(|it| it.op);
        let callers = [self.op].into_iter().chain(again);
        callers.filter(|it| !is_own(*it)).collect()
    }
}

/// A change that waits for the journal.
#[derive(Debug)]
pub(super) enum Journaling {
    Switch(Asked, Vec<Intent>),
    /// A shift begins.
    Shift(Asked, Box<ShiftRecord>),
    /// The shift of this service that leads to this tenure goes a step further.
    Step(ServiceName, Tenure),
    /// A shift is aborted.
    Abort(OpId, Box<Intent>, Vec<Waiter>),
    /// The end of this shift, which could not be written down when it came about.
    Late(ServiceName, Tenure),
    Register(Register),
    Deregister(Deregister),
    Drain(DrainEndpoint),
}

/// One service of a switch until the journal has it.
#[derive(Debug)]
pub(super) struct Intent {
    pub(super) receipt: Receipt,
    pub(super) drain_deadline: Duration,
}

/// A published change that waits for the barrier.
#[derive(Debug)]
pub(super) enum Committing {
    Switch(Asked, Vec<Handover>),
    Abort(Box<Aborting>),
    /// Sessions that were begun in this tenure of this service do not finish there any more.
    Linger(ServiceName, Tenure),
    /// A change of an endpoint of this service, which may be about to leave the traffic.
    Endpoint(ServiceName, Option<Leaving>),
}

/// One service of a switch between its publish and its barrier.
#[derive(Debug)]
pub(super) struct Handover {
    pub(super) intent: Intent,
    /// The claims of the tenure that ended.
    pub(super) old: Arc<TenureCounter>,
}

/// A shift between the publish of its abort and the barrier.
#[derive(Debug)]
pub(super) struct Aborting {
    /// What the shift was begun by.
    pub(super) asked: Asked,
    /// The tenure that comes to nothing.
    pub(super) handover: Handover,
    /// Who aborted it and waits for that.
    pub(super) waiters: Vec<Waiter>,
}

/// An answer that waits for drains.
#[derive(Debug)]
pub(super) struct Draining {
    pub(super) waiters: Vec<OpId>,
    pub(super) unchanged: Vec<Unchanged>,
    /// The tenures still draining.
    pub(super) left: BTreeSet<(ServiceName, Tenure)>,
    pub(super) settled: Vec<Receipt>,
}

impl Operations {
    /// A number for an operation of core's own making: the file's wishes. They are answered to nobody.
    pub(super) fn own_op(&mut self) -> OpId {
        self.own += 1;
        OpId(OWN_OPS | self.own)
    }

    /// Whether the number is in use.
    pub(super) fn contains(&self, op: OpId) -> bool {
        self.waiting.contains_key(&op)
            || self.journaling.contains_key(&op)
            || self.barriers.contains_key(&op)
            || self.draining.contains_key(&op)
    }

    /// Registrations and deregistrations under way.
    pub(super) fn changes(&self) -> usize {
        let endpoint = |it: &&Committing| matches!(it, Committing::Endpoint(..));
        self.pending_changes().count() + self.barriers.values().filter(endpoint).count()
    }

    /// Registrations that the journal has not written yet, of one pool.
    pub(super) fn registering(&self, service: &ServiceName, colour: Colour) -> usize {
        self.pending_changes()
            .filter(|it| match it {
                Journaling::Register(it) => it.service == *service && it.colour == colour,
                Journaling::Deregister(_)
                | Journaling::Drain(_)
                | Journaling::Switch(..)
                | Journaling::Shift(..)
                | Journaling::Step(..)
                | Journaling::Abort(..)
                | Journaling::Late(..) => false,
            })
            .count()
    }

    /// Endpoints of one pool that the journal has not written yet to be drained.
    pub(super) fn draining_soon(
        &self,
        service: &ServiceName,
        colour: Colour,
    ) -> BTreeSet<&EndpointAddr> {
        self.pending_changes()
            .filter_map(|it| match it {
                Journaling::Drain(it)
                    if it.service == *service && it.colour == colour && it.change.drains() =>
                {
                    Some(&it.addr)
                }
                Journaling::Drain(_)
                | Journaling::Deregister(_)
                | Journaling::Register(_)
                | Journaling::Switch(..)
                | Journaling::Shift(..)
                | Journaling::Step(..)
                | Journaling::Abort(..)
                | Journaling::Late(..) => None,
            })
            .collect()
    }

    /// Endpoints of one pool whose removal the journal has not written yet.
    pub(super) fn leaving(&self, service: &ServiceName, colour: Colour) -> BTreeSet<&EndpointAddr> {
        self.pending_changes()
            .filter_map(|it| match it {
                Journaling::Deregister(it) if it.service == *service && it.colour == colour => {
                    Some(&it.addr)
                }
                Journaling::Deregister(_)
                | Journaling::Drain(_)
                | Journaling::Register(_)
                | Journaling::Switch(..)
                | Journaling::Shift(..)
                | Journaling::Step(..)
                | Journaling::Abort(..)
                | Journaling::Late(..) => None,
            })
            .collect()
    }

    fn pending_changes(&self) -> impl Iterator<Item = &Journaling> {
        self.journaling.values().filter(|it| match it {
            Journaling::Register(_) | Journaling::Deregister(_) | Journaling::Drain(_) => true,
            Journaling::Switch(..)
            | Journaling::Shift(..)
            | Journaling::Step(..)
            | Journaling::Abort(..)
            | Journaling::Late(..) => false,
        })
    }
}

impl State {
    /// The entry of an operation is on disk: what it says becomes so.
    pub(super) fn journaled(&mut self, op: OpId, turn: &mut Turn) {
        match self.operations.journaling.remove(&op) {
            Some(Journaling::Switch(asked, intents)) => self.switch_journaled(asked, intents, turn),
            Some(Journaling::Shift(asked, record)) => self.shift_began(asked, *record, turn),
            Some(Journaling::Step(service, tenure)) => {
                self.step_written((&service, tenure), Ok(()), turn);
            }
            Some(Journaling::Abort(op, intent, waiters)) => {
                self.abort_written((op, *intent, waiters), turn);
            }
            // Now a restart knows it, too.
            Some(Journaling::Late(..)) | None => {}
            Some(Journaling::Register(register)) => self.registered(register, turn),
            Some(Journaling::Deregister(deregister)) => self.deregistered(deregister, turn),
            Some(Journaling::Drain(drain)) => self.endpoint_drain_journaled(drain, turn),
        }
    }

    /// The entry of an operation is not on disk, and will not be: nothing changes.
    pub(super) fn journal_failed(&mut self, op: OpId, error: String, turn: &mut Turn) {
        match self.operations.journaling.remove(&op) {
            Some(Journaling::Switch(asked, intents)) => {
                self.switch_unjournaled(asked, intents, error, turn);
            }
            Some(Journaling::Shift(asked, record)) => {
                self.refuse_intended(&asked, vec![record.service], error, turn);
            }
            Some(Journaling::Step(service, tenure)) => {
                self.step_written((&service, tenure), Err(error), turn);
            }
            Some(Journaling::Abort(op, intent, waiters)) => {
                turn.tells(Notice::JournalFailed { error });
                let receipt = &intent.receipt;
                self.writes_late(receipt.service.clone(), receipt.tenure, turn);
                self.abort_written((op, *intent, waiters), turn);
            }
            Some(Journaling::Late(service, tenure)) => self.writes_late(service, tenure, turn),
            Some(Journaling::Register(_) | Journaling::Deregister(_) | Journaling::Drain(_)) => {
                turn.does(Effect::AnswerEndpoint(
                    op,
                    EndpointAnswer::Refused(EndpointRefusal::Journal(error)),
                ));
            }
            None => {}
        }
    }

    /// Every worker has left the older snapshot.
    pub(super) fn barrier_passed(&mut self, passed: &BarrierPassed, turn: &mut Turn) {
        if passed.missing == 0 {
            // Whoever missed an earlier one has left every older snapshot by now.
            self.unproven.clear();
        }
        match self.operations.barriers.remove(&passed.op) {
            Some(Committing::Switch(asked, handovers)) => {
                self.committed(asked, handovers, passed, turn);
            }
            Some(Committing::Abort(aborting)) => self.aborted(*aborting, passed, turn),
            Some(Committing::Linger(service, tenure)) => {
                self.linger_left(&(service, tenure), passed, turn);
            }
            Some(Committing::Endpoint(service, leaving)) => {
                self.endpoint_changed(service, leaving, passed, turn);
            }
            None => {}
        }
    }
}

/// Whether core itself made the operation.
pub(super) const fn is_own(op: OpId) -> bool {
    op.0 & OWN_OPS != 0
}

/// The bit that marks numbers of core's own making; the edge counts up from 0 and never reaches it.
pub const OWN_OPS: u64 = 1 << 63;
/// Registrations and deregistrations that may be under way at once, over all services.
pub const CHANGES_LIMIT: usize = 256;

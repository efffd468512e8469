//! Leavers: endpoints that get no further requests, and what becomes of those that they have.
//!
//! Owns the receipts of leavers, from the barrier that proves that nothing new comes to the last request's end. Must not
//! decide whether an endpoint may leave (`registration.rs`, `endpoint_drain.rs`). Receipts are for whoever waits, for the
//! log, and for a look at the last ones; they are not in the journal, because nothing follows from them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    endpoint_counter::{EndpointCounter, EndpointCounts},
    event::{BarrierPassed, Deregister, DrainEndpoint, Effect, EndpointAnswer},
    ids::{Colour, EndpointAddr, EndpointId, OpId, ServiceName},
    notice::Notice,
    pool::EndpointState,
    state::{State, Turn},
    switch::{Actor, WaitFor},
    time::{Timestamp, after},
};

/// How an endpoint is to leave the traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaveTerms {
    /// Even if it is the last ready one of the live pool.
    pub force: bool,
    /// When to answer: when no request can be routed there any more, or when none is left there.
    pub wait: WaitFor,
    /// After it, what still runs there is cut and counted. Without one, what is in flight goes on to its end.
    pub deadline: Option<Duration>,
}

/// Account of an endpoint that left the traffic, and of every request that it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaveReceipt {
    /// The service.
    pub service: ServiceName,
    /// The pool.
    pub colour: Colour,
    /// The endpoint.
    pub endpoint: EndpointAddr,
    /// How it left.
    pub cause: LeaveCause,
    /// Who asked.
    pub actor: Actor,
    /// When no request could be routed there any more.
    pub left_at: Timestamp,
    /// When what is left is cut, if it is.
    pub deadline: Option<Timestamp>,
    /// Workers that had not answered when the barrier was given up, and may send requests there still; 0 is the proof that
    /// nobody can.
    #[serde(default, skip_serializing_if = "is_proven")]
    pub unproven_workers: u64,
    /// Requests in flight there when it left.
    pub in_flight_at_leaving: u64,
    /// Of those: ended by themselves.
    pub finished: u64,
    /// Of those: sent again.
    pub replayed: u64,
    /// Of those: cut by the deadline, or by another order of cutover's.
    pub cut: u64,
    /// When the last one had ended.
    pub ended_at: Option<Timestamp>,
    /// How it stands.
    pub outcome: LeaveOutcome,
}

/// How an endpoint left the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LeaveCause {
    /// It stays in its pool, and gets no requests.
    Drained,
    /// It left its pool.
    Deregistered,
}

/// How a leave stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LeaveOutcome {
    /// Requests are left there.
    Leaving,
    /// Every request has ended by itself or was sent again.
    Left,
    /// Every request has ended, some because they were cut.
    Cut,
    /// It was undrained before the last one had ended; those that were left stay there.
    Returned,
}

impl LeaveReceipt {
    /// Requests not yet accounted for.
    #[must_use]
    pub const fn left(&self) -> u64 {
        let ended = self.finished + self.replayed + self.cut;
        self.in_flight_at_leaving.saturating_sub(ended)
    }

    const fn account(&mut self, met: &EndpointCounts) {
        self.in_flight_at_leaving = met.begun;
        self.finished = met.finished;
        self.replayed = met.replayed;
        self.cut = met.cut;
    }
}

/// An endpoint that is about to leave: the barrier has not passed yet.
#[derive(Debug)]
pub(super) struct Leaving {
    id: EndpointId,
    place: (ServiceName, Colour),
    addr: EndpointAddr,
    counter: Arc<EndpointCounter>,
    cause: LeaveCause,
    terms: LeaveTerms,
    actor: Actor,
}

impl Leaving {
    /// `endpoint` leaves its pool.
    pub(super) fn new(endpoint: &EndpointState, by: &Deregister) -> Self {
        Self {
            id: endpoint.id,
            place: (by.service.clone(), by.colour),
            addr: by.addr.clone(),
            counter: Arc::clone(&endpoint.counter),
            cause: LeaveCause::Deregistered,
            terms: by.terms,
            actor: by.actor.clone(),
        }
    }

    /// `endpoint` stays and gets no requests.
    pub(super) fn drained(endpoint: &EndpointState, by: &DrainEndpoint, terms: LeaveTerms) -> Self {
        Self {
            id: endpoint.id,
            place: (by.service.clone(), by.colour),
            addr: by.addr.clone(),
            counter: Arc::clone(&endpoint.counter),
            cause: LeaveCause::Drained,
            terms,
            actor: by.actor.clone(),
        }
    }
}

/// Endpoints that are leaving, and the last of those that have left.
#[derive(Debug, Default)]
pub(super) struct Leavers {
    open: BTreeMap<OpId, Leaver>,
    ended: VecDeque<LeaveReceipt>,
}

/// An endpoint that gets nothing new and has requests left.
#[derive(Debug)]
struct Leaver {
    id: EndpointId,
    receipt: LeaveReceipt,
    counter: Arc<EndpointCounter>,
    /// The counter's reading at the barrier.
    at_leaving: EndpointCounts,
    began: Instant,
    deadline: Option<Instant>,
    cut: bool,
    awaited: bool,
}

impl Leaver {
    fn account(&self, counts: &EndpointCounts) -> LeaveReceipt {
        let mut receipt = self.receipt.clone();
        receipt.account(&counts.since(&self.at_leaving));
        receipt
    }
}

impl Leavers {
    /// How many are leaving.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// When the next deadline passes.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let uncut = self.open.values().filter(|it| !it.cut);
        uncut.filter_map(|it| it.deadline).min()
    }

    /// Cuts what is left where a deadline has passed.
    pub(super) fn cut_overdue(&mut self, turn: &mut Turn) {
        for leaver in self.open.values_mut() {
            let is_over = leaver.deadline.is_some_and(|it| it <= turn.now.instant);
            if is_over && !leaver.cut {
                leaver.cut = true;
                turn.does(Effect::CutEndpoint(leaver.id));
            }
        }
    }

    /// Receipts of one service: of those that are leaving, as they stand now, then of the last ones that have left.
    pub(super) fn of(&self, service: &ServiceName) -> Vec<LeaveReceipt> {
        let open = self.open.values();
        let open = open.map(|it| it.account(&it.counter.counts()));
        let ended = self.ended.iter().rev().cloned();
        open.chain(ended)
            .filter(|it| it.service == *service)
            .collect()
    }

    /// A drained endpoint gets requests again: what is left there is no leaver's any more.
    pub(super) fn returns(
        &mut self,
        place: (&ServiceName, Colour),
        addr: &EndpointAddr,
        turn: &mut Turn,
    ) {
        let is_it = |it: &LeaveReceipt| {
            (&it.service, it.colour) == place
                && it.endpoint == *addr
                && it.cause == LeaveCause::Drained
        };
        let ops = self.open.iter().filter(|(_, it)| is_it(&it.receipt));
        let ops: Vec<_> = ops.map(|(op, _)| *op).collect();
        for op in ops {
            turn.does(Effect::ForgetLeaver(op));
            if let Some(leaver) = self.open.remove(&op) {
                let mut receipt = leaver.account(&leaver.counter.counts());
                receipt.outcome = LeaveOutcome::Returned;
                self.end(op, &leaver, receipt, turn);
            }
        }
    }

    fn end(&mut self, op: OpId, leaver: &Leaver, mut receipt: LeaveReceipt, turn: &mut Turn) {
        receipt.ended_at = Some(turn.now.wall);
        let took: Duration = turn.now.instant.duration_since(leaver.began);
        turn.tells(Notice::EndpointLeft {
            receipt: receipt.clone(),
            took,
        });
        self.ended.push_back(receipt.clone());
        if self.ended.len() > LEFT_LIMIT {
            self.ended.pop_front();
        }
        if leaver.awaited {
            answer(op, receipt, turn);
        }
    }
}

impl State {
    /// No request can be routed to the endpoint any more.
    pub(super) fn leaves(&mut self, leaving: Leaving, passed: &BarrierPassed, turn: &mut Turn) {
        let op = passed.op;
        let now = turn.now;
        let at_leaving = leaving.counter.counts();
        let terms = leaving.terms;
        let mut receipt = LeaveReceipt {
            service: leaving.place.0,
            colour: leaving.place.1,
            endpoint: leaving.addr,
            cause: leaving.cause,
            actor: leaving.actor,
            left_at: now.wall,
            deadline: terms.deadline.map(|it| now.wall.plus(it)),
            unproven_workers: passed.missing as u64,
            in_flight_at_leaving: 0,
            finished: 0,
            replayed: 0,
            cut: 0,
            ended_at: None,
            outcome: LeaveOutcome::Leaving,
        };
        receipt.account(&at_leaving.since(&at_leaving));
        let leaver = Leaver {
            id: leaving.id,
            counter: leaving.counter,
            at_leaving,
            began: now.instant,
            deadline: terms.deadline.map(|it| after(now.instant, it)),
            cut: false,
            awaited: terms.wait == WaitFor::Drained,
            receipt,
        };
        if at_leaving.in_flight() == 0 {
            return self.nothing_left(op, leaver, turn);
        }
        if !leaver.awaited {
            answer(op, leaver.receipt.clone(), turn);
        }
        turn.does(Effect::WatchLeaver(op, Arc::clone(&leaver.counter)));
        self.leavers.open.insert(op, leaver);
    }

    /// Nothing was in flight when it left: there is nothing to watch, and one answer says it all.
    fn nothing_left(&mut self, op: OpId, leaver: Leaver, turn: &mut Turn) {
        let mut receipt = leaver.receipt.clone();
        receipt.outcome = LeaveOutcome::Left;
        let answered = Leaver {
            awaited: true,
            ..leaver
        };
        self.leavers.end(op, &answered, receipt, turn);
    }

    /// No request is left on an endpoint.
    pub(super) fn left(&mut self, op: OpId, counts: &EndpointCounts, turn: &mut Turn) {
        let Some(leaver) = self.leavers.open.remove(&op) else {
            return;
        };
        let mut receipt = leaver.account(counts);
        receipt.outcome = match receipt.cut {
            0 => LeaveOutcome::Left,
            _ => LeaveOutcome::Cut,
        };
        self.leavers.end(op, &leaver, receipt, turn);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_proven(unproven_workers: &u64) -> bool {
    *unproven_workers == 0
}

fn answer(op: OpId, receipt: LeaveReceipt, turn: &mut Turn) {
    let receipt = Some(Box::new(receipt));
    let done = EndpointAnswer::Done {
        changed: true,
        receipt,
    };
    turn.does(Effect::AnswerEndpoint(op, done));
}

/// Endpoints that may be leaving at once, over all services; further ones are refused.
pub const LEAVERS_LIMIT: usize = 256;
/// Receipts of endpoints that have left which are kept, over all services.
const LEFT_LIMIT: usize = 256;

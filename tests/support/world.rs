//! A simulated edge around a state machine: a journal, workers that claim, a clock. It does what the
//! controller would do, in any order that the controller could, and holds the state to its invariants after
//! each event.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by test files, each of which uses a part of it"
)]

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    num::NonZeroU16,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use cutover::core::{
    event::{
        BarrierPassed, Deregister, DrainChange, DrainEndpoint, Effect, EndpointAnswer, Entry,
        Event, LeaveTerms, Register, Reload, Restored,
    },
    gate::{
        inquiry::{GateAnswer, Inquiry},
        verdict::GateFault,
        word::{Said, Word},
    },
    ids::{
        ByColour, Colour, EndpointAddr, EndpointId, Generation, ListenerId, ListenerName, OpId,
        ServiceName, Tenure,
    },
    in_flight::{Claim, Ending, TenureCounter, WorkerTenure},
    once::Once,
    operation::OWN_OPS,
    service::ServiceSpec,
    share::Share,
    shift::Pace,
    snapshot::{ServiceSnapshot, Snapshot},
    state::State,
    steer::{Steer, SteerRequest},
    switch::{Actor, Outcome, SwitchAnswer, SwitchRequest, WaitFor, Wish},
    time::Now,
};

use super::{
    ledger::{WORKERS, ada, publish_comes_before_answers, start},
    reread::write,
};

/// See the module.
pub struct World {
    pub state: State,
    pub now: Now,
    next_op: u64,
    asked: BTreeSet<OpId>,
    /// What each operation was answered: `done`, or the name of the refusal.
    pub answers: BTreeMap<OpId, String>,
    /// Entries on their way to the disk, in order; those without a number are written sooner or later.
    journaling: VecDeque<(Option<OpId>, Entry)>,
    barriers: VecDeque<(OpId, Vec<Arc<TenureCounter>>)>,
    draining: Vec<Arc<TenureCounter>>,
    /// Gates that the edge has been asked about.
    asking: Vec<Inquiry>,
    /// Hooks that were called and have not answered.
    calling: Vec<OpId>,
    /// What was in flight in the tenure before this one when its barrier passed.
    pub met: BTreeMap<(ServiceName, Tenure), u64>,
    /// The tenure that began when this one ended.
    began: BTreeMap<(ServiceName, Tenure), Tenure>,
    claims: Vec<(Claim, Rc<WorkerTenure>)>,
    /// Every endpoint that ever was.
    pub endpoints: BTreeSet<EndpointId>,
    pub journal: Restored,
    pub files: Vec<Arc<ServiceSpec>>,
}

impl World {
    pub fn new() -> Self {
        Self {
            state: State::new(WORKERS, Restored::default()),
            now: start(),
            next_op: 0,
            asked: BTreeSet::new(),
            answers: BTreeMap::new(),
            journaling: VecDeque::new(),
            barriers: VecDeque::new(),
            draining: Vec::new(),
            asking: Vec::new(),
            calling: Vec::new(),
            met: BTreeMap::new(),
            began: BTreeMap::new(),
            claims: Vec::new(),
            endpoints: BTreeSet::new(),
            journal: Restored::default(),
            files: Vec::new(),
        }
    }

    /// What the operation asked for last was answered, if it was.
    pub fn last_answer(&self) -> &str {
        let answer = self.answers.get(&OpId(self.next_op));
        answer.map_or("waits", String::as_str)
    }

    pub fn switch(&mut self, wish: Wish, force: bool, wait: WaitFor) {
        self.switch_at(wish, force, (wait, Pace::AsFile));
    }

    pub fn switch_at(&mut self, wish: Wish, force: bool, how: (WaitFor, Pace)) {
        self.switch_once(wish, force, how, None);
    }

    /// The same under a key.
    pub fn switch_once(
        &mut self,
        wish: Wish,
        force: bool,
        (wait, pace): (WaitFor, Pace),
        once: Option<Once>,
    ) {
        let op = self.op();
        self.happens(Event::Switch(SwitchRequest {
            op,
            wish,
            actor: ada(),
            reason: None,
            force,
            expect_live: None,
            expect_tenure: None,
            pace,
            once: once.map(Box::new),
            wait,
        }));
    }

    pub fn steer(&mut self, service: &str, steer: Steer, wait: WaitFor) {
        let op = self.op();
        self.happens(Event::Steer(SteerRequest {
            op,
            service: ServiceName::new(service),
            steer,
            actor: ada(),
            reason: None,
            force: false,
            expect_live: None,
            expect_tenure: None,
            once: None,
            wait,
        }));
    }

    pub fn register(&mut self, service: &str, colour: Colour, addr: &str, weight: u16) {
        let op = self.op();
        self.happens(Event::Register(Register {
            op,
            service: ServiceName::new(service),
            colour,
            addr: EndpointAddr::new(addr),
            weight: NonZeroU16::new(weight).unwrap_or(NonZeroU16::MIN),
            actor: ada(),
        }));
    }

    pub fn deregister(&mut self, service: &str, colour: Colour, addr: &str) {
        let op = self.op();
        self.happens(Event::Deregister(Deregister {
            op,
            service: ServiceName::new(service),
            colour,
            addr: EndpointAddr::new(addr),
            terms: LeaveTerms::default(),
            actor: ada(),
        }));
    }

    pub fn drain(&mut self, service: &str, colour: Colour, addr: &str, change: DrainChange) {
        let op = self.op();
        self.happens(Event::DrainEndpoint(DrainEndpoint {
            op,
            service: ServiceName::new(service),
            colour,
            addr: EndpointAddr::new(addr),
            change,
            actor: ada(),
        }));
    }

    /// Applies a file. The controller waits for the journal's answer before it takes the next event; a file that came
    /// between a registration and its answer would have what it records written after what is not written yet.
    pub fn reload(&mut self, specs: Vec<ServiceSpec>) {
        while !self.journaling.is_empty() {
            self.journal_answers(true);
        }
        self.files = specs.into_iter().map(Arc::new).collect();
        self.happens(Event::Reloaded(Reload {
            services: self.files.clone(),
            listeners: vec![(ListenerId(1), ListenerName::new("web"))],
            actor: ada(),
        }));
    }

    /// The oldest entry that waits is written, or the disk fails.
    pub fn journal_answers(&mut self, written: bool) {
        while let Some((None, entry)) = self.journaling.pop_front_if(|(op, _)| op.is_none()) {
            write(&mut self.journal, entry);
        }
        let Some((Some(op), entry)) = self.journaling.pop_front() else {
            return;
        };
        if written {
            write(&mut self.journal, entry);
            self.happens(Event::Journaled(op));
        } else {
            self.happens(Event::JournalFailed(op, "disk full".to_owned()));
        }
    }

    /// Every worker answers the oldest barrier, but for `missing` of them.
    pub fn workers_answer(&mut self, missing: usize) {
        let Some((op, counters)) = self.barriers.pop_front() else {
            return;
        };
        for it in &counters {
            // A tenure that ended meets the one that began, one that came to nothing meets itself.
            let began = self.began.get(&(it.service().clone(), it.tenure()));
            let key = (it.service().clone(), began.copied().unwrap_or(it.tenure()));
            self.met.insert(key, it.counts().in_flight());
        }
        let read = |it: &Arc<TenureCounter>| (it.service().clone(), it.tenure(), it.counts());
        self.happens(Event::BarrierPassed(BarrierPassed {
            op,
            took: Duration::from_micros(90),
            counts: counters.iter().map(read).collect(),
            missing,
        }));
    }

    /// The oldest hook that was called after a switch answers.
    pub fn hook_answers(&mut self, passes: bool) {
        if !self.calling.is_empty() {
            let op = self.calling.remove(0);
            let fault = GateFault::default();
            self.happens(Event::Called(op, if passes { Ok(()) } else { Err(fault) }));
        }
    }

    /// Another operator says something about a switch.
    pub fn says(&mut self, service: &str, word: Word) {
        let op = self.op();
        self.happens(Event::Said(Said {
            op,
            service: ServiceName::new(service),
            word,
            actor: Actor::file(),
            reason: None,
        }));
    }

    /// The edge answers the oldest inquiry, gate by gate; the last one in this way.
    pub fn gates_answer(&mut self, passes: bool) {
        if self.asking.is_empty() {
            return;
        }
        let inquiry = self.asking.remove(0);
        let last = inquiry.questions.len() - 1;
        for place in 0..=last {
            let fault = GateFault::default();
            self.happens(Event::GateAnswered(GateAnswer {
                op: inquiry.op,
                gate: inquiry.gate,
                place,
                outcome: if passes || place < last {
                    Ok(())
                } else {
                    Err(fault)
                },
            }));
        }
    }

    /// A request claims in the live tenure of some service of the published snapshot.
    pub fn claim(&mut self, which: usize) {
        let services: Vec<_> = self.state.snapshot().services.iter().collect();
        if !services.is_empty() && self.claims.len() < 64 {
            let service = services[which % services.len()];
            let shifted = service.shift.as_ref().filter(|_| which.is_multiple_of(3));
            let former = service.former.as_ref().filter(|_| which.is_multiple_of(5));
            let counter = shifted.map_or(&service.tenure, |shift| &shift.tenure);
            let counter = former.map_or(counter, |former| &former.tenure);
            let counter = Arc::clone(counter);
            let tenure = WorkerTenure::new(counter, which % WORKERS);
            self.claims.push((Claim::new(&tenure), tenure));
        }
    }

    pub fn claim_ends(&mut self, which: usize, ending: Ending) {
        if !self.claims.is_empty() {
            let (claim, _) = self.claims.swap_remove(which % self.claims.len());
            claim.ends(ending);
        }
    }

    /// The drainer looks at its counters.
    pub fn drainer_looks(&mut self) {
        let drained = |it: &Arc<TenureCounter>| it.counts().in_flight() == 0;
        let (done, left) = std::mem::take(&mut self.draining)
            .into_iter()
            .partition(drained);
        self.draining = left;
        let done: Vec<Arc<TenureCounter>> = done;
        for counter in done {
            self.happens(Event::Drained {
                service: counter.service().clone(),
                tenure: counter.tenure(),
                counts: counter.counts(),
            });
        }
    }

    /// Time passes and the controller wakes.
    pub fn wakes_after(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.wall = self.now.wall.plus(time);
        self.happens(Event::Woke);
        let next = self.state.next_wake();
        assert!(
            next.is_none_or(|next| next > self.now.instant),
            "the controller would spin"
        );
    }

    /// Everything under way comes to its end.
    pub fn settles(&mut self) {
        for _ in 0..10_000 {
            self.claims.clear();
            self.journal_answers(true);
            self.abort_what_waits_for_ever();
            self.workers_answer(0);
            self.drainer_looks();
            match self.state.next_wake() {
                Some(due) => {
                    let time = due.saturating_duration_since(self.now.instant);
                    self.wakes_after(time);
                }
                None if self.journaling.is_empty() && self.barriers.is_empty() => {
                    return self.drainer_looks();
                }
                None => {}
            }
        }
        panic!("something is under way for ever");
    }

    fn abort_what_waits_for_ever(&mut self) {
        let views = self.state.views(None, usize::MAX, self.now);
        for view in views {
            if view.shift.is_some_and(|it| it.paused || it.held) {
                self.steer(view.service.as_str(), Steer::Abort, WaitFor::Drained);
            }
        }
    }

    pub fn assert_all_answered(&self) {
        assert!(self.asked.is_empty(), "never answered: {:?}", self.asked);
    }

    /// Nothing of what is over keeps a service from being switched.
    pub fn assert_nothing_is_busy(&mut self) {
        for spec in self.files.clone() {
            let view = self.state.view(spec.name.as_str(), self.now).unwrap();
            let to = view.live.other();
            let wish = Wish::Switch([(spec.name.clone(), to)].into());
            self.switch(wish, true, WaitFor::Committed);
            let began = self.journaling.len() == 1;
            assert_eq!(began, view.pools[to].endpoints.iter().any(|it| !it.drained));
            self.settles();
        }
    }

    fn op(&mut self) -> OpId {
        self.next_op += 1;
        self.asked.insert(OpId(self.next_op));
        OpId(self.next_op)
    }

    /// One event, and every invariant that must hold after it.
    pub fn happens(&mut self, event: Event) {
        let before = Arc::clone(self.state.snapshot());
        let journaled = matches!(event, Event::Journaled(_));
        let reloaded = matches!(event, Event::Reloaded(_));
        let effects = self.state.handle(event, self.now);
        publish_comes_before_answers(&effects);
        let count = |of: fn(&Effect) -> bool| effects.iter().filter(|it| of(it)).count();
        let published = count(|it| matches!(it, Effect::Publish(_)));
        let applied = count(|it| matches!(it, Effect::Applied(_)));
        assert_eq!(applied, usize::from(reloaded));
        let after = Arc::clone(self.state.snapshot());
        match published {
            0 => assert!(Arc::ptr_eq(&before, &after)),
            1 => assert_eq!(after.generation, Generation(before.generation.0 + 1)),
            more => panic!("{more} publishes for one event"),
        }
        compare(&before, &after, journaled, reloaded);
        for service in after.services.iter() {
            let before = before.services.iter();
            let before = { before }.find(|it| it.name == service.name);
            if let Some(before) = before.filter(|it| it.live != service.live) {
                let ended = (service.name.clone(), before.tenure_number());
                self.began.insert(ended, service.tenure_number());
            }
        }
        for effect in effects {
            self.carries_out(effect);
        }
        self.receipts_add_up();
    }

    fn carries_out(&mut self, effect: Effect) {
        match effect {
            Effect::Journal(op, entry) => self.journaling.push_back((Some(op), entry)),
            Effect::Record(entry) => self.journaling.push_back((None, entry)),
            Effect::Barrier(op, counters) => self.barriers.push_back((op, counters)),
            Effect::Drain(counter) => self.draining.push(counter),
            Effect::Ask(inquiry) => self.asking.push(inquiry),
            Effect::Unask(op) => {
                self.asking.retain(|it| it.op != op);
                self.calling.retain(|it| *it != op);
            }
            Effect::Call(call) => self.calling.push(call.op),
            Effect::Cut(counter) => {
                let of = |it: &(Claim, Rc<WorkerTenure>)| Arc::ptr_eq(it.1.counter(), &counter);
                for (claim, _) in self.claims.extract_if(.., |it| of(it)) {
                    claim.ends(Ending::CutByDeadline);
                }
            }
            Effect::Answer(op, SwitchAnswer::Refused(it)) => self.answered(op, &name(&it)),
            Effect::AnswerEndpoint(op, EndpointAnswer::Refused(it)) => {
                self.answered(op, &name(&it));
            }
            Effect::AnswerWord(op, Err(it)) => self.answered(op, &name(&it)),
            Effect::Answer(op, SwitchAnswer::Done { .. } | SwitchAnswer::Shifting(_))
            | Effect::AnswerEndpoint(op, EndpointAnswer::Done { .. })
            | Effect::AnswerWord(op, Ok(_)) => self.answered(op, "done"),
            Effect::Watch(watched) => {
                let endpoints = watched.iter().flat_map(|it| &it.endpoints);
                self.endpoints.extend(endpoints.map(|it| it.id));
            }
            // Requests of this world are on no endpoint, so that nothing is left on those that leave.
            Effect::WatchLeaver(..) | Effect::ForgetLeaver(_) | Effect::CutEndpoint(_) => {
                panic!("nothing is left there: {effect:?}")
            }
            Effect::Publish(_) | Effect::Applied(_) | Effect::Notice(_) => {}
        }
    }

    fn answered(&mut self, op: OpId, answer: &str) {
        assert_eq!(op.0 & OWN_OPS, 0, "nobody asked");
        assert!(self.asked.remove(&op), "{op} was answered twice");
        self.answers.insert(op, answer.to_owned());
    }

    fn receipts_add_up(&self) {
        let names = self.files.iter().map(|it| it.name.as_str());
        for receipt in names.flat_map(|it| self.state.history(Some(it))) {
            let key = (receipt.service.clone(), receipt.tenure);
            let met = self.met.get(&key).copied();
            assert_eq!(receipt.in_flight_at_commit, met.unwrap_or(0));
            let ended = receipt.finished + receipt.replayed + receipt.cut.total();
            match receipt.outcome {
                Outcome::Drained | Outcome::Cut => {
                    assert_eq!(receipt.in_flight_at_commit, ended, "{receipt:?}");
                    assert!(receipt.drained_at >= receipt.committed_at);
                }
                Outcome::Draining => assert!(receipt.in_flight_at_commit >= ended),
                Outcome::Committing | Outcome::Interrupted => assert_eq!(ended, 0),
                Outcome::Aborted if receipt.drained_at.is_some() => {
                    assert_eq!(receipt.in_flight_at_commit, ended, "{receipt:?}");
                }
                Outcome::Aborted => assert!(receipt.in_flight_at_commit >= ended),
            }
        }
    }
}

/// The name of a refusal.
fn name(refusal: &impl std::fmt::Debug) -> String {
    let text = format!("{refusal:?}");
    let end = text.find(|it: char| !it.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}

/// A tenure rises by one, at a switch, together with the live colour; and a service of which no request would
/// see a difference is the very same value.
fn compare(before: &Snapshot, after: &Snapshot, journaled: bool, reloaded: bool) {
    let slots = |it: &Snapshot| it.services.iter().map(|it| it.slot).collect::<Vec<_>>();
    assert!(reloaded || slots(before) == slots(after));
    for old in before.services.iter() {
        let Some(new) = after.service(old.slot).filter(|it| it.name == old.name) else {
            assert!(reloaded);
            continue;
        };
        assert_eq!(
            Arc::ptr_eq(old, new),
            looks_the_same(old, new),
            "{} was built for nothing",
            old.name
        );
        let (from, to) = (old.tenure_number(), new.tenure_number());
        assert_eq!(new.tenure.colour(), new.live);
        if let Some(shift) = &new.shift {
            assert_eq!(shift.tenure.colour(), new.live.other());
            assert!(shift.tenure.tenure() > to && shift.share < Share::WHOLE);
        }
        if from == to {
            assert_eq!(old.live, new.live);
            assert!(Arc::ptr_eq(&old.tenure, &new.tenure));
        } else {
            assert!(journaled, "a switch that the journal does not know");
            assert!(to > from, "a number was used twice");
            assert_eq!(new.live, old.live.other());
        }
    }
}

fn looks_the_same(old: &ServiceSnapshot, new: &ServiceSnapshot) -> bool {
    let pools = |of: &ServiceSnapshot| {
        ByColour::from_fn(|colour| {
            let endpoints = of.pools[colour].endpoints.iter();
            endpoints
                .map(|it| (it.id, it.weight, it.ready, it.resolved.to_vec()))
                .collect::<Vec<_>>()
        })
    };
    let shift = |of: &ServiceSnapshot| {
        let shift = of.shift.as_ref();
        shift.map(|it| (it.share, it.key.clone(), it.tenure.tenure()))
    };
    let former = |of: &ServiceSnapshot| of.former.as_ref().map(|it| it.tenure.tenure());
    old.tenure_number() == new.tenure_number()
        && old.held == new.held
        && old.spec == new.spec
        && pools(old) == pools(new)
        && shift(old) == shift(new)
        && former(old) == former(new)
}

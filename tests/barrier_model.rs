//! The proof behind `committed`, by enumeration: every interleaving of workers that load, claim, end claims
//! and answer a barrier with a controller that publishes and asks.
//!
//! Two layers: a model small enough to visit every state it can reach, and every schedule of a smaller model
//! replayed on the real `Publisher`, `Reader` and `Claim`. The order of memory is not modelled: each worker
//! reads its own shard, which only it writes, and the answers travel through a channel.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{collections::HashSet, rc::Rc, sync::Arc};

use cutover::{
    core::{
        by_slot::BySlot,
        ids::{ByColour, Colour, Generation, ServiceName, ServiceSlot, Tenure},
        in_flight::{Claim, Counts, Ending, TenureCounter, WorkerTenure},
        snapshot::{ServiceSnapshot, Snapshot},
    },
    publish::{Publisher, Reader},
};

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;

/// Whether a worker may answer a barrier between loading the snapshot and claiming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    /// It may not: it does not await there (invariant 4).
    Nothing,
    /// It may, as it could if it awaited there.
    Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Which {
    Old,
    New,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Publish,
    Ask,
    Load(usize),
    Claim(usize),
    End(usize, Which),
    Answer(usize),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Model {
    published: bool,
    asked: bool,
    workers: Vec<Worker>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Worker {
    requests_left: u8,
    /// The snapshot that the request at hand has loaded and not claimed in yet.
    loaded: Option<Which>,
    old_claims: u8,
    new_claims: u8,
    /// What it read in its shard when it answered.
    answer: Option<u8>,
    ended_since_answer: u8,
}

/// What `committed` would be wrong about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Violation {
    ClaimedTheOldTenureAfterTheBarrier,
    AnswersDoNotAddUp,
}

impl Model {
    fn new(workers: usize, requests: u8) -> Self {
        let worker = Worker {
            requests_left: requests,
            loaded: None,
            old_claims: 0,
            new_claims: 0,
            answer: None,
            ended_since_answer: 0,
        };
        Self {
            published: false,
            asked: false,
            workers: vec![worker; workers],
        }
    }

    fn steps(&self, between: Between) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.published {
            steps.push(Step::Publish);
        } else if !self.asked {
            steps.push(Step::Ask);
        }
        for (at, worker) in self.workers.iter().enumerate() {
            match worker.loaded {
                Some(_) => steps.push(Step::Claim(at)),
                None if worker.requests_left > 0 => steps.push(Step::Load(at)),
                None => {}
            }
            if worker.old_claims > 0 {
                steps.push(Step::End(at, Which::Old));
            }
            if worker.new_claims > 0 {
                steps.push(Step::End(at, Which::New));
            }
            let free = worker.loaded.is_none() || between == Between::Answer;
            if self.asked && worker.answer.is_none() && free {
                steps.push(Step::Answer(at));
            }
        }
        steps
    }

    fn after(&self, step: Step) -> Result<Self, Violation> {
        let mut next = self.clone();
        let passed = next.workers.iter().all(|it| it.answer.is_some());
        match step {
            Step::Publish => next.published = true,
            Step::Ask => next.asked = true,
            Step::Load(at) => {
                let worker = &mut next.workers[at];
                worker.requests_left -= 1;
                worker.loaded = Some(match self.published {
                    true => Which::New,
                    false => Which::Old,
                });
            }
            Step::Claim(at) => match next.workers[at].loaded.take() {
                Some(Which::Old) if passed => {
                    return Err(Violation::ClaimedTheOldTenureAfterTheBarrier);
                }
                Some(Which::Old) => next.workers[at].old_claims += 1,
                Some(Which::New) => next.workers[at].new_claims += 1,
                None => unreachable!("only what was loaded is claimed"),
            },
            Step::End(at, Which::Old) => {
                let worker = &mut next.workers[at];
                worker.old_claims -= 1;
                worker.ended_since_answer += u8::from(worker.answer.is_some());
            }
            Step::End(at, Which::New) => next.workers[at].new_claims -= 1,
            Step::Answer(at) => next.workers[at].answer = Some(next.workers[at].old_claims),
        }
        next.adds_up().map(|()| next)
    }

    /// After the barrier: what the answers say together is in flight still, or has ended since.
    fn adds_up(&self) -> Result<(), Violation> {
        let answers: Option<Vec<u8>> = self.workers.iter().map(|it| it.answer).collect();
        let Some(answers) = answers else {
            return Ok(());
        };
        let known = |it: &Worker| it.old_claims + it.ended_since_answer;
        let known: u8 = self.workers.iter().map(known).sum();
        match answers.iter().sum::<u8>() == known {
            true => Ok(()),
            false => Err(Violation::AnswersDoNotAddUp),
        }
    }
}

/// Visits every state that can be reached; how many there are, or the first violation and the way to it.
fn visit_all(start: Model, between: Between) -> Result<usize, (Violation, Vec<Step>)> {
    let mut seen = HashSet::from([start.clone()]);
    let mut todo = vec![(start, Vec::new())];
    while let Some((model, way)) = todo.pop() {
        for step in model.steps(between) {
            let mut way: Vec<Step> = way.clone();
            way.push(step);
            match model.after(step) {
                Err(violation) => return Err((violation, way)),
                Ok(next) => {
                    if seen.insert(next.clone()) {
                        todo.push((next, way));
                    }
                }
            }
        }
    }
    Ok(seen.len())
}

#[test]
fn after_the_barrier_nobody_reaches_the_old_tenure_and_the_answers_add_up() {
    for (workers, requests) in [(1, 3), (2, 3), (3, 2)] {
        let states = visit_all(Model::new(workers, requests), Between::Nothing).unwrap();
        assert!(states > 50, "{states} is not every state");
    }
}

#[test]
fn the_proof_falls_if_a_worker_could_answer_between_loading_and_claiming() {
    let (violation, way) = visit_all(Model::new(1, 1), Between::Answer).unwrap_err();
    assert_eq!(violation, Violation::ClaimedTheOldTenureAfterTheBarrier);
    let claimed_late = [
        Step::Load(0),
        Step::Publish,
        Step::Ask,
        Step::Answer(0),
        Step::Claim(0),
    ];
    assert_eq!(way, claimed_late);
    assert!(visit_all(Model::new(3, 2), Between::Answer).is_err());
}

#[test]
fn every_schedule_holds_on_the_real_parts() {
    let mut schedules = 0;
    each_schedule(&Model::new(2, 1), &mut Vec::new(), &mut |schedule| {
        schedules += 1;
        replay(schedule, 2);
    });
    assert!(schedules > 1_000, "{schedules}");
}

fn each_schedule(model: &Model, way: &mut Vec<Step>, done: &mut impl FnMut(&[Step])) {
    let steps = model.steps(Between::Nothing);
    if steps.is_empty() {
        return done(way);
    }
    for step in steps {
        way.push(step);
        each_schedule(&model.after(step).unwrap(), way, done);
        way.pop();
    }
}

/// One worker made of the real parts.
struct RealWorker {
    at: usize,
    reader: Reader,
    loaded: Option<Arc<Snapshot>>,
    claims: Vec<(Which, Claim)>,
    answer: Option<Counts>,
}

impl RealWorker {
    fn claim(&mut self, old: &Arc<TenureCounter>) -> Which {
        let snapshot = self.loaded.take().unwrap();
        let tenure = &snapshot.service(ServiceSlot(0)).unwrap().tenure;
        let which = match Arc::ptr_eq(tenure, old) {
            true => Which::Old,
            false => Which::New,
        };
        let tenure: Rc<WorkerTenure> = WorkerTenure::new(Arc::clone(tenure), self.at);
        self.claims.push((which, Claim::new(&tenure)));
        which
    }

    fn end(&mut self, which: Which) {
        let at = self.claims.iter().position(|it| it.0 == which).unwrap();
        self.claims.swap_remove(at).1.ends(Ending::Finished);
    }
}

fn replay(schedule: &[Step], workers: usize) {
    let publisher = Publisher::new();
    publisher.publish(snapshot(1, Colour::Blue, workers));
    let first = publisher.reader().load().clone();
    let old = Arc::clone(&first.service(ServiceSlot(0)).unwrap().tenure);
    let worker = |at| RealWorker {
        at,
        reader: publisher.reader(),
        loaded: None,
        claims: Vec::new(),
        answer: None,
    };
    let mut workers: Vec<_> = (0..workers).map(worker).collect();
    for step in schedule {
        match *step {
            Step::Publish => publisher.publish(snapshot(2, Colour::Green, workers.len())),
            Step::Ask => {}
            Step::Load(at) => workers[at].loaded = Some(workers[at].reader.load().clone()),
            Step::Claim(at) => {
                let passed = workers.iter().all(|it| it.answer.is_some());
                let which = workers[at].claim(&old);
                assert!(!(passed && which == Which::Old), "{schedule:?}");
            }
            Step::End(at, which) => workers[at].end(which),
            Step::Answer(at) => workers[at].answer = Some(old.counts_of(at)),
        }
    }
    let answers = workers.iter().map(|it| it.answer.unwrap());
    let at_commit = answers.fold(Counts::default(), |sum, it| sum.plus(&it));
    let met = old.counts().since(&at_commit);
    assert_eq!(met.claimed, at_commit.in_flight(), "{schedule:?}");
    assert_eq!(met.claimed, met.finished, "{schedule:?}");
}

fn snapshot(generation: u64, live: Colour, workers: usize) -> Arc<Snapshot> {
    let name = ServiceName::new("shop");
    let tenure = TenureCounter::new(name.clone(), live, Tenure(generation), workers);
    Arc::new(Snapshot {
        generation: Generation(generation),
        routes: Vec::new(),
        services: BySlot::from_iter([(
            ServiceSlot(0),
            Arc::new(ServiceSnapshot {
                held: false,
                previews: None,
                mirrors: None,
                name,
                slot: ServiceSlot(0),
                spec: Arc::new(ledger::service("shop")),
                live,
                tenure: Arc::new(tenure),
                shift: None,
                former: None,
                pools: ByColour::default(),
            }),
        )]),
    })
}

//! Finding out about gates: what core wants to know before it commits a switch.
//!
//! Owns one task for each switch that asks; must not judge what an answer means for the switch. A task ends by being
//! dropped: a switch that is refused, aborted or committed asks no further. Every question has a timeout here and a
//! deadline in core, so that nothing that hangs can hold a switch.

mod check;
mod exchange;
mod hook;
pub(super) mod warm_up;

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::mpsc;

use self::warm_up::WarmUp;
use super::{Running, workers::Workers};
use crate::{
    core::{
        event::Event,
        gate::{
            inquiry::{CheckQuestion, GateAnswer, HookCall, Inquiry, Question},
            verdict::GateFault,
        },
        ids::OpId,
    },
    tls::Connectors,
};

/// Finds out about the gates of any number of switches.
#[derive(Debug)]
pub(super) struct Inquirer {
    running: BTreeMap<OpId, Running>,
    connectors: Arc<Connectors>,
    events: mpsc::Sender<Event>,
}

impl Inquirer {
    /// Asks nothing yet; answers go to `events`.
    pub(super) const fn new(connectors: Arc<Connectors>, events: mpsc::Sender<Event>) -> Self {
        Self {
            running: BTreeMap::new(),
            connectors,
            events,
        }
    }

    /// Finds out about these; what the same switch asked before is asked no more.
    pub(super) fn ask(&mut self, inquiry: Inquiry, workers: &mut Workers) {
        self.running.retain(|_, running| !running.has_ended());
        let op = inquiry.op;
        // Workers are asked now, and answer whenever they are done.
        let warm_ups = inquiry.questions.iter().map(|question| match question {
            Question::WarmUp(question) => Some(WarmUp::ask(question, workers)),
            Question::Hook(_) | Question::Check(_) => None,
        });
        let warm_ups: Vec<_> = warm_ups.collect();
        let connectors = Arc::clone(&self.connectors);
        let asking = find_out((inquiry, warm_ups), connectors, self.events.clone());
        self.running.insert(op, Running::spawn(asking));
    }

    /// Calls a hook that no switch waits for.
    pub(super) fn call(&mut self, call: HookCall) {
        self.running.retain(|_, running| !running.has_ended());
        let (connectors, events) = (Arc::clone(&self.connectors), self.events.clone());
        let op = call.op;
        let calling = async move {
            let outcome = hook::called(&call.question, &connectors).await;
            // The controller is gone only when the process is.
            let _ = events.send(Event::Called(op, outcome)).await;
        };
        self.running.insert(op, Running::spawn(calling));
    }

    /// Asks nothing more for this switch.
    pub(super) fn unask(&mut self, op: OpId) {
        self.running.remove(&op);
    }

    /// Makes these checks for somebody who only looks.
    pub(super) fn look(
        &self,
        checks: Vec<CheckQuestion>,
    ) -> impl Future<Output = Vec<Result<(), GateFault>>> + Send + use<> {
        let connectors = Arc::clone(&self.connectors);
        async move {
            let mut outcomes = Vec::with_capacity(checks.len());
            for question in &checks {
                outcomes.push(check::made(question, &connectors).await);
            }
            outcomes
        }
    }
}

/// Asks one question after the other, and goes on after a failure: a refusal names every gate that failed.
async fn find_out(
    (inquiry, warm_ups): (Inquiry, Vec<Option<WarmUp>>),
    connectors: Arc<Connectors>,
    events: mpsc::Sender<Event>,
) {
    let questions = inquiry.questions.iter().zip(warm_ups);
    for (place, (question, warm_up)) in questions.enumerate() {
        let outcome = match question {
            Question::WarmUp(question) => match warm_up {
                Some(warm_up) => warm_up.done(question).await,
                None => Ok(()),
            },
            Question::Hook(question) => hook::called(question, &connectors).await,
            Question::Check(question) => check::made(question, &connectors).await,
        };
        let answer = GateAnswer {
            op: inquiry.op,
            gate: inquiry.gate,
            place,
            outcome,
        };
        // The controller is gone only when the process is.
        if events.send(Event::GateAnswered(answer)).await.is_err() {
            return;
        }
    }
}

//! Who waits for what: the way back of every answer that is not given at once.
//!
//! Owns the numbers of operations and the senders behind them; must not know what they are about. Core keeps
//! numbers only, so that it can be tested without a channel in sight.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use crate::core::{
    event::EndpointAnswer,
    gate::word::Heard,
    ids::OpId,
    switch::{Refusal, SwitchAnswer},
};

/// Operations that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Operations {
    last: OpId,
    switches: BTreeMap<OpId, oneshot::Sender<SwitchAnswer>>,
    endpoints: BTreeMap<OpId, oneshot::Sender<EndpointAnswer>>,
    words: BTreeMap<OpId, oneshot::Sender<Result<Heard, Refusal>>>,
}

impl Operations {
    /// A number for a switch, whose answer goes to `answer`.
    pub(super) fn switch(&mut self, answer: oneshot::Sender<SwitchAnswer>) -> OpId {
        self.last = self.last.next();
        keep(&mut self.switches, self.last, answer);
        self.last
    }

    /// A number for a registration or deregistration, whose answer goes to `answer`.
    pub(super) fn endpoint(&mut self, answer: oneshot::Sender<EndpointAnswer>) -> OpId {
        self.last = self.last.next();
        keep(&mut self.endpoints, self.last, answer);
        self.last
    }

    /// A number for a word about a switch, whose answer goes to `answer`.
    pub(super) fn word(&mut self, answer: oneshot::Sender<Result<Heard, Refusal>>) -> OpId {
        self.last = self.last.next();
        keep(&mut self.words, self.last, answer);
        self.last
    }

    /// Answers whoever has said something about a switch.
    pub(super) fn answer_word(&mut self, op: OpId, heard: Result<Heard, Refusal>) {
        if let Some(waiting) = self.words.remove(&op) {
            let _ = waiting.send(heard);
        }
    }

    /// Answers a switch. Whoever asked may have gone; an operation that nobody asked for, such as the file's
    /// own, is answered to nobody.
    pub(super) fn answer_switch(&mut self, op: OpId, answer: SwitchAnswer) {
        if let Some(waiting) = self.switches.remove(&op) {
            let _ = waiting.send(answer);
        }
    }

    /// Answers a registration or deregistration.
    pub(super) fn answer_endpoint(&mut self, op: OpId, answer: EndpointAnswer) {
        if let Some(waiting) = self.endpoints.remove(&op) {
            let _ = waiting.send(answer);
        }
    }
}

/// Keeps the way back. At the limit those that nobody listens at any more are forgotten, and then the oldest:
/// its operation goes on, and its receipt is in history.
fn keep<T>(waiting: &mut BTreeMap<OpId, oneshot::Sender<T>>, op: OpId, answer: oneshot::Sender<T>) {
    if waiting.len() >= OPERATIONS_LIMIT {
        waiting.retain(|_, answer| !answer.is_closed());
    }
    if waiting.len() >= OPERATIONS_LIMIT {
        waiting.pop_first();
    }
    waiting.insert(op, answer);
}

/// Operations of one sort that may wait at once.
const OPERATIONS_LIMIT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_bounded_and_those_who_have_gone_make_room_first() {
        let mut operations = Operations::default();
        let mut answers = Vec::new();
        for _ in 0..OPERATIONS_LIMIT {
            let (answer, waiting) = oneshot::channel();
            operations.switch(answer);
            answers.push(waiting);
        }
        drop(answers.remove(5));
        operations.switch(oneshot::channel().0);
        assert!(answers[0].try_recv().is_err());
        assert_eq!(operations.switches.len(), OPERATIONS_LIMIT);
        assert!(operations.switches.contains_key(&OpId(1)));
        assert!(!operations.switches.contains_key(&OpId(6)));
    }
}

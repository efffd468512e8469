//! What people do with a switch that waits for its gates: approve, reject, abort.

use super::{
    verdict::{GateKind, Verdict},
    word::{Heard, Said, Word},
};
use crate::core::{
    event::Effect,
    ids::{OpId, ServiceName},
    notice::Notice,
    state::{State, Turn},
    switch::{Actor, Refusal, SwitchAnswer, Unchanged},
};

impl State {
    /// A second operator approves, or rejects.
    pub(in crate::core) fn said(&mut self, said: Said, turn: &mut Turn) {
        let heard = match self.awaiting_word(&said) {
            Ok(op) => self.hear(op, &said, turn),
            Err(refusal) => Err(refusal),
        };
        turn.does(Effect::AnswerWord(said.op, heard));
    }

    /// The switch that waits for this word.
    fn awaiting_word(&self, said: &Said) -> Result<OpId, Refusal> {
        let service = &said.service;
        if !self.services.contains_key(service) {
            return Err(Refusal::UnknownService(service.to_string()));
        }
        let op = self.waiting_op(service);
        let Some((op, gated)) = op.zip(op.and_then(|op| self.operations.waiting.get(&op))) else {
            return Err(Refusal::NothingWaits(service.clone()));
        };
        if gated.stage.kind != GateKind::Approval {
            return Err(Refusal::NotYet {
                service: service.clone(),
                gate: gated.stage.kind,
            });
        }
        if said.word == Word::Approve && said.actor.is_same_person(&gated.asked.actor) {
            return Err(Refusal::SamePerson(gated.asked.actor.name.clone()));
        }
        Ok(op)
    }

    /// A word about one service of a switch is a word about the whole of it.
    fn hear(&mut self, op: OpId, said: &Said, turn: &mut Turn) -> Result<Heard, Refusal> {
        let Some(gated) = self.operations.waiting.get_mut(&op) else {
            return Err(Refusal::NothingWaits(said.service.clone()));
        };
        let heard = Heard {
            services: gated.targets.clone(),
            asked_by: gated.asked.actor.clone(),
        };
        let approves = said.word == Word::Approve;
        for gate in &mut gated.stage.gates {
            gate.verdict = match approves {
                true => Verdict::Passed,
                false => Verdict::Failed,
            };
            gate.why = Some(said.told());
            turn.tells(Notice::GateAnswered(gate.clone()));
        }
        self.stage_answered(op, turn);
        Ok(heard)
    }

    /// The switch of this service that waits for its gates.
    pub(in crate::core) fn waiting_op(&self, service: &ServiceName) -> Option<OpId> {
        let mut waiting = self.operations.waiting.iter();
        let (op, _) = waiting.find(|(_, it)| it.targets.contains_key(service))?;
        Some(*op)
    }

    /// Ends a switch that waits for its gates, because somebody says so; `answer` is who hears that it has ended.
    pub(in crate::core) fn abort_waiting(
        &mut self,
        op: OpId,
        (service, by): (ServiceName, Actor),
        answer: OpId,
        turn: &mut Turn,
    ) {
        let Some(gated) = self.operations.waiting.get(&op) else {
            return;
        };
        let targets = gated.targets.clone();
        let standings = targets
            .keys()
            .filter_map(|it| self.standings.get_key_value(it));
        let unchanged = standings.map(|(service, standing)| Unchanged {
            service: service.clone(),
            live: standing.live,
            tenure: standing.tenure(),
        });
        let unchanged: Vec<_> = unchanged.collect();
        let (to, live) = (targets.get(&service), self.standings.get(&service));
        if let (Some(&to), Some(standing)) = (to, live) {
            let refusal = Refusal::Aborted {
                service,
                to,
                live: standing.live,
                by: by.name,
            };
            self.refuse_gated(op, refusal, turn);
        }
        let ended = SwitchAnswer::Done {
            receipts: Vec::new(),
            unchanged,
        };
        turn.does(Effect::Answer(answer, ended));
    }
}

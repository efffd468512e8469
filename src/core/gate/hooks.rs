//! Hooks that are called when a switch has gone on already.
//!
//! Owns what their failure means. Nobody waits for them: a switch that is committed stays so until another one. They are
//! not in the journal, because nobody could say after a crash whether one was heard; one that was due then is not called.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use super::{
    inquiry::{Description, HookCall, HookQuestion},
    spec::{HookPoint, HookSpec, OnFailure},
    verdict::GateFault,
};
use crate::core::{
    event::Effect,
    ids::{GroupName, OpId, ServiceName, Tenure},
    notice::Notice,
    pace::Pace,
    state::{State, Turn},
    switch::{Actor, Receipt, Refusal, SwitchRequest, WaitFor, Wish},
    time::after,
};

/// Hooks that have been called and have not answered.
#[derive(Debug, Default)]
pub(in crate::core) struct Calls(BTreeMap<OpId, Call>);

#[derive(Debug)]
struct Call {
    hook: Arc<HookSpec>,
    service: ServiceName,
    /// What would be rolled back.
    group: Option<GroupName>,
    switched: Vec<(ServiceName, Tenure)>,
    /// Whether what it tells of is a rollback.
    rollback: bool,
    due: Instant,
}

impl Calls {
    /// When the next one has taken too long.
    pub(in crate::core) fn next_due(&self) -> Option<Instant> {
        self.0.values().map(|it| it.due).min()
    }
}

impl State {
    /// Calls the hooks of one point of a switch that has this receipt.
    pub(in crate::core) fn call_hooks(
        &mut self,
        at: HookPoint,
        receipt: &Receipt,
        turn: &mut Turn,
    ) {
        let Some(served) = self.services.get(&receipt.service) else {
            return;
        };
        let hooks: Vec<_> = served.spec.switch.gates.hooks_at(at).cloned().collect();
        if hooks.is_empty() {
            return;
        }
        let description = Arc::new(Description::of_receipt(at, receipt));
        let switched = self.switched_with(receipt);
        for hook in hooks {
            let limit = after(
                turn.now.instant,
                hook.timeout.saturating_add(super::ANSWER_SLACK),
            );
            let call = Call {
                hook: Arc::clone(&hook),
                service: receipt.service.clone(),
                group: receipt.group.clone(),
                switched: switched.clone(),
                rollback: receipt.rollback,
                due: limit,
            };
            if self.calls.0.len() >= CALLS_LIMIT {
                self.hook_failed(call, "too many hooks are being called".to_owned(), turn);
                continue;
            }
            let op = self.operations.own_op();
            self.calls.0.insert(op, call);
            let description = Arc::clone(&description);
            let question = HookQuestion { hook, description };
            turn.does(Effect::Call(HookCall { op, question }));
        }
    }

    /// A hook has answered, or has not.
    pub(in crate::core) fn called(
        &mut self,
        op: OpId,
        outcome: Result<(), GateFault>,
        turn: &mut Turn,
    ) {
        let Some(call) = self.calls.0.remove(&op) else {
            return;
        };
        match outcome {
            Ok(()) => turn.tells(call.told(None)),
            Err(fault) => self.hook_failed(call, fault.why.unwrap_or_default(), turn),
        }
    }

    /// Ends the wait for hooks that nobody has heard of.
    pub(in crate::core) fn end_overdue_calls(&mut self, turn: &mut Turn) {
        let now = turn.now.instant;
        let overdue: Vec<_> = self.calls.0.extract_if(.., |_, it| it.due <= now).collect();
        for (op, call) in overdue {
            turn.does(Effect::Unask(op));
            self.hook_failed(call, "no answer in time".to_owned(), turn);
        }
    }

    fn hook_failed(&mut self, call: Call, why: String, turn: &mut Turn) {
        turn.tells(call.told(Some(why.clone())));
        // A rollback is not rolled back: two pools that both displease a hook would change places for ever.
        if call.hook.on_failure != OnFailure::Rollback || call.rollback {
            return;
        }
        let actor = Actor::hook(&call.hook.name);
        if let Err(refusal) = self.stands_as_switched(&call.switched) {
            return turn.tells(Notice::SwitchRefused {
                services: call.switched.into_iter().map(|(it, _)| it).collect(),
                actor,
                refusal,
            });
        }
        let services = call.switched.into_iter().map(|(service, _)| service);
        let request = SwitchRequest {
            op: self.operations.own_op(),
            actor,
            reason: Some(format!("hook at {} failed: {why}", call.hook.at.as_str())),
            force: false,
            expect_live: None,
            expect_tenure: None,
            wish: match call.group {
                None => Wish::Rollback(call.service),
                Some(group) => Wish::RollbackGroup(group, services.collect()),
            },
            once: None,
            pace: Pace::AtOnce,
            wait: WaitFor::Committed,
        };
        self.switch(request, turn);
    }

    /// What was switched as one with this: itself, or every service of the group.
    fn switched_with(&self, receipt: &Receipt) -> Vec<(ServiceName, Tenure)> {
        if receipt.group.is_none() {
            return vec![(receipt.service.clone(), receipt.tenure)];
        }
        let as_one = |it: &&Receipt| {
            (&it.group, it.requested_at, &it.actor)
                == (&receipt.group, receipt.requested_at, &receipt.actor)
        };
        let standings = self.standings.values();
        standings
            .filter_map(|standing| standing.history.iter().find(as_one))
            .map(|it| (it.service.clone(), it.tenure))
            .collect()
    }

    /// Whoever has switched since, or has begun to, knows more than a hook.
    fn stands_as_switched(&self, switched: &[(ServiceName, Tenure)]) -> Result<(), Refusal> {
        for (service, then) in switched {
            // A rollback would abort the shift, which is not what the hook was asked about.
            if let Some(shift) = self.shifts.get(service) {
                return Err(shift.refusal());
            }
            let standing = self.standings.get(service);
            if let Some(standing) = standing.filter(|it| it.tenure() != *then) {
                return Err(Refusal::StaleTenure {
                    service: service.clone(),
                    expected: *then,
                    tenure: standing.tenure(),
                });
            }
        }
        Ok(())
    }
}

impl Call {
    fn told(&self, failure: Option<String>) -> Notice {
        Notice::HookCalled {
            service: self.service.clone(),
            at: self.hook.at,
            hook: self.hook.name.clone(),
            failure,
        }
    }
}

/// Hooks that may be called at once after switches, over all services; further ones fail.
const CALLS_LIMIT: usize = 256;

//! What the file wishes to be live: how it is asked for, taken back, and noted.
//!
//! Owns when the journal hears of it: at the end, not at the beginning, so that a kill in between loses nothing. Must not
//! decide whether a file wishes anything, which is `reconcile.rs`'s.

use std::collections::BTreeMap;

use super::{
    event::{Effect, Entry},
    ids::{Colour, ServiceName, Tenure},
    shift::Pace,
    standing::Standing,
    state::{State, Turn},
    switch::{Actor, Refusal, SwitchRequest, WaitFor, Wish},
};

impl State {
    /// Asks for the switch that the file wishes.
    pub(super) fn switch_by_file(&mut self, service: ServiceName, before: Colour, turn: &mut Turn) {
        let Some(served) = self.services.get(&service) else {
            return;
        };
        let to = served.spec.live;
        let request = SwitchRequest {
            op: self.operations.own_op(),
            wish: Wish::Switch(BTreeMap::from([(service, to)])),
            actor: Actor::file(),
            reason: Some(format!("`live` changed from {before} to {to}")),
            force: false,
            expect_live: None,
            expect_tenure: None,
            once: None,
            pace: Pace::AsFile,
            wait: WaitFor::Committed,
        };
        self.switch(request, turn);
    }

    /// Ends the switch that an earlier file has asked for, if it waits for its gates or goes gradually still.
    pub(super) fn withdraw(&mut self, service: &ServiceName, turn: &mut Turn) {
        let by = Actor::file();
        if self
            .shifts
            .get(service)
            .is_some_and(|it| it.asked.actor == by)
        {
            return self.abort_by_file(service, WITHDRAWN, turn);
        }
        let op = self.waiting_op(service);
        let waiting = op.and_then(|op| Some((op, self.operations.waiting.get(&op)?)));
        let Some((op, gated)) = waiting.filter(|(_, it)| it.asked.actor == by) else {
            return;
        };
        let to = gated.targets.get(service).copied();
        let (Some(to), Some(standing)) = (to, self.standings.get(service)) else {
            return;
        };
        let refusal = Refusal::Aborted {
            service: service.clone(),
            to,
            live: standing.live,
            by: by.name,
        };
        self.refuse_gated(op, refusal, turn);
    }

    /// What the file calls live now, as the journal is told.
    pub(super) fn seen(&self, service: &ServiceName, turn: &Turn) -> Entry {
        let standing = self.standings.get(service);
        Entry::Seen {
            service: service.clone(),
            file_live: standing.map_or(Colour::Blue, |it| it.file_live),
            live: standing.map_or(Colour::Blue, |it| it.live),
            tenure: standing.map_or(Tenure(1), Standing::tenure),
            at: turn.now.wall,
        }
    }

    /// The wishes of the file about these services have been fulfilled or refused: a restart must not take them up again.
    pub(super) fn wish_ends<'a>(
        &mut self,
        actor: &Actor,
        services: impl IntoIterator<Item = &'a ServiceName>,
        turn: &mut Turn,
    ) {
        if *actor != Actor::file() {
            return;
        }
        for service in services {
            let standing = self.standings.get_mut(service);
            if standing.is_some_and(|it| std::mem::take(&mut it.wishing)) {
                turn.does(Effect::Record(self.seen(service, turn)));
            }
        }
    }
}

/// Why a shift is aborted that an earlier file has asked for.
const WITHDRAWN: &str = "the file calls the other colour live again";

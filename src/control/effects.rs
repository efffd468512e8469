//! Carrying out what core has decided.
//!
//! Owns the one function that maps each effect to its hand; must not skip or reorder. `Journal` is the only
//! effect with an answer: core is told at once, and what it wants then comes before the rest of its list.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
};

use tokio::{sync::oneshot, task::spawn_blocking, time::Instant};

use super::{
    barrier::Barrier,
    clock,
    controller::Controller,
    handle::{EndpointChange, EndpointOrder, Readiness, SteerOrder, SwitchOrder, WordOrder},
    journal::{Journal, JournalError},
};
use crate::{
    core::{
        event::{Deregister, DrainEndpoint, Effect, EndpointAnswer, Entry, Event, Register},
        gate::{
            plan::Plan,
            word::{Heard, Said},
        },
        ids::OpId,
        in_flight::Ending,
        notice::Notice,
        steer::SteerRequest,
        switch::{Refusal, SwitchAnswer},
    },
    mailbox::Order,
};

impl Controller {
    /// Feeds one event to core and carries out everything that comes of it.
    pub(super) async fn feed(&mut self, event: Event) {
        let mut effects = VecDeque::from(self.state.handle(event, clock::now()));
        let mut records = Vec::new();
        while let Some(effect) = effects.pop_front() {
            if let Effect::Record(entry) = effect {
                records.push(entry);
                continue;
            }
            if !matches!(effect, Effect::Notice(_)) {
                self.record(std::mem::take(&mut records)).await;
            }
            if let Some(event) = self.carry_out(effect).await {
                for effect in self.state.handle(event, clock::now()).into_iter().rev() {
                    effects.push_front(effect);
                }
            }
        }
        self.record(records).await;
    }

    /// Writes down what refuses nothing. What comes in a row, with nothing but notices in between, is one write:
    /// a file with a thousand new services would otherwise wait for the disk a thousand times.
    async fn record(&self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        let written = self.with_journal(move |journal| {
            journal.append(&entries)?;
            journal.tidy()
        });
        if let Err(error) = written.await {
            self.notices.tell(&Notice::JournalFailed { error });
        }
    }

    async fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Journal(op, entry) => {
                let written = self.with_journal(move |it| it.append(&[entry])).await;
                return Some(match written {
                    Ok(()) => Event::Journaled(op),
                    Err(error) => Event::JournalFailed(op, error),
                });
            }
            Effect::Record(entry) => self.record(vec![entry]).await,
            Effect::Publish(snapshot) => {
                self.publisher.publish(snapshot);
                self.published_at = Instant::now();
            }
            Effect::Barrier(op, counters) => {
                let barrier = Barrier::ask(op, counters, self.published_at, &mut self.workers);
                tokio::spawn(barrier.pass(self.proofs.clone()));
            }
            Effect::Drain(counter) => self.drainer.watch(counter),
            Effect::Cut(counter) => self
                .workers
                .order(|| Order::Cut(Arc::clone(&counter), Ending::CutByDeadline)),
            Effect::WatchLeaver(op, counter) => self.drainer.watch_leaver(op, counter),
            Effect::ForgetLeaver(op) => self.drainer.forget_leaver(op),
            Effect::CutEndpoint(id) => self
                .workers
                .order(|| Order::CutEndpoint(id, Ending::CutByDeadline)),
            Effect::Ask(inquiry) => self.inquirer.ask(inquiry, &mut self.workers),
            Effect::Unask(op) => self.inquirer.unask(op),
            Effect::Call(call) => self.inquirer.call(call),
            Effect::AnswerWord(op, heard) => self.operations.answer_word(op, heard),
            Effect::Answer(op, answer) => self.operations.answer_switch(op, answer),
            Effect::AnswerEndpoint(op, answer) => self.operations.answer_endpoint(op, answer),
            Effect::Applied(changes) => self.applied = changes,
            Effect::Watch(services) => {
                self.resolver.watch(&services);
                self.prober.watch(&services, &self.resolver);
            }
            Effect::Notice(notice) => self.notices.tell(&notice),
        }
        None
    }

    /// Has the journal do something where a thread may wait for the disk.
    async fn with_journal(
        &self,
        work: impl FnOnce(&mut Journal) -> Result<(), JournalError> + Send + 'static,
    ) -> Result<(), String> {
        let journal = Arc::clone(&self.journal);
        let done = spawn_blocking(move || {
            // The journal is whole at every step of its own; a panic elsewhere does not make it worse.
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut journal).map_err(|error| error.in_full())
        });
        done.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    pub(super) async fn switch(
        &mut self,
        order: SwitchOrder,
        answer: oneshot::Sender<SwitchAnswer>,
    ) {
        let op = self.operations.switch(answer);
        self.feed(Event::Switch(order.into_request(op))).await;
    }

    pub(super) async fn say(
        &mut self,
        order: WordOrder,
        answer: oneshot::Sender<Result<Heard, Refusal>>,
    ) {
        let said = Said {
            op: self.operations.word(answer),
            service: order.service,
            word: order.word,
            actor: order.actor,
            reason: order.reason,
        };
        self.feed(Event::Said(said)).await;
    }

    /// Answers what a switch would do. The checks are made beside the loop, which nobody's looking may hold up.
    pub(super) fn plan(&self, order: SwitchOrder, answer: oneshot::Sender<Plan>) {
        let request = order.into_request(OpId::default());
        let mut draft = self.state.plan(&request, clock::now());
        for service in &mut draft.plan.services {
            let mirrors = self.mirrors_of(&service.service);
            service.mirror = { mirrors }.into_iter().find(|it| it.colour == service.to);
        }
        let checks = draft.checks.iter().map(|(_, _, check)| check.clone());
        let looking = self.inquirer.look(checks.collect());
        let mut answer = answer;
        tokio::spawn(async move {
            tokio::select! {
                outcomes = looking => drop(answer.send(draft.finished(outcomes))),
                () = answer.closed() => {}
            }
        });
    }

    pub(super) async fn steer(&mut self, order: SteerOrder, answer: oneshot::Sender<SwitchAnswer>) {
        let request = SteerRequest {
            op: self.operations.switch(answer),
            service: order.service,
            steer: order.steer,
            actor: order.actor,
            reason: order.reason,
            force: order.force,
            expect_live: None,
            expect_tenure: order.expect_tenure,
            wait: order.wait,
            once: None,
        };
        self.feed(Event::Steer(request)).await;
    }

    pub(super) async fn endpoint(
        &mut self,
        order: EndpointOrder,
        answer: oneshot::Sender<EndpointAnswer>,
    ) {
        let op = self.operations.endpoint(answer);
        let EndpointOrder {
            service,
            colour,
            addr,
            change,
            actor,
        } = order;
        let event = match change {
            EndpointChange::Register(weight) => Event::Register(Register {
                op,
                service,
                colour,
                addr,
                weight,
                actor,
            }),
            EndpointChange::Deregister(terms) => Event::Deregister(Deregister {
                op,
                service,
                colour,
                addr,
                terms,
                actor,
            }),
            EndpointChange::Drain(change) => Event::DrainEndpoint(DrainEndpoint {
                op,
                service,
                colour,
                addr,
                change,
                actor,
            }),
        };
        self.feed(event).await;
    }

    /// Each thing that readiness depends on, by name.
    pub(super) fn readiness(&self) -> Readiness {
        let snapshot = self.state.snapshot();
        let services = snapshot.services.iter().map(|service| {
            let ready = service.live_pool().endpoints.iter().any(|it| it.ready);
            (format!("service {}", service.name), ready)
        });
        let own = [
            // There is no controller without a file that is applied.
            ("configuration", true),
            ("listeners", self.workers.all_run()),
            ("running", !self.stopping),
        ];
        Readiness {
            conditions: own
                .into_iter()
                .map(|(name, holds)| (name.to_owned(), holds))
                .chain(services)
                .collect(),
        }
    }
}

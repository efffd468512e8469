//! A controller's end that answers by heart, for tests of what stands before the controller.
//!
//! Owns the answers and what was asked; decides nothing. The real controller needs endpoints that answer, a journal and
//! workers to say any of these things; the admin side and the command line must be right for all of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{mpsc, oneshot};

use super::handle::{
    ControlHandle, EndpointOrder, Question, Readiness, ReloadAnswer, SteerOrder, SwitchOrder,
    WordOrder,
};
use crate::{
    config::Config,
    core::{
        event::EndpointAnswer,
        gate::{plan::Plan, word::Heard},
        ids::{Colour, ServiceName},
        switch::{Actor, Receipt, Refusal, SwitchAnswer},
        view::{Hindrance, HindranceKind, SafeToStop, ServiceView},
    },
};

/// What is answered to each question, every time.
#[derive(Debug)]
pub(crate) struct Answers {
    /// `None` never answers.
    pub(crate) switch: Option<SwitchAnswer>,
    pub(crate) plan: Plan,
    pub(crate) heard: Result<Heard, Refusal>,
    pub(crate) endpoint: EndpointAnswer,
    pub(crate) reload: ReloadAnswer,
    pub(crate) services: Vec<ServiceView>,
    pub(crate) history: Vec<Receipt>,
    pub(crate) config: Arc<Config>,
    pub(crate) conditions: BTreeMap<String, bool>,
}

/// What was asked for so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked(Arc<Mutex<Orders>>);

/// Everything that would have changed something.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) switches: Vec<SwitchOrder>,
    pub(crate) words: Vec<WordOrder>,
    pub(crate) steers: Vec<SteerOrder>,
    /// These would not have.
    pub(crate) plans: Vec<SwitchOrder>,
    pub(crate) endpoints: Vec<EndpointOrder>,
    pub(crate) reloads: Vec<Actor>,
}

impl Asked {
    /// Looks at what was asked for.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut Orders) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ControlHandle {
    /// A handle that is answered by heart, by a task of the present runtime.
    pub(crate) fn answering(answers: Answers) -> (Self, Asked) {
        let (handle, questions) = Self::new();
        let asked = Asked::default();
        tokio::spawn(answer(questions, answers, asked.clone()));
        (handle, asked)
    }

    /// A handle whose controller has stopped.
    pub(crate) fn gone() -> Self {
        Self::new().0
    }
}

async fn answer(mut questions: mpsc::Receiver<Question>, answers: Answers, asked: Asked) {
    let mut unanswered: Vec<oneshot::Sender<SwitchAnswer>> = Vec::new();
    while let Some(question) = questions.recv().await {
        // Whoever asked may have gone away.
        match question {
            Question::Switch(order, to) => {
                asked.look(|orders| orders.switches.push(order));
                match &answers.switch {
                    Some(answer) => drop(to.send(answer.clone())),
                    None => unanswered.push(to),
                }
            }
            Question::Steer(order, to) => {
                asked.look(|orders| orders.steers.push(order));
                match &answers.switch {
                    Some(answer) => drop(to.send(answer.clone())),
                    None => unanswered.push(to),
                }
            }
            Question::Plan(order, to) => {
                asked.look(|orders| orders.plans.push(order));
                drop(to.send(answers.plan.clone()));
            }
            Question::Word(order, to) => {
                asked.look(|orders| orders.words.push(order));
                drop(to.send(answers.heard.clone()));
            }
            Question::Endpoint(order, to) => {
                asked.look(|orders| orders.endpoints.push(order));
                drop(to.send(answers.endpoint.clone()));
            }
            Question::Reload(actor, to) => {
                asked.look(|orders| orders.reloads.push(actor));
                drop(to.send(answers.reload.clone()));
            }
            Question::Services(after, to) => {
                let services = answers.services.iter();
                let later =
                    services.filter(|it| after.as_ref().is_none_or(|after| it.service > *after));
                drop(to.send(later.cloned().collect()));
            }
            Question::Service(name, to) => drop(to.send(answers.service(&name))),
            Question::SafeToStop(name, colour, to) => {
                drop(to.send(answers.safe_to_stop(&name, colour)));
            }
            Question::History(service, to) => drop(to.send(answers.history(service.as_ref()))),
            Question::OnDisk(to) => drop(to.send(Ok((*answers.config).clone()))),
            Question::Config(to) => drop(to.send(Arc::clone(&answers.config))),
            Question::Readiness(to) => drop(to.send(Readiness {
                conditions: answers.conditions.clone(),
            })),
            Question::Listeners(to) => drop(to.send(BTreeMap::new())),
            Question::ShutDown(to) => drop(to.send(())),
        }
    }
}

impl Answers {
    fn service(&self, name: &ServiceName) -> Option<ServiceView> {
        let mut services = self.services.iter();
        services.find(|view| view.service == *name).cloned()
    }

    /// The live pool must not be stopped; the other may.
    fn safe_to_stop(&self, name: &ServiceName, colour: Colour) -> Option<SafeToStop> {
        let live = self.service(name)?.live;
        let reason = Hindrance {
            kind: HindranceKind::Live,
            detail: format!("pool `{live}` is live"),
            until: None,
        };
        let reasons: Vec<_> = (live == colour).then_some(reason).into_iter().collect();
        Some(SafeToStop {
            service: name.clone(),
            colour,
            safe: reasons.is_empty(),
            reasons,
        })
    }

    fn history(&self, service: Option<&ServiceName>) -> Vec<Receipt> {
        let concerned = |receipt: &&Receipt| service.is_none_or(|name| receipt.service == *name);
        self.history.iter().filter(concerned).cloned().collect()
    }
}

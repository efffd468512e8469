//! The controller's front door: what the admin side and the application may ask of it.
//!
//! Owns the questions and the way they travel; must not decide. Cloning it is cheap. Every question waits in
//! one bounded queue, so that the controller stays the only writer (invariant 2).

use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroU16, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::controller::VIEWS_AT_ONCE;
use crate::{
    config::Config,
    core::{
        event::{DrainChange, EndpointAnswer, LeaveTerms},
        gate::{
            plan::Plan,
            word::{Heard, Word},
        },
        ids::{Colour, EndpointAddr, ListenerName, OpId, ServiceName, Tenure},
        once::Once,
        shift::Pace,
        steer::Steer,
        switch::{Actor, Receipt, Refusal, SwitchAnswer, SwitchRequest, WaitFor, Wish},
        view::{SafeToStop, ServiceView},
    },
};

/// Asks the controller.
#[derive(Clone, Debug)]
pub struct ControlHandle {
    questions: mpsc::Sender<Question>,
}

/// A switch or rollback, as asked for from outside.
#[derive(Clone, Debug)]
pub struct SwitchOrder {
    /// What it is about.
    pub wish: Wish,
    /// Who asks.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// Skip the gates.
    pub force: bool,
    /// Refuse if another colour is live.
    pub expect_live: Option<Colour>,
    /// Refuse if another tenure is the present one.
    pub expect_tenure: Option<Tenure>,
    /// How gradually.
    pub pace: Pace,
    /// What it is known by if it is asked again.
    pub once: Option<Once>,
    /// When to answer.
    pub wait: WaitFor,
}

impl SwitchOrder {
    /// The order under its number.
    pub(super) fn into_request(self, op: OpId) -> SwitchRequest {
        SwitchRequest {
            op,
            wish: self.wish,
            actor: self.actor,
            reason: self.reason,
            force: self.force,
            expect_live: self.expect_live,
            expect_tenure: self.expect_tenure,
            pace: self.pace,
            once: self.once.map(Box::new),
            wait: self.wait,
        }
    }
}

/// A word about a switch that waits for approval.
#[derive(Clone, Debug)]
pub struct WordOrder {
    /// A service of the switch.
    pub service: ServiceName,
    /// Yes or no.
    pub word: Word,
    /// Who says so.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
}

/// A wish about a gradual switch under way, as asked for from outside.
#[derive(Clone, Debug)]
pub struct SteerOrder {
    /// Of which service.
    pub service: ServiceName,
    /// What.
    pub steer: Steer,
    /// Who asks.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// Skip the gates.
    pub force: bool,
    /// Refuse if another tenure is the present one.
    pub expect_tenure: Option<Tenure>,
    /// When to answer a completion or an abort.
    pub wait: WaitFor,
}

/// What is to be done with an endpoint at run time.
#[derive(Clone, Debug)]
pub struct EndpointOrder {
    /// The service.
    pub service: ServiceName,
    /// The pool.
    pub colour: Colour,
    /// The endpoint.
    pub addr: EndpointAddr,
    /// What is to be done.
    pub change: EndpointChange,
    /// Who asks.
    pub actor: Actor,
}

/// What is to be done with an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointChange {
    /// Add it, or change its weight.
    Register(NonZeroU16),
    /// Remove it.
    Deregister(LeaveTerms),
    /// Keep requests away from it, or let them come back.
    Drain(DrainChange),
}

/// What became of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadAnswer {
    /// The file is applied; what changed, a short sentence each, empty if nothing did.
    Applied(Vec<String>),
    /// It is not, and everything is as it was; every reason, each with its position.
    Refused(Vec<String>),
}

/// Whether cutover is ready for traffic, and each thing that this depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Name and state of each condition: a file is applied, every listener accepts, every service has a ready
    /// endpoint in its live pool, the process is not stopping.
    pub conditions: BTreeMap<String, bool>,
}

impl Readiness {
    /// Whether all conditions hold.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.conditions.values().all(|holds| *holds)
    }
}

/// The controller is gone: the process is stopping.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("cutover is shutting down")]
pub struct Gone;

/// A question with the way back for its answer.
#[derive(Debug)]
pub(super) enum Question {
    Switch(SwitchOrder, oneshot::Sender<SwitchAnswer>),
    Steer(SteerOrder, oneshot::Sender<SwitchAnswer>),
    Plan(SwitchOrder, oneshot::Sender<Plan>),
    Word(WordOrder, oneshot::Sender<Result<Heard, Refusal>>),
    Endpoint(EndpointOrder, oneshot::Sender<EndpointAnswer>),
    Reload(Actor, oneshot::Sender<ReloadAnswer>),
    /// Those after this one, some at a time.
    Services(Option<ServiceName>, oneshot::Sender<Vec<ServiceView>>),
    Service(ServiceName, oneshot::Sender<Option<ServiceView>>),
    SafeToStop(ServiceName, Colour, oneshot::Sender<Option<SafeToStop>>),
    History(Option<ServiceName>, oneshot::Sender<Vec<Receipt>>),
    Config(oneshot::Sender<Arc<Config>>),
    OnDisk(oneshot::Sender<Result<Config, Vec<String>>>),
    Readiness(oneshot::Sender<Readiness>),
    Listeners(oneshot::Sender<BTreeMap<ListenerName, SocketAddr>>),
    ShutDown(oneshot::Sender<()>),
}

impl ControlHandle {
    /// A handle and the controller's end of it.
    pub(super) fn new() -> (Self, mpsc::Receiver<Question>) {
        let (questions, receiver) = mpsc::channel(QUESTIONS_LIMIT);
        (Self { questions }, receiver)
    }

    /// One whose questions nobody answers; they wait until the second part is dropped.
    #[cfg(test)]
    pub(crate) fn unanswered() -> (Self, impl Sized) {
        Self::new()
    }

    /// Switches or rolls back, and answers when what was to be waited for has come.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn switch(&self, order: SwitchOrder) -> Result<SwitchAnswer, Gone> {
        self.ask(|answer| Question::Switch(order, answer)).await
    }

    /// Pauses, resumes, completes or aborts a gradual switch.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn steer(&self, order: SteerOrder) -> Result<SwitchAnswer, Gone> {
        self.ask(|answer| Question::Steer(order, answer)).await
    }

    /// What a switch would do now; its checks are made, and nothing changes.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn plan(&self, order: SwitchOrder) -> Result<Plan, Gone> {
        self.ask(|answer| Question::Plan(order, answer)).await
    }

    /// Approves or rejects a switch that waits for it.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn say(&self, order: WordOrder) -> Result<Result<Heard, Refusal>, Gone> {
        self.ask(|answer| Question::Word(order, answer)).await
    }

    /// Registers, deregisters, drains or undrains an endpoint; answers when no request can be routed by the older pool,
    /// or, if that is to be waited for, when none is left on an endpoint that leaves.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn endpoint(&self, order: EndpointOrder) -> Result<EndpointAnswer, Gone> {
        self.ask(|answer| Question::Endpoint(order, answer)).await
    }

    /// Reads the file and applies it.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn reload(&self, actor: Actor) -> Result<ReloadAnswer, Gone> {
        self.ask(|answer| Question::Reload(actor, answer)).await
    }

    /// Every service, by name. Where there are more than 256, that is not one moment for all of them: the controller
    /// does not stand still for as long as it takes to look at thousands.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn services(&self) -> Result<Vec<ServiceView>, Gone> {
        let mut services: Vec<ServiceView> = Vec::new();
        loop {
            let after = services.last().map(|it| it.service.clone());
            let some = self.ask(|answer| Question::Services(after, answer)).await?;
            let is_last = some.len() < VIEWS_AT_ONCE;
            services.extend(some);
            if is_last {
                return Ok(services);
            }
        }
    }

    /// One service.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn service(&self, name: ServiceName) -> Result<Option<ServiceView>, Gone> {
        self.ask(|answer| Question::Service(name, answer)).await
    }

    /// Whether a pool may be stopped, and why not; `None` if there is no such service.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn safe_to_stop(
        &self,
        service: ServiceName,
        colour: Colour,
    ) -> Result<Option<SafeToStop>, Gone> {
        self.ask(|answer| Question::SafeToStop(service, colour, answer))
            .await
    }

    /// Past switches of one service or of all, newest first.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn history(&self, service: Option<ServiceName>) -> Result<Vec<Receipt>, Gone> {
        self.ask(|answer| Question::History(service, answer)).await
    }

    /// What the file on the disk says now, whether it is applied or not; or everything that is wrong with it.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn on_disk(&self) -> Result<Result<Config, Vec<String>>, Gone> {
        self.ask(Question::OnDisk).await
    }

    /// The file that is applied.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn config(&self) -> Result<Arc<Config>, Gone> {
        self.ask(Question::Config).await
    }

    /// Whether cutover is ready for traffic.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn readiness(&self) -> Result<Readiness, Gone> {
        self.ask(Question::Readiness).await
    }

    /// Where each listener is bound, with the port that the kernel chose for port 0.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn listeners(&self) -> Result<BTreeMap<ListenerName, SocketAddr>, Gone> {
        self.ask(Question::Listeners).await
    }

    /// Says that the process is stopping: readiness fails from now on, switches that wait are refused.
    ///
    /// # Errors
    /// [`Gone`] if the controller has stopped.
    pub async fn shut_down(&self) -> Result<(), Gone> {
        self.ask(Question::ShutDown).await
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, Gone> {
        let (answer, answered) = oneshot::channel();
        self.questions
            .send(question(answer))
            .await
            .map_err(|_| Gone)?;
        answered.await.map_err(|_| Gone)
    }
}

/// Questions that may wait for the controller.
const QUESTIONS_LIMIT: usize = 256;

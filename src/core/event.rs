//! Into core and out of it.
//!
//! `State::handle(Event, Now) -> Vec<Effect>` is the whole of the control plane's logic. The controller feeds
//! events one at a time and carries out the effects in order before the next event.

use std::{net::SocketAddr, num::NonZeroU16, sync::Arc, time::Duration};

pub use super::entry::Entry;
use super::{
    endpoint_counter::{EndpointCounter, EndpointCounts},
    gate::{
        inquiry::{GateAnswer, HookCall, Inquiry},
        verdict::GateFault,
        word::{Heard, Said},
    },
    health::{PassiveFailure, ProbeVerdict},
    ids::{Colour, EndpointAddr, EndpointId, ListenerId, ListenerName, OpId, ServiceName, Tenure},
    in_flight::{Counts, TenureCounter},
    leave::LeaveReceipt,
    notice::Notice,
    service::{ProbeSpec, ServiceSpec},
    snapshot::Snapshot,
    steer::SteerRequest,
    switch::{Actor, Refusal, SwitchAnswer, SwitchRequest},
    tls::UpstreamTls,
};
pub use super::{
    endpoint_drain::{DrainChange, DrainEndpoint},
    leave::LeaveTerms,
};

pub use super::restored::{Restored, RestoredService};

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A valid file was read and its listeners are bound.
    Reloaded(Reload),
    /// A switch or rollback is asked for.
    Switch(SwitchRequest),
    /// A shift under way is to be paused, resumed, completed or aborted.
    Steer(SteerRequest),
    /// An endpoint is to be added at run time, or its weight changed.
    Register(Register),
    /// An endpoint that was registered at run time is to be removed.
    Deregister(Deregister),
    /// Requests are to stay away from an endpoint, or may come back to it.
    DrainEndpoint(DrainEndpoint),
    /// The entry of [`Effect::Journal`] is on disk.
    Journaled(OpId),
    /// It is not, and will not be.
    JournalFailed(OpId, String),
    /// Every worker has answered the barrier of [`Effect::Barrier`].
    BarrierPassed(BarrierPassed),
    /// No claim of the tenure is left.
    Drained {
        /// The service, even if it has been removed since.
        service: ServiceName,
        /// The tenure.
        tenure: Tenure,
        /// The final reading of its counter.
        counts: Counts,
    },
    /// No request is left on the endpoint of [`Effect::WatchLeaver`]; the final reading of its counter.
    Left(OpId, EndpointCounts),
    /// The edge has found out about one gate of [`Effect::Ask`].
    GateAnswered(GateAnswer),
    /// A hook of [`Effect::Call`] has answered.
    Called(OpId, Result<(), GateFault>),
    /// A second operator says something about a switch that waits for approval.
    Said(Said),
    /// Probes have ended, in this order.
    Probed(Vec<(EndpointId, ProbeVerdict)>),
    /// A worker saw a connection to an endpoint fail.
    Failed(EndpointId, PassiveFailure),
    /// A host name was resolved.
    Resolved(EndpointId, Arc<[SocketAddr]>),
    /// The time that [`State::next_wake`](super::state::State::next_wake) named has come, or any other time.
    Woke,
    /// The process is stopping: switches that wait are refused, no new ones are taken.
    ShuttingDown,
}

/// A valid file.
#[derive(Clone, Debug)]
pub struct Reload {
    /// Every service of the file.
    pub services: Vec<Arc<ServiceSpec>>,
    /// Every listener of the file with the number that the edge gave it; after it, by the same name, earlier
    /// numbers under which connections of that listener live on.
    pub listeners: Vec<(ListenerId, ListenerName)>,
    /// Who had it applied.
    pub actor: Actor,
}

/// An endpoint to be added at run time.
#[derive(Clone, Debug)]
pub struct Register {
    /// Number of the operation.
    pub op: OpId,
    /// The service.
    pub service: ServiceName,
    /// The pool.
    pub colour: Colour,
    /// The endpoint.
    pub addr: EndpointAddr,
    /// Its weight.
    pub weight: NonZeroU16,
    /// Who asks.
    pub actor: Actor,
}

/// An endpoint to be removed at run time.
#[derive(Clone, Debug)]
pub struct Deregister {
    /// Number of the operation.
    pub op: OpId,
    /// The service.
    pub service: ServiceName,
    /// The pool.
    pub colour: Colour,
    /// The endpoint.
    pub addr: EndpointAddr,
    /// How it is to leave.
    pub terms: LeaveTerms,
    /// Who asks.
    pub actor: Actor,
}

/// Every worker has answered.
#[derive(Clone, Debug)]
pub struct BarrierPassed {
    /// Whose barrier.
    pub op: OpId,
    /// From the publish to the last answer.
    pub took: Duration,
    /// Of each draining tenure: the sum of what each worker read in its own shard when it answered.
    pub counts: Vec<(ServiceName, Tenure, Counts)>,
    /// Workers that did not answer within the barrier timeout; 0 unless one hangs.
    pub missing: usize,
}

/// Something to be done.
#[derive(Debug)]
pub enum Effect {
    /// Write and sync; then `Journaled` or `JournalFailed`. Nothing else is done before that event.
    Journal(OpId, Entry),
    /// Write and sync if possible; a failure is only told.
    Record(Entry),
    /// Store this snapshot.
    Publish(Arc<Snapshot>),
    /// Ask every worker to leave the older snapshot and to read its shard of these counters; then
    /// `BarrierPassed`. Later effects do not wait for it.
    Barrier(OpId, Vec<Arc<TenureCounter>>),
    /// Watch this counter; `Drained` when no claim is left.
    Drain(Arc<TenureCounter>),
    /// Tell every worker to end the claims of this tenure.
    Cut(Arc<TenureCounter>),
    /// Watch this counter of an endpoint; `Left` when no request is left there.
    WatchLeaver(OpId, Arc<EndpointCounter>),
    /// Watch it no more.
    ForgetLeaver(OpId),
    /// Tell every worker to end what this endpoint works for.
    CutEndpoint(EndpointId),
    /// Find out about these gates; `GateAnswered` for each. Later effects do not wait for it.
    Ask(Inquiry),
    /// Nobody waits for the answers of this switch's inquiry, or of this hook, any more.
    Unask(OpId),
    /// Call this hook; then `Called`. Later effects do not wait for it.
    Call(HookCall),
    /// Answer whoever has said something about a switch.
    AnswerWord(OpId, Result<Heard, Refusal>),
    /// Answer a switch.
    Answer(OpId, SwitchAnswer),
    /// Answer what was asked about an endpoint.
    AnswerEndpoint(OpId, EndpointAnswer),
    /// Answer a reload: what changed.
    Applied(Vec<String>),
    /// Of each of these services: probe and resolve exactly these endpoints from now on.
    Watch(Vec<WatchedService>),
    /// Tell people.
    Notice(Box<Notice>),
}

/// The endpoints of one service that are to be probed; none, if it is not served any more.
#[derive(Clone, Debug)]
pub struct WatchedService {
    /// The service.
    pub service: ServiceName,
    /// Those of its live pool, then those of the other: both colours are probed always.
    pub endpoints: Vec<Watched>,
}

/// An endpoint to be probed and, where its host is a name, resolved.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The endpoint.
    pub id: EndpointId,
    /// As it was typed.
    pub addr: EndpointAddr,
    /// How to probe it.
    pub probe: Arc<ProbeSpec>,
    /// How to prove that it is the endpoint, if the pool has TLS.
    pub tls: Option<Arc<UpstreamTls>>,
}

/// What became of a registration, a deregistration, or of an endpoint's drain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointAnswer {
    /// Done; requests in flight on a removed endpoint go on to their end.
    Done {
        /// Whether anything changed.
        changed: bool,
        /// What happened to the requests in flight there, if it has left the traffic.
        receipt: Option<Box<LeaveReceipt>>,
    },
    /// Not done.
    Refused(EndpointRefusal),
}

/// Why an endpoint was not registered or deregistered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointRefusal {
    /// No such service.
    #[error("there is no service `{0}`")]
    UnknownService(String),
    /// No such endpoint in the pool.
    #[error("pool `{colour}` of service `{service}` has no endpoint `{addr}`")]
    UnknownEndpoint {
        /// The service.
        service: ServiceName,
        /// The pool.
        colour: Colour,
        /// The endpoint.
        addr: EndpointAddr,
    },
    /// The file names it.
    #[error("endpoint `{0}` is named by the file; change it there")]
    NamedByFile(EndpointAddr),
    /// The last endpoint of the live pool.
    #[error("endpoint `{0}` is the last of the live pool; switch first")]
    LastOfLivePool(EndpointAddr),
    /// The last endpoint of the live pool that is ready.
    #[error("endpoint `{0}` is the last ready one of the live pool; switch first, or force it")]
    LastReadyOfLivePool(EndpointAddr),
    /// Too many endpoints are leaving already.
    #[error("{0} endpoints are leaving already; wait for them, or give them a deadline")]
    TooManyLeaving(usize),
    /// The pool is full.
    #[error(
        "pool `{colour}` of service `{service}` has {limit} endpoints, which is the most it may have"
    )]
    PoolFull {
        /// The service.
        service: ServiceName,
        /// The pool.
        colour: Colour,
        /// The most.
        limit: usize,
    },
    /// The intent could not be written down; nothing was changed.
    #[error("the journal could not be written, nothing was changed: {0}")]
    Journal(String),
}

/// Receipts kept per service.
pub const HISTORY_LIMIT: usize = 256;
/// Endpoints a pool may have, those of the file and those registered at run time together.
pub const POOL_LIMIT: usize = 1024;

impl From<Refusal> for SwitchAnswer {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

//! The immutable routing value: whatever a request needs to be routed is inside it (invariant 2).
//!
//! Owns the published shapes; must not change after it is published, apart from the counters it points to.
//! Services and route tables are shared between snapshots, so that publishing a switch of one service among
//! ten thousand builds one service and shares the others.

use std::{net::SocketAddr, sync::Arc};

use super::{
    by_slot::BySlot,
    endpoint_counter::EndpointCounter,
    ids::{
        ByColour, Colour, EndpointAddr, EndpointId, Generation, ListenerId, ServiceName,
        ServiceSlot, Tenure,
    },
    in_flight::TenureCounter,
    route::RouteTable,
    service::ServiceSpec,
    share::Share,
    shift_key::ShiftKey,
};

/// The routing value that a request loads once per attempt.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Its number.
    pub generation: Generation,
    /// The route table of each listener.
    pub routes: Vec<(ListenerId, Arc<RouteTable>)>,
    /// Services by slot.
    pub services: BySlot<ServiceSnapshot>,
}

impl Snapshot {
    /// The routes heard on `listener`.
    #[must_use]
    pub fn routes_of(&self, listener: ListenerId) -> Option<&Arc<RouteTable>> {
        self.routes
            .iter()
            .find(|(id, _)| *id == listener)
            .map(|(_, table)| table)
    }

    /// The service in `slot`.
    #[must_use]
    pub fn service(&self, slot: ServiceSlot) -> Option<&Arc<ServiceSnapshot>> {
        self.services.get(slot)
    }
}

/// One service as a request sees it. Replaced as a whole when anything in it changes, so that a worker finds
/// out by comparing pointers.
#[derive(Debug)]
pub struct ServiceSnapshot {
    /// Its name.
    pub name: ServiceName,
    /// Its place in the tables.
    pub slot: ServiceSlot,
    /// Its policies. The pools in it are the file's; the ones below are what counts.
    pub spec: Arc<ServiceSpec>,
    /// The colour that takes traffic.
    pub live: Colour,
    /// The claims of the live tenure.
    pub tenure: Arc<TenureCounter>,
    /// Both pools.
    pub pools: ByColour<Arc<PoolSnapshot>>,
    /// The claims of requests that ask for the standby, if they may.
    pub previews: Option<Arc<TenureCounter>>,
    /// The claims of copies that are sent to the standby, if any are.
    pub mirrors: Option<Arc<TenureCounter>>,
    /// The gradual switch under way.
    pub shift: Option<ShiftSnapshot>,
    /// The colour that was live before, while sessions that were begun there finish there.
    pub former: Option<FormerSnapshot>,
    /// Whether the standby is held ready to return: unused connections to it are kept.
    pub held: bool,
}

/// A colour that sessions finish on, as a request sees it.
#[derive(Clone, Debug)]
pub struct FormerSnapshot {
    /// The tenure in which these sessions were begun.
    pub session: Tenure,
    /// The claims of their requests since the switch.
    pub tenure: Arc<TenureCounter>,
}

/// A gradual switch as a request sees it.
#[derive(Clone, Debug)]
pub struct ShiftSnapshot {
    /// The share that goes to the other colour.
    pub share: Share,
    /// What decides who is in it.
    pub key: ShiftKey,
    /// The claims of the other colour's tenure.
    pub tenure: Arc<TenureCounter>,
}

impl ServiceSnapshot {
    /// The pool that takes traffic.
    #[must_use]
    pub fn live_pool(&self) -> &Arc<PoolSnapshot> {
        &self.pools[self.live]
    }

    /// The number of the live tenure.
    #[must_use]
    pub fn tenure_number(&self) -> Tenure {
        self.tenure.tenure()
    }
}

/// The endpoints of one colour.
#[derive(Debug, Default)]
pub struct PoolSnapshot {
    /// All of them, ready or not.
    pub endpoints: Vec<EndpointSnapshot>,
}

/// One endpoint.
#[derive(Clone, Debug)]
pub struct EndpointSnapshot {
    /// Its number, the same in every snapshot.
    pub id: EndpointId,
    /// As the file names it.
    pub addr: EndpointAddr,
    /// What the name stands for at present; tried in order. Empty while it has not been resolved.
    pub resolved: Arc<[SocketAddr]>,
    /// Share relative to the others; at least 1.
    pub weight: u32,
    /// May be picked now.
    pub ready: bool,
    /// Requests in flight on it.
    pub counter: Arc<EndpointCounter>,
}

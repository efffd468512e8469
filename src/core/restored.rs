//! What the journal says of the past, when a process starts.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU16,
};

use super::{
    ids::{ByColour, Colour, EndpointAddr, ServiceName, Tenure},
    shift::ShiftRecord,
    switch::Receipt,
};

/// What the journal says of the past, when a process starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restored {
    /// Each service it knows, whether the file still names it or not.
    pub services: BTreeMap<ServiceName, RestoredService>,
}

/// What the journal says of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct RestoredService {
    /// The live colour.
    pub live: Colour,
    /// Its tenure.
    pub tenure: Tenure,
    /// What the last file that was applied calls live.
    pub file_live: Colour,
    /// Endpoints registered at run time.
    pub endpoints: ByColour<Vec<(EndpointAddr, NonZeroU16)>>,
    /// Endpoints that requests stay away from, whoever names them.
    pub drained: ByColour<BTreeSet<EndpointAddr>>,
    /// Past switches, newest first, [`HISTORY_LIMIT`](super::event::HISTORY_LIMIT) at most; those that were not settled are `Interrupted`.
    pub history: Vec<Receipt>,
    /// The shift that was under way.
    pub shift: Option<Box<ShiftRecord>>,
}

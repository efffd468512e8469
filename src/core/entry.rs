//! What is written down: one entry a line.
//!
//! Owns the words of the journal; what they amount to is `control/journal`'s to say.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::{
    ids::{Colour, EndpointAddr, ServiceName, Tenure},
    shift::ShiftRecord,
    switch::Receipt,
    time::Timestamp,
};

/// Durable fact: one line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A service was seen in a file, with the colour that the file calls live. Also written when that changes.
    /// A switch may be on its way to the journal meanwhile, so this may stand behind a `Switched` that it does
    /// not know: who reads it takes `live` and `tenure` from it only if the tenure is not lower than the one
    /// known.
    Seen {
        /// The service.
        service: ServiceName,
        /// What the file says.
        file_live: Colour,
        /// The live colour, as it is and stays.
        live: Colour,
        /// The tenure, as it is and stays.
        tenure: Tenure,
        /// When.
        at: Timestamp,
    },
    /// These services are switched from here on; written before the publish. All of them or none.
    Switched {
        /// Receipts as they stand at the intent.
        receipts: Vec<Receipt>,
    },
    /// A receipt as it stands at the end of a drain.
    Settled {
        /// The whole receipt.
        receipt: Box<Receipt>,
    },
    /// A shift as it stands: written when it begins and at each step, pause and resumption. A receipt of its tenure
    /// ends it.
    Shifting {
        /// The whole of it.
        shift: Box<ShiftRecord>,
    },
    /// A shift has come to nothing: the live colour is what it was.
    Aborted {
        /// The receipt as it stands at the abort.
        receipt: Box<Receipt>,
    },
    /// An endpoint was registered at run time.
    Registered {
        /// The service.
        service: ServiceName,
        /// The pool.
        colour: Colour,
        /// The endpoint.
        addr: EndpointAddr,
        /// Its weight.
        weight: NonZeroU16,
    },
    /// An endpoint that was registered at run time is gone, or has been taken over by the file.
    Deregistered {
        /// The service.
        service: ServiceName,
        /// The pool.
        colour: Colour,
        /// The endpoint.
        addr: EndpointAddr,
    },
    /// Requests stay away from an endpoint from here on, or may come back to it.
    EndpointDrain {
        /// The service.
        service: ServiceName,
        /// The pool.
        colour: Colour,
        /// The endpoint.
        addr: EndpointAddr,
        /// Whether they stay away.
        drained: bool,
    },
}

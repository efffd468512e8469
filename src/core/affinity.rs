//! Affinity: sessions that stay with a colour.
//!
//! Owns what a session is and what of it is honoured; how a client proves its session is the edge's. A session is not
//! kept anywhere: it is what a client's cookie says, so that restarts and other processes know it, too.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use super::ids::{Colour, Tenure};

/// What the file says of the sessions of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffinitySpec {
    /// Which sessions stay.
    pub mode: AffinityMode,
    /// The name of the cookie.
    pub cookie: Arc<str>,
    /// How long sessions that were begun on the old colour may stay there after a switch.
    pub deadline: Duration,
}

/// Which sessions stay with their colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AffinityMode {
    /// Those of a gradual switch, for as long as it lasts.
    Shift,
    /// All; after a switch those that were begun on the old colour finish there.
    Finish,
}

/// Where a client's session was begun: on a colour in a tenure. With [`AffinityMode::Shift`] the tenure is the one that the
/// shift leads to, whatever the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The colour.
    pub colour: Colour,
    /// The tenure.
    pub tenure: Tenure,
}

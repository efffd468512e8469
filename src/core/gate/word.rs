//! What a second operator says about a switch that waits for approval.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::{
    ids::{Colour, OpId, ServiceName},
    switch::Actor,
};

/// A word about a switch that waits for approval.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its number; the answer carries it.
    pub op: OpId,
    /// A service of the switch.
    pub service: ServiceName,
    /// Yes or no.
    pub word: Word,
    /// Who says so.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The switch may go on.
    Approve,
    /// It may not.
    Reject,
}

/// A switch that has been spoken about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Heard {
    /// Its services, and where it leads.
    pub services: BTreeMap<ServiceName, Colour>,
    /// Who had asked for it.
    pub asked_by: Actor,
}

impl Said {
    /// In a few words.
    pub(super) fn told(&self) -> String {
        let by = &self.actor.name;
        let word = match self.word {
            Word::Approve => "approved",
            Word::Reject => "rejected",
        };
        match &self.reason {
            None => format!("{word} by `{by}`"),
            Some(reason) => format!("{word} by `{by}`: {reason}"),
        }
    }
}

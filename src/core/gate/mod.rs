//! Gates: what a switch waits for before it commits.
//!
//! `spec` is what the file asks for, `verdict` what came of it, `inquiry` what the edge is asked to find out, `gated`
//! the way of a switch through its gates. Must not know how anything is asked: that is the edge's.

mod gated;
mod hooks;
pub mod inquiry;
pub mod plan;
mod round;
pub mod spec;
mod spoken;
pub mod verdict;
pub mod word;

use std::time::Duration;

pub(super) use self::{gated::Gated, hooks::Calls};

/// What the edge may take for its answers beyond the timeouts that it keeps itself.
const ANSWER_SLACK: Duration = Duration::from_secs(5);

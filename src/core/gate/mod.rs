//! Gates: what a switch waits for before it commits.
//!
//! `spec` is what the file asks for, `verdict` what came of it, `inquiry` what the edge is asked to find out, `gated`
//! the way of a switch through its gates. Must not know how anything is asked: that is the edge's.

mod gated;
pub mod inquiry;
pub mod plan;
mod round;
pub mod spec;
pub mod verdict;

pub(super) use self::gated::Gated;

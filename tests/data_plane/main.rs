//! The data plane's promises, one file each, kept by a whole cutover over real sockets.
//!
//! One crate for all of them: linking cutover once instead of a dozen times is most of the time that these
//! tests take.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod balancing;
mod cut;
mod dead_endpoint;
mod early_answer;
mod expect;
mod framing;
mod headers;
mod http10;
mod last_answer;
mod limits;
mod refusal;
mod replay;
mod streaming;
mod telemetry;
mod timeouts;
mod upgrade;

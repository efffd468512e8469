//! Conformance, as tables: what a client or an endpoint sends, what the other side gets to see of it, and by which
//! section of which RFC.
//!
//! Owns the cases and the one machine that runs them all. A case is data; what is asked of every one of them is in
//! the machine: it ends in bounded time, nothing of it reaches an endpoint twice, and the next client is served as if
//! it had not been. `data_plane` tells stories instead; a table shows what is missing from it.

#![expect(clippy::too_many_lines, reason = "a table is as long as what is in it")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a case or in the machine fails the test"
)]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod case;
mod client;
mod endpoint;
mod machine;
mod requests;

use machine::Machine;

/// Fewer would mean that somebody has taken cases out.
const REQUEST_CASES: usize = 120;
const ANSWER_CASES: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_passed_or_refused_as_the_rfc_says() {
    let cases = requests::all();
    assert!(cases.len() >= REQUEST_CASES, "only {}", cases.len());
    Machine::start().await.run(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_passed_or_replaced_as_the_rfc_says() {
    let cases = answers::all();
    assert!(cases.len() >= ANSWER_CASES, "only {}", cases.len());
    Machine::start().await.run(cases).await;
}

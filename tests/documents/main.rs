//! Promise: what README and `docs/` say is so. Links lead somewhere, commands are taken by the command line, files pass
//! `cutover check`, and what is marked to be run prints what the page shows.
//!
//! A word after a fence's language, which no reader sees, says what a block is:
//!
//! | fence | the block |
//! | --- | --- |
//! | `console` | each `$ cutover ...` must parse |
//! | `console run` | is played, line by line, in the page's world ([`world`]), and must print what it shows ([`likeness`]) |
//! | `toml` | a whole file, which `cutover check` must take |
//! | `toml fragment` | the same, with what it lacks put in |
//! | `toml NAME.toml` | the same, and from there on it is that file of the page's world |
//! | `toml NAME.toml append` | is added to the end of that file |
//! | `toml bad NAME.toml` | becomes that file, and is not to be valid |
//! | `toml other` | not a configuration of cutover |
//! | `json` | after a played block that ends with a silent `curl`: what that answered, by its shape |
//!
//! `PAGE=docs/runbook.md cargo test --test documents` plays that page alone. `<!-- world: ... -->` is an order to the world, of which [`play`] has the list.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

mod address;
#[path = "../support/authority.rs"]
#[allow(dead_code, reason = "others use the rest of it")]
mod authority;
mod commands;
mod curl;
mod files;
mod likeness;
mod links;
mod page;
mod play;
mod shape;
mod shell;
mod world;

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use page::pages;

#[test]
fn links_lead_somewhere_and_every_page_is_reached() {
    let pages = pages();
    let (seen, wrong) = links::check(&pages);
    tell("links", &wrong);
    assert!(pages.len() > 40 && seen > 150, "{} {seen}", pages.len());
}

#[test]
fn commands_are_taken_by_the_command_line() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for page in pages() {
        seen += commands::check(&page, &mut wrong);
    }
    tell("commands", &wrong);
    assert!(seen > 150, "{seen}");
}

#[test]
fn files_pass_the_check() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for page in pages() {
        seen += files::check(&page, &mut wrong);
    }
    tell("files", &wrong);
    assert!(seen > 8, "{seen}");
}

#[test]
fn what_is_marked_to_be_run_prints_what_is_shown() {
    let mut pages = pages();
    let one = std::env::var_os("PAGE");
    pages.retain(|page| play::is_played(page) && one.as_ref().is_none_or(|it| page.path == *it));
    assert!(!pages.is_empty());
    let (left, wrong) = (Mutex::new(pages), Mutex::new(Vec::new()));
    let played = AtomicUsize::new(0);
    let take = || left.lock().unwrap_or_else(PoisonError::into_inner).pop();
    thread::scope(|scope| {
        for _ in 0..PLAYERS {
            scope.spawn(|| {
                while let Some(page) = take() {
                    match play::play(&page) {
                        // Relaxed: it is read when all have ended.
                        Ok(commands) => _ = played.fetch_add(commands, Ordering::Relaxed),
                        Err(problem) => {
                            let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                            wrong.push(problem);
                        }
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    tell("pages", &wrong);
    let played = played.into_inner();
    assert!(one.is_some() || played > 120, "{played}");
}

/// Pages that are played at a time; most of a page is waiting for probes.
const PLAYERS: usize = 4;

#[track_caller]
fn tell(what: &str, wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} of the {what} are wrong\n\n{}\n",
        wrong.len(),
        wrong.join("\n\n")
    );
}

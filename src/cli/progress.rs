//! What a switch is waiting for, told while it waits.
//!
//! Owns the words and the pace; must not hold the switch up. It asks how the service stands, as anybody might, because
//! the call that waits says nothing until it is over.

use std::{convert::Infallible, future::Future, time::Duration};

use super::{
    client::{Answer, Client, segment},
    exit::Failure,
    gates, now,
    output::Output,
    paint, receipt,
    switch::Whom,
};
use crate::{
    admin::wire::{GroupsAnswer, ServicesAnswer},
    core::{
        switch::Receipt,
        time::Timestamp,
        view::{ServiceView, WaitingView},
    },
    terminal::{Ink, Line},
};

/// Waits for `answer`, and tells meanwhile what it waits for. Ctrl-C ends the waiting, and nothing else.
pub(super) async fn watched(
    client: &Client,
    whom: &Whom,
    answer: impl Future<Output = Result<Answer, Failure>>,
    output: &mut Output<'_>,
) -> Result<Answer, Failure> {
    tokio::select! {
        answer = answer => answer,
        never = tell(client, whom, output) => match never {},
        heard = tokio::signal::ctrl_c() => Err(match heard {
            Ok(()) => Failure::Interrupted(whom.to_string()),
            Err(error) => Failure::Runtime(error),
        }),
    }
}

async fn tell(client: &Client, whom: &Whom, output: &mut Output<'_>) -> Infallible {
    let mut told = String::new();
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        pause = match output.is_live() {
            true => LIVE_PAUSE,
            false => LINE_PAUSE,
        };
        // What cannot be told now is told next time, or by the answer.
        let views = look(client, whom).await.unwrap_or_default();
        let when = output.is_live().then(now);
        let Some(line) = views.iter().find_map(|view| stage(view, when)) else {
            continue;
        };
        if line.text() != told {
            told = line.text();
            output.waiting(line);
        }
    }
}

/// Whoever is being switched.
async fn look(client: &Client, whom: &Whom) -> Result<Vec<ServiceView>, Failure> {
    let group = match whom {
        Whom::Service(service) => {
            let path = format!("/v1/services/{}", segment(service));
            return Ok(vec![client.get(&path).await?.parse()?]);
        }
        Whom::Group(group) => group,
    };
    let groups: GroupsAnswer = client.get("/v1/groups").await?.parse()?;
    let named = groups
        .groups
        .iter()
        .find(|(name, _)| name.as_str() == group);
    let ours = named.map(|(_, services)| services);
    let all: ServicesAnswer = client.get("/v1/services").await?.parse()?;
    let is_ours = |view: &ServiceView| ours.is_some_and(|it| it.contains(&view.service));
    Ok(all.services.into_iter().filter(is_ours).collect())
}

/// How far a switch has come, in one line, if one is under way: with the time that is left, if it is known what time it
/// is, and else until when.
pub(super) fn stage(view: &ServiceView, now: Option<Timestamp>) -> Option<Line> {
    let line = Line::of(Ink::Bold, view.service.as_str()).and(Ink::Plain, "  ");
    if let Some(waiting) = &view.waiting {
        return Some(gated(line, waiting, now));
    }
    if let Some(shift) = &view.shift {
        return Some(line.and(Ink::Plain, receipt::shift(shift)));
    }
    view.draining.first().map(|it| drains(line, it))
}

fn gated(line: Line, waiting: &WaitingView, now: Option<Timestamp>) -> Line {
    let until = match now {
        Some(now) => format!("{} left", paint::rough(waiting.gate_until.since(now))),
        None => format!("until {} at most", waiting.gate_until),
    };
    line.and(Ink::Plain, "to ")
        .and(Ink::Colour(waiting.to), waiting.to.as_str())
        .and(Ink::Plain, " waits: ")
        .and(Ink::Warning, gates::closed(waiting))
        .and(Ink::Dim, format!(" ... {until}"))
}

fn drains(mut line: Line, receipt: &Receipt) -> Line {
    line = line.and(Ink::Plain, format!("gates {} ms ... ", receipt.gate_ms));
    if let Some(barrier) = receipt.barrier_us {
        line = line.and(Ink::Plain, format!("barrier {barrier} us ... "));
    }
    let old = receipt.drains();
    let (met, left) = (receipt.in_flight_at_commit, receipt.left());
    line.and(Ink::Plain, "draining ")
        .and(Ink::Colour(old), old.as_str())
        .and(Ink::Plain, format!(" {met} -> {left}"))
}

/// Before anything is told: most switches are through by then.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
/// Between two looks, where the line changes in place.
const LIVE_PAUSE: Duration = Duration::from_millis(250);
/// Between two looks, where each is a line.
const LINE_PAUSE: Duration = Duration::from_secs(2);

//! `cutover status --watch`: the same text, for as long as somebody looks.
//!
//! Owns when it is written again: at every pulse on a terminal, in the place of the one before; elsewhere whenever it
//! differs, one after the other. It leaves the terminal as it is, so that the last state stays to be read.

use std::io;

use tokio::sync::mpsc;

use super::{
    client::Client,
    exit::{Exit, Failure},
    feed::{Fed, feed},
    now,
    output::{Look, Output},
    paint,
    sight::{Link, Sight},
    status,
};
use crate::{
    admin::wire::ServicesAnswer,
    core::view::ServiceView,
    demo::until_signal,
    terminal::{Ink, Line, Screen, Size, wrapped},
};

/// Follows until it is interrupted, which is no failure.
pub(super) async fn watch(
    client: Client,
    service: Option<&str>,
    output: &mut Output<'_>,
) -> Result<Exit, Failure> {
    // Who is not there is said at once, as by `status`.
    if let Some(service) = service {
        client.get(&status::path(Some(service))).await?;
    }
    let fed = feed(client, service, 0);
    let shown = tokio::select! {
        shown = show(fed, service, output) => shown,
        signal = until_signal() => signal.map_err(Failure::Runtime),
    };
    if output.look().width.is_some() && !output.is_json() {
        output.verbatim(SHOW_CURSOR)?;
    }
    shown.map(|()| Exit::Done)
}

async fn show(
    mut fed: mpsc::Receiver<Fed>,
    service: Option<&str>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut sight = Sight::default();
    while let Some(told) = fed.recv().await {
        let is_news = match told {
            Fed::Failed(failure) => return Err(failure),
            Fed::Lost(_) | Fed::Notice(_) | Fed::Pulse(_) => sight.take_in(told, now()),
        };
        output.is_now(now());
        if output.is_json() {
            write_json(&sight, service, (is_news, output))?;
        } else if output.look().width.is_some() {
            repaint(&sight, service, output)?;
        } else if is_news {
            write_lines(&sight, service, output)?;
        }
    }
    Ok(())
}

fn write_json(
    sight: &Sight,
    service: Option<&str>,
    (is_news, output): (bool, &mut Output<'_>),
) -> Result<(), Failure> {
    if let Link::Lost { why, .. } = sight.link() {
        output.progress(&format!("connection lost: {why}"));
    }
    if !is_news || *sight.link() != Link::Up {
        return Ok(());
    }
    let services: Vec<_> = sight.views().cloned().collect();
    let text = match service {
        Some(_) => services.first().map(serde_json::to_string),
        None => Some(serde_json::to_string(&ServicesAnswer { services })),
    };
    if let Some(text) = text {
        output.verbatim(&text.map_err(io::Error::from)?)?;
    }
    Ok(())
}

fn write_lines(
    sight: &Sight,
    service: Option<&str>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    match sight.link() {
        Link::Waiting => {}
        Link::Lost { .. } => output.progress(&heading(sight, output.look())),
        Link::Up => {
            let text = format!("{}\n", picture(sight, service, output.look()));
            output.result(&text)?;
        }
    }
    Ok(())
}

fn repaint(sight: &Sight, service: Option<&str>, output: &mut Output<'_>) -> Result<(), Failure> {
    let size = Screen::size();
    let look = Look {
        width: Some(size.columns),
        ..*output.look()
    };
    Ok(output.verbatim(&frame(sight, service, (size, look)))?)
}

/// One frame: from the top of the terminal, every line ended by an order to clear what is left of the one before.
fn frame(sight: &Sight, service: Option<&str>, (size, look): (Size, Look)) -> String {
    let text = picture(sight, service, &look);
    let mut lines = Line::read(&wrapped(&text, size.columns));
    let left = lines.len().saturating_sub(size.rows.saturating_sub(1));
    if left > 0 {
        lines.truncate(size.rows.saturating_sub(2));
        let more = format!("... {} lines more: `cutover top`, or one service", left + 1);
        lines.push(Line::of(Ink::Dim, more));
    }
    for line in &mut lines {
        line.truncate(size.columns);
    }
    let lines: Vec<_> = lines.iter().map(|it| it.painted() + CLEAR_LINE).collect();
    // The line feed that follows must not scroll the first line away.
    format!("{HIDE_CURSOR}{HOME}{}{CLEAR_BELOW}", lines.join("\r\n"))
}

/// What is known, under a line that says whether it is still so.
pub(super) fn picture(sight: &Sight, service: Option<&str>, look: &Look) -> String {
    let views: Vec<ServiceView> = sight.views().cloned().collect();
    let text = match (service, views.as_slice()) {
        _ if *sight.link() == Link::Waiting && views.is_empty() => String::new(),
        (Some(name), []) => format!("there is no service `{name}` any more"),
        (Some(_), [view, ..]) => status::one(view, look),
        (None, all) => status::all(all, look),
    };
    format!("{}\n\n{text}", heading(sight, look))
}

fn heading(sight: &Sight, look: &Look) -> String {
    match sight.link() {
        Link::Waiting => Ink::Dim.paint("connecting"),
        Link::Up => Ink::Dim.paint(&format!("{}   Ctrl-C ends", look.now)),
        Link::Lost { since, why } => {
            let age = paint::age(*since, look.now);
            let stale = format!("STALE since {since}, {age}:");
            format!("{} {why}; connecting again", Ink::Alarm.paint(&stale))
        }
    }
}

const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";
const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";

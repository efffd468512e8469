//! One service on the whole screen, and the help.
//!
//! Owns the order of a page: what happens now, then what `cutover status SERVICE` says, then what has happened.

use super::{
    board::Board,
    list::{number, p99},
};
use crate::{
    cli::{output::Look, sight::Rate, status},
    core::{
        ids::{ByColour, Colour},
        time::Timestamp,
    },
    terminal::{Ink, Line, Size, wrapped},
};

impl Board {
    pub(super) fn draw_service(&self, size: Size, now: Timestamp) -> Vec<Line> {
        let mut lines = vec![self.title(size, now)];
        let Some(view) = self.chosen_view() else {
            lines.push(Line::of(Ink::Dim, "  it is gone; Esc leads back"));
            return lines;
        };
        lines.push(Line::default());
        let rates = self.sight.rates(&view.service).unwrap_or_default();
        lines.push(share(&rates, size.columns));
        lines.extend(Colour::ALL.map(|colour| lane(colour, rates[colour])));
        lines.push(Line::default());
        let look = Look {
            width: Some(size.columns),
            live: None,
            coloured: true,
            now,
        };
        let text = status::one(view, &look);
        lines.extend(Line::read(&wrapped(&text, size.columns)));
        // What does not fit goes, but never the keys nor what was answered.
        let said = self.said.len().min(MOST_SAID);
        lines.truncate(size.rows.saturating_sub(said + 1));
        let room = size.rows.saturating_sub(lines.len() + 1);
        lines.extend(self.happened(room, Some(&format!("{}: ", view.service))));
        lines.push(self.keys());
        lines
    }

    pub(super) fn draw_help(&self) -> Vec<Line> {
        let key = |key: &str, what: &str| {
            Line::of(Ink::Bold, format!("  {key:<12}")).and(Ink::Plain, what.to_owned())
        };
        let mut lines = vec![
            Line::of(Ink::Bold, " cutover top"),
            Line::default(),
            key(
                "j k, arrows",
                "the service below, above; also page keys, g, G",
            ),
            key("Enter, Esc", "one service with its endpoints, and back"),
            key("/", "only services with that in their name"),
        ];
        if self.about.may_operate {
            lines.extend([
                key("s", "switch, after showing the plan and asking"),
                key("r", "roll back, after showing the plan and asking"),
            ]);
        }
        lines.extend([
            key("q, Ctrl-C", "quit; what goes on goes on"),
            Line::default(),
            Line::of(Ink::Plain, "  Rates and p99 are of the last five seconds."),
            Line::of(Ink::Plain, "  READY: endpoints that may be picked, of all."),
            Line::default(),
            Line::of(Ink::Dim, "  any key leads back"),
        ]);
        lines
    }
}

/// Who has served the last seconds, as a bar.
fn share(rates: &ByColour<Rate>, columns: usize) -> Line {
    let room = columns.saturating_sub(4).min(MOST_BAR);
    let (blue, green) = (rates.blue.requests, rates.green.requests);
    if blue + green <= 0.0 {
        let empty = "\u{2591}".repeat(room);
        return Line::of(Ink::Plain, "  ").and(Ink::Dim, empty);
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of some dozen columns, between none and all of them"
    )]
    let part = (room as f64 * blue / (blue + green)).round() as usize;
    // A colour that serves anything at all is seen.
    let least = usize::from(blue > 0.0);
    let most = room.saturating_sub(usize::from(green > 0.0));
    let part = part.min(most).max(least.min(room));
    let block = |count| "\u{2588}".repeat(count);
    Line::of(Ink::Plain, "  ")
        .and(Ink::Block(Colour::Blue), block(part))
        .and(Ink::Block(Colour::Green), block(room - part))
}

fn lane(colour: Colour, rate: Rate) -> Line {
    Line::of(Ink::Colour(colour), format!("  {colour:<5} ")).and(
        Ink::Plain,
        format!(
            "{:>6} req/s  {:>5} err/s  p99 {}",
            number(rate.requests),
            number(rate.errors),
            p99(rate)
        ),
    )
}

/// Columns of the bar.
const MOST_BAR: usize = 72;
/// Lines of an answer that are kept whatever has to go.
const MOST_SAID: usize = 6;

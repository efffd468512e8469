//! A question before something changes: what the plan of it says, and yes or no.
//!
//! Owns the question and its lines. There is no way from a single key to a switch.

use crate::{
    cli::{
        advice::{self, Step, step},
        plan,
    },
    core::{
        gate::plan::Plan,
        ids::{Colour, ServiceName},
    },
    terminal::{Ink, Line, wrapped},
};

/// A switch or rollback that was asked for by a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) service: ServiceName,
    /// The colour that would be live.
    pub(super) to: Colour,
    pub(super) rollback: bool,
}

impl Wanted {
    /// For whoever wants it all the same, from a terminal that can wait.
    fn elsewhere(&self) -> Step {
        let Self {
            service,
            to,
            rollback,
        } = self;
        let command = match rollback {
            true => format!("cutover rollback {service}"),
            false => format!("cutover switch {service} {to}"),
        };
        step(command, "waits for its gates")
    }
}

/// What a call has said: a painted text, or why not.
#[derive(Debug)]
pub(super) enum Said {
    Plan(Wanted, Result<Plan, String>),
    Done(Result<String, String>),
}

/// The question.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) wanted: Wanted,
    /// What the plan says, once it has been made.
    pub(super) plan: Option<Result<Plan, String>>,
}

impl Question {
    /// Whether it may be answered with yes: not before there was something to read, nor where it would be refused.
    pub(super) fn is_ripe(&self) -> bool {
        matches!(&self.plan, Some(Ok(plan)) if plan.possible)
    }

    pub(super) fn draw(&self, columns: usize) -> Vec<Line> {
        let Wanted {
            service,
            to,
            rollback,
        } = &self.wanted;
        let what = if *rollback { "roll back" } else { "switch" };
        let from = to.other();
        let question = Line::of(Ink::Bold, format!(" {what} {service} from "))
            .and(Ink::Colour(from), from.as_str())
            .and(Ink::Bold, " to ")
            .and(Ink::Colour(*to), to.as_str())
            .and(Ink::Bold, "?");
        let mut lines = vec![question, Line::default()];
        match &self.plan {
            None => lines.push(Line::of(
                Ink::Dim,
                " asking the gates, nothing is changed ...",
            )),
            Some(Ok(plan)) if plan.possible => lines.extend(read(&plan::text(plan), columns)),
            Some(Ok(plan)) => {
                lines.push(Line::of(Ink::Bad, " it would be refused now:"));
                lines.extend(read(&plan::against(plan), columns));
                if plan.refusal.is_none() {
                    let next = advice::told(&[self.wanted.elsewhere()]);
                    lines.extend(read(&next.join("\n"), columns));
                }
            }
            Some(Err(why)) => {
                lines.push(Line::of(Ink::Bad, " there is no plan for it:"));
                lines.extend(read(why, columns));
            }
        }
        lines.push(Line::default());
        lines.push(match self.is_ripe() {
            true => Line::of(Ink::Bold, " y")
                .and(Ink::Plain, format!(" {what}   "))
                .and(Ink::Bold, "n")
                .and(Ink::Plain, " leave it as it is"),
            false => Line::of(Ink::Bold, " n").and(Ink::Plain, " leave it as it is"),
        });
        lines
    }
}

/// A painted text, a column further in.
fn read(text: &str, columns: usize) -> Vec<Line> {
    let lines = Line::read(&wrapped(text, columns.saturating_sub(1)));
    let further_in = |line: Line| {
        let mut parts = vec![(Ink::Plain, " ".to_owned())];
        parts.extend(line.0);
        Line(parts)
    };
    lines.into_iter().map(further_in).collect()
}

//! Gates and their verdicts, for people.

use super::paint;
use crate::{
    core::{
        gate::verdict::{GateKind, GateVerdict, Verdict},
        view::WaitingView,
    },
    terminal::{Ink, obedient},
};

/// A gate in a line, and a line for each endpoint at fault.
pub(super) fn told(gate: &GateVerdict, indent: &str) -> Vec<String> {
    let GateVerdict {
        service, colour, ..
    } = gate;
    let why = gate.why.as_deref().unwrap_or_default();
    let mut line = format!("{indent}{service} {}: ", paint::colour(*colour));
    if gate.gate == GateKind::MinReady {
        line += &Ink::Bad.paint(why);
    } else {
        let verdict = paint::verdict(gate.verdict).paint(verdict(gate.verdict));
        line = line + &what(gate) + " " + &verdict;
        if !why.is_empty() {
            line = line + ": " + why;
        }
    }
    let endpoints = gate.endpoints.iter();
    let endpoints = endpoints.map(|it| format!("{indent}  {}  {}", it.endpoint, it.why));
    std::iter::once(line)
        .chain(endpoints)
        .map(|line| obedient(&line))
        .collect()
}

/// Which gate it is.
pub(super) fn what(gate: &GateVerdict) -> String {
    let name = gate.name.as_deref().unwrap_or_default();
    match gate.gate {
        GateKind::MinReady => "ready".to_owned(),
        GateKind::Hook => format!("hook `{name}`"),
        GateKind::Check => format!("check `{name}`"),
        GateKind::Approval => "approval".to_owned(),
        GateKind::WarmUp => "warm-up".to_owned(),
    }
}

/// What a switch waits for, in one line.
pub(super) fn closed(waiting: &WaitingView) -> String {
    let closed = waiting.gates.iter();
    let closed = closed.filter(|it| it.gate == waiting.gate && it.verdict != Verdict::Passed);
    let closed: Vec<_> = closed.map(ToString::to_string).collect();
    closed.join("; ")
}

/// In words for people.
pub(super) const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Ignored => "ignored",
        Verdict::Waiting => "is being asked",
        Verdict::Unasked => "not asked",
    }
}

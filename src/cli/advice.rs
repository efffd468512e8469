//! What to do next, when something was refused: commands to type, each with what it is good for.
//!
//! Owns the advice for each type of problem. The detail of a problem says what is wrong; whoever reads it at night should
//! not have to think of the command as well.

use serde_json::Value;

use crate::{
    admin::{TYPE_PREFIX, wire::ProblemBody},
    core::gate::verdict::{GateKind, GateVerdict},
    terminal::{Ink, width},
};

/// A command, and what it is good for.
pub(super) struct Step {
    pub(super) command: String,
    pub(super) what: &'static str,
}

/// The advice in lines; none where the detail says all that there is to say.
pub(super) fn lines(problem: &ProblemBody) -> Vec<String> {
    told(&steps(problem))
}

/// For whoever does not wait any longer for a switch, which does not care.
pub(super) fn interrupted(whom: &str) -> Vec<String> {
    told(&[
        step(format!("cutover status {whom}"), "how far it has come"),
        step(
            "cutover status --watch".to_owned(),
            "shows it as it goes on",
        ),
        step(
            format!("cutover abort {whom}"),
            "ends it, if it is not committed yet",
        ),
        step(format!("cutover rollback {whom}"), "goes back, if it is"),
    ])
}

/// The commands in lines, below a word that says what they are.
pub(super) fn told(steps: &[Step]) -> Vec<String> {
    let longest = steps.iter().map(|it| width(&it.command)).max();
    let line = |it: &Step| {
        let gap = " ".repeat(longest.unwrap_or(0) - width(&it.command));
        let what = Ink::Dim.paint(&format!("# {}", it.what));
        format!("  {}{gap}  {what}", Ink::Bold.paint(&it.command))
    };
    let lines: Vec<_> = steps.iter().map(line).collect();
    match lines.is_empty() {
        true => lines,
        false => std::iter::once("next:".to_owned()).chain(lines).collect(),
    }
}

fn steps(problem: &ProblemBody) -> Vec<Step> {
    let kind = problem.kind.strip_prefix(TYPE_PREFIX).unwrap_or_default();
    let service = member(problem, "service").unwrap_or("SERVICE");
    let look = |what| step(format!("cutover status {service}"), what);
    match kind {
        "gate-refused" => problem.gates.first().map(closed).unwrap_or_default(),
        "busy" if problem.members.contains_key("share") => vec![
            look("how far it has come"),
            step(
                format!("cutover complete {service}"),
                "goes the rest of the way now",
            ),
            step(
                format!("cutover abort {service}"),
                "goes back to the colour that is live",
            ),
        ],
        "busy" => vec![
            look("what it waits for, and until when"),
            step(
                format!("cutover abort {service}"),
                "ends it, if it waits for its gates",
            ),
        ],
        "not-expected-live" | "stale-tenure" => vec![
            look("how it stands now"),
            step(
                format!("cutover history {service}"),
                "who has switched it since",
            ),
        ],
        "empty-pool" => {
            let colour = member(problem, "colour").unwrap_or("COLOUR");
            let add = format!("cutover endpoint add {service} {colour} HOST:PORT");
            vec![
                step(add, "adds one at run time"),
                step("cutover reload".to_owned(), "if the file names one now"),
            ]
        }
        _ => further(kind, service),
    }
}

/// Of the types about which less is known.
fn further(kind: &str, service: &str) -> Vec<Step> {
    let look = |what| step(format!("cutover status {service}"), what);
    match kind {
        "same-person" => vec![step(
            "cutover approve SERVICE".to_owned(),
            "somebody else has to type this, with a token of their own",
        )],
        "not-shifting" | "nothing-waits" | "not-yet" | "aborted" => {
            vec![look("what is under way, if anything is")]
        }
        "nothing-to-roll-back" => vec![
            look("which colour is live"),
            step(
                format!("cutover switch {service} COLOUR"),
                "switches for the first time",
            ),
        ],
        "not-together" => vec![
            step("cutover status".to_owned(), "how each service stands"),
            step(
                format!("cutover rollback {service}"),
                "takes this one back alone",
            ),
        ],
        "unknown-service" => vec![step(
            "cutover status".to_owned(),
            "the services that there are",
        )],
        "unknown-endpoint" => vec![look("its endpoints")],
        "named-by-file" => vec![step(
            "cutover reload".to_owned(),
            "after the file was edited",
        )],
        "reload-refused" => vec![step(
            "cutover check --config FILE".to_owned(),
            "says the same, and changes nothing",
        )],
        "unauthenticated" => vec![step(
            "export CUTOVER_TOKEN_FILE=FILE".to_owned(),
            "a file that holds your token, and nothing else",
        )],
        "journal" => vec![step(
            "df -h".to_owned(),
            "on the machine of cutover: is its disk full?",
        )],
        "timeout" | "gave-up-waiting" => vec![look("it goes on without you: how far it has come")],
        _ => Vec::new(),
    }
}

/// Of a gate that did not open.
fn closed(gate: &GateVerdict) -> Vec<Step> {
    let GateVerdict {
        service, colour, ..
    } = gate;
    let plan = format!("cutover plan {service} {colour}");
    let force = format!("cutover switch {service} {colour} --force");
    let mut steps = match gate.gate {
        GateKind::Approval => vec![
            step(
                format!("cutover switch {service} {colour}"),
                "asks once more",
            ),
            step(
                format!("cutover approve {service}"),
                "somebody else types this while it waits",
            ),
        ],
        GateKind::MinReady | GateKind::Hook | GateKind::Check | GateKind::WarmUp => vec![
            step(
                format!("cutover status {service}"),
                "its endpoints, and what probes saw last",
            ),
            step(plan, "asks the gates once more, switches nothing"),
        ],
    };
    steps.push(step(force, "does not wait for gates; history keeps that"));
    steps
}

pub(super) const fn step(command: String, what: &'static str) -> Step {
    Step { command, what }
}

fn member<'a>(problem: &'a ProblemBody, name: &str) -> Option<&'a str> {
    problem.members.get(name).and_then(Value::as_str)
}

//! A receipt for people: one screen, whatever happened.

use std::time::Duration;

use super::paint;
use crate::{
    admin::wire::{SwitchManyAnswer, SwitchOneAnswer},
    core::{
        shift::{ShiftAccount, ShiftView},
        switch::{Outcome, Receipt, Unchanged},
    },
    terminal::{Ink, obedient},
};

/// What became of a switch.
pub(super) fn answer(answer: &SwitchOneAnswer) -> String {
    let receipts = answer.receipt.iter().map(receipt);
    let unchanged = answer.unchanged.iter().map(unchanged);
    let shift = answer.shift.iter().map(shift);
    let all = receipts.chain(unchanged).chain(shift);
    all.collect::<Vec<_>>().join("\n")
}

/// What became of a switch of several services.
pub(super) fn answers(answer: &SwitchManyAnswer) -> String {
    let receipts = answer.receipts.iter().map(receipt);
    let all = receipts.chain(answer.unchanged.iter().map(unchanged));
    all.collect::<Vec<_>>().join("\n")
}

/// The account of a switch.
pub(super) fn receipt(receipt: &Receipt) -> String {
    let mut lines = vec![
        format!(
            "{}  {} -> {}   tenure {}   {}",
            receipt.service,
            paint::colour(receipt.from),
            paint::colour(receipt.to),
            receipt.tenure,
            outcome(receipt)
        ),
        format!(
            "  in flight at {} {}: finished {}, replayed {}, cut {}{}",
            match receipt.outcome {
                Outcome::Aborted => "abort",
                Outcome::Committing
                | Outcome::Draining
                | Outcome::Drained
                | Outcome::Cut
                | Outcome::Interrupted => "commit",
            },
            receipt.in_flight_at_commit,
            receipt.finished,
            receipt.replayed,
            receipt.cut.total(),
            causes(receipt)
        ),
        format!("  {}", durations(receipt)),
        format!(
            "  {} by {}{}",
            receipt.requested_at,
            receipt.actor.name,
            how(receipt)
        ),
    ];
    if let Some(account) = &receipt.shift {
        lines.insert(1, format!("  {}", shifted(account)));
    }
    if let Some(affinity) = &receipt.affinity {
        let (stayed, stranded) = (affinity.stayed, affinity.stranded);
        lines.push(format!(
            "  sessions on {}: {stayed} requests stayed, {stranded} stranded",
            receipt.from
        ));
    }
    lines.extend(gated(receipt));
    if let Some(reason) = &receipt.reason {
        lines.push(format!("  \"{reason}\""));
    }
    obedient(&lines.join("\n"))
}

/// Of its gates those of which there is more to say, and the group.
fn gated(receipt: &Receipt) -> impl Iterator<Item = String> {
    let group = receipt.group.iter();
    let group = group.map(|group| format!("  with group {group}"));
    let gates = receipt.gates.iter().filter(|it| it.why.is_some());
    group.chain(gates.map(|gate| format!("  {gate}")))
}

fn shifted(account: &ShiftAccount) -> String {
    let ShiftAccount {
        share, requests, ..
    } = account;
    let by = account.aborted_by.as_ref();
    let by = by.map_or_else(String::new, |it| format!(", aborted by {}", it.name));
    let why = account.abort_reason.as_ref();
    let why = why.map_or_else(String::new, |it| format!(": \"{it}\""));
    format!("shifted to {share}, {requests} requests to the new colour{by}{why}")
}

/// How a gradual switch stands, in one line.
pub(super) fn shift(view: &ShiftView) -> String {
    let ShiftView {
        to,
        share,
        step,
        requests,
        ..
    } = view;
    let of = match view.ramping {
        true => "ramp".to_owned(),
        false => format!("step {step} of {}", view.steps.len()),
    };
    let left = match (view.paused, view.held, view.left_ms) {
        (true, _, _) => "paused".to_owned(),
        (_, true, _) => {
            let gates: Vec<_> = view.gates.iter().map(ToString::to_string).collect();
            format!("held: {}", gates.join("; "))
        }
        (_, _, Some(left)) => {
            let left = Duration::from_secs(left.div_ceil(1000));
            format!("{} left", humantime::format_duration(left))
        }
        (_, _, None) => "goes on".to_owned(),
    };
    format!("{share} goes to {to}, {of}, {left}; {requests} requests so far")
}

fn unchanged(unchanged: &Unchanged) -> String {
    format!(
        "{}  {} is live already   tenure {}   nothing changed",
        unchanged.service,
        paint::colour(unchanged.live),
        unchanged.tenure
    )
}

fn outcome(receipt: &Receipt) -> String {
    let (ink, text) = paint::outcome(receipt.outcome);
    ink.paint(text)
}

fn causes(receipt: &Receipt) -> String {
    let causes = [
        (receipt.cut.drain_deadline, "cut by the drain deadline"),
        (receipt.cut.shutdown, "cut by the shutdown"),
        (receipt.broken.client, "broken off by clients"),
        (receipt.broken.upstream, "broken off by endpoints"),
        (receipt.left(), "still in flight"),
    ];
    let told: Vec<_> = causes
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, cause)| Ink::Warning.paint(&format!("{count} {cause}")))
        .collect();
    if told.is_empty() {
        return String::new();
    }
    format!(" ({})", told.join(", "))
}

fn durations(receipt: &Receipt) -> String {
    let mut told = vec![format!("gates {} ms", receipt.gate_ms)];
    if let Some(barrier) = receipt.barrier_us {
        told.push(format!("barrier {barrier} us"));
    }
    if receipt.unproven_workers > 0 {
        let unproven = receipt.unproven_workers;
        let text = format!("NOT PROVEN: {unproven} workers did not answer");
        told.push(Ink::Alarm.paint(&text));
    }
    if let (Some(committed), Some(drained)) = (receipt.committed_at, receipt.drained_at) {
        let drain = drained.millis().saturating_sub(committed.millis());
        told.push(format!("drain {drain} ms"));
    }
    told.join("   ")
}

fn how(receipt: &Receipt) -> &'static str {
    match (receipt.rollback, receipt.forced) {
        (false, false) => "",
        (true, false) => ", a rollback",
        (false, true) => ", forced",
        (true, true) => ", a rollback, forced",
    }
}

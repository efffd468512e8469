//! `cutover plan SERVICE COLOUR`, and `--dry-run` of a switch.

use std::time::Duration;

use clap::Args;

use super::{
    args::ClientArgs,
    client::Client,
    exit::{Exit, Failure},
    gates, mirror,
    output::Output,
    paint,
    switch::{Aim, What},
};
use crate::{
    core::gate::{
        plan::{Plan as Planned, ServicePlan, ShiftOutline, ToDrain},
        verdict::{GateVerdict, Verdict},
    },
    terminal::Ink,
};

#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    what: What,
    /// Plan a switch of every service of this group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

impl Plan {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let aim = Aim::of(self.group, self.what)?;
        let client = self.client.client(PLAN_TIMEOUT, output)?;
        planned(&client, &aim.plan(), output).await
    }
}

/// Says what a switch would do; 3 if it would be refused.
pub(super) async fn planned(
    client: &Client,
    path: &str,
    output: &mut Output<'_>,
) -> Result<Exit, Failure> {
    let answer = client.get(path).await?;
    let plan: Planned = answer.parse()?;
    let text = match output.is_json() {
        true => answer.text,
        false => text(&plan),
    };
    output.result(&text)?;
    Ok(match plan.possible {
        true => Exit::Done,
        false => Exit::Refused,
    })
}

/// A plan for people.
pub(super) fn text(plan: &Planned) -> String {
    let mut lines = Vec::new();
    for service in &plan.services {
        lines.extend(of_service(service));
    }
    for it in &plan.unchanged {
        lines.push(format!("{}  {} is live already", it.service, it.live));
    }
    if let Some(refusal) = &plan.refusal {
        lines.push(Ink::Bad.paint("a switch would be refused") + &format!(": {refusal}"));
    } else if plan.services.is_empty() {
        lines.push("a switch would change nothing".to_owned());
    } else if plan.possible {
        let verdict = Ink::Good.paint("a switch would begin now");
        lines.push(verdict + "; nothing has been changed");
    } else {
        let verdict = Ink::Bad.paint("a switch would be refused now");
        lines.push(verdict + "; nothing has been changed");
    }
    lines.join("\n")
}

/// What is against it, and nothing else.
pub(super) fn against(plan: &Planned) -> String {
    let gates = plan.services.iter().flat_map(|it| &it.gates);
    let closed = gates.filter(|it| it.verdict == Verdict::Failed);
    let refusal = plan.refusal.iter().map(|it| format!("  {it}"));
    let unchanged = plan.unchanged.iter();
    let unchanged = unchanged.map(|it| format!("  {} {} is live already", it.service, it.live));
    let lines = refusal.chain(closed.flat_map(of_gate)).chain(unchanged);
    lines.collect::<Vec<_>>().join("\n")
}

fn of_service(plan: &ServicePlan) -> Vec<String> {
    let ServicePlan {
        service, from, to, ..
    } = plan;
    let mut lines = vec![format!(
        "{}  {} -> {}   tenure {}",
        Ink::Bold.paint(service.as_str()),
        paint::colour(*from),
        paint::colour(*to),
        plan.tenure
    )];
    lines.extend(plan.gates.iter().flat_map(of_gate));
    let shift = plan.shift.as_ref().map(gradually);
    lines.extend(shift.map(|told| format!("  goes      gradually: {told}")));
    lines.push(format!("  drain     {}", to_drain(&plan.to_drain)));
    let mirror = plan.mirror.as_ref().map(mirror::sentence);
    lines.extend(mirror.map(|told| format!("  mirror    {told}")));
    if plan.drift {
        lines.push(format!("  drift     the file says {}", plan.file_live));
    }
    lines.push(match &plan.rollback.why {
        None => format!("  rollback  possible afterwards, to {from}"),
        Some(why) => format!("  rollback  not possible afterwards: {why}"),
    });
    lines
}

fn of_gate(gate: &GateVerdict) -> Vec<String> {
    let what = gates::what(gate);
    let why = gate.why.as_ref().map(|why| format!(": {why}"));
    let verdict = format!("{:<9}", gates::verdict(gate.verdict));
    let mut lines = vec![format!(
        "  {} {what}{}",
        paint::verdict(gate.verdict).paint(&verdict),
        why.unwrap_or_default()
    )];
    let endpoints = gate.endpoints.iter();
    lines.extend(endpoints.map(|it| format!("              {}  {}", it.endpoint, it.why)));
    lines
}

/// `10% for 5m, 50% for 5m, then all of it`.
fn gradually(shift: &ShiftOutline) -> String {
    let time = |ms| humantime::format_duration(Duration::from_millis(ms)).to_string();
    let every = time(shift.every_ms);
    let mut legs: Vec<_> = shift
        .steps
        .iter()
        .map(|it| format!("{it} for {every}"))
        .collect();
    legs.push(match shift.ramp_ms {
        0 => "then all of it".to_owned(),
        ramp => format!("climbing to all of it over {}", time(ramp)),
    });
    legs.join(", ")
}

fn to_drain(it: &ToDrain) -> String {
    let deadline = humantime::format_duration(Duration::from_millis(it.deadline_ms));
    let mut text = format!(
        "{} in flight, {} of them tunnels; what is left after {deadline} is cut",
        it.in_flight, it.tunnels
    );
    if it.draining > 0 {
        text += &format!("; {} of earlier switches drain still", it.draining);
    }
    text
}

/// For an answer: the checks have as long as the file gives them.
const PLAN_TIMEOUT: Duration = Duration::from_secs(300);

//! One line for each effect.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by test files, each of which uses a part of it"
)]

use cutover::core::{
    event::{Effect, EndpointAnswer, Entry},
    gate::{inquiry::Question, verdict::GateKind},
    ids::OpId,
    in_flight::TenureCounter,
    leave::LeaveReceipt,
    notice::Notice,
    operation::OWN_OPS,
    snapshot::Snapshot,
    switch::{Receipt, SwitchAnswer},
};

pub fn line(effect: &Effect) -> String {
    match effect {
        Effect::Journal(op, it) => format!("journal {op}: {}", entry(it)),
        Effect::Record(it) => format!("record: {}", entry(it)),
        Effect::Publish(it) => format!("publish {}", snapshot(it)),
        Effect::Barrier(op, it) => {
            let old: Vec<_> = it.iter().map(|it| counter(it)).collect();
            format!("barrier {op}: {}", old.join(", "))
        }
        Effect::Drain(it) => format!("drain {}", counter(it)),
        Effect::Cut(it) => format!("cut {}", counter(it)),
        Effect::Ask(it) => {
            let names = it.questions.iter().map(|question| match question {
                Question::WarmUp(it) => {
                    let addrs: Vec<_> = it.endpoints.iter().map(|it| it.1.as_str()).collect();
                    format!("warm up {}", addrs.join(", "))
                }
                Question::Hook(it) => format!("{} {}", it.description.at.as_str(), it.hook.name),
                Question::Check(it) => {
                    let targets: Vec<_> = it.targets.iter().map(|it| it.addr.as_str()).collect();
                    format!("{} of {}", it.check.name, targets.join(", "))
                }
            });
            let names: Vec<_> = names.collect();
            format!("ask {}: {}", it.op, names.join("; "))
        }
        Effect::Unask(op) => format!("unask {}", number(*op)),
        Effect::Call(it) => {
            let (at, name) = (it.question.description.at, &it.question.hook.name);
            format!("call {}: {} {name}", number(it.op), at.as_str())
        }
        Effect::AnswerWord(op, Ok(heard)) => {
            let services: Vec<_> = heard.services.keys().map(ToString::to_string).collect();
            format!("word {op}: heard for {}", services.join(", "))
        }
        Effect::AnswerWord(op, Err(refusal)) => format!("word {op}: {refusal}"),
        Effect::Answer(op, it) => format!("answer {op}: {}", answer(it)),
        Effect::AnswerEndpoint(op, it) => match it {
            EndpointAnswer::Done {
                changed,
                receipt: None,
            } => format!("answer {op}: changed {changed}"),
            EndpointAnswer::Done {
                receipt: Some(it), ..
            } => format!("answer {op}: {}", leave(it)),
            EndpointAnswer::Refused(refusal) => format!("answer {op}: {refusal}"),
        },
        Effect::WatchLeaver(op, _) => format!("watch leaver {op}"),
        Effect::ForgetLeaver(op) => format!("forget leaver {op}"),
        Effect::CutEndpoint(_) => "cut endpoint".to_owned(),
        Effect::Applied(changes) => format!("applied: {}", changes.join("; ")),
        Effect::Watch(watched) => {
            let endpoints = watched.iter().flat_map(|it| &it.endpoints);
            let addrs: Vec<_> = endpoints.map(|it| it.addr.as_str()).collect();
            format!("watch {}", addrs.join(", "))
        }
        Effect::Notice(it) => format!("notice: {}", notice(it)),
    }
}

/// The number of an operation; one of core's own without the bit that says so.
fn number(op: OpId) -> String {
    match op.0 & OWN_OPS {
        0 => op.to_string(),
        _ => format!("own {}", op.0 & !OWN_OPS),
    }
}

pub fn receipt(it: &Receipt) -> String {
    let mut line = format!(
        "{} {}>{} tenure {} {:?}",
        it.service, it.from, it.to, it.tenure, it.outcome
    );
    if it.rollback {
        line += " rollback";
    }
    if it.forced {
        line += " forced";
    }
    if it.in_flight_at_commit > 0 {
        line += &format!(
            " {} = {} finished + {} replayed + {} cut",
            it.in_flight_at_commit,
            it.finished,
            it.replayed,
            it.cut.total()
        );
    }
    line
}

fn leave(it: &LeaveReceipt) -> String {
    format!(
        "{} {:?} {:?} {} = {} finished + {} replayed + {} cut",
        it.endpoint,
        it.cause,
        it.outcome,
        it.in_flight_at_leaving,
        it.finished,
        it.replayed,
        it.cut
    )
}

fn receipts(them: &[Receipt]) -> String {
    them.iter().map(receipt).collect::<Vec<_>>().join(", ")
}

fn entry(it: &Entry) -> String {
    match it {
        Entry::Seen {
            service,
            file_live,
            live,
            tenure,
            ..
        } => format!("seen {service} file {file_live}, live {live} tenure {tenure}"),
        Entry::Switched { receipts: them } => format!("switched {}", receipts(them)),
        Entry::Settled { receipt: it } => format!("settled {}", receipt(it)),
        Entry::Aborted { receipt: it } => format!("aborted {}", receipt(it)),
        Entry::Shifting { shift: it } => {
            let paused = if it.paused { " paused" } else { "" };
            format!(
                "shifting {} {}>{} tenure {} step {}{paused}",
                it.service, it.from, it.to, it.tenure, it.step
            )
        }
        Entry::Registered {
            service,
            colour,
            addr,
            weight,
        } => format!("registered {service} {colour} {addr} weight {weight}"),
        Entry::Deregistered {
            service,
            colour,
            addr,
        } => format!("deregistered {service} {colour} {addr}"),
        Entry::EndpointDrain {
            service,
            colour,
            addr,
            drained,
        } => format!("drained {service} {colour} {addr} {drained}"),
    }
}

/// The generation and, of each service, what is live and which endpoints are ready (`+`) or not (`-`).
fn snapshot(it: &Snapshot) -> String {
    let services = it.services.iter().map(|service| {
        let pools = service.pools.iter().map(|(_, pool)| {
            let ready = pool.endpoints.iter().map(|it| it.ready);
            ready
                .map(|ready| if ready { '+' } else { '-' })
                .collect::<String>()
        });
        let pools: Vec<_> = pools.collect();
        let former = service.former.as_ref();
        let former = former.map_or("", |_| " lingers");
        let shift = service.shift.as_ref().map_or_else(String::new, |it| {
            let (to, tenure) = (it.tenure.colour(), it.tenure.tenure());
            format!(" {} to {to}/{tenure}", it.share)
        });
        format!(
            "{} {}/{} {}{shift}{former}",
            service.name,
            service.live,
            service.tenure_number(),
            pools.join("|")
        )
    });
    let services: Vec<_> = services.collect();
    format!("{}: {}", it.generation, services.join(", "))
}

fn counter(it: &TenureCounter) -> String {
    format!("{} {}/{}", it.service(), it.colour(), it.tenure())
}

fn answer(it: &SwitchAnswer) -> String {
    match it {
        SwitchAnswer::Done {
            receipts: them,
            unchanged,
        } => {
            let same = unchanged
                .iter()
                .map(|it| format!("{} stays {}/{}", it.service, it.live, it.tenure));
            let same: Vec<_> = same.collect();
            [receipts(them), same.join(", ")].join("|")
        }
        SwitchAnswer::Shifting(it) => {
            let paused = if it.paused { " paused" } else { "" };
            format!("shifting {} to {}/{}{paused}", it.share, it.to, it.tenure)
        }
        SwitchAnswer::Refused(refusal) => format!("refused: {refusal}"),
    }
}

fn shift(it: &Notice) -> String {
    if let Notice::Shift {
        change,
        share,
        record,
        ..
    } = it
    {
        return format!("shift of {} {change:?}: {share}", record.service);
    }
    if let Notice::ShiftAborted { receipt: it } = it {
        return format!("shift aborted: {}", receipt(it));
    }
    format!("no shift: {it:?}")
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn notice(it: &Notice) -> String {
    match it {
        Notice::SwitchWaiting {
            service,
            to,
            gate: GateKind::MinReady,
            longest,
            ..
        } => format!("{service}>{to} waits up to {longest:?}"),
        Notice::SwitchWaiting {
            service,
            to,
            gate,
            longest,
            ..
        } => format!("{service}>{to} waits for {gate} up to {longest:?}"),
        Notice::GateAnswered(it) => it.to_string(),
        Notice::HookCalled {
            at, hook, failure, ..
        } => format!(
            "{} {hook} {}",
            at.as_str(),
            failure.as_deref().unwrap_or("passed")
        ),
        Notice::SwitchRefused { refusal, actor, .. } => {
            format!("refused to {}: {refusal}", actor.name)
        }
        Notice::Switched {
            receipt: it,
            generation,
        } => format!("switched by {generation}: {}", receipt(it)),
        Notice::Shift { .. } | Notice::ShiftAborted { .. } => shift(it),
        Notice::JournalFailed { error } => format!("journal failed: {error}"),
        Notice::Drained { receipt: it, took } => format!("drained in {took:?}: {}", receipt(it)),
        Notice::DrainDeadlinePassed {
            service,
            colour,
            left,
        } => format!("drain deadline of {service} {colour} passed, {left} left"),
        Notice::BarrierMissed { workers, .. } => format!("{workers} workers missed the barrier"),
        Notice::HealthChanged {
            endpoint,
            health,
            why,
            ..
        } => format!("{endpoint} {health:?}: {why}"),
        Notice::Ejected {
            endpoint,
            lasts,
            why,
            ..
        } => format!("{endpoint} ejected for {lasts:?}: {why}"),
        Notice::Readmitted { endpoint, .. } => format!("{endpoint} readmitted"),
        Notice::Reloaded { generation, .. } => format!("reloaded by {generation}"),
        Notice::ServiceAdded {
            service,
            live,
            restored,
        } => format!("{service} added, {live} live, restored {restored}"),
        Notice::ServiceRemoved { service } => format!("{service} removed"),
        Notice::EndpointsChanged {
            endpoint,
            registered,
            ..
        } => format!("{endpoint} registered {registered}"),
        Notice::EndpointDrained {
            endpoint, drained, ..
        } => format!("{endpoint} drained {drained}"),
        Notice::EndpointLeft { receipt: it, took } => format!("left in {took:?}: {}", leave(it)),
        other @ (Notice::ReloadFailed { .. }
        | Notice::JournalDamaged { .. }
        | Notice::ListenerOpened { .. }
        | Notice::ListenerClosed { .. }
        | Notice::CertificatesRenewed { .. }
        | Notice::CertificatesRefused { .. }
        | Notice::ResolveFailed { .. }
        | Notice::ProbesLate { .. }) => format!("not core's to tell: {other:?}"),
    }
}

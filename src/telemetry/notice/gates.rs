//! The lines about gates and hooks.

use tracing::{info, warn};

use super::{LOG, listed};
use crate::core::{
    gate::{
        spec::HookPoint,
        verdict::{GateVerdict, Verdict},
    },
    ids::ServiceName,
};

pub(super) fn log_gate(verdict: &GateVerdict) {
    let GateVerdict {
        gate,
        name,
        service,
        colour,
        why,
        endpoints,
        ..
    } = verdict;
    let (name, why) = (name.as_deref(), why.as_deref());
    if verdict.verdict == Verdict::Passed {
        return info!(target: LOG, %service, %colour, %gate, name, "gate passed");
    }
    let faults = endpoints.iter();
    let faults: Vec<_> = faults
        .map(|it| format!("{}: {}", it.endpoint, it.why))
        .collect();
    warn!(target: LOG, %service, %colour, %gate, name, why, faults = listed(&faults), "gate failed");
}

pub(super) fn log_hook(service: &ServiceName, at: HookPoint, hook: &str, failure: Option<&str>) {
    let at = at.as_str();
    match failure {
        None => info!(target: LOG, %service, at, hook, "hook called"),
        Some(why) => warn!(target: LOG, %service, at, hook, why, "hook failed"),
    }
}

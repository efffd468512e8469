//! What kinds of notices there are, as labels and events have them.

use crate::core::notice::{Notice, ShiftChange};

/// The kind of a notice: bounded, usable as a label.
#[must_use]
pub const fn kind(notice: &Notice) -> &'static str {
    match notice {
        Notice::SwitchWaiting { .. } => "switch_waiting",
        Notice::GateAnswered(_) => "gate_answered",
        Notice::HookCalled { .. } => "hook_called",
        Notice::SwitchRefused { .. } => "switch_refused",
        Notice::Switched { .. } => "switched",
        Notice::Shift { change, .. } => match change {
            ShiftChange::Began => "shift_began",
            ShiftChange::Restored => "shift_restored",
            ShiftChange::Stepped => "shift_stepped",
            ShiftChange::Held => "shift_held",
            ShiftChange::Paused => "shift_paused",
            ShiftChange::Resumed => "shift_resumed",
        },
        Notice::ShiftAborted { .. } => "shift_aborted",
        Notice::Drained { .. } => "drained",
        Notice::DrainDeadlinePassed { .. } => "drain_deadline_passed",
        Notice::BarrierMissed { .. } => "barrier_missed",
        Notice::HealthChanged { .. } => "health_changed",
        Notice::Ejected { .. } => "ejected",
        Notice::Readmitted { .. } => "readmitted",
        Notice::Reloaded { .. } => "reloaded",
        Notice::ReloadFailed { .. } => "reload_failed",
        Notice::ServiceAdded { .. } => "service_added",
        Notice::ServiceRemoved { .. } => "service_removed",
        Notice::EndpointsChanged { .. } => "endpoints_changed",
        Notice::EndpointDrained { .. } => "endpoint_drained",
        Notice::EndpointLeft { .. } => "endpoint_left",
        Notice::JournalFailed { .. } => "journal_failed",
        Notice::JournalDamaged { .. } => "journal_damaged",
        Notice::ListenerOpened { .. } => "listener_opened",
        Notice::ListenerClosed { .. } => "listener_closed",
        Notice::ResolveFailed { .. } => "resolve_failed",
        Notice::ProbesLate { .. } => "probes_late",
        Notice::CertificatesRenewed { .. } => "certificates_renewed",
        Notice::CertificatesRefused { .. } => "certificates_refused",
    }
}

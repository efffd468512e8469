//! The log lines of gradual switches.

use tracing::{info, warn};

use super::{LOG, who};
use crate::core::{
    notice::ShiftChange,
    share::Share,
    shift::ShiftRecord,
    switch::{Actor, Receipt},
};

pub(super) fn log(change: ShiftChange, share: Share, record: &ShiftRecord, by: Option<&Actor>) {
    let (by, actor) = who(by.unwrap_or(&record.actor));
    let ShiftRecord {
        service, from, to, ..
    } = record;
    let (tenure, step) = (record.tenure.0, record.step + 1);
    let ramp = record.is_ramp();
    // The message is part of the macro, so that it is constant.
    match change {
        ShiftChange::Began => {
            let reason = record.reason.as_deref();
            info!(target: LOG, %service, %from, %to, %share, step, ramp, tenure, %by, actor, reason, "shift began");
        }
        ShiftChange::Restored => {
            info!(target: LOG, %service, %from, %to, %share, step, ramp, tenure, "shift restored");
        }
        ShiftChange::Stepped => {
            info!(target: LOG, %service, %from, %to, %share, step, ramp, tenure, "shift stepped");
        }
        ShiftChange::Held => {
            warn!(target: LOG, %service, %from, %to, %share, step, tenure, "shift held");
        }
        ShiftChange::Paused => {
            info!(target: LOG, %service, %from, %to, %share, step, tenure, %by, actor, "shift paused");
        }
        ShiftChange::Resumed => {
            info!(target: LOG, %service, %from, %to, %share, step, tenure, %by, actor, "shift resumed");
        }
    }
}

pub(super) fn log_aborted(receipt: &Receipt) {
    let account = receipt.shift.as_ref();
    let (by, actor) = who(account
        .and_then(|it| it.aborted_by.as_ref())
        .unwrap_or(&receipt.actor));
    let reason = account.and_then(|it| it.abort_reason.as_deref());
    let share = account.map(|it| it.share).unwrap_or_default();
    let (tenure, barrier_us) = (receipt.tenure.0, receipt.barrier_us);
    let Receipt {
        service, from, to, ..
    } = receipt;
    let in_flight = receipt.in_flight_at_commit;
    warn!(
        target: LOG, %service, %from, %to, %share, tenure, %by, actor, reason, barrier_us, in_flight, "shift aborted"
    );
}

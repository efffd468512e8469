//! What a journal that was read again would say: the smallest reader that keeps to the words of `Entry`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    unreachable_pub,
    reason = "a test file's module is seen by that file alone"
)]

use std::collections::BTreeMap;

use cutover::core::{
    event::{Entry, HISTORY_LIMIT, Restored, RestoredService},
    ids::{ByColour, Colour, ServiceName, Tenure},
    shift::ShiftRecord,
    switch::{Outcome, Receipt},
};

/// Takes in one entry.
pub fn write(journal: &mut Restored, entry: Entry) {
    match entry {
        Entry::Seen {
            service,
            file_live,
            live,
            tenure,
            ..
        } => {
            let known = journal
                .services
                .entry(service)
                .or_insert_with(|| unknown(live));
            known.file_live = file_live;
            if tenure >= known.tenure {
                (known.live, known.tenure) = (live, tenure);
            }
        }
        Entry::Switched { receipts } => {
            for receipt in receipts {
                let known = journal.services.get_mut(&receipt.service).unwrap();
                (known.live, known.tenure) = (receipt.to, receipt.tenure);
                known.shift = None;
                known.history.insert(0, receipt);
                known.history.truncate(HISTORY_LIMIT);
            }
        }
        Entry::Settled { receipt } => settle(&mut journal.services, *receipt),
        Entry::Shifting { shift } => shifts(&mut journal.services, *shift),
        Entry::Aborted { receipt } => aborted(&mut journal.services, *receipt),
        about @ (Entry::Registered { .. }
        | Entry::Deregistered { .. }
        | Entry::EndpointDrain { .. }) => write_endpoint(journal, about),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`write` sorts the others away"
)]
fn write_endpoint(journal: &mut Restored, entry: Entry) {
    match entry {
        Entry::Registered {
            service,
            colour,
            addr,
            weight,
        } => {
            let known = journal.services.get_mut(&service).unwrap();
            known.endpoints[colour].retain(|it| it.0 != addr);
            known.endpoints[colour].push((addr, weight));
        }
        Entry::Deregistered {
            service,
            colour,
            addr,
        } => {
            let known = journal.services.get_mut(&service).unwrap();
            known.endpoints[colour].retain(|it| it.0 != addr);
        }
        Entry::EndpointDrain {
            service,
            colour,
            addr,
            drained,
        } => {
            let known = journal.services.get_mut(&service).unwrap();
            if drained {
                known.drained[colour].insert(addr);
            } else {
                known.drained[colour].remove(&addr);
            }
        }
        _ => {}
    }
}

fn shifts(services: &mut BTreeMap<ServiceName, RestoredService>, shift: ShiftRecord) {
    let known = services.get_mut(&shift.service).unwrap();
    let ended = known.history.iter().any(|it| it.tenure == shift.tenure);
    assert!(!ended, "a shift does not go on after its end");
    known.shift = Some(Box::new(shift));
}

fn aborted(services: &mut BTreeMap<ServiceName, RestoredService>, receipt: Receipt) {
    let known = services.get_mut(&receipt.service).unwrap();
    known.shift = None;
    known.history.insert(0, receipt);
    known.history.truncate(HISTORY_LIMIT);
}

fn settle(services: &mut BTreeMap<ServiceName, RestoredService>, receipt: Receipt) {
    let known = services.get_mut(&receipt.service).unwrap();
    let mut history = known.history.iter_mut();
    if let Some(known) = history.find(|it| it.tenure == receipt.tenure) {
        *known = receipt;
    } else if receipt.outcome == Outcome::Aborted {
        // Its abort could not be written down when it came about.
        known.shift.take_if(|it| it.tenure <= receipt.tenure);
        let newer = known
            .history
            .iter()
            .take_while(|it| it.tenure > receipt.tenure);
        let at = newer.count();
        known.history.insert(at, receipt);
    }
}

fn unknown(live: Colour) -> RestoredService {
    RestoredService {
        live,
        tenure: Tenure(1),
        file_live: live,
        endpoints: ByColour::default(),
        drained: ByColour::default(),
        history: Vec::new(),
        shift: None,
    }
}

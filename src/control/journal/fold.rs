//! What the entries of a journal amount to.
//!
//! Owns the folding of entries into what is known of each service, and back into the fewest entries that say
//! the same; must not read or write a file. Every rule bears a missing line: a receipt carries its tenure, so
//! a later one tells of a switch whose own line is damaged, and a service never depends on another's lines.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    num::NonZeroU16,
};

use crate::core::{
    event::{Entry, HISTORY_LIMIT, Restored, RestoredService},
    ids::{ByColour, Colour, EndpointAddr, ServiceName, Tenure},
    shift::ShiftRecord,
    switch::{ActorKind, Outcome, Receipt},
    time::Timestamp,
};

/// What is known of every service so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fold {
    services: BTreeMap<ServiceName, Known>,
}

/// What is known of one service. Each part may be missing: its line may be damaged.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    live: Option<(Colour, Tenure)>,
    file_live: Option<(Colour, Timestamp)>,
    endpoints: ByColour<Vec<(EndpointAddr, NonZeroU16)>>,
    drained: ByColour<BTreeSet<EndpointAddr>>,
    /// Newest first.
    history: VecDeque<Receipt>,
    /// Until a receipt of its tenure or a later one tells of its end.
    /// Boxed, because few have one, and there may be ten thousand services.
    shift: Option<Box<ShiftRecord>>,
}

impl Fold {
    /// Takes one more entry.
    pub(super) fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Seen {
                service,
                file_live,
                live,
                tenure,
                at,
            } => {
                let known = self.known(service);
                known.live = Some((*live, *tenure));
                known.shift.take_if(|it| it.tenure <= *tenure);
                known.file_live = Some((*file_live, *at));
            }
            Entry::Switched { receipts } => {
                for receipt in receipts {
                    self.known(&receipt.service).met(receipt);
                }
            }
            Entry::Settled { receipt } | Entry::Aborted { receipt } => {
                self.known(&receipt.service).met(receipt);
            }
            Entry::Shifting { shift } => self.known(&shift.service).shifts(shift),
            Entry::Registered {
                service,
                colour,
                addr,
                weight,
            } => {
                let endpoints = &mut self.known(service).endpoints[*colour];
                match endpoints.iter_mut().find(|(known, _)| known == addr) {
                    Some((_, known)) => *known = *weight,
                    None => endpoints.push((addr.clone(), *weight)),
                }
            }
            Entry::Deregistered {
                service,
                colour,
                addr,
            } => self.known(service).endpoints[*colour].retain(|(known, _)| known != addr),
            Entry::EndpointDrain {
                service,
                colour,
                addr,
                drained,
            } => {
                let known = &mut self.known(service).drained[*colour];
                if *drained {
                    known.insert(addr.clone());
                } else {
                    known.remove(addr);
                }
            }
        }
    }

    fn known(&mut self, service: &ServiceName) -> &mut Known {
        self.services.entry(service.clone()).or_default()
    }

    /// Fills in what damage has taken from services that the file names, as if the file had said it all
    /// along: a colour that the file seems to have changed would be a request to switch.
    pub(super) fn complete(&mut self, named: &BTreeMap<ServiceName, Colour>, now: Timestamp) {
        for (service, known) in &mut self.services {
            if let Some(file_live) = named.get(service) {
                known.file_live.get_or_insert((*file_live, now));
                known.live.get_or_insert((*file_live, Tenure(1)));
            }
        }
    }

    /// What a new process begins with.
    pub(super) fn restored(&self) -> Restored {
        let services = self.services.iter();
        Restored {
            services: services
                .filter_map(|(name, known)| Some((name.clone(), known.restored()?)))
                .collect(),
        }
    }

    /// The fewest entries that fold to the same.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.services
            .iter()
            .flat_map(|(name, known)| known.entries(name))
    }
}

impl Known {
    /// A receipt as it stood at some moment. Tenures only rise, so that a receipt of a later one than is
    /// known tells of a switch, whatever line it stands in.
    fn met(&mut self, receipt: &Receipt) {
        // An aborted shift has changed nothing but that it is over.
        if receipt.outcome != Outcome::Aborted
            && self.live.is_none_or(|(_, tenure)| receipt.tenure > tenure)
        {
            self.live = Some((receipt.to, receipt.tenure));
            // The wish is fulfilled, even if what says so could not be written any more.
            if receipt.actor.kind == ActorKind::File && self.file_live.is_some() {
                self.file_live = Some((receipt.to, receipt.requested_at));
            }
        }
        self.shift.take_if(|it| it.tenure <= receipt.tenure);
        let same = |known: &&mut Receipt| {
            known.tenure == receipt.tenure && known.requested_at == receipt.requested_at
        };
        if let Some(known) = self.history.iter_mut().find(same) {
            *known = receipt.clone();
            return;
        }
        let newer = |known: &Receipt| known.tenure > receipt.tenure;
        let at = self.history.iter().position(|known| !newer(known));
        self.history
            .insert(at.unwrap_or(self.history.len()), receipt.clone());
        self.history.truncate(HISTORY_LIMIT);
    }

    /// A shift as it stood at some moment, unless it is known to be over.
    fn shifts(&mut self, shift: &ShiftRecord) {
        let newest = self.history.front().map(|it| it.tenure);
        let last = newest.max(self.live.map(|(_, tenure)| tenure));
        if last.is_none_or(|last| shift.tenure > last) {
            self.shift = Some(Box::new(shift.clone()));
        }
    }

    fn restored(&self) -> Option<RestoredService> {
        let (live, tenure) = self.live?;
        Some(RestoredService {
            live,
            tenure,
            file_live: self.file_live.map_or(live, |(colour, _)| colour),
            endpoints: self.endpoints.clone(),
            drained: self.drained.clone(),
            history: self.history.iter().map(ended).collect(),
            shift: self.shift.clone(),
        })
    }

    fn entries(&self, service: &ServiceName) -> Vec<Entry> {
        let history = self.history.iter().rev();
        let mut entries: Vec<_> = history
            .map(|receipt| {
                let receipt = receipt.clone();
                match receipt.outcome {
                    Outcome::Committing => Entry::Switched {
                        receipts: vec![receipt],
                    },
                    Outcome::Draining | Outcome::Drained | Outcome::Cut | Outcome::Interrupted => {
                        Entry::Settled {
                            receipt: Box::new(receipt),
                        }
                    }
                    Outcome::Aborted => Entry::Aborted {
                        receipt: Box::new(receipt),
                    },
                }
            })
            .collect();
        // After the receipts, so that it has the last word on what is live.
        if let (Some((live, tenure)), Some((file_live, at))) = (self.live, self.file_live) {
            entries.push(Entry::Seen {
                service: service.clone(),
                file_live,
                live,
                tenure,
                at,
            });
        }
        entries.extend(self.shift.iter().map(|shift| Entry::Shifting {
            shift: shift.clone(),
        }));
        for (colour, endpoints) in self.endpoints.iter() {
            entries.extend(endpoints.iter().map(|(addr, weight)| Entry::Registered {
                service: service.clone(),
                colour,
                addr: addr.clone(),
                weight: *weight,
            }));
        }
        for (colour, drained) in self.drained.iter() {
            entries.extend(drained.iter().map(|addr| Entry::EndpointDrain {
                service: service.clone(),
                colour,
                addr: addr.clone(),
                drained: true,
            }));
        }
        entries
    }
}

/// A receipt as it stands after the process that wrote it has ended.
fn ended(receipt: &Receipt) -> Receipt {
    let mut receipt = receipt.clone();
    if matches!(receipt.outcome, Outcome::Committing | Outcome::Draining) {
        receipt.outcome = Outcome::Interrupted;
    }
    receipt
}

#[cfg(test)]
mod tests;

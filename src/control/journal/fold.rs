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
    switch::{Outcome, Receipt},
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
    shift: Option<ShiftRecord>,
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
            self.shift = Some(shift.clone());
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
            shift: Box::new(shift.clone()),
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::switch::{Actor, Broken, Cut};

    fn receipt(service: &str, tenure: u64, outcome: Outcome) -> Receipt {
        let to = Colour::ALL[usize::from(tenure.is_multiple_of(2))];
        Receipt {
            service: ServiceName::new(service),
            from: to.other(),
            to,
            tenure: Tenure(tenure),
            actor: Actor::file(),
            reason: None,
            rollback: false,
            forced: false,
            group: None,
            requested_at: Timestamp::from_millis(tenure),
            committed_at: None,
            gate_ms: 0,
            gates: Vec::new(),
            barrier_us: None,
            unproven_workers: 0,
            in_flight_at_commit: 0,
            finished: 0,
            replayed: 0,
            cut: Cut::default(),
            broken: Broken::default(),
            drained_at: None,
            outcome,
            shift: None,
        }
    }

    fn seen(service: &str, live: Colour, tenure: u64) -> Entry {
        Entry::Seen {
            service: ServiceName::new(service),
            file_live: Colour::Blue,
            live,
            tenure: Tenure(tenure),
            at: Timestamp::from_millis(5),
        }
    }

    fn switched(service: &str, tenure: u64) -> Entry {
        Entry::Switched {
            receipts: vec![receipt(service, tenure, Outcome::Committing)],
        }
    }

    fn settled(service: &str, tenure: u64) -> Entry {
        Entry::Settled {
            receipt: Box::new(receipt(service, tenure, Outcome::Drained)),
        }
    }

    fn registered(service: &str, addr: &str, weight: u16) -> Entry {
        Entry::Registered {
            service: ServiceName::new(service),
            colour: Colour::Green,
            addr: EndpointAddr::new(addr),
            weight: NonZeroU16::new(weight).unwrap(),
        }
    }

    fn fold(entries: &[Entry]) -> Fold {
        let mut fold = Fold::default();
        entries.iter().for_each(|entry| fold.apply(entry));
        fold
    }

    fn shop(entries: &[Entry]) -> RestoredService {
        fold(entries).restored().services[&ServiceName::new("shop")].clone()
    }

    #[test]
    fn a_switch_makes_its_colour_live_and_what_was_not_settled_is_interrupted() {
        let shop = shop(&[
            seen("shop", Colour::Blue, 1),
            switched("shop", 2),
            settled("shop", 2),
            switched("shop", 3),
        ]);
        assert_eq!((shop.live, shop.tenure), (Colour::Blue, Tenure(3)));
        let outcomes: Vec<_> = shop.history.iter().map(|it| it.outcome).collect();
        assert_eq!(outcomes, [Outcome::Interrupted, Outcome::Drained]);
    }

    #[test]
    fn an_old_drain_that_settles_late_does_not_turn_the_colour_back() {
        let shop = shop(&[
            seen("shop", Colour::Blue, 1),
            switched("shop", 2),
            switched("shop", 3),
            settled("shop", 2),
        ]);
        assert_eq!((shop.live, shop.tenure), (Colour::Blue, Tenure(3)));
        assert_eq!(shop.history[1].outcome, Outcome::Drained);
    }

    #[test]
    fn a_settled_receipt_tells_of_a_switch_whose_line_is_lost() {
        let shop = shop(&[seen("shop", Colour::Blue, 1), settled("shop", 2)]);
        assert_eq!((shop.live, shop.tenure), (Colour::Green, Tenure(2)));
    }

    #[test]
    fn a_service_seen_again_is_as_it_was_seen() {
        let shop = shop(&[switched("shop", 4), seen("shop", Colour::Green, 4)]);
        assert_eq!((shop.live, shop.tenure), (Colour::Green, Tenure(4)));
        assert_eq!(shop.history.len(), 1);
    }

    #[test]
    fn endpoints_are_registered_reweighted_and_deregistered() {
        let gone = Entry::Deregistered {
            service: ServiceName::new("shop"),
            colour: Colour::Green,
            addr: EndpointAddr::new("b:1"),
        };
        let shop = shop(&[
            seen("shop", Colour::Blue, 1),
            registered("shop", "a:1", 1),
            registered("shop", "b:1", 1),
            registered("shop", "a:1", 7),
            gone,
        ]);
        let weight = NonZeroU16::new(7).unwrap();
        assert_eq!(shop.endpoints.green, [(EndpointAddr::new("a:1"), weight)]);
    }

    #[test]
    fn what_damage_took_is_filled_in_from_the_file() {
        let mut fold = fold(&[switched("shop", 2), registered("api", "a:1", 1)]);
        let named = [("shop", Colour::Green), ("api", Colour::Green)]
            .map(|(name, colour)| (ServiceName::new(name), colour));
        fold.complete(&named.into(), Timestamp::from_millis(9));
        let restored = fold.restored().services;
        let shop = &restored[&ServiceName::new("shop")];
        assert_eq!((shop.live, shop.file_live), (Colour::Green, Colour::Green));
        let api = &restored[&ServiceName::new("api")];
        assert_eq!((api.live, api.tenure), (Colour::Green, Tenure(1)));
    }

    #[test]
    fn history_is_bounded() {
        let entries: Vec<_> = (2..2 * HISTORY_LIMIT as u64)
            .map(|tenure| settled("shop", tenure))
            .collect();
        let history = shop(&entries).history;
        assert_eq!(history.len(), HISTORY_LIMIT);
        assert_eq!(history[0].tenure, Tenure(2 * HISTORY_LIMIT as u64 - 1));
    }

    fn any_entry() -> impl Strategy<Value = Entry> {
        let service = prop_oneof![Just("shop"), Just("api")];
        (service, 0..7_u8, 1..6_u64, 1..4_u16).prop_map(|(service, kind, tenure, weight)| {
            let addr = ["a:1", "b:1"][usize::from(weight % 2)];
            match kind {
                0 => seen(service, Colour::Green, tenure),
                1 => switched(service, tenure),
                2 => settled(service, tenure),
                3 => registered(service, addr, weight),
                4 | 5 => Entry::EndpointDrain {
                    service: ServiceName::new(service),
                    colour: Colour::Green,
                    addr: EndpointAddr::new(addr),
                    drained: kind == 4,
                },
                _ => Entry::Deregistered {
                    service: ServiceName::new(service),
                    colour: Colour::Green,
                    addr: EndpointAddr::new(addr),
                },
            }
        })
    }

    proptest! {
        #[test]
        fn the_fewest_entries_say_the_same(entries in prop::collection::vec(any_entry(), 0..40)) {
            let mut whole = fold(&entries);
            let named = ["shop", "api"].map(|name| (ServiceName::new(name), Colour::Blue));
            whole.complete(&named.into(), Timestamp::from_millis(1));
            let fewest: Vec<_> = whole.entries().collect();
            prop_assert_eq!(fold(&fewest).restored(), whole.restored());
        }
    }
}

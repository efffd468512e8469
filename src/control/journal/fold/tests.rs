//! What entries amount to, in whatever order they come.

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
        once: None,
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
        affinity: None,
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

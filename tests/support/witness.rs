//! What clients have seen and when, and what that proves about switches.
//!
//! Owns the ledger of a load and the order of events in it. All times are of one monotonic clock, taken before the first
//! byte of a request is sent and after the answer to a switch is read; a request that begins later than a switch was
//! answered really began after it, whichever thread it ran on. Must not know what cutover says of itself: its
//! receipts and metrics are compared with this ledger, not mixed into it.

use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use cutover::core::{
    ids::{ByColour, Colour},
    switch::{Outcome, Receipt},
};
use tokio::time::Instant;

/// The ledger.
#[derive(Debug, Default)]
pub(crate) struct Witness(Mutex<Ledger>);

#[derive(Debug, Default)]
struct Ledger {
    sights: Vec<Sight>,
    switches: Vec<Switched>,
}

/// One request or session, from its first byte to its last; whatever is seen has succeeded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight {
    pub(crate) kind: Kind,
    /// Who answered.
    pub(crate) colour: Colour,
    /// Before the first byte was sent.
    pub(crate) began: Instant,
    /// When the head of the answer had been read.
    pub(crate) answered: Instant,
    /// Until when the endpoint was certainly still working for it.
    pub(crate) surely_until: Instant,
    /// When the last byte had been read.
    pub(crate) ended: Instant,
}

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Get,
    Post,
    Stream,
    Tunnel,
}

/// One switch as its operator saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switched {
    pub(crate) to: Colour,
    /// Before it was asked for.
    pub(crate) asked: Instant,
    /// When it had been answered: committed.
    pub(crate) answered: Instant,
}

impl Witness {
    pub(crate) fn sees(&self, sight: Sight) {
        self.ledger().sights.push(sight);
    }

    pub(crate) fn switched(&self, switched: Switched) {
        self.ledger().switches.push(switched);
    }

    /// How many requests each colour has answered.
    pub(crate) fn served(&self, of: impl Fn(Kind) -> bool) -> ByColour<usize> {
        let ledger = self.ledger();
        ByColour::from_fn(|colour| {
            let sights = ledger.sights.iter();
            sights
                .filter(|it| it.colour == colour && of(it.kind))
                .count()
        })
    }

    /// No request that began after a switch had been answered `committed` was served by the older colour, unless a
    /// later switch made that live again. `first` was live at the beginning; switches were asked for one after the
    /// other.
    pub(crate) fn proves_order(&self, first: Colour) {
        let ledger = self.ledger();
        let late: Vec<_> = ledger
            .sights
            .iter()
            .filter(|it| !ledger.may_see(first, it))
            .collect();
        assert!(
            late.is_empty(),
            "served by a colour that was not live: {late:#?}"
        );
    }

    /// Every receipt adds up, and its number of requests in flight is one that the clients can confirm. `receipts` are
    /// in the order of the switches.
    pub(crate) fn proves_receipts(&self, receipts: &[Receipt]) {
        let ledger = self.ledger();
        assert_eq!(
            receipts.len(),
            ledger.switches.len(),
            "a receipt for each switch"
        );
        for (number, receipt) in receipts.iter().enumerate() {
            adds_up(receipt);
            assert_eq!(
                (receipt.outcome, receipt.cut.total()),
                (Outcome::Drained, 0),
                "{receipt:?}"
            );
            assert_eq!(receipt.to, ledger.switches[number].to, "{receipt:?}");
            let (fewest, most) = ledger.in_flight_at(number, receipt.from);
            let counted = receipt.in_flight_at_commit;
            // Whatever was replayed, while its connection was still being opened, was seen with who answered it then.
            assert!(
                fewest <= counted && counted <= most + receipt.replayed,
                "the clients had {fewest} to {most} requests in flight: {receipt:?}"
            );
        }
    }

    pub(crate) fn switches(&self) -> usize {
        self.ledger().switches.len()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap()
    }
}

impl Ledger {
    fn may_see(&self, first: Colour, sight: &Sight) -> bool {
        let mut before = self.switches.iter().filter(|it| it.answered < sight.began);
        let live = before.next_back().map_or(first, |it| it.to);
        let mut meanwhile = self.switches.iter().filter(|it| it.answered >= sight.began);
        live == sight.colour
            || meanwhile.any(|it| it.to == sight.colour && it.asked < sight.answered)
    }

    /// The fewest and the most requests of the tenure that a switch ended that can have been in flight at its barrier.
    fn in_flight_at(&self, number: usize, from: Colour) -> (u64, u64) {
        let switched = self.switches[number];
        let before = number.checked_sub(1).map(|at| self.switches[at]);
        let of_colour = self.sights.iter().filter(|it| it.colour == from);
        let (mut fewest, mut most) = (0, 0);
        for sight in of_colour {
            let surely_of_tenure = before.is_none_or(|it| sight.began > it.answered);
            let perhaps_of_tenure = before.is_none_or(|it| sight.answered > it.asked);
            if surely_of_tenure
                && sight.answered < switched.asked
                && sight.surely_until > switched.answered
            {
                fewest += 1;
            }
            if perhaps_of_tenure
                && sight.began < switched.answered
                && sight.ended + SLACK > switched.asked
            {
                most += 1;
            }
        }
        (fewest, most)
    }
}

/// Whatever was in flight at the commit has ended in one of the ways that are counted.
pub(crate) fn adds_up(receipt: &Receipt) {
    let ended = receipt.finished + receipt.replayed + receipt.cut.total();
    assert_eq!(receipt.in_flight_at_commit, ended, "{receipt:?}");
    assert!(receipt.drained_at >= receipt.committed_at, "{receipt:?}");
}

/// A claim may end a little later than the client has read its last byte.
const SLACK: Duration = Duration::from_millis(500);

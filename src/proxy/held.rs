//! What one connection, or one stream of one, keeps of its client's and its endpoint's bytes, and since when.
//!
//! Owns the numbers; must not let go of anything. They are written where a buffer grows or is emptied and added up by
//! the worker's sweep, so that no request touches a number that it shares with others. Bytes that only libraries know
//! of, such as what a frame's allocation has besides the frame, are not in them.

use std::cell::Cell;

use super::clock::Tick;

/// See the module.
#[derive(Debug)]
pub(crate) struct Held {
    incoming: Cell<u32>,
    outgoing: Cell<u32>,
    since: Cell<Tick>,
}

impl Held {
    pub(super) const fn nothing() -> Self {
        Self {
            incoming: Cell::new(0),
            outgoing: Cell::new(0),
            since: Cell::new(Tick::NEVER),
        }
    }

    /// Bytes of the client's: of a head that has not ended, or of a body that the endpoint has not taken.
    pub(crate) fn incoming(&self, bytes: usize, now: Tick) {
        self.changes(&self.incoming, bytes, now);
    }

    /// Another piece of a response waits for the client, behind up to `most` bytes of those before.
    pub(crate) fn outgoing_grows(&self, bytes: usize, most: u32, now: Tick) {
        let before = self.outgoing.get().min(most) as usize;
        self.changes(&self.outgoing, before + bytes, now);
    }

    /// The client has taken something.
    pub(crate) fn outgoing_moves(&self, now: Tick) {
        if self.bytes() > 0 {
            self.since.set(now);
        }
    }

    /// The client has taken all that was there.
    pub(crate) fn outgoing_is_taken(&self) {
        self.changes(&self.outgoing, 0, Tick::NEVER);
    }

    /// Bytes that wait for the client.
    pub(crate) fn outgoing(&self) -> u32 {
        self.outgoing.get()
    }

    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.incoming.get()) + u64::from(self.outgoing.get())
    }

    /// Since when there has been something of which nothing was taken.
    pub(crate) fn since(&self) -> Tick {
        self.since.get()
    }

    fn changes(&self, part: &Cell<u32>, bytes: usize, now: Tick) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if part.get() == bytes {
            return;
        }
        let before = self.bytes();
        part.set(bytes);
        if self.bytes() == 0 {
            self.since.set(Tick::NEVER);
        } else if before == 0 {
            self.since.set(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_count_from_when_the_first_byte_came() {
        let held = Held::nothing();
        let at = |millis| Tick::ZERO.after_millis(millis);
        assert_eq!((held.bytes(), held.since()), (0, Tick::NEVER));
        held.incoming(10, at(5));
        held.outgoing_grows(100, 50, at(6));
        held.outgoing_grows(100, 50, at(7));
        assert_eq!((held.bytes(), held.since()), (160, at(5)));
        held.incoming(0, at(8));
        assert_eq!((held.bytes(), held.since()), (150, at(5)));
        held.outgoing_moves(at(9));
        assert_eq!(held.since(), at(9));
        held.outgoing_is_taken();
        assert_eq!((held.bytes(), held.since()), (0, Tick::NEVER));
        held.outgoing_moves(at(9));
        assert_eq!(held.since(), Tick::NEVER);
        held.outgoing_grows(usize::MAX, 50, at(9));
        assert_eq!(held.since(), at(9));
    }
}

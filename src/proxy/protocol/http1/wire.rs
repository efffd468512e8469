//! What a connection's guard and its service tell each other.

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    sync::Arc,
    task::Poll,
};

use super::{
    input::{Input, Phase},
    refusal::HeadRefusal,
};
use crate::{config::ListenerLimits, proxy::protocol::Verdict};

/// What the guard knows, shared with the service of the same connection.
#[derive(Debug)]
pub(crate) struct Wire {
    input: RefCell<Input>,
    /// Requests the service was called for.
    served: Cell<u64>,
    /// Bytes that the client took since somebody asked.
    written: Cell<u64>,
    /// Whether the client does not take what there is for it.
    stalled: Cell<bool>,
    /// Whether all that there was has left since somebody asked.
    flushed: Cell<bool>,
    /// Whether something is kept back that nobody will send before the connection is polled again.
    kept: Cell<bool>,
    /// Whether nothing is to be kept back any more.
    hurries: Cell<bool>,
    /// Whether nothing but the end of the connection says that the answer is whole.
    to_the_end: Cell<bool>,
}

impl Wire {
    pub(crate) fn new(limits: Arc<ListenerLimits>) -> Rc<Self> {
        Rc::new(Self {
            input: RefCell::new(Input::new(limits)),
            served: Cell::new(0),
            written: Cell::new(0),
            stalled: Cell::new(false),
            flushed: Cell::new(false),
            kept: Cell::new(false),
            hurries: Cell::new(false),
            to_the_end: Cell::new(false),
        })
    }

    /// To be asked once for each request: what the guard says of it.
    pub(crate) fn verdict(&self) -> Verdict {
        let served = self.served.get() + 1;
        self.served.set(served);
        let input = self.input.borrow();
        match input.refusal.filter(|_| served == input.heads) {
            Some(refusal) => Verdict::Refused(refusal),
            None if self.is_upgrading(&input) => Verdict::Upgrade,
            None => Verdict::Plain,
        }
    }

    /// Bytes that the client has taken since this was asked last.
    pub(crate) const fn take_written(&self) -> u64 {
        self.written.replace(0)
    }

    /// The answer ends with the connection: HTTP/1.0 has no chunks, and its length is not known.
    pub(crate) fn answers_to_the_end(&self) {
        self.to_the_end.set(true);
    }

    /// Whether an end of the connection would be taken for an end of the answer. What ends too early must be reset
    /// then (RFC 9112 section 8).
    pub(super) const fn is_answering_to_the_end(&self) -> bool {
        self.to_the_end.get()
    }

    /// Whether something is there for the client that it does not take.
    pub(crate) const fn is_stalled(&self) -> bool {
        self.stalled.get()
    }

    /// Notes what the client took, or that it takes nothing.
    pub(super) fn wrote(&self, polled: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(length)) = polled {
            self.written.set(self.written.get() + *length as u64);
        }
        self.stalled.set(polled.is_pending());
    }

    /// Notes that all of it went, or could not.
    pub(super) fn flushed(&self, polled: &Poll<io::Result<()>>) {
        self.stalled.set(polled.is_pending());
        self.flushed.set(polled.is_ready());
    }

    /// Whether the end of the connection may follow the answer at once.
    pub(super) fn may_keep_back(&self) -> bool {
        !self.hurries.get() && self.input.borrow().last
    }

    /// Notes whether something is kept back.
    pub(super) fn keeps_back(&self, keeps: bool) {
        self.kept.set(keeps);
    }

    /// Nothing is kept back from now on. Says whether something was: the connection must be polled for it then.
    pub(super) fn lets_go(&self) -> bool {
        let kept = self.kept.replace(false);
        if kept {
            self.hurries.set(true);
        }
        kept
    }

    /// Whether what was kept back is to wait no longer.
    pub(super) const fn hurries(&self) -> bool {
        self.hurries.get()
    }

    /// Whether all that there was for the client has left since this was asked last.
    pub(crate) const fn take_flushed(&self) -> bool {
        self.flushed.replace(false)
    }

    /// Bytes of a head that has begun and not ended; none if no head has begun.
    pub(crate) fn unended_head(&self) -> usize {
        let input = self.input.borrow();
        // Empty lines between requests begin nothing.
        let begun = |held: &[u8]| held.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
        if matches!(input.phase, Phase::Head) && begun(&input.held) {
            input.held.len()
        } else {
            0
        }
    }

    /// Whether the connection turned out to speak HTTP/2, of which all that came is held.
    pub(crate) fn speaks_http2(&self) -> bool {
        matches!(self.input.borrow().phase, Phase::Http2)
    }

    /// Whether the last request was read whole, so that closing the socket resets nothing.
    pub(crate) fn is_between_requests(&self) -> bool {
        matches!(self.input.borrow().phase, Phase::Head)
    }

    /// Whether every byte that came has been served, and the guard knows of nothing else: whoever serves what comes next
    /// needs to know nothing of what was before.
    pub(super) fn is_at_rest(&self) -> bool {
        let input = self.input.borrow();
        matches!(input.phase, Phase::Head)
            && input.held.is_empty()
            && input.judged.is_empty()
            && input.heads == self.served.get()
            && !self.is_stalled()
    }

    /// Whether something came that is not served, as behind a request that is to be the last.
    pub(super) fn holds_more(&self) -> bool {
        let input = self.input.borrow();
        !input.held.is_empty() || !input.judged.is_empty() || input.heads > self.served.get()
    }

    /// Refuses the head that is being read; the connection must be polled afterwards.
    pub(crate) fn refuse(&self, refusal: HeadRefusal) {
        let mut input = self.input.borrow_mut();
        if matches!(input.phase, Phase::Head) {
            input.refuse(refusal, &[]);
        }
    }

    /// The upgrade that was asked for will not happen: what follows is HTTP. Says whether something is held
    /// that nobody would look at otherwise.
    pub(crate) fn stays_http(&self) -> bool {
        let mut input = self.input.borrow_mut();
        let upgrading = self.is_upgrading(&input);
        if upgrading {
            input.phase = Phase::Head;
            input.searched = 0;
        }
        upgrading && !input.held.is_empty()
    }

    /// Whether the request that is being served asks for an upgrade that cutover passes.
    const fn is_upgrading(&self, input: &Input) -> bool {
        matches!(input.phase, Phase::Upgrading) && input.heads == self.served.get()
    }

    /// What comes in.
    pub(super) const fn input(&self) -> &RefCell<Input> {
        &self.input
    }
}

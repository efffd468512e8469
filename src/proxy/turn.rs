//! Turns of long transfers.

use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

/// How much has passed since the others on this worker had their turn. hyper goes on for as long as there is
/// something to read and room to write; a fast download between fast peers would keep the worker to itself.
#[derive(Debug, Default)]
pub(crate) struct Turn(usize);

impl Turn {
    /// Whether it is the others' turn; if so, the task is woken for its next one.
    pub(crate) fn is_over(&mut self, cx: &Context<'_>) -> bool {
        if self.0 < TURN_BYTES {
            return false;
        }
        self.0 = 0;
        cx.waker().wake_by_ref();
        true
    }

    pub(crate) fn passed<T>(&mut self, polled: &Poll<Option<Result<Frame<Bytes>, T>>>) {
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.0 += frame.data_ref().map_or(0, Bytes::len) + FRAME_BYTES
            }
            Poll::Ready(_) | Poll::Pending => self.0 = 0,
        }
    }
}

/// What may pass in one turn.
const TURN_BYTES: usize = 1024 * 1024;
/// What a frame counts besides its bytes, so that tiny ones end a turn, too.
const FRAME_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::Relaxed},
        },
        task::{Wake, Waker},
    };

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// Frames of a transfer that never has to wait, up to the others' turn.
    fn frames_in_a_turn(length: usize) -> usize {
        let woken = Arc::<Woken>::default();
        let waker = Waker::from(Arc::clone(&woken));
        let (cx, mut turn) = (Context::from_waker(&waker), Turn::default());
        let mut frames = 0;
        while !turn.is_over(&cx) {
            let frame = Frame::data(Bytes::from(vec![0; length]));
            turn.passed(&Poll::Ready(Some(Ok::<_, Infallible>(frame))));
            frames += 1;
        }
        assert_eq!(woken.0.load(Relaxed), 1, "it goes on after the others");
        assert!(!turn.is_over(&cx), "its next turn is a whole one");
        frames
    }

    #[test]
    fn a_transfer_that_never_waits_lets_the_others_have_their_turn() {
        assert_eq!(frames_in_a_turn(256 * 1024), 4);
        assert_eq!(frames_in_a_turn(1), TURN_BYTES.div_ceil(1 + FRAME_BYTES));
    }

    #[test]
    fn one_that_waits_begins_a_new_turn() {
        let (cx, mut turn) = (Context::from_waker(Waker::noop()), Turn::default());
        for _ in 0..100 {
            let frame = Frame::data(Bytes::from(vec![0; TURN_BYTES / 2]));
            turn.passed(&Poll::Ready(Some(Ok::<_, Infallible>(frame))));
            assert!(!turn.is_over(&cx));
            turn.passed::<Infallible>(&Poll::Pending);
        }
    }
}

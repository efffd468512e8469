//! Turns of long transfers.

use std::{
    pin::pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Frame;

/// How much has passed since the others on this worker had their turn. A conversation goes on for as long as there
/// is something to read and room to write; a fast download between fast peers would keep the worker to itself.
#[derive(Debug, Default)]
pub(crate) struct Turn(usize);

impl Turn {
    /// Whether it is the others' turn; if so, the task is woken for its next one.
    pub(crate) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if self.0 < TURN_BYTES {
            return false;
        }
        self.0 = 0;
        wake_after_others(cx);
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

/// Wakes the task when everybody else has had a turn, those included whose sockets have not been looked at yet. One
/// that wakes itself at once would have dozens of turns before the runtime looks, as long as nobody else is known to
/// be ready.
pub(crate) fn wake_after_others(cx: &mut Context<'_>) {
    // Polled once, it has handed the waker to the runtime, and may be dropped.
    let _ = pin!(tokio::task::yield_now()).poll(cx);
}

/// What may pass in one turn.
const TURN_BYTES: usize = 1024 * 1024;
/// What a frame counts besides its bytes, so that tiny ones end a turn, too.
const FRAME_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        future::poll_fn,
        io::Write as _,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::Relaxed},
        },
        task::{Wake, Waker},
    };

    use tokio::io::AsyncReadExt as _;

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
        let (mut cx, mut turn) = (Context::from_waker(&waker), Turn::default());
        let mut frames = 0;
        while !turn.is_over(&mut cx) {
            let frame = Frame::data(Bytes::from(vec![0; length]));
            turn.passed(&Poll::Ready(Some(Ok::<_, Infallible>(frame))));
            frames += 1;
        }
        assert_eq!(woken.0.load(Relaxed), 1, "it goes on after the others");
        assert!(!turn.is_over(&mut cx), "its next turn is a whole one");
        frames
    }

    #[test]
    fn a_transfer_that_never_waits_lets_the_others_have_their_turn() {
        assert_eq!(frames_in_a_turn(256 * 1024), 4);
        assert_eq!(frames_in_a_turn(1), TURN_BYTES.div_ceil(1 + FRAME_BYTES));
    }

    #[test]
    fn one_that_waits_begins_a_new_turn() {
        let (mut cx, mut turn) = (Context::from_waker(Waker::noop()), Turn::default());
        for _ in 0..100 {
            let frame = Frame::data(Bytes::from(vec![0; TURN_BYTES / 2]));
            turn.passed(&Poll::Ready(Some(Ok::<_, Infallible>(frame))));
            assert!(!turn.is_over(&mut cx));
            turn.passed::<Infallible>(&Poll::Pending);
        }
    }

    /// Others may be ready without the runtime's knowledge: their bytes have come, and nobody has looked.
    #[test]
    fn sockets_are_looked_at_between_two_turns() {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let turns = builder.enable_io().build().unwrap().block_on(async {
            let (mut ours, theirs) = tokio::net::UnixStream::pair().unwrap();
            let theirs = theirs.into_std().unwrap();
            let turns = Arc::<AtomicUsize>::default();
            let counted = Arc::clone(&turns);
            let transfer = tokio::spawn(poll_fn(move |cx| -> Poll<()> {
                // The first turn is when the byte is sent.
                if counted.fetch_add(1, Relaxed) == 0 {
                    (&theirs).write_all(b"x").unwrap();
                }
                wake_after_others(cx);
                Poll::Pending
            }));
            let reader = tokio::spawn(async move { ours.read_u8().await });
            reader.await.unwrap().unwrap();
            transfer.abort();
            turns.load(Relaxed)
        });
        assert!(turns <= 4, "{turns} turns before anybody was looked at");
    }
}

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

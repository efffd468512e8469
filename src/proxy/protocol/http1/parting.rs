//! The last answer of a connection, kept back until it is known whether the end follows at once: both leave in one segment
//! then, which is one passage through the kernel, and one wake-up of the client, less.
//!
//! Owns what is kept, which is small; must not keep it for longer than one poll of the connection, unless the client
//! takes nothing.

use std::{
    io::{self, IoSlice},
    mem,
    task::{Context, Poll, ready},
};

use crate::proxy::transport::Transport;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Parting {
    kept: Vec<u8>,
}

/// What comes after what was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    /// More bytes, or the end of the connection, within the same poll.
    AtOnce,
    /// Nobody knows.
    Perhaps,
}

impl Parting {
    /// Keeps `slices`, if there is room for all; how many bytes that were.
    pub(super) fn keep(&mut self, slices: &[IoSlice<'_>]) -> Option<usize> {
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>();
        let room = LIMIT.checked_sub(self.kept.len())?;
        if length > room {
            return None;
        }
        self.kept.reserve_exact(length);
        for slice in slices {
            self.kept.extend_from_slice(slice);
        }
        Some(length)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Sends what was kept.
    pub(super) fn poll_send(
        &mut self,
        socket: &mut Transport,
        follows: Follows,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.kept.is_empty() {
            let sent = ready!(socket.poll_send(cx, &self.kept, follows == Follows::AtOnce))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.kept.drain(..sent);
        }
        drop(mem::take(&mut self.kept));
        Poll::Ready(Ok(()))
    }
}

/// Bytes that are kept at most: of an answer that is larger, the end costs little.
const LIMIT: usize = 8 * 1024;

//! What waits to be written to a peer's socket: words of ours, a piece of a body, and what ends the piece.
//!
//! Owns how far it is written. Must not know whose words they are. Nothing is copied but words.

use std::{
    io::{self, IoSlice},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use tokio::io::AsyncWrite;

/// See the module.
#[derive(Debug)]
pub(super) struct Outbox {
    /// A head, or what frames a chunk; how much of it is written.
    text: Vec<u8>,
    written: usize,
    data: Bytes,
    tail: &'static [u8],
}

impl Outbox {
    pub(super) const fn new() -> Self {
        Self {
            text: Vec::new(),
            written: 0,
            data: Bytes::new(),
            tail: b"",
        }
    }

    /// A message begins; what was left of an earlier one is forgotten.
    pub(super) fn begins(&mut self) -> &mut Vec<u8> {
        *self = Self {
            text: Vec::with_capacity(USUAL_HEAD),
            ..Self::new()
        };
        &mut self.text
    }

    /// Words, which are written before the piece that is placed next.
    pub(super) const fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.written == self.text.len() && !self.has_piece()
    }

    /// Whether a piece waits, so that none can be placed.
    pub(super) const fn has_piece(&self) -> bool {
        !self.data.is_empty() || !self.tail.is_empty()
    }

    /// Places a piece of a body that is not empty, in a chunk of its own if it is to be one.
    pub(super) fn place(&mut self, data: Bytes, chunked: bool) {
        if chunked {
            write_hex(&mut self.text, data.len());
            self.tail = b"\r\n";
        }
        self.data = data;
    }

    /// Writes a piece of a body among the words.
    pub(super) fn copy(&mut self, data: &[u8], chunked: bool) {
        if chunked {
            write_hex(&mut self.text, data.len());
        }
        self.text.extend_from_slice(data);
        if chunked {
            self.text.extend_from_slice(b"\r\n");
        }
    }

    /// The last chunk, and what stands behind the body.
    pub(super) fn ends_chunks(&mut self, trailers: Option<&HeaderMap>) {
        if self.has_piece() {
            // Together with the last piece, the end costs no write of its own.
            debug_assert!(trailers.is_none());
            self.tail = b"\r\n0\r\n\r\n";
            return;
        }
        self.text.extend_from_slice(b"0\r\n");
        for (name, value) in trailers.into_iter().flatten() {
            write_field(&mut self.text, name.as_str(), value.as_bytes());
        }
        self.text.extend_from_slice(b"\r\n");
    }

    /// The piece, back from where it was placed.
    pub(super) fn take_piece(&mut self) -> Bytes {
        mem::take(&mut self.data)
    }

    /// Writes some of it; how much that was.
    pub(super) fn poll_write<S: AsyncWrite>(
        &mut self,
        socket: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let text = &self.text[self.written..];
        let length = if self.has_piece() {
            let slices = [text, &self.data, self.tail].map(IoSlice::new);
            ready!(socket.poll_write_vectored(cx, &slices))?
        } else {
            ready!(socket.poll_write(cx, text))?
        };
        if length == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.wrote(length);
        Poll::Ready(Ok(length))
    }

    fn wrote(&mut self, mut length: usize) {
        let of_text = length.min(self.text.len() - self.written);
        self.written += of_text;
        length -= of_text;
        if self.written == self.text.len() {
            self.written = 0;
            self.text.clear();
        }
        let of_data = length.min(self.data.len());
        self.data.advance(of_data);
        self.tail = &self.tail[length - of_data..];
    }

    /// A connection that waits for an answer, or is not used, needs no room for words.
    pub(super) fn rests(&mut self) {
        if self.text.is_empty() {
            self.text = Vec::new();
        }
    }
}

pub(super) fn write_field(text: &mut Vec<u8>, name: &str, value: &[u8]) {
    text.reserve(name.len() + value.len() + 4);
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(b": ");
    text.extend_from_slice(value);
    text.extend_from_slice(b"\r\n");
}

/// The size line of a chunk.
fn write_hex(text: &mut Vec<u8>, length: usize) {
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        text.push(b"0123456789ABCDEF"[length >> (4 * place) & 15]);
    }
    text.extend_from_slice(b"\r\n");
}

/// Bytes that most heads fit into.
pub(super) const USUAL_HEAD: usize = 512;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn sizes_are_written_without_leading_zeros() {
        let written = |length| {
            let mut text = Vec::new();
            write_hex(&mut text, length);
            String::from_utf8(text).unwrap()
        };
        assert_eq!(written(0), "0\r\n");
        assert_eq!(written(0x1A0), "1A0\r\n");
        assert_eq!(written(usize::MAX), format!("{:X}\r\n", usize::MAX));
    }

    /// Takes a few bytes at a time.
    struct Narrow(Vec<u8>, usize);

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let length = self.1.min(bytes.len());
            self.0.extend_from_slice(&bytes[..length]);
            Poll::Ready(Ok(length))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all: Vec<u8> = slices.iter().flat_map(|it| it.to_vec()).collect();
            let length = self.1.min(all.len());
            self.0.extend_from_slice(&all[..length]);
            Poll::Ready(Ok(length))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn all_is_written_in_order_however_little_is_taken_at_once() {
        for narrow in 1..40 {
            let mut outbox = Outbox::new();
            outbox.begins().extend_from_slice(b"head ");
            outbox.copy(b"ab", true);
            outbox.place(Bytes::from_static(b"0123456789abcdef"), true);
            outbox.ends_chunks(None);
            let mut socket = Narrow(Vec::new(), narrow);
            let mut cx = Context::from_waker(Waker::noop());
            while !outbox.is_empty() {
                assert!(outbox.poll_write(Pin::new(&mut socket), &mut cx).is_ready());
            }
            assert_eq!(
                socket.0, b"head 2\r\nab\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n",
                "{narrow} at once"
            );
        }
    }

    #[test]
    fn a_socket_that_takes_nothing_is_an_error() {
        let mut outbox = Outbox::new();
        outbox.text().push(b'a');
        let mut cx = Context::from_waker(Waker::noop());
        let mut socket = Narrow(Vec::new(), 0);
        let polled = outbox.poll_write(Pin::new(&mut socket), &mut cx);
        assert!(matches!(polled, Poll::Ready(Err(_))));
    }
}

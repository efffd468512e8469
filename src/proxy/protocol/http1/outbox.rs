//! What waits to be written to a peer's socket: words of ours, pieces of a body, and what ends them.
//!
//! Owns how far it is written. Must not know whose words they are. Nothing is copied but words.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    iter,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use tokio::io::AsyncWrite;

use super::body_reader::MAX_READ;

/// See the module.
#[derive(Debug)]
pub(super) struct Outbox {
    /// A head, or what frames a chunk; how much of it is written.
    text: Vec<u8>,
    written: usize,
    /// Pieces of a body, which come behind the text.
    pieces: VecDeque<Bytes>,
    /// Bytes in them.
    length: usize,
    tail: &'static [u8],
}

impl Outbox {
    pub(super) const fn new() -> Self {
        Self {
            text: Vec::new(),
            written: 0,
            pieces: VecDeque::new(),
            length: 0,
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

    /// Bytes of words.
    pub(super) const fn words(&self) -> usize {
        self.text.len()
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.written == self.text.len() && !self.has_piece()
    }

    /// Whether a piece waits, so that no words can be added.
    pub(super) fn has_piece(&self) -> bool {
        !self.pieces.is_empty() || !self.tail.is_empty()
    }

    /// Whether a piece can be added to those that wait. Of a body in chunks, only one waits at a time.
    pub(super) fn has_room(&self) -> bool {
        self.tail.is_empty() && self.pieces.len() < PIECES && self.length < GATHERED
    }

    /// Places a piece of a body that is not empty, in a chunk of its own if it is to be one.
    pub(super) fn place(&mut self, data: Bytes, chunked: bool) {
        if chunked {
            write_hex(&mut self.text, data.len());
            self.tail = b"\r\n";
        }
        self.length += data.len();
        self.pieces.push_back(data);
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

    /// The piece that was placed, if there is one, back.
    pub(super) fn take_piece(&mut self) -> Bytes {
        debug_assert!(self.pieces.len() <= 1);
        self.length = 0;
        self.pieces.pop_front().unwrap_or_default()
    }

    /// Writes some of it; how much that was.
    pub(super) fn poll_write<S: AsyncWrite>(
        &mut self,
        socket: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let text = &self.text[self.written..];
        let length = if self.has_piece() {
            let mut slices = [IoSlice::new(b""); PIECES + 2];
            let pieces = self.pieces.iter().map(|piece| &piece[..]);
            let all = iter::once(text).chain(pieces).chain([self.tail]);
            let mut count = 0;
            for (slice, bytes) in slices.iter_mut().zip(all) {
                *slice = IoSlice::new(bytes);
                count += 1;
            }
            ready!(socket.poll_write_vectored(cx, &slices[..count]))?
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
        while let Some(piece) = self.pieces.front_mut() {
            let of_piece = length.min(piece.len());
            self.length -= of_piece;
            length -= of_piece;
            if of_piece < piece.len() {
                piece.advance(of_piece);
                return;
            }
            self.pieces.pop_front();
        }
        self.tail = &self.tail[length..];
    }

    /// A connection that waits for an answer, or is not used, needs no room for words.
    pub(super) fn rests(&mut self) {
        if self.text.is_empty() {
            self.text = Vec::new();
        }
        if self.pieces.is_empty() {
            self.pieces = VecDeque::new();
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

/// Pieces that wait at most, so that many small reads become one write.
const PIECES: usize = 8;
/// Bytes of pieces after which none is added.
const GATHERED: usize = MAX_READ;
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
    fn pieces_of_a_body_without_chunks_are_gathered_up_to_a_bound() {
        for narrow in [1, 7, 8, 1000] {
            let mut outbox = Outbox::new();
            outbox.begins().extend_from_slice(b"head ");
            let mut expected = b"head ".to_vec();
            while outbox.has_room() {
                let piece = Bytes::from(vec![b'a' + expected.len() as u8 % 26; 8]);
                expected.extend_from_slice(&piece);
                outbox.place(piece, false);
            }
            assert_eq!(expected.len(), 5 + 8 * PIECES);
            let mut socket = Narrow(Vec::new(), narrow);
            let mut cx = Context::from_waker(Waker::noop());
            while !outbox.is_empty() {
                assert!(outbox.poll_write(Pin::new(&mut socket), &mut cx).is_ready());
            }
            assert_eq!(socket.0, expected, "{narrow} at once");
            assert!(outbox.has_room());
        }
        let mut outbox = Outbox::new();
        outbox.place(Bytes::from(vec![0; GATHERED]), false);
        assert!(!outbox.has_room());
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

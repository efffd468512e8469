//! Small pieces written with one plain `send`.
//!
//! A head and a body are two pieces. For the kernel, `writev` is the dearer call: it looks up the file
//! as a file and copies a vector in before it comes to the socket. Copying a few hundred bytes together costs less.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::AsyncWrite;

/// Writes `slices`: together as one piece where they are small, by `writev` otherwise.
pub(crate) fn poll_write<S: AsyncWrite>(
    socket: Pin<&mut S>,
    cx: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let mut filled = slices.iter().filter(|slice| !slice.is_empty());
    let (Some(first), second) = (filled.next(), filled.next()) else {
        return Poll::Ready(Ok(0));
    };
    if second.is_none() {
        return socket.poll_write(cx, first);
    }
    let mut together = [0; SMALL];
    let mut length = 0;
    for slice in slices {
        let Some(room) = together.get_mut(length..length + slice.len()) else {
            return socket.poll_write_vectored(cx, slices);
        };
        room.copy_from_slice(slice);
        length += slice.len();
    }
    socket.poll_write(cx, &together[..length])
}

/// Largest sum of pieces that is copied together.
const SMALL: usize = 2048;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Notes each write, and whether it was one of several pieces.
    #[derive(Default)]
    struct Noted(Vec<(Vec<u8>, bool)>);

    impl AsyncWrite for Noted {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0.push((bytes.to_vec(), false));
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            let length = all.len();
            self.0.push((all, true));
            Poll::Ready(Ok(length))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn written(pieces: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut noted = Noted::default();
        let polled = poll_write(
            Pin::new(&mut noted),
            &mut Context::from_waker(Waker::noop()),
            &slices,
        );
        let sum: usize = pieces.iter().map(|piece| piece.len()).sum();
        assert!(matches!(polled, Poll::Ready(Ok(length)) if length == sum));
        noted.0
    }

    #[test]
    fn small_pieces_become_one() {
        assert_eq!(
            written(&[b"head", b"", b"body"]),
            [(b"headbody".to_vec(), false)]
        );
        let full = [0; SMALL - 1];
        assert_eq!(written(&[b"h", &full]).len(), 1);
        assert!(!written(&[b"h", &full])[0].1);
    }

    #[test]
    fn one_piece_is_written_as_it_is_and_large_ones_are_not_copied() {
        let large = vec![7; SMALL];
        assert_eq!(written(&[b"", &large]), [(large.clone(), false)]);
        assert_eq!(
            written(&[b"h", &large]),
            [([b"h", &large[..]].concat(), true)]
        );
        assert!(written(&[b"", b""]).is_empty());
    }
}

//! Buffers that nobody reads into at present, kept for whoever does next.
//!
//! Owns how many are kept. A connection to an endpoint that waits or is not used holds none: of a thousand such buffers
//! each has left the caches by the time that its turn comes, while the one that was given back last is still there. There
//! is a stack of them for each thread, and a worker is one.

use std::cell::RefCell;

use bytes::BytesMut;

thread_local! {
    static SPARE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer, with room for [`ROOM`] bytes or none at all.
pub(super) fn take() -> BytesMut {
    SPARE.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Gives back a buffer that is empty. One of another size, or with parts that somebody still reads, is let go.
pub(super) fn give_back(mut buf: BytesMut) {
    debug_assert!(buf.is_empty());
    if buf.try_reclaim(ROOM) && buf.capacity() < 2 * ROOM {
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < KEPT {
                spare.push(buf);
            }
        });
    }
}

/// Bytes of a spare buffer.
pub(super) const ROOM: usize = 8 * 1024;
/// Spare buffers of a thread.
const KEPT: usize = 16;

#[cfg(test)]
mod tests {
    use bytes::BufMut as _;

    use super::*;

    #[test]
    fn what_is_given_back_last_is_taken_first_and_no_more_than_a_few_are_kept() {
        let buffers: Vec<_> = (0..=KEPT).map(|_| BytesMut::with_capacity(ROOM)).collect();
        let addresses: Vec<_> = buffers.iter().map(|it| it.as_ptr()).collect();
        buffers.into_iter().for_each(give_back);
        for address in addresses[..KEPT].iter().rev() {
            let taken = take();
            assert_eq!((taken.as_ptr(), taken.capacity()), (*address, ROOM));
        }
        assert_eq!(take().capacity(), 0);
    }

    #[test]
    fn only_whole_buffers_of_the_size_are_kept() {
        let mut shared = BytesMut::with_capacity(ROOM);
        shared.put_slice(b"read by somebody");
        let read = shared.split().freeze();
        give_back(shared);
        assert_eq!(take().capacity(), 0);
        assert_eq!(read, "read by somebody");
        give_back(BytesMut::with_capacity(ROOM / 2));
        give_back(BytesMut::with_capacity(ROOM * 2));
        assert_eq!(take().capacity(), 0);
        let mut used = BytesMut::with_capacity(ROOM);
        used.put_slice(b"read to the end");
        drop(used.split().freeze());
        give_back(used);
        assert_eq!(take().capacity(), ROOM);
    }
}

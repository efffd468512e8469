//! A connection that has been without a request for a while: of its serving, nothing is left.
//!
//! Owns that wait. It takes no byte, judges nothing and ends nothing: whatever happens, be it a byte, the end of input, a
//! deadline, or the end of the process, the connection is served again as before, and what follows is decided there and
//! nowhere else. A conversation has room for requests and answers, and most connections are idle.

use std::{
    future::{Future, poll_fn},
    task::Poll,
};

use crate::proxy::{downstream::Downstream, transport::Transport, worker::Worker};

/// Waits for anything to happen on `socket`, of which all that came was taken.
pub(super) fn parked(downstream: &Downstream, socket: &Transport) -> impl Future<Output = ()> {
    let worker = downstream.worker();
    let counted = Parked::begin(worker);
    poll_fn(move |cx| {
        let _ = &counted;
        downstream.lifeline().wakes(cx.waker());
        let asked = worker.is_draining() || worker.is_cutting() || downstream.has_expired();
        if !asked && socket.poll_readable(cx).is_pending() {
            return Poll::Pending;
        }
        downstream.is_unparked();
        Poll::Ready(())
    })
}

/// Counts a parked connection.
struct Parked<'a>(&'a Worker);

impl<'a> Parked<'a> {
    fn begin(worker: &'a Worker) -> Self {
        worker.stats().parked.add(1);
        Self(worker)
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.0.stats().unparked.add(1);
    }
}

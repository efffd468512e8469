//! HTTP/2 towards endpoints: connections that many requests share.
//!
//! A [`Trunk`](trunk::Trunk) is one connection; [`trunks`] keeps those of one endpoint, [`call`] is one request on one of
//! them, and [`piping`] its body on the way. h2 is used directly: hyper's client would drive every body in a task of its
//! own that nobody can stop, and hide what may be sent again. Here, as with HTTP/1, whoever waits drives: a call that is
//! dropped takes all of itself along, and only the connection below it, which belongs to nobody, has a task.

mod call;
mod piping;
#[expect(
    clippy::module_inception,
    reason = "the room is named after what it is about"
)]
mod trunk;
mod trunks;

pub(crate) use call::{Call, call};
pub(crate) use piping::Carrier;
pub(crate) use trunks::{Opened, Place, Room, Trunks};

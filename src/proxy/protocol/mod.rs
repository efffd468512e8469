//! Protocols that clients speak. Each knows how to serve one downstream connection; routing, claims and
//! upstream connections are the same for all of them.

pub(crate) mod http1;

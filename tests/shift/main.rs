//! The promises about gradual switches, one file each, kept by a whole cutover over real sockets.

#[path = "../support/mod.rs"]
mod support;

mod ends;
mod keys;
mod losses;
mod restart;
mod share;
mod stage;

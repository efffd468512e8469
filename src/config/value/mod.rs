//! Kinds of value: how each is written in the file, and back.
//!
//! One file for each kind. A kind judges a value by itself; what two keys mean for each other is `validate`'s.

pub(super) mod addr;
pub(super) mod check;
pub(super) mod choice;
pub(super) mod duration;
pub(super) mod flag;
pub(super) mod hook;
pub(super) mod http;
pub(super) mod memory;
pub(super) mod network;
pub(super) mod number;
pub(super) mod path;
pub(super) mod preview;
pub(super) mod protocol;
pub(super) mod route;
pub(super) mod shift;
pub(super) mod size;
pub(super) mod tls;

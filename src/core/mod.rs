//! Decisions. Nothing here awaits, logs, locks, or reads a clock or a file (invariant 1), so every decision
//! can be replayed in a test from the events and times that led to it.

pub mod balance;
mod change;
mod decide;
pub mod drain;
pub mod event;
pub mod forwarded;
pub mod gate;
pub mod health;
mod hold;
pub mod hops;
pub mod host;
pub mod ids;
pub mod in_flight;
pub mod notice;
pub mod operation;
mod overview;
mod pool;
mod procedure;
pub mod proxy_header;
mod publication;
pub mod reconcile;
mod registration;
pub mod route;
pub mod routing;
mod safe_to_stop;
pub mod service;
pub mod snapshot;
pub mod spelling;
mod standing;
pub mod state;
pub mod switch;
pub mod time;
pub mod tls;
pub mod trace;
pub mod view;

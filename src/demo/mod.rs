//! The tour: two versions of a small app, the proxy before them, checked load, and one screen to watch it on.
//!
//! Owns everything that exists only to show that a switch loses nothing; must not be needed by anything that
//! serves. It lives in the library, because the tests want the same app and the same load: what the tour
//! promises a stranger is then what the tests demand.

pub mod colour_app;
pub mod load;
mod meter;
mod operator;
mod outcome;
pub mod screen;
mod show;
mod stage;
mod unattended;
pub mod websocket;

use std::{io, time::Duration};

use tokio::signal::unix::{SignalKind, signal};

pub use self::{
    operator::CallError,
    outcome::DemoOutcome,
    show::show,
    stage::DemoError,
    unattended::{load_only, unattended},
};

/// Waits until the process is asked to end: SIGINT, SIGTERM or SIGHUP.
///
/// # Errors
/// The operating system's, if it does not deliver signals.
pub async fn until_signal() -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}

/// How long a tour lasts that nobody watches.
pub const UNATTENDED: Duration = Duration::from_secs(10);

//! The signals that end a process or have it reload. They are caught also where the process is the first of a
//! container, to which the kernel delivers none that is not.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{App, supervisor::Supervisor};

/// The signals that cutover knows.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Reloads at SIGHUP; returns at SIGTERM or SIGINT.
    pub(super) async fn obey(&mut self, app: &App, supervisor: &Supervisor) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => supervisor.reload(app).await,
            }
        }
    }

    /// Returns at another SIGTERM or SIGINT.
    pub(super) async fn asked_to_stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

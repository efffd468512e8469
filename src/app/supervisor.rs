//! What the init system is told, if it has left a socket to tell it by (systemd's `Type=notify-reload`).
//!
//! Owns the words: ready, reloading, stopping, alive, and one line about the services. Must not decide, and must not fail:
//! without a socket all of it is silence. A timer would be the obvious way to say "alive", and would vouch for a process
//! whose controller hangs; here only an answer of the controller is passed on, so that one that hangs is replaced.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::{task::AbortHandle, time::sleep};

use super::App;
use crate::control::handle::ControlHandle;

/// Tells the init system; alive until it is dropped.
pub(super) struct Supervisor {
    beats: AbortHandle,
}

impl Supervisor {
    /// Says that traffic flows, and goes on to say that the controller answers.
    pub(super) fn ready(handle: ControlHandle) -> Self {
        tell(&[NotifyState::Ready]);
        let beats = tokio::spawn(beat(handle)).abort_handle();
        Self { beats }
    }

    /// Has the file applied again. It is said before and after, because the init system waits for the end of it.
    pub(super) async fn reload(&self, app: &App) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!(%error, "no monotonic clock"),
        }
        app.reload().await;
        tell(&[NotifyState::Ready]);
    }

    /// Says that the process is about to end. The controller is still vouched for while it drains.
    pub(super) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.beats.abort();
    }
}

/// Passes on that the controller answers, for as long as it does.
async fn beat(handle: ControlHandle) {
    let watchdog = sd_notify::watchdog_enabled();
    // Twice within its patience, so that one word that comes late does no harm.
    let pause = watchdog.map_or(STATUS_PAUSE, |patience| STATUS_PAUSE.min(patience / 2));
    let mut told = String::new();
    while let Some(status) = status(&handle).await {
        if watchdog.is_some() {
            tell(&[NotifyState::Watchdog]);
        }
        if status != told {
            tell(&[NotifyState::Status(&status)]);
            told = status;
        }
        sleep(pause).await;
    }
}

/// The services in one line; `None` if the controller has ended. Where it hangs, this does not return.
async fn status(handle: &ControlHandle) -> Option<String> {
    let is_ready = handle.readiness().await.ok()?.is_ready();
    let count = handle.config().await.ok()?.services.len();
    let services = if count > NAMED_LIMIT {
        format!("{count} services")
    } else {
        let views = handle.services().await.ok()?;
        let line = views.iter().map(|view| {
            let live = &view.pools[view.live];
            let (ready, all) = (live.ready, live.endpoints.len());
            format!("{} {} {ready}/{all}", view.service, view.live)
        });
        line.collect::<Vec<_>>().join(", ")
    };
    let word = if is_ready { "ready" } else { "not ready" };
    Some(format!("{word}: {services}"))
}

/// A datagram; whoever reads it has a queue of its own, so this does not wait for it to be read.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "init system not told");
    }
}

/// Between two looks at the services.
const STATUS_PAUSE: Duration = Duration::from_secs(5);
/// Services whose names fit into one line.
const NAMED_LIMIT: usize = 8;

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_controller_that_hangs_is_not_vouched_for() {
        let (handle, _questions) = ControlHandle::unanswered();
        let patience = Duration::from_secs(3600);
        assert!(timeout(patience, status(&handle)).await.is_err());
    }

    #[tokio::test]
    async fn nothing_is_said_of_a_controller_that_has_ended() {
        let (handle, questions) = ControlHandle::unanswered();
        drop(questions);
        assert_eq!(status(&handle).await, None);
    }
}

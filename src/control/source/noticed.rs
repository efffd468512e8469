//! Events of folders, at a pace that can be borne.
//!
//! Owns the pace. Others may write to a folder all the time; each event is a reason to look, and to look is to read the
//! whole file.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// See the module.
#[derive(Debug)]
pub(super) struct Noticed {
    events: mpsc::Receiver<()>,
    /// No event is told before.
    next: Instant,
}

impl Noticed {
    pub(super) fn new(events: mpsc::Receiver<()>) -> Self {
        Self {
            events,
            next: Instant::now(),
        }
    }

    /// Waits for an event; `None` if there will be none. One that comes soon after another is told a little later. Whoever
    /// gives up waiting loses none.
    pub(super) async fn next(&mut self) -> Option<()> {
        sleep_until(self.next).await;
        let event = self.events.recv().await;
        self.next = Instant::now() + PAUSE;
        event
    }
}

/// Time between two events that are told, at least.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_folder_that_is_written_to_all_the_time_is_looked_at_ten_times_a_second() {
        let (events, noticed) = mpsc::channel(1);
        let writes = tokio::spawn(async move {
            for _ in 0..2000 {
                let _ = events.try_send(());
                sleep(Duration::from_millis(1)).await;
            }
        });
        let mut noticed = Noticed::new(noticed);
        let mut looks = 0;
        while noticed.next().await.is_some() {
            looks += 1;
        }
        writes.await.unwrap();
        assert!((19..=21).contains(&looks), "{looks}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_event_after_a_rest_is_told_at_once() {
        let (events, noticed) = mpsc::channel(1);
        let mut noticed = Noticed::new(noticed);
        for _ in 0..3 {
            sleep(PAUSE).await;
            events.try_send(()).unwrap();
            let asked = Instant::now();
            noticed.next().await.unwrap();
            assert_eq!(asked.elapsed(), Duration::ZERO);
        }
    }
}

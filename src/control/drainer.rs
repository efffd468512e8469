//! Waiting for the claims of old tenures.
//!
//! Owns looking at a counter until nothing is left; must not cut, which is core's to order. It looks again
//! and again, at growing intervals, instead of being woken: whoever would wake it is the end of a request, and
//! then every request's end, on every worker, would have to look at something shared with the control plane
//! in order to save a few looks at counters per switch. A drain that takes no time is seen after a
//! millisecond; one of minutes costs forty looks a second.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::sleep};

use super::Running;
use crate::core::{
    endpoint_counter::EndpointCounter,
    event::Event,
    ids::{OpId, ServiceName, Tenure},
    in_flight::TenureCounter,
};

/// Watches the counters of draining tenures.
#[derive(Debug)]
pub(super) struct Drainer {
    running: BTreeMap<(ServiceName, Tenure), Running>,
    leavers: BTreeMap<OpId, Running>,
    events: mpsc::Sender<Event>,
}

impl Drainer {
    /// Watches nothing yet; says `Drained` to `events`.
    pub(super) const fn new(events: mpsc::Sender<Event>) -> Self {
        Self {
            running: BTreeMap::new(),
            leavers: BTreeMap::new(),
            events,
        }
    }

    /// Watches this counter, too.
    pub(super) fn watch(&mut self, counter: Arc<TenureCounter>) {
        self.running.retain(|_, running| !running.has_ended());
        let key = (counter.service().clone(), counter.tenure());
        let running = Running::spawn(watch(counter, self.events.clone()));
        self.running.insert(key, running);
    }

    /// Watches the counter of an endpoint that leaves.
    pub(super) fn watch_leaver(&mut self, op: OpId, counter: Arc<EndpointCounter>) {
        self.leavers.retain(|_, running| !running.has_ended());
        let running = Running::spawn(watch_leaver(op, counter, self.events.clone()));
        self.leavers.insert(op, running);
    }

    /// Watches it no more.
    pub(super) fn forget_leaver(&mut self, op: OpId) {
        self.leavers.remove(&op);
    }
}

/// Looks again and again, until there is something.
async fn seen<T>(look: impl Fn() -> Option<T>) -> T {
    let mut interval = FIRST_INTERVAL;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        sleep(interval).await;
        interval = (interval * 3 / 2).min(LAST_INTERVAL);
    }
}

async fn watch_leaver(op: OpId, counter: Arc<EndpointCounter>, events: mpsc::Sender<Event>) {
    let ended = || Some(counter.counts()).filter(|it| it.in_flight() == 0);
    let counts = seen(ended).await;
    // The controller is gone only when the process is.
    let _ = events.send(Event::Left(op, counts)).await;
}

async fn watch(counter: Arc<TenureCounter>, events: mpsc::Sender<Event>) {
    // Ends: the drain deadline cuts what does not end by itself.
    let counts = seen(|| Some(counter.counts()).filter(|it| it.in_flight() == 0)).await;
    let drained = Event::Drained {
        service: counter.service().clone(),
        tenure: counter.tenure(),
        counts,
    };
    // The controller is gone only when the process is.
    let _ = events.send(drained).await;
}

/// Until the second look,
const FIRST_INTERVAL: Duration = Duration::from_millis(1);
/// and, growing by half each time, at most.
const LAST_INTERVAL: Duration = Duration::from_millis(25);

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::core::{
        ids::Colour,
        in_flight::{Claim, Ending, WorkerTenure},
    };

    #[tokio::test(start_paused = true)]
    async fn a_tenure_is_drained_when_its_last_claim_ends_and_not_before() {
        let (events, mut drained) = mpsc::channel(4);
        let mut drainer = Drainer::new(events);
        let shop = ServiceName::new("shop");
        let counter = Arc::new(TenureCounter::new(shop, Colour::Blue, Tenure(4), 1));
        let claim = Claim::new(&WorkerTenure::new(Arc::clone(&counter), 0));
        drainer.watch(counter);
        let early = timeout(Duration::from_secs(60), drained.recv()).await;
        assert!(early.is_err(), "{early:?}");
        claim.ends(Ending::Finished);
        drop(claim);
        let ended = Instant::now();
        let Some(Event::Drained { tenure, counts, .. }) = drained.recv().await else {
            panic!("a drain was expected");
        };
        assert_eq!((tenure, counts.finished), (Tenure(4), 1));
        assert!(ended.elapsed() <= 2 * LAST_INTERVAL);
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_tenure_is_drained_at_once() {
        let (events, mut drained) = mpsc::channel(4);
        let mut drainer = Drainer::new(events);
        let shop = ServiceName::new("shop");
        let begun = Instant::now();
        drainer.watch(Arc::new(TenureCounter::new(
            shop,
            Colour::Blue,
            Tenure(1),
            1,
        )));
        assert!(drained.recv().await.is_some());
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}

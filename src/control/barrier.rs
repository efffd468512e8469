//! The barrier: proof that no worker can still route by an older snapshot.
//!
//! Owns asking every worker and adding up their answers; must not publish. A worker never awaits between
//! loading the snapshot and claiming (invariant 4), and it carries out an order between requests: its answer
//! says that whatever it loaded before is claimed or gone. Waiting for the reference count of the old
//! snapshot to fall would be simpler, and proves nothing: a worker caches the snapshot it saw last.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::workers::Workers;
use crate::{
    core::{
        event::{BarrierPassed, Event},
        ids::OpId,
        in_flight::{Counts, TenureCounter},
    },
    mailbox::{BarrierAnswer, Order},
};

/// A barrier that was asked of every worker.
#[derive(Debug)]
pub(super) struct Barrier {
    op: OpId,
    published_at: Instant,
    counters: Arc<[Arc<TenureCounter>]>,
    answers: mpsc::Receiver<BarrierAnswer>,
    workers: usize,
}

impl Barrier {
    /// Asks every worker. `published_at` is when the snapshot that they are to load was published.
    pub(super) fn ask(
        op: OpId,
        counters: Vec<Arc<TenureCounter>>,
        published_at: Instant,
        workers: &mut Workers,
    ) -> Self {
        let counters: Arc<[_]> = counters.into();
        let (answer, answers) = mpsc::channel(workers.count().max(1));
        workers.order(|| Order::Barrier {
            counters: Arc::clone(&counters),
            answer: answer.clone(),
        });
        Self {
            op,
            published_at,
            counters,
            answers,
            workers: workers.count(),
        }
    }

    /// Waits for the answers, [`BARRIER_TIMEOUT`] at most; in a task of its own, so that one slow worker delays
    /// what waits for this barrier and nothing else.
    pub(super) async fn pass(mut self, events: mpsc::Sender<Event>) {
        let deadline = Instant::now() + BARRIER_TIMEOUT;
        let mut sums = vec![Counts::default(); self.counters.len()];
        let mut missing = self.workers;
        // Every worker answers once or drops its end, so that this ends after as many turns as workers.
        while missing > 0 {
            let Ok(Some(answer)) = timeout_at(deadline, self.answers.recv()).await else {
                break;
            };
            missing -= 1;
            for (sum, counts) in sums.iter_mut().zip(&answer.counts) {
                *sum = sum.plus(counts);
            }
        }
        let took = self.published_at.elapsed();
        let counters = self.counters.iter().zip(sums);
        let passed = BarrierPassed {
            op: self.op,
            took,
            counts: counters
                .map(|(counter, sum)| (counter.service().clone(), counter.tenure(), sum))
                .collect(),
            missing,
        };
        // The controller is gone only when the process is.
        let _ = events.send(Event::BarrierPassed(passed)).await;
    }
}

/// How long workers may take to answer.
const BARRIER_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        ids::{Colour, ServiceName, Tenure},
        in_flight::{Claim, WorkerTenure},
    };

    fn counter() -> Arc<TenureCounter> {
        let shop = ServiceName::new("shop");
        Arc::new(TenureCounter::new(shop, Colour::Blue, Tenure(4), 2))
    }

    async fn answer(orders: &mut mpsc::Receiver<Order>, worker: usize) {
        let Some(Order::Barrier { counters, answer }) = orders.recv().await else {
            panic!("a barrier was expected");
        };
        let counts = counters.iter().map(|it| it.counts_of(worker)).collect();
        answer.send(BarrierAnswer { worker, counts }).await.unwrap();
    }

    fn two_workers() -> (Workers, [mpsc::Receiver<Order>; 2]) {
        let ((one, one_orders), (two, two_orders)) = (mpsc::channel(4), mpsc::channel(4));
        (Workers::new(vec![one, two]), [one_orders, two_orders])
    }

    async fn passed(barrier: Barrier) -> BarrierPassed {
        let (events, mut passed) = mpsc::channel(1);
        barrier.pass(events).await;
        match passed.recv().await {
            Some(Event::BarrierPassed(passed)) => passed,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_passes_when_all_have_answered_and_sums_what_each_read() {
        let (mut workers, [mut one, mut two]) = two_workers();
        let counter = counter();
        let claims = [0, 1, 1].map(|at| Claim::new(&WorkerTenure::new(Arc::clone(&counter), at)));
        let barrier = Barrier::ask(OpId(1), vec![counter], Instant::now(), &mut workers);
        let ((), (), passed) =
            tokio::join!(answer(&mut two, 1), answer(&mut one, 0), passed(barrier));
        assert_eq!((passed.op, passed.missing), (OpId(1), 0));
        let (service, tenure, counts) = &passed.counts[0];
        assert_eq!((service.as_str(), *tenure), ("shop", Tenure(4)));
        assert_eq!(counts.in_flight(), 3);
        drop(claims);
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_hangs_is_reported_missing_after_the_timeout() {
        let (mut workers, [mut one, _hangs]) = two_workers();
        let begun = Instant::now();
        let barrier = Barrier::ask(OpId(1), vec![counter()], begun, &mut workers);
        let ((), passed) = tokio::join!(answer(&mut one, 0), passed(barrier));
        assert_eq!((passed.missing, passed.took), (1, BARRIER_TIMEOUT));
    }

    #[tokio::test(start_paused = true)]
    async fn workers_that_have_ended_are_not_waited_for() {
        let (mut workers, receivers) = two_workers();
        drop(receivers);
        let barrier = Barrier::ask(OpId(1), vec![], Instant::now(), &mut workers);
        let passed = passed(barrier).await;
        assert_eq!((passed.missing, passed.took), (2, Duration::ZERO));
    }
}

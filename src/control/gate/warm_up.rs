//! Warming up: every worker is asked to connect to the target pool, and answers for itself.
//!
//! Owns the account over all workers; must not connect: connections belong to the worker that opens them.

use std::{collections::BTreeMap, sync::Arc};

use tokio::{sync::mpsc, time::timeout};

use crate::{
    control::workers::Workers,
    core::gate::{
        inquiry::WarmUpQuestion,
        verdict::{EndpointFault, GateFault},
    },
    mailbox::{ColdPool, Order, WarmUpAnswer},
};

/// A warm-up that was asked of every worker.
#[derive(Debug)]
pub(in crate::control) struct WarmUp {
    answers: mpsc::Receiver<WarmUpAnswer>,
    workers: usize,
}

impl WarmUp {
    /// Asks every worker.
    pub(in crate::control) fn ask(question: &WarmUpQuestion, workers: &mut Workers) -> Self {
        let (answer, answers) = mpsc::channel(workers.count().max(1));
        let pool = Arc::new(ColdPool {
            slot: question.slot,
            service: question.service.clone(),
            colour: question.colour,
            endpoints: question.endpoints.iter().map(|(id, _)| *id).collect(),
        });
        workers.order(|| Order::WarmUp {
            pool: Arc::clone(&pool),
            answer: answer.clone(),
        });
        Self {
            answers,
            workers: workers.count(),
        }
    }

    /// Waits for all of them.
    pub(super) async fn done(mut self, question: &WarmUpQuestion) -> Result<(), GateFault> {
        let mut failed = BTreeMap::new();
        let mut missing = self.workers;
        let all = async {
            // Every worker answers once or drops its end.
            while missing > 0 {
                let Some(answer) = self.answers.recv().await else {
                    return;
                };
                missing -= 1;
                failed.extend(answer.failed);
            }
        };
        let in_time = timeout(question.patience, all).await.is_ok();
        let faults = question.endpoints.iter().filter_map(|(id, addr)| {
            let why = failed.get(id)?;
            Some(EndpointFault {
                endpoint: addr.clone(),
                why: (*why).to_owned(),
            })
        });
        let endpoints: Vec<_> = faults.collect();
        if endpoints.is_empty() && missing == 0 && in_time {
            return Ok(());
        }
        let why = (missing > 0).then(|| format!("{missing} workers have not answered"));
        Err(GateFault { why, endpoints })
    }
}

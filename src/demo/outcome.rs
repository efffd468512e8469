//! How a tour ended, in numbers and in words.

use std::{fmt, time::Duration};

use super::{
    load::{Kind, Totals},
    screen::{grouped, route_of},
};
use crate::core::switch::{Outcome as SwitchOutcome, Receipt};

/// What the clients and the receipts say at the end.
#[derive(Clone, Debug)]
pub struct DemoOutcome {
    /// What the clients have seen.
    pub totals: Totals,
    /// Every switch, newest first; empty where only load was sent.
    pub receipts: Vec<Receipt>,
    /// How long the load ran.
    pub elapsed: Duration,
}

impl DemoOutcome {
    /// Requests that cutover cut, by its own receipts.
    #[must_use]
    pub fn cut(&self) -> u64 {
        self.receipts
            .iter()
            .map(|receipt| receipt.cut.total())
            .sum()
    }

    /// Switches whose requests are not all accounted for.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        let unsettled = |receipt: &&Receipt| {
            let settled = matches!(receipt.outcome, SwitchOutcome::Drained | SwitchOutcome::Cut);
            !settled || receipt.left() > 0
        };
        self.receipts.iter().filter(unsettled).count()
    }

    /// Whether load was sent and nothing of it failed, was cut, or is unaccounted for.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.totals.succeeded() > 0
            && self.totals.failed == 0
            && self.totals.in_flight == 0
            && self.cut() == 0
            && self.unsettled() == 0
    }
}

impl fmt::Display for DemoOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = &self.totals;
        let (all, seconds) = (grouped(totals.opened), self.elapsed.as_secs_f64());
        writeln!(f, "requests     {all} in {seconds:.1} s")?;
        for (colour, served) in totals.served.iter() {
            writeln!(f, "  {colour:<11}{}", grouped(*served))?;
        }
        for (kind, served) in Kind::ALL.iter().zip(totals.by_kind) {
            writeln!(f, "  {kind:<11}{}", grouped(served))?;
        }
        if let (Some(p50), Some(p99)) = (totals.quantile(0.5), totals.quantile(0.99)) {
            let millis = |it: Duration| it.as_secs_f64() * 1000.0;
            let (p50, p99) = (millis(p50), millis(p99));
            writeln!(f, "latency      p50 {p50:.2} ms, p99 {p99:.2} ms")?;
        }
        if !self.receipts.is_empty() {
            self.tell_switches(f)?;
        }
        write!(f, "failed       {}", totals.failed)?;
        for failed in totals.failures.iter().take(FAILURES_SHOWN) {
            write!(f, "\n  {failed}")?;
        }
        Ok(())
    }
}

impl DemoOutcome {
    fn tell_switches(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rollbacks = self.receipts.iter().filter(|it| it.rollback).count();
        let switches = self.receipts.len();
        writeln!(f, "switches     {switches}, {rollbacks} of them rollbacks")?;
        let mut barriers = self
            .receipts
            .iter()
            .filter_map(|it| it.barrier_us)
            .collect::<Vec<_>>();
        barriers.sort_unstable();
        let median = barriers.get(barriers.len() / 2);
        if let (Some(median), Some(worst)) = (median, barriers.last()) {
            writeln!(f, "barrier      median {median} us, worst {worst} us")?;
        }
        let met = |count: fn(&Receipt) -> u64| self.receipts.iter().map(count).sum::<u64>();
        let in_flight = met(|it| it.in_flight_at_commit);
        let (finished, replayed) = (met(|it| it.finished), met(|it| it.replayed));
        writeln!(
            f,
            "met          {in_flight} requests in flight: {finished} finished, {replayed} replayed"
        )?;
        writeln!(f, "cut          {}", self.cut())?;
        for receipt in &self.receipts {
            let left = receipt.left();
            if left > 0 {
                writeln!(f, "  {}: {left} unaccounted for", route_of(receipt))?;
            }
        }
        Ok(())
    }
}

/// Failed requests that are told one by one.
const FAILURES_SHOWN: usize = 10;

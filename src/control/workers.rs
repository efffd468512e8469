//! The ways to the workers.
//!
//! Owns the queue of orders to each worker and keeps their order; must not wait for a worker. An order goes
//! straight into a worker's mailbox while there is room, without another task in between, because a barrier's
//! duration is made of such steps. What finds no room waits here, in order, until [`Workers::flush`].

use std::{collections::VecDeque, future::pending};

use futures_util::future::select_all;
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::mailbox::Order;

/// The mailboxes of all workers.
#[derive(Debug)]
pub(super) struct Workers {
    lanes: Vec<Lane>,
}

/// The way to one worker.
#[derive(Debug)]
struct Lane {
    mailbox: mpsc::Sender<Order>,
    waiting: VecDeque<Order>,
}

impl Workers {
    pub(super) fn new(mailboxes: Vec<mpsc::Sender<Order>>) -> Self {
        let lane = |mailbox| Lane {
            mailbox,
            waiting: VecDeque::new(),
        };
        Self {
            lanes: mailboxes.into_iter().map(lane).collect(),
        }
    }

    pub(super) const fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Whether every worker still reads its mailbox.
    pub(super) fn all_run(&self) -> bool {
        self.lanes.iter().all(|lane| !lane.mailbox.is_closed())
    }

    /// Gives every worker an order.
    pub(super) fn order(&mut self, mut order: impl FnMut() -> Order) {
        for lane in &mut self.lanes {
            lane.give(order());
        }
    }

    /// Waits for room in a mailbox that was full, and fills it; for ever if none was. May be dropped and
    /// called again at any time.
    pub(super) async fn flush(&mut self) {
        let full = self
            .lanes
            .iter_mut()
            .filter(|lane| !lane.waiting.is_empty());
        let room = full.map(|lane| Box::pin(lane.flush()));
        let room: Vec<_> = room.collect();
        if room.is_empty() {
            return pending().await;
        }
        select_all(room).await;
    }
}

impl Lane {
    fn give(&mut self, order: Order) {
        if self.waiting.is_empty() {
            match self.mailbox.try_send(order) {
                Ok(()) => {}
                Err(TrySendError::Full(order)) => self.waiting.push_back(order),
                // The worker has ended; whoever waits for its answer finds the way back closed.
                Err(TrySendError::Closed(_)) => {}
            }
        } else if self.waiting.len() < WAITING_LIMIT {
            self.waiting.push_back(order);
        }
        // A worker that has let this many orders lie hangs for good. Dropping the order closes its way back,
        // and barriers report the worker as missing.
    }

    async fn flush(&mut self) {
        match self.mailbox.reserve().await {
            Ok(permit) => {
                if let Some(order) = self.waiting.pop_front() {
                    permit.send(order);
                }
            }
            Err(_) => self.waiting.clear(),
        }
    }
}

/// Orders that may wait for one worker besides those in its mailbox.
const WAITING_LIMIT: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::ids::ListenerId,
        mailbox::{ORDERS_LIMIT, SocketFate},
    };

    fn close(id: u32) -> Order {
        Order::Close(
            ListenerId(id),
            SocketFate::Closes,
            tokio::sync::oneshot::channel().0,
        )
    }

    fn number(order: Option<Order>) -> u32 {
        match order {
            Some(Order::Close(id, ..)) => id.0,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn orders_beyond_a_full_mailbox_arrive_later_and_in_order() {
        let (slow, mut slow_orders) = mpsc::channel(1);
        let (quick, mut quick_orders) = mpsc::channel(ORDERS_LIMIT);
        let mut workers = Workers::new(vec![slow, quick]);
        let mut next = 0..;
        for _ in 0..3 {
            let id = next.next().unwrap();
            workers.order(|| close(id));
        }
        for id in 0..3 {
            assert_eq!(number(quick_orders.try_recv().ok()), id);
        }
        assert_eq!(number(slow_orders.recv().await), 0);
        workers.flush().await;
        workers.order(|| close(3));
        assert_eq!(number(slow_orders.recv().await), 1);
        workers.flush().await;
        assert_eq!(number(slow_orders.recv().await), 2);
        workers.flush().await;
        assert_eq!(number(slow_orders.recv().await), 3);
    }

    #[tokio::test]
    async fn a_worker_that_has_ended_or_hangs_holds_nobody_up() {
        let (gone, orders) = mpsc::channel(1);
        let (hangs, _never_read) = mpsc::channel(1);
        let mut workers = Workers::new(vec![gone, hangs]);
        drop(orders);
        assert!(!workers.all_run());
        (0..2 * WAITING_LIMIT).for_each(|_| workers.order(|| close(0)));
        assert_eq!(workers.lanes[1].waiting.len(), WAITING_LIMIT);
    }
}

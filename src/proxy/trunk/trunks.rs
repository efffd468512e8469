//! One worker's trunks to one endpoint: opened when calls need them, closed when unused, retired with the tenure.
//!
//! Owns how many there are; must not call. At most one is being opened at a time, and whoever needs one waits for that:
//! a hundred calls that come together fit on one.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    rc::Rc,
    time::Duration,
};

use futures_util::future::{FutureExt as _, LocalBoxFuture, Shared};
use tokio::{task::spawn_local, time::timeout};

use super::trunk::Trunk;
use crate::proxy::{clock::Tick, endpoint::ConnectError, transport::Transport, worker::Worker};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Trunks {
    open: RefCell<Vec<Rc<Trunk>>>,
    opening: RefCell<Option<Opening>>,
    retired: Cell<bool>,
}

/// A trunk that is being opened, and who waits for it.
#[derive(Clone, Debug)]
struct Opening(Shared<LocalBoxFuture<'static, Result<Opened, ConnectError>>>);

/// What has come of opening a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// There is one more.
    Trunk,
    /// The endpoint would not speak HTTP/2, and need not.
    Http1,
}

/// A place for one call on a trunk, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    pub(super) trunk: Rc<Trunk>,
    worker: Rc<Worker>,
}

/// Whether there is a place.
#[derive(Debug)]
pub(crate) enum Room {
    /// Here it is.
    Place(Place),
    /// Another trunk has to be opened.
    Open,
    /// There are as many trunks as there may be, and all of them are full.
    Full,
}

impl Trunks {
    /// A place on the trunk with the most room.
    pub(crate) fn room(&self, worker: &Rc<Worker>) -> Room {
        let mut open = self.open.borrow_mut();
        let rooms = open.iter().map(|trunk| (trunk.room(), trunk));
        let roomiest = rooms.max_by_key(|(room, _)| *room);
        if let Some((1.., trunk)) = roomiest {
            return Room::Place(Place::on(trunk, worker));
        }
        open.retain(|trunk| !trunk.is_leaving());
        if open.len() < MAX_TRUNKS {
            Room::Open
        } else {
            Room::Full
        }
    }

    /// Waits for another trunk; `dial` is asked for the connection if none is being opened yet. Says whether it was, too.
    pub(crate) async fn open<F>(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        (dial, patience): (impl FnOnce() -> F, Duration),
    ) -> Result<(Opened, bool), ConnectError>
    where
        F: Future<Output = Result<Option<Transport>, ConnectError>> + 'static,
    {
        let known = self.opening.borrow().clone();
        let dials = known.is_none();
        let opening = known.unwrap_or_else(|| {
            let opening = Opening::begin(Rc::clone(self), (dial(), patience), Rc::clone(worker));
            *self.opening.borrow_mut() = Some(opening.clone());
            opening
        });
        opening.0.await.map(|opened| (opened, dials))
    }

    fn opened(&self, trunk: Rc<Trunk>) {
        if self.retired.get() {
            trunk.leave();
        } else {
            self.open.borrow_mut().push(trunk);
        }
    }

    /// Ends every trunk when its last call has ended.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
        for trunk in self.open.take() {
            trunk.leave();
        }
    }

    /// Ends those that have no call since before `then`, and forgets those that have ended.
    pub(crate) fn prune(&self, is_too_old: impl Fn(Tick) -> bool) {
        self.open.borrow_mut().retain(|trunk| {
            if trunk.idle_since().is_some_and(&is_too_old) {
                trunk.leave();
            }
            !trunk.is_leaving()
        });
    }
}

impl Drop for Trunks {
    fn drop(&mut self) {
        self.retire();
    }
}

impl Opening {
    /// In a task of its own: whoever waits for it may go away, and others may come.
    fn begin(
        trunks: Rc<Trunks>,
        (dialling, patience): (
            impl Future<Output = Result<Option<Transport>, ConnectError>> + 'static,
            Duration,
        ),
        worker: Rc<Worker>,
    ) -> Self {
        let task = spawn_local(async move {
            let opened = async {
                let Some(transport) = dialling.await? else {
                    return Ok(Opened::Http1);
                };
                let begins = Trunk::begin(transport, worker.clock().coarse());
                match timeout(patience, begins).await {
                    Ok(Ok(trunk)) => trunks.opened(trunk),
                    Ok(Err(_)) => return Err(ConnectError::Refused),
                    Err(_) => return Err(ConnectError::Timeout),
                }
                Ok(Opened::Trunk)
            };
            let opened = opened.await;
            trunks.opening.take();
            opened
        });
        let opening = async { task.await.unwrap_or(Err(ConnectError::Refused)) };
        Self(opening.boxed_local().shared())
    }
}

impl Place {
    /// Whether the endpoint has ever answered on its trunk.
    pub(crate) fn has_answered(&self) -> bool {
        self.trunk.has_answered()
    }

    fn on(trunk: &Rc<Trunk>, worker: &Rc<Worker>) -> Self {
        trunk.enter();
        Self {
            trunk: Rc::clone(trunk),
            worker: Rc::clone(worker),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.trunk.exit(self.worker.clock().coarse());
    }
}

/// Trunks of one worker to one endpoint. With all of them full, 6400 calls are in flight there.
const MAX_TRUNKS: usize = 64;

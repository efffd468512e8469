//! Copies of live requests to the standby.
//!
//! Owns which requests are copied, the one attempt that a copy has, and the comparison of the two answers; must not touch
//! the live request. A copy is a task of its own: nothing on the live request's way waits for it, and where a worker has
//! enough of them under way, the next is not made.

use std::{
    cell::RefCell,
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HOST},
};
use tokio::{task::spawn_local, time::timeout};

use super::{
    connections::Doubt,
    endpoint::Endpoint,
    mirror_desk::MirrorDesk,
    outbound::{Head, Outgoing},
    upload::RequestBody,
    upstream::Upstream,
    worker::Worker,
};
use crate::{
    core::in_flight::{Claim, Ending},
    telemetry::mirror::{MirrorResult, MirrorStats},
};

/// What is copied, and where the copy goes.
#[derive(Debug)]
struct Copy {
    head: Head,
    endpoint: Rc<Endpoint>,
    _claim: Claim,
    worker: Rc<Worker>,
}

/// The live request's end of a comparison.
#[derive(Debug)]
pub(crate) struct LiveEnd {
    comparison: Rc<Comparison>,
}

/// The copy's end.
struct CopyEnd(Rc<Comparison>);

/// Two answers to one request.
#[derive(Debug)]
struct Comparison {
    began: Instant,
    stats: Arc<MirrorStats>,
    worker: Rc<Worker>,
    live: RefCell<Side>,
    copy: RefCell<Side>,
}

/// What is known of one of them.
#[derive(Debug)]
enum Side {
    Waited,
    Came(Seen),
    Nothing,
}

/// What is compared.
#[derive(Debug)]
struct Seen {
    took: Duration,
    status: u16,
    kind: Option<HeaderValue>,
    length: Option<HeaderValue>,
}

/// Copies a request, if it is one of the share and there is room; what its live answer is to be told to.
pub(crate) fn copies(
    mirror: &MirrorDesk,
    outgoing: Outgoing<'_>,
    worker: &Rc<Worker>,
) -> Option<LiveEnd> {
    if !is_copied(&outgoing.head.method) || !mirror.takes_next() {
        return None;
    }
    let picked = worker
        .copies()
        .has_room()
        .then(|| mirror.pool.pick_ready(&[]));
    let Some(endpoint) = picked.flatten() else {
        let dropped = MirrorResult::Dropped as usize;
        mirror.stats().shard(worker.index()).results[dropped].add(1);
        return None;
    };
    let comparison = Rc::new(Comparison {
        began: worker.clock().read(),
        stats: Arc::clone(mirror.stats()),
        worker: Rc::clone(worker),
        live: RefCell::new(Side::Waited),
        copy: RefCell::new(Side::Waited),
    });
    let copy = Copy {
        head: head_of(outgoing, mirror, &endpoint),
        endpoint,
        _claim: mirror.pool.claim(),
        worker: Rc::clone(worker),
    };
    let end = CopyEnd(Rc::clone(&comparison));
    let room = worker.copies().enter();
    spawn_local(async move {
        // Whatever happens to it, dropping the task lets go of all of this.
        let _room = room;
        copy.send(end).await;
    });
    Some(LiveEnd { comparison })
}

/// Methods whose requests change nothing (RFC 9110 section 9.2.1).
fn is_copied(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

fn head_of(outgoing: Outgoing<'_>, mirror: &MirrorDesk, endpoint: &Endpoint) -> Head {
    let live = outgoing.head;
    let mut headers = live.headers.clone();
    if let Some(forwarded) = outgoing.forwarded {
        forwarded.add_to(&mut headers);
    }
    let host = mirror
        .pool
        .host_for(endpoint, live.headers.get(HOST))
        .clone();
    headers.insert(HOST, host);
    headers.insert(MIRROR, HeaderValue::from_static("1"));
    Head {
        method: live.method.clone(),
        uri: live.uri.clone(),
        headers,
    }
}

impl Copy {
    /// Sends it once, reads the answer, and forgets it.
    async fn send(self, end: CopyEnd) {
        let occupied = self.endpoint.occupy();
        let whole = async {
            let mut upstream = self.connected().await?;
            upstream.send(Outgoing::from(&self.head), RequestBody::Empty, None);
            let response = poll_fn(|cx| upstream.poll_response(cx)).await.ok()?;
            end.came(&response);
            self.read_away(upstream).await;
            Some(())
        };
        let ended = timeout(COPY_TIMEOUT, whole).await;
        let ending = match ended {
            Ok(Some(())) => Ending::Finished,
            Ok(None) => Ending::UpstreamFailed,
            Err(_) => Ending::CutByDeadline,
        };
        occupied.ends(ending);
    }

    async fn connected(&self) -> Option<Box<Upstream>> {
        if self.endpoint.is_introduced() {
            return self.endpoint.connect(None).await.ok();
        }
        let now = self.worker.clock().coarse();
        // It is not sent again, so that a connection that its peer has closed would be told as a difference.
        let kept = self
            .endpoint
            .connections()
            .take(now, Doubt::AskKernel, None);
        match kept {
            Some(upstream) => Some(upstream),
            None => self.endpoint.connect(None).await.ok(),
        }
    }

    /// Reads the body, so that the connection can be used again; not one that is too long.
    async fn read_away(&self, mut upstream: Box<Upstream>) {
        let mut read = 0;
        while let Some(frame) = poll_fn(|cx| upstream.poll_frame(cx)).await {
            let Ok(frame) = frame else {
                return;
            };
            read += frame.data_ref().map_or(0, bytes::Bytes::len);
            if read > BODY_LIMIT {
                return;
            }
        }
        if !self.endpoint.is_introduced() {
            upstream.come_back(self.worker.clock().coarse());
        }
    }
}

impl LiveEnd {
    /// The head of the live answer.
    pub(crate) fn came<B>(self, response: &Response<B>) {
        let seen = self
            .comparison
            .seen(response.status().as_u16(), response.headers());
        self.comparison.live.replace(Side::Came(seen));
    }
}

impl Drop for LiveEnd {
    fn drop(&mut self) {
        self.comparison.ends(&self.comparison.live);
    }
}

impl CopyEnd {
    fn came(&self, response: &Response<()>) {
        let seen = self.0.seen(response.status().as_u16(), response.headers());
        self.0.copy.replace(Side::Came(seen));
        self.0.settles();
    }
}

impl Drop for CopyEnd {
    fn drop(&mut self) {
        // What came has been settled already.
        if matches!(*self.0.copy.borrow(), Side::Waited) {
            self.0.copy.replace(Side::Nothing);
            self.0.settles();
        }
    }
}

impl Comparison {
    fn seen(&self, status: u16, headers: &HeaderMap) -> Seen {
        let now = self.worker.clock().read();
        Seen {
            took: now.saturating_duration_since(self.began),
            status,
            kind: headers.get(CONTENT_TYPE).cloned(),
            length: headers.get(CONTENT_LENGTH).cloned(),
        }
    }

    /// One side will say nothing more.
    fn ends(&self, side: &RefCell<Side>) {
        if matches!(*side.borrow(), Side::Waited) {
            side.replace(Side::Nothing);
        }
        self.settles();
    }

    /// Counts, when both sides are known; that is so once, because each side becomes known once.
    fn settles(&self) {
        let (live, copy) = (self.live.borrow(), self.copy.borrow());
        let shard = self.stats.shard(self.worker.index());
        let result = match (&*live, &*copy) {
            (Side::Waited, _) | (_, Side::Waited) => return,
            (Side::Nothing, _) => MirrorResult::WithoutLive,
            (_, Side::Nothing) => MirrorResult::Unanswered,
            (Side::Came(live), Side::Came(copy)) => {
                shard.live.add(live.took);
                shard.copy.add(copy.took);
                compared(live, copy)
            }
        };
        shard.results[result as usize].add(1);
    }
}

fn compared(live: &Seen, copy: &Seen) -> MirrorResult {
    if live.status != copy.status {
        MirrorResult::Status
    } else if live.kind != copy.kind {
        MirrorResult::Type
    } else if live.length != copy.length {
        MirrorResult::Length
    } else {
        MirrorResult::Same
    }
}

/// Copies that one worker has under way.
#[derive(Debug, Default)]
pub(crate) struct Copies(Rc<std::cell::Cell<usize>>);

/// Room for one copy, until it is dropped.
#[derive(Debug)]
struct Room(Rc<std::cell::Cell<usize>>);

impl Copies {
    fn has_room(&self) -> bool {
        self.0.get() < COPIES_LIMIT
    }

    fn enter(&self) -> Room {
        self.0.set(self.0.get() + 1);
        Room(Rc::clone(&self.0))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Tells an endpoint that a request is a copy.
const MIRROR: HeaderName = HeaderName::from_static("x-cutover-mirror");
/// Copies of one worker under way at once, over all services.
const COPIES_LIMIT: usize = 64;
/// For a copy, from the connection to the last byte of its answer.
const COPY_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of its answer that are read.
const BODY_LIMIT: usize = 1024 * 1024;

//! The account of one request: what is counted and logged when it ends, however it ends.
//!
//! Owns the claim of the present attempt. Dropping the account ends the request: a client that goes away, a
//! task that is dropped and a body that ends all lead here.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use http::{Request, header::HOST};

use super::{
    desk::Picked,
    downstream::Downstream,
    endpoint::{Endpoint, Occupied},
    error::{ProxyError, Side},
    headers::Belief,
    origin::Origin,
    pool_desk::PoolDesk,
    trace,
    unread::Unread,
};
use crate::{
    core::{
        beside::Traffic,
        health::PassiveFailure,
        ids::Colour,
        in_flight::{Claim, Ending},
        time::Timestamp,
    },
    mailbox::Report,
    telemetry::{access::AccessRecord, records::Ended},
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Account {
    downstream: Rc<Downstream>,
    began: Instant,
    attempt: Option<Attempt>,
    pool: Option<Rc<PoolDesk>>,
    endpoint: Option<Rc<Endpoint>>,
    status: u16,
    bytes_in: u64,
    bytes_out: u64,
    replays: u32,
    cause: Option<&'static str>,
    ending: Ending,
    /// What somebody is to be told of it, if anybody.
    ended: Option<Box<Ended>>,
}

/// What is held while an endpoint works for the request.
#[derive(Debug)]
struct Attempt {
    claim: Claim,
    occupied: Occupied,
}

impl Attempt {
    fn ends(&self, ending: Ending) {
        self.claim.ends(ending);
        self.occupied.ends(ending);
    }
}

impl Account {
    /// Opens the account of `request`, which comes from `origin`.
    pub(crate) fn open<B>(
        downstream: &Rc<Downstream>,
        request: &Request<B>,
        origin: &Origin,
    ) -> Self {
        let worker = downstream.worker();
        let began = worker.clock().read();
        downstream.begins();
        downstream.works();
        let is_told = worker.records().wants_all() || origin.span().is_some();
        let ended = is_told.then(|| Box::new(ended(downstream, request, origin)));
        Self {
            downstream: Rc::clone(downstream),
            began,
            attempt: None,
            pool: None,
            endpoint: None,
            status: 0,
            bytes_in: 0,
            bytes_out: 0,
            replays: 0,
            cause: None,
            ending: Ending::ClientGone,
            ended,
        }
    }

    /// An attempt begins; an earlier one counts as replayed.
    pub(crate) fn attempt(&mut self, picked: Picked) {
        if let Some(earlier) = self.attempt.take() {
            earlier.ends(Ending::Replayed);
            self.replays += 1;
            picked.pool.stats().replays.add(1);
        }
        self.downstream
            .lifeline()
            .serves(picked.claim.tenure().counter(), picked.endpoint.id());
        self.attempt = Some(Attempt {
            claim: picked.claim,
            occupied: picked.endpoint.occupy(),
        });
        self.endpoint = Some(picked.endpoint);
        self.pool = Some(picked.pool);
    }

    /// No further attempt will be made; says why.
    pub(crate) fn fails(&mut self, error: ProxyError) {
        self.status = error.status().as_u16();
        self.cause = Some(error.cause());
        self.ending = match (error, error.side()) {
            (ProxyError::CutByDeadline, _) => Ending::CutByDeadline,
            (ProxyError::CutByShutdown, _) => Ending::CutByShutdown,
            (_, Side::Upstream) => Ending::UpstreamFailed,
            (_, Side::Downstream) => Ending::ClientGone,
            (_, Side::Internal) => Ending::Finished,
        };
        if error.side() == Side::Upstream
            && let Some(pool) = &self.pool
        {
            pool.stats().upstream_failures.add(1);
        }
    }

    /// The request was meant for `pool`, but not sent to any endpoint.
    pub(crate) fn belongs_to(&mut self, pool: Option<Rc<PoolDesk>>) {
        self.pool = pool.or_else(|| self.pool.take());
    }

    /// The response head has come.
    pub(crate) fn answered(&mut self, status: u16) {
        self.status = status;
        // The clock is read only where somebody is told.
        let took = self.ended.is_some().then(|| self.took());
        if let (Some(ended), Some(took)) = (&mut self.ended, took) {
            ended.request.head_took = took;
        }
    }

    /// The response has been handed on whole, or the tunnel was closed.
    pub(crate) fn finished(&mut self) {
        self.ending = Ending::Finished;
    }

    /// The exchange was broken off by the client.
    pub(crate) fn client_broke(&mut self, cause: &'static str) {
        self.ending = Ending::ClientGone;
        self.cause = Some(cause);
    }

    /// Nothing moved for the idle timeout.
    pub(crate) fn idled_out(&mut self) {
        self.ending = Ending::Finished;
        self.cause = Some("idle timeout");
    }

    /// The response was broken off by the endpoint.
    pub(crate) fn upstream_broke(&mut self, cause: &'static str) {
        self.ending = Ending::UpstreamFailed;
        self.cause = Some(cause);
        if let Some(endpoint) = &self.endpoint {
            let report = Report::Failed(endpoint.id(), PassiveFailure::Reset);
            self.downstream.worker().report(report);
        }
        if let Some(pool) = &self.pool {
            pool.stats().upstream_failures.add(1);
        }
    }

    /// The claim was cut.
    pub(crate) fn cut(&mut self, ending: Ending) {
        self.ending = ending;
        self.cause = Some(if ending == Ending::CutByShutdown {
            ProxyError::CutByShutdown.cause()
        } else {
            ProxyError::CutByDeadline.cause()
        });
    }

    /// Counts body bytes.
    pub(crate) fn count(&mut self, bytes_in: u64, bytes_out: u64) {
        self.bytes_in += bytes_in;
        self.bytes_out += bytes_out;
    }

    /// The request has become a tunnel.
    pub(crate) fn becomes_tunnel(&self) {
        if let Some(attempt) = &self.attempt {
            attempt.claim.becomes_tunnel();
        }
        if let Some(pool) = &self.pool {
            pool.stats().tunnels.add(1);
        }
    }

    /// The connection that the request came by.
    pub(crate) const fn downstream(&self) -> &Rc<Downstream> {
        &self.downstream
    }

    /// Which pool it shows, if it asked for the standby.
    pub(crate) fn preview(&self) -> Option<Colour> {
        let pool = self.pool.as_ref();
        pool.filter(|it| it.traffic() == Traffic::Preview)
            .map(|it| it.colour())
    }

    fn took(&self) -> Duration {
        self.downstream
            .worker()
            .clock()
            .read()
            .saturating_duration_since(self.began)
    }

    fn tell(&mut self, took: Duration) {
        let Some(mut ended) = self.ended.take() else {
            return;
        };
        let record = &mut ended.request;
        record.status = self.status;
        record.took = took;
        if record.head_took.is_zero() {
            record.head_took = took;
        }
        if let Some(pool) = &self.pool {
            record.service = Some(pool.snapshot().name.clone());
            record.colour = Some(pool.colour());
            record.tenure = Some(pool.tenure());
        }
        record.endpoint = self
            .endpoint
            .as_ref()
            .map(|endpoint| endpoint.addr().clone());
        record.bytes_in = self.bytes_in;
        record.bytes_out = self.bytes_out;
        record.replays = self.replays;
        record.preview = self.preview().is_some();
        record.cause = self.cause;
        self.downstream.worker().tell(*ended);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.downstream.ends();
        // A claim that is dropped while an order to cut stands was cut, however the drop came about.
        if self.ending == Ending::ClientGone
            && let Some(ending) = self.downstream.lifeline().cut()
        {
            self.cut(ending);
        }
        if self.ending == Ending::ClientGone && self.cause.is_none() {
            let unread = self.downstream.unread();
            self.cause = Some(unread.map_or("client closed the connection", Unread::cause));
            self.status = if self.status == 0 {
                CLIENT_CLOSED
            } else {
                self.status
            };
        }
        let took = self.took();
        if let Some(pool) = &self.pool {
            pool.stats()
                .request(self.status, took, self.bytes_in, self.bytes_out);
        }
        if let Some(attempt) = &self.attempt {
            attempt.ends(self.ending);
            self.downstream.lifeline().serves_nobody();
        }
        self.tell(took);
    }
}

fn ended<B>(downstream: &Downstream, request: &Request<B>, origin: &Origin) -> Ended {
    Ended {
        request: record(downstream, request, origin),
        span: origin.span(),
        scheme: origin.scheme(downstream.client()),
    }
}

fn record<B>(downstream: &Downstream, request: &Request<B>, origin: &Origin) -> AccessRecord {
    let is_traced = origin.trace() == Belief::Believed;
    let trace = is_traced.then(|| trace::sound(request.headers())).flatten();
    AccessRecord {
        at: wall_clock(),
        client: origin.ip(downstream.client()),
        method: request.method().clone(),
        target: request.uri().to_string(),
        version: request.version(),
        host: request.headers().get(HOST).cloned(),
        status: 0,
        service: None,
        colour: None,
        endpoint: None,
        tenure: None,
        took: Duration::ZERO,
        head_took: Duration::ZERO,
        bytes_in: 0,
        bytes_out: 0,
        replays: 0,
        preview: false,
        request_id: origin.id.clone(),
        traceparent: trace.cloned(),
        cause: None,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the access log's time stamp, read only where the log is on"
)]
fn wall_clock() -> Timestamp {
    std::time::SystemTime::now().into()
}

/// The status logged when the client went away before a response head; nginx's number, which log tools know.
const CLIENT_CLOSED: u16 = 499;

//! Probes: what cutover itself sees of every endpoint, live or standby.
//!
//! Owns one task for each endpoint and when it probes; must not judge what a row of verdicts means, which is
//! `HealthTracker`'s. A task each beats one loop over all: an endpoint that hangs delays nobody's probe, and
//! the probe of an endpoint that is gone ends by being dropped. A further kind of probe is one more file and
//! one more arm in `Probe`.

pub(super) mod failure;
mod grpc;
mod http;
pub(super) mod http2;
pub(super) mod secure;
pub(super) mod tcp;

use std::{
    collections::{BTreeMap, hash_map::RandomState},
    future::Future,
    hash::BuildHasher,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use ::http::uri::Scheme;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Semaphore, mpsc, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use tower::{
    self as svc, BoxError, Service as _, ServiceBuilder, ServiceExt,
    limit::concurrency::GlobalConcurrencyLimitLayer, timeout::error::Elapsed,
};

use self::{failure::ProbeFailure, secure::Secure};
use super::{Running, resolver::Resolver};
use crate::{
    core::{
        event::{Event, Watched},
        health::ProbeVerdict,
        ids::EndpointId,
        proxy_header::ProxyVersion,
        service::{ProbeKind, ProbeSpec, UpstreamProtocol},
        tls::UpstreamTls,
    },
    tls::Connectors,
};

/// Probes a changing set of endpoints.
#[derive(Debug)]
pub struct Prober {
    running: BTreeMap<EndpointId, Probed>,
    connectors: Arc<Connectors>,
    permits: Arc<Semaphore>,
    events: mpsc::Sender<Event>,
}

impl Prober {
    /// Probes nothing yet; verdicts go to `events`. Where endpoints have TLS, `connectors` has what it begins with.
    #[must_use]
    pub fn new(connectors: Arc<Connectors>, events: mpsc::Sender<Event>) -> Self {
        Self {
            connectors,
            running: BTreeMap::new(),
            permits: Arc::new(Semaphore::new(PROBES_AT_ONCE)),
            events,
        }
    }

    /// Probes exactly these from now on. Those that are probed already, in the same way, go on undisturbed.
    /// `resolver` watches the same set.
    pub fn watch(&mut self, set: &[Watched], resolver: &Resolver) {
        let mut before = std::mem::take(&mut self.running);
        for watched in set {
            let running = match before.remove(&watched.id) {
                Some(known) if known.spec == watched.probe && known.tls == watched.tls => {
                    known.running
                }
                _ => match resolver.addresses(watched.id) {
                    Some(addresses) => self.start(watched.clone(), addresses),
                    None => continue,
                },
            };
            let probed = Probed {
                spec: Arc::clone(&watched.probe),
                tls: watched.tls.clone(),
                running,
            };
            self.running.insert(watched.id, probed);
        }
    }

    fn start(&self, watched: Watched, addresses: watch::Receiver<Arc<[SocketAddr]>>) -> Running {
        let permits = Arc::clone(&self.permits);
        let probe = Probe::new(&watched, &self.connectors);
        Running::spawn(probe_for_ever(
            (watched, probe),
            addresses,
            permits,
            self.events.clone(),
        ))
    }
}

/// An endpoint that is probed, and how.
#[derive(Debug)]
struct Probed {
    spec: Arc<ProbeSpec>,
    tls: Option<Arc<UpstreamTls>>,
    running: Running,
}

/// Probes one endpoint until it is dropped.
async fn probe_for_ever(
    (watched, probe): (Watched, Probe),
    mut addresses: watch::Receiver<Arc<[SocketAddr]>>,
    permits: Arc<Semaphore>,
    events: mpsc::Sender<Event>,
) {
    let spec = Arc::clone(&watched.probe);
    let connected = Arc::clone(&probe.connected);
    // The permit comes first, so that waiting for one is not the endpoint's fault.
    let mut service = ServiceBuilder::new()
        .layer(GlobalConcurrencyLimitLayer::with_semaphore(permits))
        .timeout(spec.timeout)
        .service(probe);
    let mut chance = Chance::default();
    sleep(chance.below(spec.interval.min(FIRST_SPREAD))).await;
    // A name that was never resolved deserves a moment, and no verdict before.
    let _ = timeout(spec.timeout, addresses.wait_for(|known| !known.is_empty())).await;
    loop {
        let Ok(service) = service.ready().await else {
            return;
        };
        let begun = Instant::now();
        let known = Arc::clone(&addresses.borrow());
        let verdict = match service.call(known).await {
            Ok(()) => Some(ProbeVerdict::Passed),
            Err(error) if is_ours(&error) => None,
            Err(error) => Some(ProbeVerdict::Failed(why(&error, &connected, spec.timeout))),
        };
        if let Some(verdict) = verdict
            && events
                .send(Event::Probed(watched.id, verdict))
                .await
                .is_err()
        {
            return;
        }
        sleep_until(begun + chance.vary(spec.interval, spec.jitter_percent)).await;
    }
}

/// Whether a probe failed for want of something on this side: that must not take endpoints out.
fn is_ours(error: &BoxError) -> bool {
    let failure = error.downcast_ref::<ProbeFailure>();
    matches!(failure, Some(ProbeFailure::Exhausted))
}

/// What was seen, for people.
fn why(error: &BoxError, connected: &AtomicBool, timeout: Duration) -> String {
    if error.is::<Elapsed>() {
        return match connected.load(Relaxed) {
            true => ProbeFailure::NoAnswer(timeout).to_string(),
            false => ProbeFailure::ConnectTimeout.to_string(),
        };
    }
    error.to_string()
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    Http1,
    Http2,
}

/// One kind of probe of one endpoint, as a service from its addresses to a pass.
#[derive(Clone, Debug)]
struct Probe {
    kind: Arc<Kind>,
    protocol: UpstreamProtocol,
    introduces: Option<ProxyVersion>,
    /// The handshake before it, if the endpoint has TLS.
    secure: Option<Arc<Secure>>,
    /// Whether the present attempt has got past connecting; tells what a timeout means. `Relaxed`, because
    /// the task that writes it reads it.
    connected: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Kind {
    Tcp,
    Http(Box<http::HttpExchange>),
    Grpc(Box<grpc::GrpcExchange>),
}

impl Probe {
    fn new(watched: &Watched, connectors: &Connectors) -> Self {
        let (addr, spec) = (&watched.addr, &watched.probe);
        let scheme = match &watched.tls {
            None => Scheme::HTTP,
            Some(_) => Scheme::HTTPS,
        };
        let (kind, protocol) = match &spec.kind {
            ProbeKind::Tcp => (Kind::Tcp, spec.protocol),
            ProbeKind::Http(it) => {
                let exchange = http::HttpExchange::new(it, addr, scheme);
                (Kind::Http(Box::new(exchange)), spec.protocol)
            }
            ProbeKind::Grpc(it) => {
                let exchange = grpc::GrpcExchange::new(it, addr, scheme);
                (Kind::Grpc(Box::new(exchange)), UpstreamProtocol::Http2)
            }
        };
        Self {
            kind: Arc::new(kind),
            protocol,
            introduces: watched.probe.introduces,
            secure: watched.tls.as_ref().map(|tls| {
                let addr = watched.addr.as_str();
                Arc::new(Secure::new(tls, connectors, addr))
            }),
            connected: Arc::default(),
        }
    }

    async fn attempt(self, addresses: Arc<[SocketAddr]>) -> Result<(), ProbeFailure> {
        self.connected.store(false, Relaxed);
        let mut stream = tcp::connect(&addresses).await?;
        self.connected.store(true, Relaxed);
        if let Some(version) = self.introduces {
            tcp::introduce(&mut stream, version).await?;
        }
        match &self.secure {
            None => self.ask(stream, Spoken::unasked(self.protocol)).await,
            Some(secure) => {
                let (stream, spoken) = secure.handshake(stream, self.protocol).await?;
                self.ask(stream, spoken).await
            }
        }
    }

    async fn ask<S>(&self, stream: S, spoken: Spoken) -> Result<(), ProbeFailure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        match &*self.kind {
            Kind::Tcp => Ok(()),
            Kind::Http(exchange) => exchange.run(stream, spoken).await,
            Kind::Grpc(exchange) => exchange.run(stream).await,
        }
    }
}

impl Spoken {
    /// What is spoken where nothing can be agreed on.
    pub(super) const fn unasked(protocol: UpstreamProtocol) -> Self {
        match protocol {
            UpstreamProtocol::Http1 | UpstreamProtocol::Auto => Self::Http1,
            UpstreamProtocol::Http2 => Self::Http2,
        }
    }
}

impl svc::Service<Arc<[SocketAddr]>> for Probe {
    type Response = ();
    type Error = ProbeFailure;
    type Future = Pin<Box<dyn Future<Output = Result<(), ProbeFailure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ProbeFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, addresses: Arc<[SocketAddr]>) -> Self::Future {
        Box::pin(self.clone().attempt(addresses))
    }
}

/// Random waits. The keys of the standard hasher are random by process and differ by instance; that is all
/// that is needed to keep probes out of step.
#[derive(Debug, Default)]
struct Chance {
    state: RandomState,
    drawn: u64,
}

impl Chance {
    /// At most `bound`.
    fn below(&mut self, bound: Duration) -> Duration {
        self.drawn += 1;
        let drawn = self.state.hash_one(self.drawn) >> 32;
        bound.mul_f64(drawn as f64 / f64::from(u32::MAX))
    }

    /// `wait`, up to so many per cent shorter or longer.
    fn vary(&mut self, wait: Duration, percent: u8) -> Duration {
        let most = wait.mul_f64(f64::from(percent.min(100)) / 100.0);
        wait.saturating_sub(most) + self.below(most * 2)
    }
}

/// How cutover names itself to endpoints.
const USER_AGENT: &str = concat!("cutover-probe/", env!("CARGO_PKG_VERSION"));
/// Probes that may be under way at once: a thousand services must not exhaust the descriptors.
const PROBES_AT_ONCE: usize = 256;
/// Time over which the first probes of endpoints are spread.
const FIRST_SPREAD: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_vary_within_the_jitter_and_not_beyond() {
        let mut chance = Chance::default();
        let wait = Duration::from_secs(1);
        let drawn: Vec<_> = (0..1_000).map(|_| chance.vary(wait, 10)).collect();
        let (low, high) = (Duration::from_millis(900), Duration::from_millis(1100));
        assert!(drawn.iter().all(|it| (low..=high).contains(it)));
        assert!(drawn.iter().any(|it| *it < Duration::from_millis(920)));
        assert!(drawn.iter().any(|it| *it > Duration::from_millis(1080)));
        assert_eq!(chance.vary(wait, 0), wait);
    }
}

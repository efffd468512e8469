//! Spans to a collector: OTLP over HTTP, in protocol buffers, in batches.
//!
//! Owns what a span says of a request, in the words of OpenTelemetry's conventions for HTTP, and the thread that sends it.
//! The path is told without its query, which may hold a secret. A collector is to stand beside cutover and is spoken to
//! in the clear; it does what a proxy should not: keep, try again, sign in elsewhere.
//!
//! Source: OpenTelemetry protocol 1.x; semantic conventions for HTTP spans 1.x.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::Ordering::Relaxed,
        mpsc::{SyncSender, sync_channel},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, Response, Version, header::HOST};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks},
};
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{SpanCounts, SpanRecord, Spans};
use crate::{config::TracesConfig, telemetry::access::AccessRecord};

impl Spans {
    /// Starts the thread that tells the collector.
    ///
    /// # Errors
    /// If the thread or its runtime cannot be started, or the exporter cannot be made.
    pub fn open(config: &TracesConfig) -> io::Result<Self> {
        let (queue, records) = mpsc::channel(QUEUE_LIMIT);
        let (ending, ended) = sync_channel(1);
        let counts = Arc::<SpanCounts>::default();
        let sender = Sender {
            exporter: exporter(config)?,
            collector: config.collector.clone(),
            scope: InstrumentationScope::builder("cutover").build(),
            counts: Arc::clone(&counts),
            records,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("spans".to_owned())
            .spawn(move || {
                runtime.block_on(sender.run());
                // Dropped at the end of the thread, whichever way it comes.
                drop::<SyncSender<()>>(ending);
            })?;
        Ok(Self {
            queue,
            sample: config.sample,
            counts,
            ended: Arc::new(Mutex::new(ended)),
        })
    }
}

/// The thread's own.
struct Sender {
    exporter: SpanExporter,
    collector: String,
    scope: InstrumentationScope,
    counts: Arc<SpanCounts>,
    records: mpsc::Receiver<SpanRecord>,
}

impl Sender {
    async fn run(mut self) {
        let mut records = Vec::with_capacity(BATCH_LIMIT);
        let mut is_heard = true;
        while self.records.recv_many(&mut records, BATCH_LIMIT).await > 0 {
            if records.len() < BATCH_LIMIT && !self.records.is_closed() {
                // Few at a time are many calls.
                sleep(BATCH_PAUSE).await;
                while records.len() < BATCH_LIMIT
                    && let Ok(record) = self.records.try_recv()
                {
                    records.push(record);
                }
            }
            let batch: Vec<_> = records.drain(..).map(|it| span(it, &self.scope)).collect();
            is_heard = self.send(batch, is_heard).await;
        }
    }

    /// Sends one batch; whether the collector took it. It is told when that changes, not each time.
    async fn send(&self, batch: Vec<SpanData>, was_heard: bool) -> bool {
        let count = batch.len() as u64;
        let sent = timeout(SEND_TIMEOUT, self.exporter.export(batch)).await;
        let failure = match sent {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no answer in time".to_owned()),
        };
        let Some(error) = failure else {
            self.counts.sent.fetch_add(count, Relaxed);
            if !was_heard {
                tracing::info!(collector = self.collector, "spans sent again");
            }
            return true;
        };
        self.counts.lost.fetch_add(count, Relaxed);
        if was_heard {
            tracing::warn!(collector = self.collector, error, "spans not sent");
        }
        false
    }
}

fn exporter(config: &TracesConfig) -> io::Result<SpanExporter> {
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client {
            address: config.address.clone(),
        })
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&config.collector)
        .with_timeout(SEND_TIMEOUT)
        .build()
        .map_err(io::Error::other)?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder_empty()
        .with_service_name("cutover")
        .with_attribute(version)
        .build();
    exporter.set_resource(&resource);
    Ok(exporter)
}

fn span(record: SpanRecord, scope: &InstrumentationScope) -> SpanData {
    let SpanRecord {
        span,
        scheme,
        request,
    } = record;
    let began = SystemTime::UNIX_EPOCH + Duration::from_millis(request.at.millis());
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(span.trace),
            SpanId::from(span.id),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        ),
        parent_span_id: span.parent.map_or(SpanId::INVALID, SpanId::from),
        parent_span_is_remote: span.parent.is_some(),
        span_kind: SpanKind::Server,
        // A path would be a name for each request; routes are prefixes and would say little more than the service.
        name: request.method.as_str().to_owned().into(),
        start_time: began,
        end_time: began + request.took,
        attributes: attributes(&request, scheme),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: status(&request),
        instrumentation_scope: scope.clone(),
    }
}

/// An error is what is cutover's or an endpoint's fault; what a client does wrong is none of a server's span.
fn status(request: &AccessRecord) -> Status {
    if request.status < 500 {
        return Status::Unset;
    }
    Status::error(request.cause.unwrap_or_default())
}

fn attributes(request: &AccessRecord, scheme: &'static str) -> Vec<KeyValue> {
    let path = request.target.split(['?', '#']).next().unwrap_or_default();
    let mut told = vec![
        KeyValue::new("http.request.method", request.method.to_string()),
        KeyValue::new("http.response.status_code", i64::from(request.status)),
        KeyValue::new("url.scheme", scheme),
        KeyValue::new("url.path", path.to_owned()),
        KeyValue::new("network.protocol.version", version(request.version)),
        KeyValue::new("client.address", request.client.to_string()),
        KeyValue::new("http.request.body.size", number(request.bytes_in)),
        KeyValue::new("http.response.body.size", number(request.bytes_out)),
        KeyValue::new("cutover.request_id", text(request.request_id.as_bytes())),
        KeyValue::new("cutover.replays", i64::from(request.replays)),
        KeyValue::new("cutover.preview", request.preview),
        KeyValue::new("cutover.head_ms", request.head_took.as_secs_f64() * 1_000.0),
    ];
    let host = request.host.as_ref().map(|host| text(host.as_bytes()));
    let others = [
        ("server.address", host),
        ("error.type", error_type(request)),
        (
            "cutover.service",
            request.service.as_ref().map(ToString::to_string),
        ),
        ("cutover.colour", request.colour.map(|it| it.to_string())),
        (
            "cutover.endpoint",
            request.endpoint.as_ref().map(ToString::to_string),
        ),
    ];
    let known = others
        .into_iter()
        .filter_map(|(key, value)| Some(KeyValue::new(key, value?)));
    told.extend(known);
    told.extend(
        request
            .tenure
            .map(|it| KeyValue::new("cutover.tenure", number(it.0))),
    );
    told
}

fn error_type(request: &AccessRecord) -> Option<String> {
    let cause = request.cause.map(str::to_owned);
    cause.or_else(|| (request.status >= 500).then(|| request.status.to_string()))
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// One call on a fresh connection: there is one a second at most.
#[derive(Debug)]
struct Client {
    /// `host:port`.
    address: String,
}

impl HttpClient for Client {
    fn send_bytes<'life, 'made>(
        &'life self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'made>>
    where
        'life: 'made,
        Self: 'made,
    {
        Box::pin(call(&self.address, request))
    }
}

async fn call(address: &str, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let (mut parts, body) = request.into_parts();
    if let Some(authority) = parts.uri.authority() {
        parts.headers.insert(HOST, authority.as_str().parse()?);
    }
    let path = parts.uri.path_and_query().map_or("/", |it| it.as_str());
    parts.uri = path.parse()?;
    let socket = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let driven = tokio::spawn(connection);
    let answer = sender
        .send_request(Request::from_parts(parts, Full::new(body)))
        .await?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_LIMIT).collect().await?.to_bytes();
    driven.abort();
    Ok(Response::from_parts(parts, body))
}

/// Spans that may wait to be sent.
const QUEUE_LIMIT: usize = 8192;
/// Spans of one call.
const BATCH_LIMIT: usize = 512;
/// How long a batch that is not full waits for more.
const BATCH_PAUSE: Duration = Duration::from_millis(500);
/// How long a call may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a collector's answer.
const ANSWER_LIMIT: usize = 64 * 1024;

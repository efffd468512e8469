//! The promise of traces, with the feature `otel`: each sampled request is one span, told to a collector in OTLP; its
//! endpoint finds itself below it; and a collector that is gone costs spans, never requests.

#![cfg(feature = "otel")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod support;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message as _;
use tokio::net::TcpListener;

use cutover::core::ids::Colour;
use support::{
    answering::Answering,
    eventually,
    site::{Site, nobody, shop},
};

/// A collector that keeps what it is told.
struct Collector {
    addr: SocketAddr,
    told: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let told = Arc::<Mutex<Vec<_>>>::default();
        let keeps = Arc::clone(&told);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let keeps = Arc::clone(&keeps);
                let service = service_fn(move |request| keep(request, Arc::clone(&keeps)));
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(served);
            }
        });
        Self { addr, told }
    }

    /// The spans told so far.
    fn spans(&self) -> Vec<Span> {
        let told = self.told.lock().unwrap();
        let resources = told.iter().flat_map(|it| &it.resource_spans);
        let scopes = resources.flat_map(|it| &it.scope_spans);
        scopes.flat_map(|it| it.spans.clone()).collect()
    }

    async fn has(&self, count: usize) -> Vec<Span> {
        eventually("the collector has the spans", async || {
            self.spans().len() >= count
        })
        .await;
        self.spans()
    }
}

async fn keep(
    request: Request<Incoming>,
    told: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.uri().path(), "/v1/traces");
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let message = ExportTraceServiceRequest::decode(body).unwrap();
    told.lock().unwrap().push(message);
    Ok(Response::new(Full::default()))
}

async fn site(collector: SocketAddr, sample: &str, blue: &Answering) -> Site {
    let services = shop(&[blue.addr()], &[blue.addr()], "");
    let site = Site::start(&format!(
        "[traces]\ncollector = \"http://{collector}/v1/traces\"\nsample = \"{sample}\"\n\
         [listener.web]\nlisten = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.0/8\"]\n{services}"
    ))
    .await;
    site.ready("shop", Colour::Blue, 1).await;
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_span_and_its_endpoint_is_below_it() {
    let (collector, blue) = (Collector::start().await, Answering::start("blue").await);
    let site = site(collector.addr, "0%", &blue).await;
    let mut client = site.client().await;
    client
        .send(format!(
            "GET /cart?card=4111 HTTP/1.1\r\nHost: shop.test\r\ntraceparent: 00-{TRACE}-{PARENT}-01\r\n\r\n"
        ))
        .await;
    let answer = client.answer().await;
    let seen = answer.text();
    let span = collector.has(1).await.remove(0);
    assert_eq!(
        (hex(&span.trace_id), hex(&span.parent_span_id)),
        (TRACE.into(), PARENT.into())
    );
    let passed_on = format!("00-{TRACE}-{}-01", hex(&span.span_id));
    assert!(seen.contains(&passed_on), "{passed_on} in {seen}");
    assert_eq!(span.kind(), SpanKind::Server);
    assert_eq!(span.name, "GET");
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    let address = blue.addr().to_string();
    for (key, value) in [
        ("http.request.method", "GET"),
        ("url.path", "/cart"),
        ("url.scheme", "http"),
        ("server.address", "shop.test"),
        ("network.protocol.version", "1.1"),
        ("client.address", "127.0.0.1"),
        ("cutover.service", "shop"),
        ("cutover.colour", "blue"),
        ("cutover.endpoint", &address),
    ] {
        assert_eq!(text(&span, key), value, "{key}");
    }
    assert_eq!(
        value(&span, "http.response.status_code"),
        &Value::IntValue(200)
    );
    assert!(span.status.is_none_or(|it| it.code() == StatusCode::Unset));
    assert!(
        !format!("{:?}", span.attributes).contains("4111"),
        "no query"
    );
    let told = collector.told.lock().unwrap();
    let resource = told[0].resource_spans[0].resource.as_ref().unwrap();
    let name = found(&resource.attributes, "service.name");
    assert_eq!(string(name), "cutover");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_the_requests_is_sampled_and_failures_are_errors() {
    let (collector, mut blue) = (Collector::start().await, Answering::start("blue").await);
    let site = site(collector.addr, "50%", &blue).await;
    let mut client = site.client().await;
    for _ in 0..20 {
        client.get("/").await;
    }
    // Each worker takes every second of its own; this connection is on one of them.
    assert_eq!(collector.has(10).await.len(), 10);
    blue.dies().await;
    for _ in 0..2 {
        client.get("/").await;
    }
    let spans = collector.has(11).await;
    let failed = spans.last().unwrap();
    assert_eq!(failed.status.as_ref().unwrap().code(), StatusCode::Error);
    assert!(!text(failed, "error.type").is_empty());
    site.counts("cutover_spans_total{outcome=\"sent\"}", 11.0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_requests_go_on_and_spans_are_counted() {
    let blue = Answering::start("blue").await;
    let site = site(nobody(), "100%", &blue).await;
    let mut client = site.client().await;
    for _ in 0..5 {
        assert_eq!(client.get("/").await.status, 200);
    }
    site.counts("cutover_spans_total{outcome=\"lost\"}", 5.0)
        .await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_sends_what_was_told() {
    let (collector, blue) = (Collector::start().await, Answering::start("blue").await);
    let site = site(collector.addr, "100%", &blue).await;
    let mut client = site.client().await;
    for _ in 0..3 {
        client.get("/").await;
    }
    drop(client);
    site.stop().await;
    assert_eq!(collector.spans().len(), 3);
}

fn value<'a>(span: &'a Span, key: &str) -> &'a Value {
    found(&span.attributes, key)
}

fn found<'a>(attributes: &'a [KeyValue], key: &str) -> &'a Value {
    let found = attributes.iter().find(|it| it.key == key);
    let found = found.unwrap_or_else(|| panic!("no `{key}` in {attributes:?}"));
    found.value.as_ref().unwrap().value.as_ref().unwrap()
}

fn text<'a>(span: &'a Span, key: &str) -> &'a str {
    string(value(span, key))
}

fn string(value: &Value) -> &str {
    let Value::StringValue(text) = value else {
        panic!("{value:?} is no text");
    };
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

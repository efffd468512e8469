//! A real endpoint: a small application behind hyper's server, which counts what it is asked.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use super::{keep_place, shared_pattern};

/// See the module.
///
/// | path | answers |
/// | --- | --- |
/// | `/healthz` | 200, or 503 after [`unwell`](Answering::unwell); not counted |
/// | `/grpc.health.v1.Health/Check` | the same, as gRPC says it |
/// | `/echo` | the request's body, as it comes |
/// | `/call` | as gRPC does: the request's body, as it comes, and `grpc-status: 0` in trailers |
/// | `/call/N` | as gRPC does at once: `grpc-status: N`, and nothing else |
/// | `/bytes/N` | [`pattern`] of N bytes |
/// | `/slow/MS` | the default answer, so many milliseconds later |
/// | `/stream/MS` | a line each 50 ms for so long |
/// | `/status/N` | this status |
/// | `/ws` | switches protocols and sends back whatever comes |
/// | any other | its name and the request head, as JSON |
///
/// Every answer carries `X-Endpoint`, its name.
pub(crate) struct Answering {
    app: Arc<App>,
    addr: SocketAddr,
    serving: Option<JoinHandle<()>>,
    /// Its address, while it is dead.
    place: Option<TcpSocket>,
}

struct App {
    name: String,
    connections: AtomicUsize,
    requests: AtomicUsize,
    in_flight: AtomicUsize,
    unwell: AtomicBool,
    bodies: AtomicUsize,
    seen: Mutex<Vec<String>>,
}

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

impl Answering {
    /// Starts one of this name, such as `blue`.
    pub(crate) async fn start(name: &str) -> Self {
        let app = App {
            name: name.to_owned(),
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            unwell: AtomicBool::new(false),
            bodies: AtomicUsize::new(0),
            seen: Mutex::default(),
        };
        let socket = TcpSocket::new_v4().unwrap();
        // So that it can come back while connections of its former life linger.
        socket.set_reuseaddr(true).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        // The default of 128 is fewer than some tests have connect at one instant.
        let listener = socket.listen(1024).unwrap();
        let (app, addr) = (Arc::new(app), listener.local_addr().unwrap());
        Self {
            serving: Some(tokio::spawn(serve(listener, Arc::clone(&app)))),
            place: None,
            app,
            addr,
        }
    }

    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Connections on which something was asked.
    pub(crate) fn connections(&self) -> usize {
        self.app.connections.load(SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.app.requests.load(SeqCst)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.app.in_flight.load(SeqCst)
    }

    /// Bytes of request bodies read.
    pub(crate) fn body_bytes(&self) -> usize {
        self.app.bodies.load(SeqCst)
    }

    /// `METHOD target` of every request, in the order in which they came.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.app.seen.lock().unwrap().clone()
    }

    /// What `/healthz` says from now on.
    pub(crate) fn unwell(&self, unwell: bool) {
        self.app.unwell.store(unwell, SeqCst);
    }

    /// Dies as a killed process does: every connection is closed at once, new ones are refused.
    pub(crate) async fn dies(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            let _ = serving.await;
            self.place = Some(keep_place(self.addr));
        }
    }

    /// Comes back on the same address.
    pub(crate) async fn comes_back(&mut self) {
        self.dies().await;
        let place = self.place.take().expect("it was dead");
        let listener = place.listen(1024).unwrap();
        self.serving = Some(tokio::spawn(serve(listener, Arc::clone(&self.app))));
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// The connections end with it.
async fn serve(listener: TcpListener, app: Arc<App>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(connection(stream, Arc::clone(&app)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// In HTTP/2 if it begins with that, otherwise in HTTP/1.
async fn connection(stream: TcpStream, app: Arc<App>) {
    let _ = stream.set_nodelay(true);
    let mut first = [0; 3];
    let speaks_http2 = stream.peek(&mut first).await.is_ok() && first == *b"PRI";
    let asked = Arc::new(AtomicBool::new(false));
    let service = service_fn(move |request: Request<Incoming>| {
        let (app, asked) = (Arc::clone(&app), Arc::clone(&asked));
        async move {
            let is_probe = PROBED.contains(&request.uri().path());
            if !is_probe && !asked.swap(true, SeqCst) {
                app.connections.fetch_add(1, SeqCst);
            }
            Ok::<_, Infallible>(app.answer(request, is_probe).await)
        }
    });
    if speaks_http2 {
        let executor = hyper_util::rt::TokioExecutor::new();
        let connection =
            http2::Builder::new(executor).serve_connection(TokioIo::new(stream), service);
        let _ = connection.await;
        return;
    }
    let connection = http1::Builder::new()
        .timer(hyper_util::rt::TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let _ = connection.with_upgrades().await;
}

impl App {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, is_probe: bool) -> Response<Body> {
        if is_probe {
            let unwell = self.unwell.load(SeqCst);
            return match request.uri().path() {
                HEALTH => called(whole(vec![0, 0, 0, 0, 2, 8, 1 + u8::from(unwell)])),
                _ => plain(if unwell { 503 } else { 200 }, "ok"),
            };
        }
        let target = format!("{} {}", request.method(), request.uri());
        self.seen.lock().unwrap().push(target);
        self.requests.fetch_add(1, SeqCst);
        let guard = InFlight::begin(&self);
        let path = request.uri().path().to_owned();
        let mut parts = path.trim_start_matches('/').split('/');
        let (first, number) = (parts.next().unwrap_or_default(), parts.next());
        let number = number.and_then(|number| number.parse().ok()).unwrap_or(0);
        let mut answer = match first {
            "echo" => Response::new(counted(Arc::clone(&self), guard, request.into_body())),
            "call" if number > 0 => failed_call(guard, number),
            "call" => called(counted(Arc::clone(&self), guard, request.into_body())),
            "bytes" => held(guard, shared_pattern(number)),
            "slow" => {
                sleep(Duration::from_millis(number as u64)).await;
                self.describe(guard, request).await
            }
            "stream" => stream(guard, number),
            "status" => {
                let status = u16::try_from(number).unwrap();
                held_with(guard, status)
            }
            "ws" => tunnel(guard, request),
            _ => self.describe(guard, request).await,
        };
        let name = HeaderValue::from_str(&self.name).unwrap();
        answer.headers_mut().insert("x-endpoint", name);
        answer
    }

    async fn describe(&self, guard: InFlight, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes());
        let length = body.map_or(0, |body| body.len());
        self.bodies.fetch_add(length, SeqCst);
        let headers: Vec<_> = head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let described = json!({
            "endpoint": self.name,
            "method": head.method.as_str(),
            "target": head.uri.to_string(),
            "version": format!("{:?}", head.version),
            "headers": headers,
            "body_length": length,
        });
        let mut answer = held(guard, described.to_string().into());
        let json = HeaderValue::from_static("application/json");
        answer.headers_mut().insert(header::CONTENT_TYPE, json);
        answer
    }
}

/// Counts a request until its response body is dropped.
struct InFlight(Arc<App>);

impl InFlight {
    fn begin(app: &Arc<App>) -> Self {
        app.in_flight.fetch_add(1, SeqCst);
        Self(Arc::clone(app))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, SeqCst);
    }
}

fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

fn plain(status: u16, text: &'static str) -> Response<Body> {
    let mut answer = Response::new(whole(text));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

fn held(guard: InFlight, bytes: Bytes) -> Response<Body> {
    let body = Full::new(bytes).map_err(move |never| {
        let _ = &guard;
        match never {}
    });
    Response::new(body.boxed_unsync())
}

fn held_with(guard: InFlight, status: u16) -> Response<Body> {
    let mut answer = held(guard, Bytes::new());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

fn counted(app: Arc<App>, guard: InFlight, body: Incoming) -> Body {
    body.map_frame(move |frame| {
        let _ = &guard;
        let length = frame.data_ref().map_or(0, Bytes::len);
        app.bodies.fetch_add(length, SeqCst);
        frame
    })
    .boxed_unsync()
}

fn called(body: Body) -> Response<Body> {
    let trailers = async {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        Some(Ok(trailers))
    };
    let mut answer = Response::new(body.with_trailers(trailers).boxed_unsync());
    let grpc = HeaderValue::from_static("application/grpc");
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, grpc);
    // Over HTTP/1, hyper sends no others.
    headers.insert(header::TRAILER, HeaderValue::from_static("grpc-status"));
    answer
}

fn failed_call(guard: InFlight, status: usize) -> Response<Body> {
    let mut answer = held(guard, Bytes::new());
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert("grpc-status", HeaderValue::from(status));
    answer
}

fn stream(guard: InFlight, lasts_ms: usize) -> Response<Body> {
    let lines = futures_util::stream::unfold((guard, 0), move |(guard, told)| async move {
        if told * STREAM_PAUSE_MS >= lasts_ms {
            return None;
        }
        sleep(Duration::from_millis(STREAM_PAUSE_MS as u64)).await;
        let line = Bytes::from(format!("line {told}\n"));
        Some((Ok(Frame::data(line)), (guard, told + 1)))
    });
    Response::new(StreamBody::new(lines).boxed_unsync())
}

/// Agrees to a WebSocket; the key is not looked at.
fn tunnel(guard: InFlight, request: Request<Incoming>) -> Response<Body> {
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let _guard = guard;
        let Ok(upgraded) = upgrade.await else { return };
        let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
        let _ = tokio::io::copy(&mut read, &mut write).await;
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut write).await;
    });
    let mut answer = plain(101, "");
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    answer
}

const STREAM_PAUSE_MS: usize = 50;

/// What probes ask for.
const PROBED: [&str; 2] = ["/healthz", HEALTH];
const HEALTH: &str = "/grpc.health.v1.Health/Check";

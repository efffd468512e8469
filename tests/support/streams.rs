//! A real client of HTTP/2: hyper's, on one connection.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle};

use super::soon;

/// A body that a test sends.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// One connection.
pub(crate) struct Streams {
    sender: SendRequest<Body>,
    driver: JoinHandle<hyper::Result<()>>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

/// A body that is sent piece by piece.
pub(crate) struct Pieces(mpsc::Sender<Frame<Bytes>>);

impl Streams {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self::connect_with(addr, &Builder::new(TokioExecutor::new())).await
    }

    /// One whose streams are given so many bytes ahead; the connection has room for all of them.
    pub(crate) async fn connect_narrow(addr: SocketAddr, window: u32) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .initial_stream_window_size(window)
            .initial_connection_window_size(1 << 30);
        Self::connect_with(addr, &builder).await
    }

    async fn connect_with(addr: SocketAddr, builder: &Builder<TokioExecutor>) -> Self {
        let stream = soon("a connection", TcpStream::connect(addr))
            .await
            .unwrap();
        stream.set_nodelay(true).unwrap();
        let shaken = builder.handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.unwrap();
        Self {
            sender,
            driver: tokio::spawn(connection),
        }
    }

    /// Sends a request; the head of its answer comes later.
    pub(crate) fn send(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + 'static + use<> {
        self.sender.clone().send_request(request)
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn whole(&self, request: Request<Body>) -> Whole {
        let answer = soon("the head of an answer", self.send(request)).await;
        read(answer.unwrap()).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Whole {
        self.whole(get(path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Whole {
        let body = Full::new(body.into()).boxed_unsync();
        self.whole(request("POST", path).body(body).unwrap()).await
    }

    /// Whether the connection takes another request.
    pub(crate) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Waits for the end of the connection.
    pub(crate) async fn ended(self) -> hyper::Result<()> {
        let Self { sender, driver } = self;
        let ended = soon("the end of the connection", driver).await.unwrap();
        drop(sender);
        ended
    }
}

impl Whole {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers
            .get(name)
            .and_then(|value| value.to_str().ok())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

impl Pieces {
    /// A body, and what it is fed by. It ends when that is dropped.
    pub(crate) fn new() -> (Self, Body) {
        let (tx, mut rx) = mpsc::channel(1);
        let frames = futures_util::stream::poll_fn(move |cx| {
            rx.poll_recv(cx).map(|frame| frame.map(Ok::<_, Infallible>))
        });
        (Self(tx), StreamBody::new(frames).boxed_unsync())
    }

    /// Sends a piece, once there is room for it.
    pub(crate) async fn send(&self, piece: impl Into<Bytes>) {
        let sent = self.0.send(Frame::data(piece.into()));
        soon("room for a piece", sent).await.unwrap();
    }

    /// Sends a piece if there is room for it soon.
    pub(crate) async fn try_send(&self, piece: impl Into<Bytes>) -> bool {
        let sent = self.0.send(Frame::data(piece.into()));
        let time = std::time::Duration::from_millis(300);
        matches!(tokio::time::timeout(time, sent).await, Ok(Ok(())))
    }

    /// Ends the body with trailers.
    pub(crate) async fn end_with(self, name: &'static str, value: &'static str) {
        let mut trailers = HeaderMap::new();
        trailers.insert(name, value.parse().unwrap());
        soon("room for trailers", self.0.send(Frame::trailers(trailers)))
            .await
            .unwrap();
    }
}

/// A request for `path` without a body yet.
pub(crate) fn request(method: &str, path: &str) -> http::request::Builder {
    let uri = format!("http://shop.test{path}");
    Request::builder().method(method).uri(uri)
}

pub(crate) fn get(path: &str) -> Request<Body> {
    request("GET", path).body(empty()).unwrap()
}

pub(crate) fn empty() -> Body {
    Empty::new().boxed_unsync()
}

/// A call of gRPC with this body.
pub(crate) fn grpc(path: &str, body: Body) -> http::Request<Body> {
    request("POST", path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap()
}

/// Reads an answer to its end.
pub(crate) async fn read(answer: Response<Incoming>) -> hyper::Result<Whole> {
    let (head, body) = answer.into_parts();
    let body = soon("a body", body.collect()).await?;
    let trailers = body.trailers().cloned().unwrap_or_default();
    Ok(Whole {
        status: head.status,
        headers: head.headers,
        body: body.to_bytes(),
        trailers,
    })
}

/// Reads the next piece of a body; `None` at its end.
pub(crate) async fn piece(body: &mut Incoming) -> Option<hyper::Result<Bytes>> {
    loop {
        let frame = soon("a piece of a body", body.frame()).await?;
        match frame.map(|frame| frame.into_data().unwrap_or_default()) {
            // The end of a stream may come in a frame of its own.
            Ok(piece) if piece.is_empty() => {}
            piece => return Some(piece),
        }
    }
}

//! The admin API's client: one connection for each call, over TCP or a Unix socket.
//!
//! Owns the bounds of a call: how long it takes and how much is read. Must not know what is asked.

use std::{future::Future, io, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

use super::{
    args::AdminUrl,
    event_stream::EventStream,
    exit::{Exit, Failure},
};
use crate::admin::{ACTOR_HEADER, KEY_HEADER, TYPE_PREFIX, wire::ProblemBody};

/// Asks the admin API.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) url: AdminUrl,
    pub(super) token: Option<String>,
    pub(super) actor: Option<String>,
    /// Sent with what changes something, so that it may be asked again.
    pub(super) key: Option<String>,
    pub(super) timeout: Duration,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// Whether it is no error.
    pub(super) success: bool,
    /// The body as it came.
    pub(super) text: String,
    status: u16,
    addr: String,
}

/// Runs the future of a command on a runtime of its own.
pub(super) fn run(command: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?
        .block_on(command)
}

impl Client {
    /// Looks.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.call(Method::GET, path).await?.or_refused()
    }

    /// Looks, without taking an error for a failure.
    pub(super) async fn probe(&self, path: &str) -> Result<Answer, Failure> {
        self.call(Method::GET, path).await
    }

    /// Changes something by a call without a body.
    pub(super) async fn change(&self, method: Method, path: &str) -> Result<Answer, Failure> {
        self.call(method, path).await?.or_refused()
    }

    /// Changes something by a call with a body.
    pub(super) async fn change_by(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::Usage(error.to_string()))?;
        self.within(self.request(method, path, body.into())?)
            .await?
            .or_refused()
    }

    async fn call(&self, method: Method, path: &str) -> Result<Answer, Failure> {
        self.within(self.request(method, path, Bytes::new())?).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let host = match &self.url {
            AdminUrl::Tcp(authority) => authority,
            AdminUrl::Unix(_) => "localhost",
        };
        let mut req = Request::builder()
            .method(&method)
            .uri(path)
            .header(header::HOST, host)
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::CONNECTION, "close");
        if !body.is_empty() {
            req = req.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(actor) = &self.actor {
            req = req.header(ACTOR_HEADER, actor.as_bytes());
        }
        if let (Some(key), &Method::POST) = (&self.key, &method) {
            let quoted = key.replace('\\', "\\\\").replace('"', "\\\"");
            req = req.header(KEY_HEADER, format!("\"{quoted}\""));
        }
        if let Some(token) = &self.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| Failure::Usage("the token has odd characters".to_owned()))?;
            value.set_sensitive(true);
            req = req.header(header::AUTHORIZATION, value);
        }
        req.body(Full::new(body))
            .map_err(|error| Failure::Usage(error.to_string()))
    }

    async fn within(&self, req: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let whole = async { self.whole(self.send(req).await?).await };
        tokio::time::timeout(self.timeout, whole)
            .await
            .unwrap_or(Err(Failure::GaveUp(self.timeout)))
    }

    /// Listens: an answer that goes on for as long as something happens, after the event with this number.
    pub(super) async fn listen(
        &self,
        path: &str,
        last: Option<&str>,
    ) -> Result<EventStream, Failure> {
        let mut req = self.request(Method::GET, path, Bytes::new())?;
        if let Some(last) = last.and_then(|it| HeaderValue::from_str(it).ok()) {
            req.headers_mut().insert(LAST_EVENT_ID, last);
        }
        let begun = tokio::time::timeout(self.timeout, self.send(req));
        let response = begun.await.unwrap_or(Err(Failure::GaveUp(self.timeout)))?;
        if response.status() != StatusCode::OK {
            return Err(match self.whole(response).await?.or_refused() {
                Err(refused) => refused,
                Ok(answer) => answer.foreign(),
            });
        }
        Ok(EventStream::new(response.into_body()))
    }

    async fn send(&self, req: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        match &self.url {
            AdminUrl::Tcp(authority) => {
                let stream = self.connected(TcpStream::connect(authority)).await?;
                self.exchange(stream, req).await
            }
            AdminUrl::Unix(path) => {
                let stream = self.connected(UnixStream::connect(path)).await?;
                self.exchange(stream, req).await
            }
        }
    }

    async fn connected<S>(
        &self,
        stream: impl Future<Output = io::Result<S>>,
    ) -> Result<S, Failure> {
        let why = match tokio::time::timeout(CONNECT_TIMEOUT, stream).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "connect timeout".to_owned(),
        };
        Err(Failure::Unreachable {
            addr: self.url.to_string(),
            why,
        })
    }

    async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        req: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken_off(&error))?;
        // Ends with the answer: the connection is not kept.
        tokio::spawn(connection);
        let answer = sender.send_request(req);
        answer.await.map_err(|error| self.broken_off(&error))
    }

    fn broken_off(&self, why: &dyn std::error::Error) -> Failure {
        Failure::BrokenOff {
            addr: self.url.to_string(),
            why: why.to_string(),
        }
    }

    async fn whole(&self, response: Response<Incoming>) -> Result<Answer, Failure> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT).collect();
        let body = body.await.map_err(|error| self.broken_off(&*error))?;
        Ok(Answer {
            success: head.status == StatusCode::OK,
            text: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            status: head.status.as_u16(),
            addr: self.url.to_string(),
        })
    }
}

impl Answer {
    /// The answer as what it is expected to be.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.text).map_err(|_| self.foreign())
    }

    fn or_refused(self) -> Result<Self, Failure> {
        if self.success {
            return Ok(self);
        }
        match self.parse::<ProblemBody>() {
            Ok(problem) if problem.kind.starts_with(TYPE_PREFIX) => {
                Err(Failure::Refused(Box::new(problem), self.text))
            }
            Ok(_) | Err(_) => Err(self.foreign()),
        }
    }

    fn foreign(&self) -> Failure {
        Failure::Foreign {
            addr: self.addr.clone(),
            status: self.status,
        }
    }
}

/// A part of a path, whatever it is made of.
pub(super) fn segment(text: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded = |byte: u8| match unreserved(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

/// For a connection to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read; a thousand services with ten endpoints each need about 3 MiB.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;
const LAST_EVENT_ID: &str = "last-event-id";
const USER_AGENT: &str = concat!("cutover/", env!("CARGO_PKG_VERSION"));

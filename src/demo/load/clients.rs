//! What each kind of client does, over and over, and what it demands of the answer.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame as BodyFrame, Incoming};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    LoadPlan, REQUEST_DEADLINE,
    connection::{Connection, cut, upgraded},
    ledger::{Entry, Failure, Kind, Ledger},
};
use crate::{
    core::ids::Colour,
    demo::{
        colour_app::answers::{COLOUR, LINES_PER_SECOND, REQUEST_ID, hex, stream_line, version},
        websocket::{Frame, FrameError, FrameKind, Speaker, accept_key, base64},
    },
};

/// One client with its connection.
#[derive(Debug)]
pub(super) struct Client {
    kind: Kind,
    connection: Connection,
    plan: LoadPlan,
}

impl Client {
    pub(super) const fn new(kind: Kind, connection: Connection, plan: LoadPlan) -> Self {
        Self {
            kind,
            connection,
            plan,
        }
    }

    /// One request after the other until told to stop; a request that has begun is always concluded.
    pub(super) async fn run(mut self, ledger: Arc<Ledger>, stop: CancellationToken) {
        let mut pace = interval(self.plan.pace.max(SHORTEST_PACE));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = pace.tick() => {}
            }
            let entry = ledger.open(self.kind);
            let outcome = timeout(self.deadline(), self.request(&entry)).await;
            let outcome = outcome.unwrap_or(Err(Failure::Deadline));
            if outcome.is_err() {
                // Whatever is left of a failed answer must not meet the next request.
                self.connection.close();
            }
            entry.conclude(outcome);
        }
    }

    fn deadline(&self) -> Duration {
        let asked = match self.kind {
            Kind::Get | Kind::Upload => Duration::ZERO,
            Kind::Stream => Duration::from_secs(self.plan.stream_seconds),
            Kind::WebSocket => MESSAGE_PAUSE.saturating_mul(self.plan.messages),
        };
        asked.saturating_add(REQUEST_DEADLINE)
    }

    async fn request(&mut self, entry: &Entry) -> Result<Colour, Failure> {
        match self.kind {
            Kind::Get => self.ping(entry).await,
            Kind::Upload => self.upload(entry).await,
            Kind::Stream => self.stream(entry).await,
            Kind::WebSocket => self.session(entry).await,
        }
    }

    async fn ping(&mut self, entry: &Entry) -> Result<Colour, Failure> {
        let req = get("/ping");
        let res = self.connection.send(entry.id(), req).await?;
        let (colour, res) = judge_head(res, StatusCode::OK, entry).await?;
        let body = read_whole(res.into_body()).await?;
        let right = format!("version {} ({colour})\n", version(colour));
        demand(body == right, || format!("`{}`", beginning(&body)))?;
        Ok(colour)
    }

    async fn upload(&mut self, entry: &Entry) -> Result<Colour, Failure> {
        let chunks = upload_chunks(entry.id(), self.plan.upload_size);
        let mut hash = Sha256::new();
        chunks.iter().for_each(|chunk| hash.update(chunk));
        let frames = chunks.into_iter().map(|chunk| Ok(BodyFrame::data(chunk)));
        let mut req = Request::post("/upload");
        if entry.id().ends_with(['0', '2', '4', '6', '8']) {
            // Every other body goes with a length, the rest in chunks.
            req = req.header(header::CONTENT_LENGTH, self.plan.upload_size);
        }
        let body = StreamBody::new(stream::iter(frames)).boxed_unsync();
        let req = req.body(body).map_err(|error| wrong(error.to_string()))?;
        let res = self.connection.send(entry.id(), req).await?;
        let (colour, res) = judge_head(res, StatusCode::OK, entry).await?;
        let body = read_whole(res.into_body()).await?;
        let seen = serde_json::from_slice::<Uploaded>(&body);
        let right = Uploaded {
            length: self.plan.upload_size,
            sha256: hex(&hash.finalize()),
        };
        demand(seen.is_ok_and(|seen| seen == right), || {
            format!("the upload arrived as `{}`", beginning(&body))
        })?;
        Ok(colour)
    }

    async fn stream(&mut self, entry: &Entry) -> Result<Colour, Failure> {
        let seconds = self.plan.stream_seconds;
        let req = get(&format!("/stream?seconds={seconds}"));
        let res = self.connection.send(entry.id(), req).await?;
        let (colour, res) = judge_head(res, StatusCode::OK, entry).await?;
        let body = read_whole(res.into_body()).await?;
        let lines = 0..seconds.saturating_mul(LINES_PER_SECOND);
        let right = lines
            .map(|line| stream_line(line, colour))
            .collect::<String>();
        demand(body == right, || {
            format!("{} bytes of a stream of {}", body.len(), right.len())
        })?;
        Ok(colour)
    }

    /// Opens a session, has every message echoed, closes it.
    async fn session(&mut self, entry: &Entry) -> Result<Colour, Failure> {
        let key = base64(&fingerprint(entry.id())[..16]);
        let mut req = get("/ws");
        let fields = req.headers_mut();
        fields.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        fields.insert(
            header::SEC_WEBSOCKET_VERSION,
            HeaderValue::from_static("13"),
        );
        if let Ok(key) = HeaderValue::try_from(key.as_str()) {
            fields.insert(header::SEC_WEBSOCKET_KEY, key);
        }
        let res = self.connection.send(entry.id(), req).await?;
        let (colour, mut res) = judge_head(res, StatusCode::SWITCHING_PROTOCOLS, entry).await?;
        // The session has taken the connection with it.
        self.connection.close();
        let accepted = res.headers().get(header::SEC_WEBSOCKET_ACCEPT);
        demand(
            accepted.is_some_and(|it| it.as_bytes() == accept_key(&key).as_bytes()),
            || "another session's `Sec-WebSocket-Accept`".to_owned(),
        )?;
        let mut session = upgraded(&mut res).await?;
        let begun = Instant::now();
        for number in 0..self.plan.messages {
            sleep_until(begun + MESSAGE_PAUSE.saturating_mul(number)).await;
            let text = format!("{} {number}", entry.id());
            converse(&mut session, Frame::message(FrameKind::Text, text)).await?;
        }
        converse(&mut session, Frame::close(NORMAL_CLOSE)).await?;
        Ok(colour)
    }
}

/// Sends a frame that must come back as it is.
async fn converse(
    session: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin),
    frame: Frame,
) -> Result<(), Failure> {
    let sent = frame.write(session, Some(MASK)).await;
    sent.map_err(|error| cut(&error))?;
    match Frame::read(session, Speaker::Server).await {
        Ok(back) if back == frame => Ok(()),
        Ok(other) => Err(wrong(format!("{:?} frame instead of the echo", other.kind))),
        Err(FrameError::Io(error)) => Err(cut(&error)),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Demands the status, this request's id and a colour.
async fn judge_head(
    res: Response<Incoming>,
    status: StatusCode,
    entry: &Entry,
) -> Result<(Colour, Response<Incoming>), Failure> {
    if res.status() != status {
        let status = res.status().as_u16();
        let body = read_whole(res.into_body()).await.unwrap_or_default();
        return Err(Failure::Status {
            status,
            body: beginning(&body),
        });
    }
    let field = |name| res.headers().get(name).and_then(|it| it.to_str().ok());
    let id = field(REQUEST_ID);
    demand(id == Some(entry.id()), || {
        format!("it answers `{}`", id.unwrap_or("nobody"))
    })?;
    let colour = field(COLOUR).and_then(|colour| colour.parse().ok());
    let colour = colour.ok_or_else(|| wrong("no colour".to_owned()))?;
    Ok((colour, res))
}

/// The whole body, [`ANSWER_LIMIT`] bytes at most; hyper calls one that has no end an error.
async fn read_whole(mut body: Incoming) -> Result<Bytes, Failure> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| cut(&error))?;
        if let Some(data) = frame.data_ref() {
            demand(whole.len() + data.len() <= ANSWER_LIMIT, || {
                format!("more than {ANSWER_LIMIT} bytes")
            })?;
            whole.extend_from_slice(data);
        }
    }
    Ok(whole.into())
}

/// Bytes that no other upload has, in pieces as a client would read them from a file.
fn upload_chunks(id: &str, size: usize) -> Vec<Bytes> {
    let pattern = fingerprint(id).into_iter().cycle();
    let whole = Bytes::from(pattern.take(size).collect::<Vec<_>>());
    let starts = (0..size).step_by(CHUNK_SIZE);
    starts
        .map(|start| whole.slice(start..size.min(start + CHUNK_SIZE)))
        .collect()
}

fn fingerprint(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

fn get(target: &str) -> Request<UnsyncBoxBody<Bytes, Infallible>> {
    let mut req = Request::new(Empty::new().boxed_unsync());
    // Only targets of this file come here; one that is none would be asked for as `/` and fail its check.
    if let Ok(target) = target.parse() {
        *req.uri_mut() = target;
    }
    req
}

fn demand(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds {
        Ok(())
    } else {
        Err(wrong(otherwise()))
    }
}

const fn wrong(what: String) -> Failure {
    Failure::Wrong(what)
}

/// Enough of a body to recognise it.
fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(BEGINNING_LIMIT)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// What the app says of an upload.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Uploaded {
    length: usize,
    sha256: String,
}

/// Bytes of an answer that are read; the longest stream has fewer.
const ANSWER_LIMIT: usize = 1024 * 1024;
/// Characters of an odd answer that are shown.
const BEGINNING_LIMIT: usize = 160;
/// Bytes of an upload that are sent at once.
const CHUNK_SIZE: usize = 8 * 1024;
/// Between two messages of a session.
const MESSAGE_PAUSE: Duration = Duration::from_millis(100);
/// A client never spins, not even when nothing listens.
const SHORTEST_PACE: Duration = Duration::from_millis(1);
/// RFC 6455, 7.4.1.
const NORMAL_CLOSE: u16 = 1000;
/// RFC 6455 wants it unpredictable to protect old caches on the way; here it has to be there, no more.
const MASK: [u8; 4] = [0x63, 0x75, 0x74, 0x6F];

//! What the app answers on each of its paths.
//!
//! Owns the table of paths; must not touch sockets. Each path is there to show one thing that a proxy can get
//! wrong: a kept-alive request, a slow one, a body in either direction, a session after an upgrade.

use std::{convert::Infallible, sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame as BodyFrame, Incoming},
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{Persona, UpgradeSlot};
use crate::{
    core::ids::Colour,
    demo::websocket::{Frame, FrameKind, Speaker, accept_key},
};

/// The version that a colour stands for: 1 on blue, 2 on green.
#[must_use]
pub(in crate::demo) const fn version(colour: Colour) -> u32 {
    match colour {
        Colour::Blue => 1,
        Colour::Green => 2,
    }
}

/// Answers one request; every answer names the colour, the version, the endpoint and the request.
pub(super) async fn answer(
    persona: &Persona,
    slot: &UpgradeSlot,
    req: Request<Incoming>,
) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, hyper::Error> {
    let request_id = req.headers().get(&REQUEST_ID).cloned();
    let colour = persona.colour;
    let mut res = match (req.method(), req.uri().path()) {
        (&Method::GET | &Method::HEAD, "/" | "/ping") => ping(colour),
        (&Method::GET | &Method::HEAD, "/healthz") => health(persona),
        (&Method::POST, "/healthz/fail") => set_health(persona, false),
        (&Method::POST, "/healthz/pass") => set_health(persona, true),
        (&Method::GET, "/slow") => slow(colour, req.uri().query()).await,
        (&Method::GET, "/stream") => stream(colour, req.uri().query()),
        (&Method::POST | &Method::PUT, "/upload") => upload(req.into_body()).await?,
        (&Method::GET, "/ws") => websocket(slot, req),
        (_, "/echo") => echo(&req),
        _ => text(
            StatusCode::NOT_FOUND,
            "try /ping /slow /stream /upload /ws /echo /healthz\n",
        ),
    };
    stamp(res.headers_mut(), persona, request_id);
    Ok(res)
}

/// Sends back what comes, frame by frame, until the client closes or the app stops.
pub(super) async fn echo_session(promised: OnUpgrade, stop: CancellationToken) {
    if let Ok(session) = promised.await {
        let mut session = TokioIo::new(session);
        // A client that went away has its answer already: none.
        let _ = echo_frames(&mut session, stop).await;
    }
}

async fn echo_frames(
    session: &mut TokioIo<Upgraded>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    loop {
        let frame = tokio::select! {
            frame = tokio::time::timeout(SESSION_IDLE, Frame::read(session, Speaker::Client)) => frame,
            () = stop.cancelled() => return Frame::close(GOING_AWAY).write(session, None).await,
        };
        let frame = match frame {
            Ok(Ok(frame)) => frame,
            Ok(Err(_)) => return Frame::close(PROTOCOL_ERROR).write(session, None).await,
            Err(_) => return Frame::close(GOING_AWAY).write(session, None).await,
        };
        match frame.kind {
            FrameKind::Close => return frame.write(session, None).await,
            FrameKind::Ping => {
                let pong = Frame::message(FrameKind::Pong, frame.payload);
                pong.write(session, None).await?;
            }
            FrameKind::Pong => {}
            FrameKind::Text | FrameKind::Binary | FrameKind::Continuation => {
                frame.write(session, None).await?;
            }
        }
    }
}

fn ping(colour: Colour) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let line = format!("version {} ({colour})\n", version(colour));
    text(StatusCode::OK, line)
}

fn health(persona: &Persona) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    // Relaxed: see `ColourApp::set_healthy`.
    if persona.healthy.load(Ordering::Relaxed) {
        text(StatusCode::OK, "healthy\n")
    } else {
        text(StatusCode::SERVICE_UNAVAILABLE, "told to fail\n")
    }
}

fn set_health(persona: &Persona, healthy: bool) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    persona.healthy.store(healthy, Ordering::Relaxed);
    text(StatusCode::OK, "noted\n")
}

async fn slow(colour: Colour, query: Option<&str>) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let Some(ms) = number(query, "ms", SLOW_LIMIT_MS) else {
        return bad_number("ms", SLOW_LIMIT_MS);
    };
    tokio::time::sleep(Duration::from_millis(ms)).await;
    text(StatusCode::OK, format!("waited {ms} ms ({colour})\n"))
}

/// Ten lines a second, numbered, so that whoever reads them knows whether one is missing.
fn stream(colour: Colour, query: Option<&str>) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let Some(seconds) = number(query, "seconds", STREAM_LIMIT_SECONDS) else {
        return bad_number("seconds", STREAM_LIMIT_SECONDS);
    };
    let lines = stream::unfold(0, move |line| async move {
        if line == seconds * LINES_PER_SECOND {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(1000 / LINES_PER_SECOND)).await;
        let text = Bytes::from(stream_line(line, colour));
        Some((Ok::<_, Infallible>(BodyFrame::data(text)), line + 1))
    });
    Response::new(StreamBody::new(lines).boxed_unsync())
}

/// The `line`-th line of a stream, counted from 0.
pub(in crate::demo) fn stream_line(line: u64, colour: Colour) -> String {
    format!("line {line} ({colour})\n")
}

/// Reads without keeping, whatever the length, and says what came.
async fn upload(
    mut body: Incoming,
) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, hyper::Error> {
    let mut hash = Sha256::new();
    let mut length = 0u64;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            length += data.len() as u64;
            hash.update(&data);
        }
    }
    let answer = serde_json::json!({ "length": length, "sha256": hex(&hash.finalize()) });
    Ok(json(&answer))
}

/// Lower-case hexadecimal.
pub(in crate::demo) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn websocket(
    slot: &UpgradeSlot,
    mut req: Request<Incoming>,
) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let wanted = req.headers().get(header::UPGRADE);
    let key = req.headers().get(header::SEC_WEBSOCKET_KEY);
    let accept = match (wanted, key.and_then(|key| key.to_str().ok())) {
        (Some(upgrade), Some(key)) if upgrade.as_bytes().eq_ignore_ascii_case(b"websocket") => {
            HeaderValue::try_from(accept_key(key))
        }
        _ => return text(StatusCode::UPGRADE_REQUIRED, "this is a websocket\n"),
    };
    let Ok(accept) = accept else {
        return text(StatusCode::BAD_REQUEST, "odd key\n");
    };
    slot.put(hyper::upgrade::on(&mut req));
    let mut res = Response::new(Full::default().boxed_unsync());
    *res.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let fields = res.headers_mut();
    fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    fields.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    res
}

/// The request head as it arrived, so that one can look at what a proxy makes of it.
fn echo(req: &Request<Incoming>) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let fields = req.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        [name.as_str().to_owned(), value]
    });
    json(&serde_json::json!({
        "method": req.method().as_str(),
        "target": req.uri().to_string(),
        "version": format!("{:?}", req.version()),
        "fields": fields.collect::<Vec<_>>(),
    }))
}

fn stamp(fields: &mut HeaderMap, persona: &Persona, request_id: Option<HeaderValue>) {
    let colour = HeaderValue::from_static(persona.colour.as_str());
    fields.insert(COLOUR, colour);
    fields.insert(VERSION, HeaderValue::from(version(persona.colour)));
    if let Ok(addr) = HeaderValue::try_from(persona.addr.to_string()) {
        fields.insert(ENDPOINT, addr);
    }
    if let Some(id) = request_id {
        fields.insert(REQUEST_ID, id);
    }
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let mut res = Response::new(Full::new(text.into()).boxed_unsync());
    *res.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    res.headers_mut().insert(header::CONTENT_TYPE, plain);
    res
}

fn json(value: &serde_json::Value) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let mut res = text(StatusCode::OK, value.to_string());
    let json = HeaderValue::from_static("application/json");
    res.headers_mut().insert(header::CONTENT_TYPE, json);
    res
}

/// The value of `name` in a query, if it is a number of at most `limit`.
fn number(query: Option<&str>, name: &str, limit: u64) -> Option<u64> {
    let given = query?.split('&').filter_map(|pair| pair.split_once('='));
    let value = given.into_iter().find(|(key, _)| *key == name)?.1;
    value.parse().ok().filter(|number| *number <= limit)
}

fn bad_number(name: &str, limit: u64) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let hint = format!("give ?{name}= as a whole number of at most {limit}\n");
    text(StatusCode::BAD_REQUEST, hint)
}

/// Names the colour of the endpoint that answered.
pub(in crate::demo) const COLOUR: HeaderName = HeaderName::from_static("x-colour");
/// Names the request; the answer repeats it.
pub(in crate::demo) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const VERSION: HeaderName = HeaderName::from_static("x-version");
const ENDPOINT: HeaderName = HeaderName::from_static("x-endpoint");

/// The longest wait that `/slow` accepts.
const SLOW_LIMIT_MS: u64 = 60_000;
/// The longest stream.
const STREAM_LIMIT_SECONDS: u64 = 60;
/// Lines of a stream in a second.
pub(in crate::demo) const LINES_PER_SECOND: u64 = 10;
/// How long a WebSocket session is kept without a frame.
const SESSION_IDLE: Duration = Duration::from_secs(300);
/// Close codes of RFC 6455, 7.4.1.
const GOING_AWAY: u16 = 1001;
const PROTOCOL_ERROR: u16 = 1002;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_from_a_query_within_its_bound() {
        assert_eq!(number(Some("a=1&ms=20"), "ms", 60), Some(20));
        assert_eq!(number(Some("ms=61"), "ms", 60), None);
        assert_eq!(number(Some("ms=-1"), "ms", 60), None);
        assert_eq!(number(Some("xms=1"), "ms", 60), None);
        assert_eq!(number(None, "ms", 60), None);
    }
}

//! Interim answers: consumed, up to a bound; 101 only where it was asked for.

use super::{answer, malformed};
use crate::case::{Act, Case, get, post};

const INTERIM: &str = "RFC 9110 15.2";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

pub(super) fn cases() -> Vec<Case> {
    [consumed(), too_much(), switching()].concat()
}

fn consumed() -> Vec<Case> {
    [
        (
            "100 that nobody waits for",
            "HTTP/1.1 100 Continue\r\n\r\n".to_owned(),
        ),
        ("102", "HTTP/1.1 102 Processing\r\n\r\n".to_owned()),
        (
            "103",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n".to_owned(),
        ),
        (
            "an unknown interim answer",
            "HTTP/1.1 199 Odd\r\nA: b\r\n\r\n".to_owned(),
        ),
        (
            "an interim answer with a length",
            "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n".to_owned(),
        ),
        (
            "several interim answers",
            "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(10),
        ),
    ]
    .map(|(name, before)| {
        answer(name, INTERIM, before + OK)
            .answered(200, "ok")
            .without("link")
            .without("a")
            .stays()
    })
    .into()
}

fn too_much() -> Vec<Case> {
    vec![
        malformed(
            "interim answers without an end",
            INTERIM,
            "HTTP/1.1 102 Processing\r\n\r\n".repeat(5000) + OK,
        ),
        malformed(
            "an interim answer before nonsense",
            INTERIM,
            "HTTP/1.1 100 Continue\r\n\r\nnonsense\r\n\r\n",
        ),
        malformed(
            "an interim answer of bare LFs",
            INTERIM,
            "HTTP/1.1 100 Continue\n\n".to_owned() + OK,
        ),
        Case::new(
            "an interim answer and then nothing",
            INTERIM,
            post("Content-Length: 4\r\n", "body"),
        )
        .reaches("POST /{c}", "body")
        .endpoint([
            Act::Write("HTTP/1.1 102 Processing\r\n\r\n".into()),
            Act::Close,
        ])
        .refused(502, "connection closed before the response")
        .stays(),
    ]
}

fn switching() -> Vec<Case> {
    let asked = |name, fields: &str| {
        let sent = get("Connection: Upgrade\r\nUpgrade: websocket\r\n");
        let agreed = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n");
        Case::new(name, "RFC 9110 15.2.2", sent)
            .reaches("GET /{c}", "")
            .has("upgrade: websocket")
            .endpoint([Act::Write(agreed.into()), Act::AwaitEnd])
            .refused(502, "malformed response")
            .stays()
            .leaves_the_endpoint()
    };
    vec![
        malformed(
            "101 that nobody asked for",
            "RFC 9110 15.2.2",
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        ),
        asked(
            "101 to something else",
            "Connection: Upgrade\r\nUpgrade: h2c\r\n",
        ),
        asked("101 to nothing", "Connection: Upgrade\r\n"),
        asked(
            "101 to several things",
            "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        ),
    ]
}

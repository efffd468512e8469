//! `Upgrade`: passed for WebSocket, ignored for everything else.

use crate::case::{Act, Case, TAG, get, post};

const UPGRADE: &str = "RFC 9110 7.8";

pub(super) fn cases() -> Vec<Case> {
    [ignored(), passed()].concat()
}

fn ignored() -> Vec<Case> {
    let plain = |name, sent: String, line: &str, body: &str| {
        Case::new(name, UPGRADE, sent)
            .passes(line, body)
            .lacks("upgrade")
            .lacks("connection")
            .lacks("http2-settings")
    };
    let websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let in_10 = format!("GET /{TAG} HTTP/1.0\r\nHost: {TAG}\r\n{websocket}\r\n");
    vec![
        plain(
            "an upgrade to h2c",
            get(
                "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
            ),
            "GET /{c}",
            "",
        ),
        plain(
            "an upgrade to h2c whose settings are not nominated",
            get("Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
            "GET /{c}",
            "",
        ),
        plain(
            "an upgrade to TLS",
            get("Connection: Upgrade\r\nUpgrade: TLS/1.2, HTTP/1.1\r\n"),
            "GET /{c}",
            "",
        ),
        plain(
            "an upgrade to one of two",
            get("Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n"),
            "GET /{c}",
            "",
        ),
        plain(
            "an upgrade to a version of WebSocket",
            get("Connection: Upgrade\r\nUpgrade: websocket/13\r\n"),
            "GET /{c}",
            "",
        ),
        plain(
            "an upgrade that is not nominated",
            get("Upgrade: websocket\r\n"),
            "GET /{c}",
            "",
        ),
        plain(
            "a nomination without an upgrade",
            get("Connection: Upgrade\r\n"),
            "GET /{c}",
            "",
        ),
        plain(
            "an upgrade with a body",
            post(&format!("{websocket}Content-Length: 5\r\n"), "hello"),
            "POST /{c}",
            "hello",
        ),
        plain(
            "an upgrade with chunks",
            post(
                &format!("{websocket}Transfer-Encoding: chunked\r\n"),
                "5\r\nhello\r\n0\r\n\r\n",
            ),
            "POST /{c}",
            "hello",
        ),
        Case::new("an upgrade in HTTP/1.0", UPGRADE, in_10)
            .answered(200, "ok")
            .closes()
            .reaches("GET /{c}", "")
            .lacks("upgrade"),
        Case::new(
            "an upgrade twice",
            UPGRADE,
            get("Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n"),
        )
        .refused(400, "repeated upgrade field"),
        Case::new(
            "an upgrade to two things, in two lines",
            UPGRADE,
            get("Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n"),
        )
        .refused(400, "repeated upgrade field"),
    ]
}

fn passed() -> Vec<Case> {
    let websocket = get("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n");
    let agreed =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    vec![
        Case::new("an upgrade that is agreed to", UPGRADE, &websocket)
            .endpoint([Act::Write(agreed.into()), Act::Close])
            .answered(101, "")
            .with("upgrade", "WebSocket")
            .closes()
            .reaches("GET /{c}", "")
            .has("upgrade: WebSocket")
            .has("connection: upgrade"),
        Case::new("an upgrade that is not agreed to", UPGRADE, &websocket)
            .passes("GET /{c}", "")
            .has("upgrade: WebSocket"),
        // What comes before the endpoint has agreed reaches it only if it does (RUSTSEC-2026-0033).
        Case::new(
            "a request behind an upgrade that is not agreed to",
            UPGRADE,
            websocket + &get("A: b\r\n"),
        )
        .passes("GET /{c}", "")
        .passes("GET /{c}", "")
        .has("a: b"),
    ]
}

//! `Expect`: 100-continue end to end, and nothing else.

use crate::case::{Act, Case, Step, TAG, get, post};
use crate::support::scripted::OK;

const EXPECT: &str = "RFC 9110 10.1.1";

pub(super) fn cases() -> Vec<Case> {
    [unknown(), known()].concat()
}

fn unknown() -> Vec<Case> {
    [
        ("an unknown expectation", "200-ok"),
        (
            "an unknown expectation beside the known one",
            "100-continue, more",
        ),
        ("the known expectation twice", "100-continue, 100-continue"),
        ("the known expectation with a parameter", "100-continue;a=b"),
        ("no expectation", ""),
    ]
    .map(|(name, value)| {
        let sent = post(&format!("Expect: {value}\r\nContent-Length: 5\r\n"), "");
        Case::new(name, EXPECT, sent).refused(417, "unknown expectation")
    })
    .into()
}

fn known() -> Vec<Case> {
    let head = post("Expect: 100-continue\r\nContent-Length: 5\r\n", "");
    let in_10 = format!(
        "POST /{TAG} HTTP/1.0\r\nHost: {TAG}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"
    );
    vec![
        // The endpoint says nothing of it, and after a while the body is asked for all the same.
        Case::new("an expectation that the endpoint ignores", EXPECT, &head)
            .then(Step::Await(1))
            .then(Step::Send("hello".into()))
            .answered(100, "")
            .passes("POST /{c}", "hello")
            .has("expect: 100-continue"),
        Case::new(
            "an expectation with the body right behind it",
            EXPECT,
            head + "hello",
        )
        .answered(100, "")
        .passes("POST /{c}", "hello"),
        Case::new(
            "an expectation in odd case",
            EXPECT,
            post("expect: 100-Continue\r\nContent-Length: 5\r\n", "hello"),
        )
        .answered(100, "")
        .passes("POST /{c}", "hello"),
        Case::new(
            "an expectation of chunks",
            EXPECT,
            post(
                "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n",
                "5\r\nhello\r\n0\r\n\r\n",
            ),
        )
        .answered(100, "")
        .passes("POST /{c}", "hello"),
        Case::new(
            "an expectation without a body",
            EXPECT,
            get("Expect: 100-continue\r\n"),
        )
        .passes("GET /{c}", "")
        .lacks("expect"),
        Case::new("an expectation in HTTP/1.0", EXPECT, in_10)
            .answered(200, "ok")
            .closes()
            .reaches("POST /{c}", "hello")
            .lacks("expect")
            .endpoint([Act::Write(OK.into())]),
    ]
}

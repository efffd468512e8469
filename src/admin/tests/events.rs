//! `GET /v1/events` and `GET /v1/about`.

use std::time::Duration;

use axum::http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::Rig;
use crate::{
    admin::rig::{OPERATE, VIEW, answers, loopback, token_file},
    core::{ids::ServiceName, notice::Notice, time::Timestamp},
};

/// A stream of events, read one after the other.
struct Stream {
    body: Incoming,
    unread: String,
}

/// One event as it came.
#[derive(Debug, Default, PartialEq)]
struct Came {
    id: Option<String>,
    kind: String,
    data: Value,
}

impl Stream {
    async fn open(rig: &Rig, path: &str, headers: &[(&str, &str)]) -> Self {
        let stream = TcpStream::connect(rig.addr()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut req = Request::get(path).header("host", "localhost");
        for (name, value) in headers {
            req = req.header(*name, *value);
        }
        let req = req.body(Empty::<bytes::Bytes>::new()).unwrap();
        let response = sender.send_request(req).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: response.into_body(),
            unread: String::new(),
        }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Came> {
        tokio::time::timeout(PATIENCE, self.read()).await.unwrap()
    }

    async fn read(&mut self) -> Option<Came> {
        loop {
            while let Some((block, rest)) = self.unread.split_once("\n\n") {
                let came = parse(block);
                self.unread = rest.to_owned();
                if came != Came::default() {
                    return Some(came);
                }
            }
            let frame = self.body.frame().await?.ok()?;
            let data = frame.into_data().unwrap_or_default();
            self.unread.push_str(std::str::from_utf8(&data).unwrap());
        }
    }
}

fn parse(block: &str) -> Came {
    let mut came = Came::default();
    for line in block.lines() {
        match line
            .split_once(':')
            .map(|(field, value)| (field, value.trim_start()))
        {
            Some(("id", value)) => came.id = Some(value.to_owned()),
            Some(("event", value)) => came.kind = value.to_owned(),
            Some(("data", value)) => came.data = serde_json::from_str(value).unwrap(),
            _ => {}
        }
    }
    came
}

fn tell(rig: &Rig, service: &str) {
    let service = ServiceName::new(service);
    rig.events.add(
        &Notice::ServiceRemoved { service },
        Timestamp::from_millis(0),
    );
}

#[tokio::test]
async fn events_come_as_they_happen_and_go_on_where_a_reader_left_off() {
    let rig = Rig::new(answers()).await;
    tell(&rig, "before");
    let mut stream = Stream::open(&rig, "/v1/events", &[]).await;
    tell(&rig, "first");
    let first = stream.next().await.unwrap();
    let expected = json!({
        "at": "1970-01-01T00:00:00.000Z",
        "text": "first: served no more",
        "kind": "service_removed",
        "service": "first",
    });
    assert_eq!(
        (first.kind.as_str(), first.data),
        ("service_removed", expected)
    );
    drop(stream);
    tell(&rig, "second");
    let last = first.id.unwrap();
    let mut stream = Stream::open(&rig, "/v1/events", &[("last-event-id", &last)]).await;
    assert_eq!(stream.next().await.unwrap().data["service"], "second");
    let mut stream = Stream::open(&rig, "/v1/events?recent=3", &[]).await;
    for service in ["before", "first", "second"] {
        assert_eq!(stream.next().await.unwrap().data["service"], service);
    }
}

#[tokio::test]
async fn a_reader_hears_that_it_missed_something() {
    let rig = Rig::new(answers()).await;
    tell(&rig, "known");
    let mut stream = Stream::open(&rig, "/v1/events", &[("last-event-id", "1-1")]).await;
    let gap = stream.next().await.unwrap();
    assert_eq!(
        (gap.kind.as_str(), gap.data),
        ("gap", json!({"missed": null}))
    );
    assert_eq!(stream.next().await.unwrap().data["service"], "known");
}

#[tokio::test]
async fn of_other_services_nothing_is_told_to_who_asks_for_one() {
    let rig = Rig::new(answers()).await;
    for service in ["other", "shop"] {
        tell(&rig, service);
    }
    let everybody = Notice::JournalFailed {
        error: "disk full".to_owned(),
    };
    rig.events.add(&everybody, Timestamp::from_millis(0));
    let mut stream = Stream::open(&rig, "/v1/events?recent=9&service=shop", &[]).await;
    assert_eq!(stream.next().await.unwrap().data["service"], "shop");
    assert_eq!(stream.next().await.unwrap().kind, "journal_failed");
}

#[tokio::test]
async fn a_pulse_has_everything_first_and_then_what_changed() {
    let rig = Rig::new(answers()).await;
    let mut stream = Stream::open(&rig, "/v1/events?pulse=true", &[]).await;
    let first = stream.next().await.unwrap();
    assert_eq!((first.kind.as_str(), first.id), ("pulse", None));
    let shop = &first.data["services"][0];
    assert_eq!(
        (&shop["service"], &shop["traffic"]["blue"]["requests"]),
        (&json!("shop"), &json!(0))
    );
    let second = stream.next().await.unwrap();
    assert_eq!(second.data, json!({"services": [], "removed": []}));
}

#[tokio::test]
async fn a_stream_ends_when_the_process_stops() {
    let rig = Rig::new(answers()).await;
    let mut stream = Stream::open(&rig, "/v1/events?pulse=true", &[]).await;
    stream.next().await.unwrap();
    let stopping = tokio::spawn(rig.server.stop());
    while stream.next().await.is_some() {}
    stopping.await.unwrap();
}

#[tokio::test]
async fn streams_are_few() {
    let rig = Rig::new(answers()).await;
    let mut open = Vec::new();
    for _ in 0..crate::admin::STREAMS_LIMIT {
        open.push(Stream::open(&rig, "/v1/events", &[]).await);
    }
    assert_eq!(
        rig.get("/v1/events").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(
        rig.get("/v1/services").await.status,
        StatusCode::OK,
        "looking is another matter"
    );
    drop(open.pop());
    tokio::time::timeout(PATIENCE, async {
        // That a stream is gone shows when it is next written to.
        tell(&rig, "shop");
        while rig.events_refused().await {
            tell(&rig, "shop");
        }
    })
    .await
    .unwrap();
}

impl Rig {
    async fn events_refused(&self) -> bool {
        let stream = TcpStream::connect(self.addr()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let req = Request::get("/v1/events").header("host", "localhost");
        let req = req.body(Empty::<bytes::Bytes>::new()).unwrap();
        let response = sender.send_request(req).await.unwrap();
        response.status() == StatusCode::SERVICE_UNAVAILABLE
    }
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused() {
    let rig = Rig::new(answers()).await;
    for path in [
        "/v1/events?recent=1025",
        "/v1/events?recent=x",
        "/v1/events?all=true",
    ] {
        assert_eq!(
            rig.get(path).await.status,
            StatusCode::BAD_REQUEST,
            "{path}"
        );
    }
    let answer = rig
        .call(Method::GET, "/v1/events", &[("last-event-id", "x")], "")
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_caller_is_told_who_it_is_and_what_it_may() {
    let rig = Rig::new(answers()).await;
    let about = rig.get("/v1/about").await.json();
    assert_eq!(
        (&about["actor"], &about["may_operate"]),
        (&json!("anonymous"), &json!(true))
    );
    let file = token_file();
    let rig = Rig::listening(answers(), loopback(), Some(file.path().to_owned())).await;
    for (token, actor, may) in [(OPERATE, "alice", true), (VIEW, "grafana", false)] {
        let bearer = format!("Bearer {token}");
        let about = rig
            .call(Method::GET, "/v1/about", &[("authorization", &bearer)], "")
            .await
            .json();
        assert_eq!(
            (&about["actor"], &about["may_operate"]),
            (&json!(actor), &json!(may))
        );
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

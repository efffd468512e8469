//! All of it holds for streams as it does for requests of a connection.

use cutover::core::proxy_header::{Introduction, ProxyVersion, write};
use serde_json::Value;

use crate::{
    asked::{Asked, TRUSTED, UNTRUSTED},
    support::frames::{
        ACK, END_STREAM, Frame, FrameClient, PREFACE, SETTINGS, get, headers, settings,
    },
};

/// Asks on a stream with further fields; the status, and what the endpoint saw.
async fn ask(client: &mut FrameClient, stream: u32, fields: &[(&str, &str)]) -> Value {
    let fields = [&get("/")[..], fields].concat();
    client.send(&headers(stream, END_STREAM, &fields)).await;
    let (status, body) = client.answer(stream).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

#[track_caller]
fn tells(seen: &Value, name: &str, expected: &[&str]) {
    let fields = seen["headers"].as_array().unwrap();
    let values: Vec<_> = fields
        .iter()
        .filter(|it| it[0] == name)
        .map(|it| &it[1])
        .collect();
    assert_eq!(values, expected, "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_stream_of_a_trusted_peer_speaks_for_its_own_client() {
    let asked = Asked::start(TRUSTED, "forwarded = \"on\"").await;
    let mut peer = FrameClient::greet(asked.site.addr()).await;
    for (stream, list) in [(1, "203.0.113.1"), (3, "203.0.113.2, 10.0.0.7")] {
        let fields = [
            ("x-forwarded-for", list),
            ("x-forwarded-proto", "https"),
            ("x-request-id", "mine"),
        ];
        let seen = ask(&mut peer, stream, &fields).await;
        tells(&seen, "x-forwarded-for", &[&format!("{list}, 127.0.0.1")]);
        tells(&seen, "x-forwarded-proto", &["https"]);
        tells(&seen, "x-forwarded-host", &["shop.test"]);
        tells(&seen, "x-request-id", &["mine"]);
    }
    let log = asked.site.access_log(2).await;
    let clients: Vec<_> = log
        .iter()
        .map(|line| line["client"].as_str().unwrap())
        .collect();
    assert_eq!(clients, ["203.0.113.1", "203.0.113.2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_untrusted_peer_says_on_a_stream_is_replaced() {
    let asked = Asked::start(UNTRUSTED, "").await;
    let mut client = FrameClient::greet(asked.site.addr()).await;
    let claims = [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-user", "root"),
        ("x_forwarded_for", "203.0.113.9"),
        ("forwarded", "for=203.0.113.9"),
        ("x-request-id", "mine"),
    ];
    let seen = ask(&mut client, 1, &claims).await;
    tells(&seen, "x-forwarded-for", &["127.0.0.1"]);
    for gone in ["x-forwarded-user", "x_forwarded_for", "forwarded"] {
        tells(&seen, gone, &[]);
    }
    assert_ne!(asked.site.access_log(1).await[0]["request_id"], "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_introduction_holds_for_every_stream() {
    let asked = Asked::start("proxy_protocol = [\"127.0.0.1\"]", "").await;
    let introduction = Introduction {
        source: "203.0.113.9:4711".parse().unwrap(),
        destination: "192.0.2.1:443".parse().unwrap(),
    };
    for version in [ProxyVersion::V1, ProxyVersion::V2] {
        let mut client = FrameClient::connect(asked.site.addr()).await;
        let begin = [
            &write(version, Some(introduction))[..],
            PREFACE,
            &settings(&[]).bytes(),
        ];
        client.send_bytes(&begin.concat()).await;
        client
            .wait(|frame| frame.kind == SETTINGS && frame.flags & ACK == 0)
            .await;
        client.send(&Frame::new(SETTINGS, ACK, 0, [])).await;
        for stream in [1, 3] {
            let seen = ask(&mut client, stream, &[]).await;
            tells(&seen, "x-forwarded-for", &["203.0.113.9"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ambiguous_path_is_refused_and_the_other_streams_go_on() {
    let asked = Asked::start("", "").await;
    let mut client = FrameClient::greet(asked.site.addr()).await;
    let mut stream = 1;
    for path in [
        "/a%2Fb",
        "/a/%2e%2e/b",
        "/a\\b",
        "/%00",
        "/../a",
        "/a/..;/b",
        "/%",
    ] {
        let (status, body) = client.get(stream, path).await;
        let text = String::from_utf8(body).unwrap();
        assert_eq!(status, 400, "{path}");
        assert!(text.contains("ambiguous path"), "{path}: {text}");
        stream += 2;
    }
    assert_eq!(client.get(stream, "/a/./b//c").await.0, 200);
    assert_eq!(asked.endpoint.seen(), ["GET /a/./b//c"]);
}

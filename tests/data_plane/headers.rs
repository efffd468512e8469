//! What a request and a response say about the hop between them.

use serde_json::Value;

use crate::support::{
    answering::Answering,
    client::Answer,
    scripted::{Scripted, find},
    site::{Site, shop},
};

/// The values of a field as the endpoint saw it.
fn seen(answer: &Answer, name: &str) -> Vec<String> {
    let head = answer.json();
    let fields = head["headers"].as_array().cloned().unwrap_or_default();
    fields
        .iter()
        .filter(|field| field[0] == name)
        .filter_map(|field| field[1].as_str().map(str::to_owned))
        .collect()
}

async fn asked(site: &Site, request: &str) -> Answer {
    let mut client = site.client().await;
    client.send(request).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_one_hop_stay_on_it() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let answer = asked(
        &site,
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Mine\r\nConnection: x-also\r\n\
         Keep-Alive: timeout=9\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\n\
         TE: gzip\r\nX-Mine: 1\r\nX-Also: 2\r\nX-Stays: 3\r\nUpgrade: h2c\r\n\r\n",
    )
    .await;
    for gone in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "x-mine",
        "x-also",
        "upgrade",
        "transfer-encoding",
    ] {
        assert_eq!(seen(&answer, gone), [""; 0], "{gone}");
    }
    assert_eq!(seen(&answer, "x-stays"), ["3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_nominate_away_what_frames_or_addresses_the_request() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let answer = asked(
        &site,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nAuthorization: x\r\n\
         Connection: close, host, content-length, authorization, x-forwarded-for, x-request-id, via\r\n\r\nbody",
    )
    .await;
    assert_eq!(answer.json()["body_length"], 4);
    assert_eq!(seen(&answer, "host"), ["a"]);
    assert_eq!(seen(&answer, "authorization"), ["x"]);
    assert_eq!(seen(&answer, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen(&answer, "x-request-id").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_learns_who_asked_and_by_which_way() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let answer = asked(
        &site,
        "GET / HTTP/1.1\r\nHost: shop.test:8080\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Host: evil\r\nForwarded: for=10.0.0.1\r\nVia: 1.0 other\r\n\r\n",
    )
    .await;
    assert_eq!(seen(&answer, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen(&answer, "x-forwarded-proto"), ["http"]);
    assert_eq!(seen(&answer, "x-forwarded-host"), ["shop.test:8080"]);
    assert_eq!(seen(&answer, "forwarded"), [""; 0]);
    assert_eq!(seen(&answer, "via"), ["1.0 other", "1.1 cutover"]);
    assert_eq!(answer.field("via"), Some("1.1 cutover"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_the_clients_the_endpoints_or_a_literal() {
    let blue = Answering::start("blue").await;
    let own = blue.addr().to_string();
    for (keys, expected) in [
        ("", "shop.test"),
        ("host = \"preserve\"", "shop.test"),
        ("host = \"endpoint\"", own.as_str()),
        ("host = \"inside.example.com\"", "inside.example.com"),
    ] {
        let site = Site::start(&shop(&[blue.addr()], &[], keys)).await;
        let answer = asked(&site, "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
        assert_eq!(seen(&answer, "host"), [expected], "{keys}");
        assert_eq!(seen(&answer, "x-forwarded-host"), ["shop.test"], "{keys}");
        // Without one, as HTTP/1.0 allows, there is nothing to preserve.
        let answer = asked(&site, "GET / HTTP/1.0\r\n\r\n").await;
        assert_eq!(seen(&answer, "host").len(), 1, "{keys}");
        assert_eq!(seen(&answer, "x-forwarded-host"), [""; 0], "{keys}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_has_an_id_accepted_or_made_and_echoed() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let long = "x".repeat(129);
    for (sent, kept) in [
        ("X-Request-Id: abc-1\r\n", true),
        ("", false),
        ("X-Request-Id: with space\r\n", false),
        ("X-Request-Id:\r\n", false),
        (&format!("X-Request-Id: {long}\r\n"), false),
    ] {
        let answer = asked(&site, &format!("GET / HTTP/1.1\r\nHost: a\r\n{sent}\r\n")).await;
        let id = answer.field("x-request-id").expect("an id").to_owned();
        assert_eq!(seen(&answer, "x-request-id"), [id.as_str()]);
        assert_eq!(id == "abc-1", kept, "{sent:?}: {id}");
        assert!(kept || id.len() == 32, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absolute_target_is_routed_by_its_host_and_sent_in_origin_form() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    for (target, seen_as) in [
        ("http://shop.test/a?b=c", "/a?b=c"),
        ("HTTP://SHOP.test/a", "/a"),
        ("http://shop.test", "/"),
        ("http://shop.test?q", "/?q"),
        ("*", "*"),
    ] {
        let method = if target == "*" { "OPTIONS" } else { "GET" };
        let answer = asked(
            &site,
            &format!("{method} {target} HTTP/1.1\r\nHost: shop.test\r\n\r\n"),
        )
        .await;
        assert_eq!(answer.json()["target"], seen_as, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answers_own_fields_pass_and_those_of_its_hop_do_not() {
    let endpoint = Scripted::answering(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\n\
         Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nServer: theirs\r\nX-Request-Id: theirs\r\n\
         Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let site = Site::start(&shop(&[endpoint.addr()], &[], "")).await;
    let answer = asked(
        &site,
        "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n",
    )
    .await;
    for gone in ["connection", "keep-alive", "x-hop", "proxy-authenticate"] {
        assert_eq!(answer.field(gone), None, "{gone}");
    }
    let cookies: Vec<_> = answer
        .fields
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(answer.field("server"), Some("theirs"));
    assert_eq!(answer.field("date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_eq!(answer.field("x-request-id"), Some("mine"));
    let received = endpoint.received(0);
    assert!(received.contains("x-request-id: mine\r\n"), "{received}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_beyond_ascii_pass_in_values() {
    let endpoint =
        Scripted::answering(b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 0\r\n\r\n")
            .await;
    let site = Site::start(&shop(&[endpoint.addr()], &[], "")).await;
    let mut client = site.client().await;
    client
        .send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Sent: \xc3\xa9\xff\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.field("x-name"), Some("caf\u{fffd}"));
    let received = endpoint.bytes(0);
    assert!(find(&received, b"x-sent: \xc3\xa9\xff\r\n").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_methods_pass_as_they_are() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    for (method, target) in [
        ("GET", "/a//b/../c/.d/%7e%20{e}?x=/../%2F%00&y=[1]"),
        ("PURGE", "/"),
        ("get", "/lower"),
        ("PATCH", "/;p=1?"),
    ] {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let head: Value = asked(&site, &request).await.json();
        assert_eq!(
            (&head["method"], &head["target"]),
            (&method.into(), &target.into())
        );
    }
}

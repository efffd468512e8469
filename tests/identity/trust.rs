//! A peer that is trusted is believed when it says for whom it speaks; what any other says of itself is replaced.

use crate::{
    asked::{Asked, TRUSTED, UNTRUSTED, seen},
    support::{client::Answer, eventually},
};

/// Everything that a client could say of itself.
const CLAIMS: &[&str] = &[
    "X-Forwarded-For: 203.0.113.9",
    "X-Forwarded-For: 10.0.0.7",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.test",
    "X-Forwarded-Port: 443",
    "X-Forwarded-Prefix: /admin",
    "X-Forwarded-User: root",
    "X-Real-IP: 203.0.113.9",
    "X_Forwarded_For: 203.0.113.9",
    "X-Forwarded_User: root",
    "X_Real-IP: 203.0.113.9",
    "X_Request_Id: mine",
    "Forwarded: for=203.0.113.9;proto=https;host=evil.test",
    "X-Request-Id: mine",
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "tracestate: a=1",
];

#[track_caller]
fn tells(answer: &Answer, name: &str, values: &[&str]) {
    assert_eq!(seen(answer, name), values, "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_untrusted_peer_says_of_itself_is_replaced() {
    let asked = Asked::start(UNTRUSTED, "forwarded = \"on\"").await;
    let answer = asked.ask(CLAIMS).await;
    tells(&answer, "x-forwarded-for", &["127.0.0.1"]);
    tells(&answer, "x-forwarded-proto", &["http"]);
    tells(&answer, "x-forwarded-host", &["shop.test"]);
    tells(
        &answer,
        "forwarded",
        &["for=127.0.0.1;host=shop.test;proto=http"],
    );
    for gone in [
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-user",
        "x-real-ip",
        "x_forwarded_for",
        "x-forwarded_user",
        "x_real-ip",
        "x_request_id",
        "traceparent",
        "tracestate",
    ] {
        tells(&answer, gone, &[]);
    }
    let id = answer.field("x-request-id").unwrap();
    assert_eq!(id.len(), 32);
    tells(&answer, "x-request-id", &[id]);
    let log = asked.site.access_log(1).await;
    assert_eq!(
        (&log[0]["client"], &log[0]["request_id"]),
        (&"127.0.0.1".into(), &id.into())
    );
    assert!(log[0]["trace_id"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_ids_and_traces_are_believed_and_nothing_else() {
    let asked = Asked::start("", "").await;
    let answer = asked.ask(CLAIMS).await;
    tells(&answer, "x-forwarded-for", &["127.0.0.1"]);
    tells(&answer, "x-forwarded-proto", &["http"]);
    tells(&answer, "x-forwarded-host", &["shop.test"]);
    for gone in [
        "forwarded",
        "x-forwarded-port",
        "x-forwarded-user",
        "x-real-ip",
    ] {
        tells(&answer, gone, &[]);
    }
    tells(&answer, "x-request-id", &["mine"]);
    tells(&answer, "tracestate", &["a=1"]);
    assert_eq!(seen(&answer, "traceparent").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_trusted_peer_says_is_kept_and_continued() {
    let asked = Asked::start(TRUSTED, "").await;
    let answer = asked
        .ask(&[
            "X-Forwarded-For: 198.51.100.1, 203.0.113.9",
            "X-Forwarded-For: 10.0.0.7",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: shop.example.com",
            "X-Forwarded-Port: 443",
            "X-Real-IP: 203.0.113.9",
            "X_Real_IP: 198.51.100.1",
            "X_Forwarded_For: 198.51.100.1",
            "X-Request-Id: theirs",
        ])
        .await;
    tells(
        &answer,
        "x-forwarded-for",
        &["198.51.100.1, 203.0.113.9, 10.0.0.7, 127.0.0.1"],
    );
    tells(&answer, "x-forwarded-proto", &["https"]);
    tells(&answer, "x-forwarded-host", &["shop.example.com"]);
    tells(&answer, "x-forwarded-port", &["443"]);
    tells(&answer, "x-real-ip", &["203.0.113.9"]);
    tells(&answer, "x-request-id", &["theirs"]);
    tells(&answer, "x_real_ip", &[]);
    tells(&answer, "x_forwarded_for", &[]);
    tells(&answer, "host", &["shop.test"]);
    tells(&answer, "forwarded", &[]);
    assert_eq!(answer.field("x-request-id"), Some("theirs"));
    let log = asked.site.access_log(1).await;
    assert_eq!(log[0]["client"], "203.0.113.9");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_the_right_most_hop_that_is_not_trusted() {
    let asked = Asked::start(TRUSTED, "").await;
    let hundred = vec!["10.9.9.9"; 100].join(", ");
    let cases = [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9, 10.0.0.1, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:443, 10.0.0.1", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, unknown", "127.0.0.1"),
        ("1.1.1.1, _hidden, 10.0.0.1", "10.0.0.1"),
        ("1.1.1.1, 203.0.113.9 10.0.0.1", "127.0.0.1"),
        (", ,203.0.113.9,, ", "203.0.113.9"),
        ("junk", "127.0.0.1"),
        ("", "127.0.0.1"),
        (&format!("203.0.113.9, {hundred}"), "10.9.9.9"),
        (
            &format!("{}, 203.0.113.9", "1.1.1.1, ".repeat(2000)),
            "203.0.113.9",
        ),
    ];
    for (list, _) in cases {
        let answer = asked.ask(&[&format!("X-Forwarded-For: {list}")]).await;
        let sent = seen(&answer, "x-forwarded-for");
        assert!(sent[0].ends_with("127.0.0.1") && sent.len() == 1, "{list}");
    }
    let log = asked.site.access_log(cases.len()).await;
    for ((list, client), line) in cases.iter().zip(log) {
        assert_eq!(line["client"], *client, "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_are_nobodys_address() {
    let asked = Asked::start(TRUSTED, "").await;
    let mut client = asked.site.client().await;
    client
        .send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9, caf\xe9\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(asked.site.access_log(1).await[0]["client"], "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standard_field_is_believed_and_continued_where_the_list_is_missing() {
    let asked = Asked::start(TRUSTED, "").await;
    let answer = asked
        .ask(&[
            "Forwarded: for=1.1.1.1, for=\"[2001:db8::9]:80\";proto=https;host=shop.example.com",
            "Forwarded: for=10.0.0.7",
        ])
        .await;
    tells(
        &answer,
        "forwarded",
        &[
            "for=1.1.1.1, for=\"[2001:db8::9]:80\";proto=https;host=shop.example.com, for=10.0.0.7, \
           for=127.0.0.1;host=shop.test;proto=http",
        ],
    );
    tells(
        &answer,
        "x-forwarded-for",
        &["2001:db8::9, 10.0.0.7, 127.0.0.1"],
    );
    tells(&answer, "x-forwarded-proto", &["https"]);
    tells(&answer, "x-forwarded-host", &["shop.example.com"]);
    assert_eq!(asked.site.access_log(1).await[0]["client"], "2001:db8::9");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_two_fields_disagree_the_list_decides() {
    let asked = Asked::start(TRUSTED, "").await;
    // A client behind a balancer that appends to the list and does not know `Forwarded`.
    let answer = asked
        .ask(&[
            "Forwarded: for=1.1.1.1;proto=https",
            "X-Forwarded-For: 203.0.113.9",
        ])
        .await;
    tells(&answer, "forwarded", &[]);
    tells(&answer, "x-forwarded-for", &["203.0.113.9, 127.0.0.1"]);
    tells(&answer, "x-forwarded-proto", &["http"]);
    let log = asked.site.access_log(1).await;
    assert_eq!(log[0]["client"], "203.0.113.9");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_may_say_which_field_decides() {
    let fields = [
        "Forwarded: for=198.51.100.1",
        "X-Forwarded-For: 203.0.113.9",
    ];
    for (key, client) in [
        ("forwarded", "198.51.100.1"),
        ("x-forwarded-for", "203.0.113.9"),
    ] {
        let keys = format!("{TRUSTED}\nclient_from = \"{key}\"");
        let asked = Asked::start(&keys, "forwarded = \"on\"").await;
        let answer = asked.ask(&fields).await;
        let own = "for=127.0.0.1;host=shop.test;proto=http";
        tells(
            &answer,
            "x-forwarded-for",
            &[&format!("{client}, 127.0.0.1")],
        );
        tells(&answer, "forwarded", &[&format!("for={client}, {own}")]);
        assert_eq!(asked.site.access_log(1).await[0]["client"], client);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_may_ask_for_the_standard_field() {
    let asked = Asked::start(TRUSTED, "forwarded = \"on\"").await;
    let own = "for=127.0.0.1;host=shop.test;proto=http";
    tells(&asked.ask(&[]).await, "forwarded", &[own]);
    let answer = asked
        .ask(&[
            "X-Forwarded-For: 2001:db8::1, 10.0.0.7",
            "X-Forwarded-Proto: https",
        ])
        .await;
    let expected = format!("for=\"[2001:db8::1]\";proto=https, for=10.0.0.7, {own}");
    tells(&answer, "forwarded", &[&expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_a_port_is_quoted_in_the_standard_field() {
    let asked = Asked::start("", "forwarded = \"on\"").await;
    let mut client = asked.site.client().await;
    client
        .send("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n")
        .await;
    let answer = client.answer().await;
    tells(
        &answer,
        "forwarded",
        &["for=127.0.0.1;host=\"[::1]:8080\";proto=http"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_a_connection_is_judged_by_itself() {
    let asked = Asked::start(TRUSTED, "").await;
    let mut client = asked.site.client().await;
    for list in ["203.0.113.1", "203.0.113.2", ""] {
        let field = match list {
            "" => String::new(),
            list => format!("X-Forwarded-For: {list}\r\n"),
        };
        client
            .send(format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n"))
            .await;
        assert_eq!(client.answer().await.status, 200);
    }
    let log = asked.site.access_log(3).await;
    let clients: Vec<_> = log
        .iter()
        .map(|line| line["client"].as_str().unwrap())
        .collect();
    assert_eq!(clients, ["203.0.113.1", "203.0.113.2", "127.0.0.1"]);
    assert_eq!(asked.endpoint.requests(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_trusts_nobody() {
    let asked = Asked::start("trusted_proxies = []", "").await;
    let answer = asked.ask(CLAIMS).await;
    tells(&answer, "x-forwarded-for", &["127.0.0.1"]);
    assert_ne!(answer.field("x-request-id"), Some("mine"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_trusts_others_acts_on_new_connections() {
    let asked = Asked::start(UNTRUSTED, "").await;
    let mut old = asked.site.client().await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n";
    old.send(request).await;
    assert_ne!(old.answer().await.field("x-request-id"), Some("mine"));
    let text = std::fs::read_to_string(asked.site.config_path()).unwrap();
    asked.site.rewrite(&text.replace(UNTRUSTED, TRUSTED)).await;
    // Whoever waits to be accepted meanwhile may still come in by the old rules.
    eventually("new connections are believed", async || {
        let mut new = asked.site.client().await;
        new.send(request).await;
        new.answer().await.field("x-request-id") == Some("mine")
    })
    .await;
    old.send(request).await;
    assert_ne!(old.answer().await.field("x-request-id"), Some("mine"));
}

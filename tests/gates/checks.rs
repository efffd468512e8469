//! Smoke checks: what passes, what fails, what hangs, what lies.

use cutover::core::{
    gate::verdict::{GateKind, GateVerdict, Verdict},
    ids::Colour,
    switch::{Refusal, SwitchAnswer},
};
use serde_json::json;

use crate::support::{
    answering::Answering,
    call::Admin,
    eventually,
    load::{Load, Mix},
    scripted::Scripted,
    site::{Site, order, shop},
};

/// One check, as lines of a file.
pub(crate) fn check(keys: &str) -> String {
    format!("\n[[service.shop.switch.check]]\n{keys}\n")
}

/// A cutover whose green pool is these, with checks.
async fn site(green: &[std::net::SocketAddr], checks: &str) -> (Site, Answering) {
    let blue = Answering::start("blue").await;
    let site = Site::start(&(shop(&[blue.addr()], green, "") + checks)).await;
    site.ready("shop", Colour::Green, green.len()).await;
    (site, blue)
}

/// The gates that refused a switch to green.
async fn refused(site: &Site) -> Vec<GateVerdict> {
    match site.try_switch(order("shop", Colour::Green)).await {
        SwitchAnswer::Refused(Refusal::Gates(gates)) => gates,
        other @ (SwitchAnswer::Refused(_)
        | SwitchAnswer::Shifting(_)
        | SwitchAnswer::Done { .. }) => panic!("{other:?}"),
    }
}

/// Why the one check of green failed at its one endpoint.
async fn why(green: &Scripted, keys: &str) -> String {
    let (site, _blue) = site(&[green.addr()], &check(keys)).await;
    let gates = refused(&site).await;
    assert_eq!(gates.len(), 1, "{gates:?}");
    assert_eq!(
        (gates[0].gate, gates[0].verdict),
        (GateKind::Check, Verdict::Failed)
    );
    assert_eq!(site.service("shop").await.live, Colour::Blue);
    gates[0].endpoints[0].why.clone()
}

#[tokio::test]
async fn a_check_asks_what_the_file_says_and_its_pass_is_in_the_receipt() {
    let green = Answering::start("green").await;
    let keys = r#"
method = "POST"
path = "/smoke?deep=1"
host = "shop.test"
headers = { x-probe = "yes" }
body = "ping"
expect = "200-204"
expect_headers = { x-endpoint = "green" }
body_contains = "smoke"
json = { "/endpoint" = "green", "/body_length" = 4, "/target" = "/smoke?deep=1", "/headers/0/1" = "shop.test" }
repeat = 3
"#;
    let (site, blue) = site(&[green.addr()], &check(keys)).await;
    let receipt = site.switch("shop", Colour::Green).await;
    assert_eq!(receipt.gates.len(), 1);
    assert_eq!(receipt.gates[0].name.as_deref(), Some("POST /smoke?deep=1"));
    assert_eq!(green.seen(), ["POST /smoke?deep=1"; 3]);
    assert_eq!(green.connections(), 3, "always on a fresh connection");
    assert_eq!(blue.requests(), 0);
    site.counts(
        "cutover_gates_total{service=\"shop\",gate=\"check\",verdict=\"passed\"}",
        1.0,
    )
    .await;
    let kept = &Admin(site.admin()).history("shop").await[0];
    assert_eq!(kept.gates, receipt.gates);
}

#[tokio::test]
async fn one_endpoint_is_asked_or_every_one() {
    for (on, expected) in [("one", [1, 0]), ("every", [1, 1])] {
        let greens = [Answering::start("g1").await, Answering::start("g2").await];
        let addrs = [greens[0].addr(), greens[1].addr()];
        let keys = format!("path = \"/\"\non = \"{on}\"");
        let (site, _blue) = site(&addrs, &check(&keys)).await;
        site.switch("shop", Colour::Green).await;
        assert_eq!([greens[0].requests(), greens[1].requests()], expected);
    }
}

#[tokio::test]
async fn every_failed_check_is_named_with_every_endpoint_at_which_it_failed() {
    let greens = [Answering::start("g1").await, Answering::start("g2").await];
    let addrs = [greens[0].addr(), greens[1].addr()];
    let checks = [
        check("path = \"/status/503\""),
        check("path = \"/\"\non = \"one\""),
        check("path = \"/\"\njson = { \"/endpoint\" = \"g1\" }"),
    ];
    let (site, _blue) = site(&addrs, &checks.concat()).await;
    let answer = Admin(site.admin())
        .post("/v1/services/shop/switch", json!({ "to": "green" }))
        .await;
    assert_eq!(answer.status, 409);
    let problem = answer.json();
    let gates: Vec<GateVerdict> = serde_json::from_value(problem["gates"].clone()).unwrap();
    let told: Vec<_> = gates
        .iter()
        .map(|gate| {
            let faults = gate.endpoints.iter().map(|it| it.why.as_str());
            (gate.name.as_deref().unwrap(), faults.collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("GET /status/503", vec!["status 503, expected 200-299"; 2]),
            ("GET / #2", vec!["`/endpoint` in the body is not `g1`"]),
        ]
    );
    let output = Admin(site.admin()).cli(&["switch", "shop", "green"]).await;
    assert_eq!(output.status.code(), Some(3));
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(
        progress.contains("check `GET /status/503` failed"),
        "{progress}"
    );
}

#[tokio::test]
async fn a_hanging_endpoint_fails_the_check_at_its_timeout() {
    let silent = Scripted::start(|mut link| async move {
        link.head().await;
        std::future::pending::<()>().await;
    })
    .await;
    let keys = "path = \"/\"\ntimeout = \"100ms\"";
    assert_eq!(why(&silent, keys).await, "no answer within 100ms");
    let trickling = Scripted::start(|mut link| async move {
        link.head().await;
        link.write("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok")
            .await;
        std::future::pending::<()>().await;
    })
    .await;
    let keys = "path = \"/\"\nbody_contains = \"never\"\ntimeout = \"100ms\"";
    assert_eq!(why(&trickling, keys).await, "no answer within 100ms");
}

#[tokio::test]
async fn answers_that_lie_or_are_rubbish_fail() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for (answer, keys, expected) in [
        ("220 smtp.test ESMTP\r\n\r\n", "", "the answer is not HTTP"),
        ("HTTP/1.1 200", "", "connection closed without an answer"),
        (
            "HTTP/1.1 301 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
            "",
            "status 301, expected 200-299",
        ),
        (ok, "json = { \"/a\" = true }", "body is not JSON"),
        (
            ok,
            "expect_headers = { x-version = \"2\" }",
            "header `x-version` is not as expected",
        ),
        (ok, "repeat = 2", ""),
    ] {
        let scripted = Scripted::start(move |mut link| async move {
            link.head().await;
            link.write(answer).await;
        })
        .await;
        if expected.is_empty() {
            let (site, _blue) = site(&[scripted.addr()], &check("path = \"/\"")).await;
            site.switch("shop", Colour::Green).await;
        } else {
            assert_eq!(
                why(&scripted, &format!("path = \"/\"\n{keys}")).await,
                expected
            );
        }
    }
}

#[tokio::test]
async fn a_check_that_fails_once_in_a_row_fails() {
    let flaky = Scripted::start(|mut link| async move {
        link.head().await;
        let status = if link.number == 2 { "500 No" } else { "200 OK" };
        link.write(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"))
            .await;
    })
    .await;
    let keys = "path = \"/\"\nrepeat = 5";
    assert_eq!(
        why(&flaky, keys).await,
        "status 500, expected 200-299 (3 of 5)"
    );
}

#[tokio::test]
async fn a_body_without_end_is_looked_at_up_to_a_bound() {
    let endless = Scripted::start(|mut link| async move {
        link.head().await;
        link.write("HTTP/1.1 200 OK\r\n\r\n").await;
        link.write(vec![b'x'; 128 * 1024]).await;
        link.write("needle").await;
        std::future::pending::<()>().await;
    })
    .await;
    let keys = "path = \"/\"\nbody_contains = \"needle\"";
    assert_eq!(why(&endless, keys).await, "body lacks `needle`");
}

#[tokio::test]
async fn while_a_check_lasts_status_says_so_and_a_second_switch_is_busy() {
    let green = Answering::start("green").await;
    let (site, _blue) = site(&[green.addr()], &check("path = \"/slow/400\"")).await;
    let admin = Admin(site.admin());
    let path = "/v1/services/shop/switch";
    let mut switching = admin.asks(path, json!({ "to": "green" })).await;
    eventually("the switch waits", async || {
        site.service("shop").await.waiting.is_some()
    })
    .await;
    let waiting = site.service("shop").await.waiting.unwrap();
    assert_eq!(waiting.gate, GateKind::Check);
    assert!(waiting.gate_until > waiting.gate_since);
    let check = waiting.gates.iter().find(|it| it.gate == GateKind::Check);
    assert_eq!(check.unwrap().verdict, Verdict::Waiting);
    assert_eq!(
        site.metric("cutover_switch_waiting{service=\"shop\"}")
            .await,
        1.0
    );
    let second = admin.post(path, json!({ "to": "green" })).await;
    assert_eq!(second.status, 409);
    let output = admin.cli(&["status", "shop"]).await;
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("check `GET /slow/400` of service `shop` waiting"),
        "{told}"
    );
    assert_eq!(switching.answer().await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_notices_checks_that_pass_fail_and_hang() {
    let green = Answering::start("green").await;
    let checks = check("path = \"/\"\ntimeout = \"200ms\"");
    let hangs = checks.clone() + &check("path = \"/slow/60000\"\ntimeout = \"200ms\"");
    let fails = checks.clone() + &check("path = \"/status/500\"");
    let (site, blue) = site(&[green.addr()], &checks).await;
    let config = |checks: &str| shop(&[blue.addr()], &[green.addr()], "") + checks;
    let mut load = Load::start(site.addr(), Mix::default());
    for round in 0..3 {
        for bad in [&fails, &hangs] {
            site.rewrite(&config(bad)).await;
            let to = site.service("shop").await.live.other();
            let refused = site.try_switch(order("shop", to)).await;
            assert!(matches!(refused, SwitchAnswer::Refused(_)), "{refused:?}");
        }
        site.rewrite(&config(&checks)).await;
        let to = site.service("shop").await.live.other();
        assert_eq!(site.switch("shop", to).await.tenure.0, round + 2);
    }
    load.is_well();
    load.stop().await;
}

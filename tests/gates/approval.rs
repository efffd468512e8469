//! Approval: by somebody else, in time, or not at all.

use cutover::core::{
    gate::{verdict::GateKind, word::Heard},
    ids::Colour,
};
use serde_json::json;

use crate::support::{
    answering::Answering,
    call::Admin,
    client::{Answer, Raw},
    eventually,
    site::{Site, shop},
};

const TOKENS: &str = "ann operate token-of-ann-1234567890\nbob operate token-of-bob-1234567890\n";

/// A call with a token, and perhaps another name.
async fn call(site: &Site, path: &str, token: &str, named: &str) -> Raw {
    let mut client = Raw::connect(site.admin()).await;
    let body = json!({ "to": "green" }).to_string();
    let body = if path.ends_with("switch") {
        body
    } else {
        "{}".to_owned()
    };
    let named = match named {
        "" => String::new(),
        name => format!("X-Cutover-Actor: {name}\r\n"),
    };
    let length = body.len();
    client
        .send(format!(
            "POST /v1/services/shop/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{named}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await;
    client
}

async fn answered(site: &Site, path: &str, token: &str, named: &str) -> Answer {
    call(site, path, token, named).await.answer().await
}

async fn site(keys: &str) -> (Site, [Answering; 2]) {
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tokens"), TOKENS).unwrap();
    let keys = format!("switch.approve = true\n{keys}");
    let admin = "[admin]\nlisten = \"127.0.0.1:0\"\ntoken_file = \"tokens\"\n";
    let config = admin.to_owned() + &shop(&[pools[0].addr()], &[pools[1].addr()], &keys);
    let site = Site::start_in(folder, &config, false).await;
    site.ready("shop", Colour::Green, 1).await;
    (site, pools)
}

/// A switch by ann that waits for approval.
async fn waiting(site: &Site) -> Raw {
    let switching = call(site, "switch", "token-of-ann-1234567890", "").await;
    eventually("it waits for approval", async || {
        let waiting = site.service("shop").await.waiting;
        waiting.is_some_and(|it| it.gate == GateKind::Approval)
    })
    .await;
    switching
}

#[tokio::test]
async fn the_one_who_asked_cannot_approve_and_another_can() {
    let (site, _pools) = site("").await;
    let mut switching = waiting(&site).await;
    for named in ["", "bob", "somebody else"] {
        let same = answered(&site, "approve", "token-of-ann-1234567890", named).await;
        assert_eq!(same.status, 403, "{}", same.text());
        assert_eq!(same.json()["type"], "urn:cutover:problem:same-person");
    }
    assert_eq!(site.service("shop").await.live, Colour::Blue);
    let heard = answered(&site, "approve", "token-of-bob-1234567890", "").await;
    assert_eq!(heard.status, 200, "{}", heard.text());
    let heard: Heard = serde_json::from_value(heard.json()).unwrap();
    assert_eq!(heard.asked_by.name, "ann");
    let switched = switching.answer().await;
    assert_eq!(switched.status, 200, "{}", switched.text());
    let receipt = &site.history("shop").await[0];
    assert_eq!(receipt.actor.name, "ann");
    assert_eq!(receipt.gates[0].why.as_deref(), Some("approved by `bob`"));
    let nothing = answered(&site, "approve", "token-of-bob-1234567890", "").await;
    assert_eq!(nothing.status, 409);
    assert_eq!(nothing.json()["type"], "urn:cutover:problem:nothing-waits");
}

#[tokio::test]
async fn a_rejection_refuses_and_names_who() {
    let (site, _pools) = site("").await;
    let mut switching = waiting(&site).await;
    assert_eq!(
        answered(&site, "reject", "token-of-bob-1234567890", "")
            .await
            .status,
        200
    );
    let refused = switching.answer().await;
    assert_eq!(refused.status, 409);
    assert_eq!(refused.json()["gates"][0]["why"], "rejected by `bob`");
    assert_eq!(site.service("shop").await.live, Colour::Blue);
}

#[tokio::test]
async fn without_a_word_in_time_it_is_refused() {
    let (site, _pools) = site("switch.approve_timeout = \"200ms\"").await;
    let mut switching = waiting(&site).await;
    let refused = switching.answer().await;
    assert_eq!(refused.status, 409);
    let gate = &refused.json()["gates"][0];
    assert_eq!(
        (&gate["gate"], &gate["why"]),
        (&"approval".into(), &"no answer in time".into())
    );
}

#[tokio::test]
async fn a_switch_that_waits_is_gone_with_the_process() {
    let (site, pools) = site("").await;
    let mut switching = waiting(&site).await;
    let config = std::fs::read_to_string(site.config_path()).unwrap();
    let site = site.restart(&config).await;
    assert_eq!(switching.answer().await.status, 503);
    let view = site.service("shop").await;
    assert_eq!((view.live, view.tenure.0), (Colour::Blue, 1));
    assert!(view.waiting.is_none() && site.history("shop").await.is_empty());
    drop(pools);
}

#[tokio::test]
async fn the_command_line_approves_and_rejects_by_name() {
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let keys = "switch.approve = true";
    let site = Site::start(&shop(&[pools[0].addr()], &[pools[1].addr()], keys)).await;
    site.ready("shop", Colour::Green, 1).await;
    let admin = Admin(site.admin());
    for (word, code) in [("reject", Some(3)), ("approve", Some(0))] {
        let args = ["switch", "shop", "green", "--actor", "ann"];
        let switching = tokio::spawn(async move { admin.cli(&args).await });
        eventually("it waits", async || {
            site.service("shop").await.waiting.is_some()
        })
        .await;
        let same = admin.cli(&["approve", "shop", "--actor", "ann"]).await;
        assert_eq!(same.status.code(), Some(3), "{same:?}");
        let said = admin
            .cli(&[word, "shop", "--actor", "bob", "--reason", "seen"])
            .await;
        assert_eq!(said.status.code(), Some(0), "{said:?}");
        let told = String::from_utf8(said.stdout).unwrap();
        assert!(told.ends_with("asked for by ann\n"), "{told}");
        let switched = switching.await.unwrap();
        assert_eq!(switched.status.code(), code);
        let told = [switched.stdout, switched.stderr].concat();
        let told = String::from_utf8(told).unwrap();
        let past = if word == "approve" {
            "approved"
        } else {
            "rejected"
        };
        assert!(told.contains(&format!("{past} by `bob`: seen")), "{told}");
    }
    let why = site.history("shop").await[0].gates[0].why.clone();
    assert_eq!(why.as_deref(), Some("approved by `bob`: seen"));
}

#[tokio::test]
async fn abort_ends_a_switch_that_waits_for_any_gate() {
    for (keys, gate) in [
        ("switch.approve = true", GateKind::Approval),
        (
            "switch.check = [{ path = \"/slow/60000\", timeout = \"60s\" }]",
            GateKind::Check,
        ),
    ] {
        let pools = [
            Answering::start("blue").await,
            Answering::start("green").await,
        ];
        let site = Site::start(&shop(&[pools[0].addr()], &[pools[1].addr()], keys)).await;
        site.ready("shop", Colour::Green, 1).await;
        let admin = Admin(site.admin());
        let path = "/v1/services/shop/switch";
        let mut switching = admin.asks(path, json!({ "to": "green" })).await;
        eventually("it waits", async || {
            let waiting = site.service("shop").await.waiting;
            waiting.is_some_and(|it| it.gate == gate)
        })
        .await;
        let aborted = admin.cli(&["abort", "shop", "--actor", "bob"]).await;
        assert_eq!(aborted.status.code(), Some(0), "{aborted:?}");
        let refused = switching.answer().await;
        assert_eq!(refused.status, 409);
        let problem = refused.json();
        assert_eq!(problem["type"], "urn:cutover:problem:aborted");
        assert_eq!(
            (&problem["by"], &problem["live"]),
            (&json!("bob"), &json!("blue"))
        );
        let view = site.service("shop").await;
        assert_eq!(
            (view.live, view.tenure.0, view.waiting),
            (Colour::Blue, 1, None)
        );
        eventually("nobody is asked any more", async || {
            pools[1].in_flight() == 0
        })
        .await;
        let nothing = admin.post("/v1/services/shop/abort", json!({})).await;
        assert_eq!(nothing.status, 409, "{}", nothing.text());
    }
}

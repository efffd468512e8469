//! Promise: several services are switched at one instant, all of them or none.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

mod support;

use std::collections::BTreeMap;

use cutover::{
    admin::wire::SwitchManyAnswer,
    core::ids::{Colour, Tenure},
};
use serde_json::json;
use support::{
    answering::Answering,
    call::Admin,
    client::Raw,
    eventually,
    site::{Site, nobody, service},
    witness::adds_up,
};

const NAMES: [&str; 3] = ["shop", "api", "blog"];

/// Three services over one blue and one green endpoint; of `absent` the green one is not there.
async fn site(absent: &str) -> (Site, Admin, [Answering; 2]) {
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let services = NAMES.map(|name| {
        let green = if name == absent {
            nobody()
        } else {
            pools[1].addr()
        };
        let keys = "switch.gate_timeout = \"300ms\"";
        service(
            name,
            &format!("{name}.test/"),
            [&[pools[0].addr()], &[green]],
            keys,
        )
    });
    let site = Site::start(&services.concat()).await;
    for name in NAMES {
        site.ready(name, Colour::Blue, 1).await;
        site.ready(name, Colour::Green, usize::from(name != absent))
            .await;
    }
    let admin = Admin(site.admin());
    (site, admin, pools)
}

async fn colours(client: &mut Raw) -> Vec<String> {
    let mut colours = Vec::new();
    for name in NAMES {
        client
            .send(format!("GET / HTTP/1.1\r\nHost: {name}.test\r\n\r\n"))
            .await;
        colours.push(
            client
                .answer()
                .await
                .field("x-endpoint")
                .unwrap()
                .to_owned(),
        );
    }
    colours
}

async fn tenures(site: &Site) -> Vec<Tenure> {
    let mut tenures = Vec::new();
    for name in NAMES {
        tenures.push(site.service(name).await.tenure);
    }
    tenures
}

#[tokio::test]
async fn all_are_switched_in_one_publish() {
    let (site, admin, _pools) = site("").await;
    let mut client = site.client().await;
    assert_eq!(colours(&mut client).await, ["blue"; 3]);
    let wish = json!({ "services": { "shop": "green", "api": "green", "blog": "green" }, "wait": "drained" });
    let answer = admin.post("/v1/switch", wish).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer: SwitchManyAnswer = serde_json::from_value(answer.json()).unwrap();
    assert!(answer.changed && answer.unchanged.is_empty());
    let names: Vec<_> = answer
        .receipts
        .iter()
        .map(|it| it.service.as_str())
        .collect();
    assert_eq!(names, ["api", "blog", "shop"]);
    // One publish has one barrier, and one moment of commit.
    let commits: BTreeMap<_, _> = answer
        .receipts
        .iter()
        .map(|it| ((it.committed_at, it.barrier_us), it))
        .collect();
    assert_eq!(commits.len(), 1, "{commits:?}");
    answer.receipts.iter().for_each(adds_up);
    assert_eq!(colours(&mut client).await, ["green"; 3]);
    assert_eq!(tenures(&site).await, [Tenure(2); 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_one_service_is_seen_switched_all_of_them_are() {
    let (site, admin, _pools) = site("").await;
    let mut clients = [site.client().await, site.client().await];
    for to in [Colour::Green, Colour::Blue].into_iter().cycle().take(20) {
        let wish = json!({ "services": { "shop": to, "api": to, "blog": to } });
        let switching = async { assert_eq!(admin.post("/v1/switch", wish).await.status, 200) };
        let looking = async {
            loop {
                let seen = colours(&mut clients[0]).await;
                // A snapshot that has one of the switches has all of them, and no worker goes back to an older one: on
                // one connection nothing old comes after something new.
                let is_new = |colour: &String| colour == to.as_str();
                assert!(seen.is_sorted_by_key(is_new), "{seen:?} on the way to {to}");
                if seen.iter().all(is_new) {
                    break;
                }
            }
        };
        tokio::join!(switching, looking);
        // The other worker's connections, too, once it is answered.
        assert_eq!(colours(&mut clients[1]).await, [to.as_str(); 3]);
    }
}

#[tokio::test]
async fn one_gate_that_stays_shut_refuses_all() {
    let (site, admin, _pools) = site("blog").await;
    let mut client = site.client().await;
    let wish = json!({ "services": { "shop": "green", "api": "green", "blog": "green" } });
    let refused = admin.post("/v1/switch", wish).await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    let problem = refused.json();
    let gates = problem["gates"].as_array().unwrap();
    assert_eq!(gates.len(), 1, "{problem}");
    assert_eq!(
        (&gates[0]["service"], &gates[0]["why"]),
        (&json!("blog"), &json!("0 of 1 endpoints ready"))
    );
    assert_eq!(gates[0]["endpoints"][0]["why"], "connect refused");
    assert_eq!(colours(&mut client).await, ["blue"; 3]);
    assert_eq!(tenures(&site).await, [Tenure(1); 3]);
    // And leaves no trace: none of them is busy.
    let wish = json!({ "services": { "shop": "green", "api": "green" } });
    assert_eq!(admin.post("/v1/switch", wish).await.status, 200);
    assert_eq!(colours(&mut client).await, ["green", "green", "blue"]);
    eventually("the drains", async || {
        site.service("shop").await.draining.is_empty()
    })
    .await;
    let all = admin.get("/v1/history").await.json();
    assert_eq!(all["receipts"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_unknown_service_or_a_busy_one_refuses_all() {
    let (site, admin, _pools) = site("blog").await;
    let unknown = json!({ "services": { "shop": "green", "nobody": "green" } });
    assert_eq!(admin.post("/v1/switch", unknown).await.status, 404);
    let first = json!({ "services": { "blog": "green" } });
    let waiting = async { admin.post("/v1/switch", first).await };
    let second = async {
        eventually("the first one waits", async || {
            site.service("blog").await.waiting.is_some()
        })
        .await;
        let wish = json!({ "services": { "shop": "green", "blog": "green" } });
        admin.post("/v1/switch", wish).await
    };
    let (first, second) = tokio::join!(waiting, second);
    assert_eq!(
        (first.status, second.status),
        (409, 409),
        "{}",
        second.text()
    );
    assert!(
        second.json()["detail"]
            .as_str()
            .unwrap()
            .contains("is being switched")
    );
    assert_eq!(tenures(&site).await, [Tenure(1); 3]);
}

#[tokio::test]
async fn what_is_live_already_is_named_and_not_switched() {
    let (site, admin, _pools) = site("").await;
    site.switch("api", Colour::Green).await;
    let wish = json!({ "services": { "shop": "green", "api": "green" } });
    let answer = admin.post("/v1/switch", wish).await;
    let answer: SwitchManyAnswer = serde_json::from_value(answer.json()).unwrap();
    assert_eq!(answer.receipts.len(), 1);
    assert_eq!(
        (
            answer.unchanged[0].service.as_str(),
            answer.unchanged[0].tenure
        ),
        ("api", Tenure(2))
    );
    assert_eq!(tenures(&site).await, [Tenure(2), Tenure(2), Tenure(1)]);
}

//! Groups: every service, or none; there, and back.

use cutover::{
    admin::wire::{GroupsAnswer, SwitchManyAnswer},
    core::{gate::plan::Plan, ids::Colour},
};
use serde_json::json;

use crate::support::{
    answering::Answering,
    call::Admin,
    eventually,
    load::{Load, Mix},
    scripted::Scripted,
    site::{Site, service, shop},
};

const NAMES: [&str; 2] = ["cart", "shop"];

/// A group `checkout` of two services over the same pools; `keys` are further lines of `shop`.
async fn site(keys: &str) -> (Site, Admin, [Answering; 2]) {
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let site = Site::start(&config(&pools, keys)).await;
    for name in NAMES {
        site.ready(name, Colour::Green, 1).await;
        site.ready(name, Colour::Blue, 1).await;
    }
    let admin = Admin(site.admin());
    (site, admin, pools)
}

fn config(pools: &[Answering; 2], keys: &str) -> String {
    let addrs = [&[pools[0].addr()][..], &[pools[1].addr()][..]];
    let cart = service("cart", "/cart", addrs, "");
    shop(addrs[0], addrs[1], keys) + &cart + "[group.checkout]\nservices = [\"shop\", \"cart\"]\n"
}

async fn lives(site: &Site) -> [Colour; 2] {
    [
        site.service("cart").await.live,
        site.service("shop").await.live,
    ]
}

#[tokio::test]
async fn a_group_goes_there_and_back_as_one_and_its_receipts_say_so() {
    let (site, admin, _pools) = site("").await;
    let groups = admin.get("/v1/groups").await.json();
    let groups: GroupsAnswer = serde_json::from_value(groups).unwrap();
    assert_eq!(groups.groups.len(), 1);
    for (call, body, lives_then, rollback) in [
        (
            "switch",
            json!({ "to": "green" }),
            [Colour::Green; 2],
            false,
        ),
        ("rollback", json!({}), [Colour::Blue; 2], true),
    ] {
        let answer = admin
            .post(&format!("/v1/groups/checkout/{call}"), body)
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer: SwitchManyAnswer = serde_json::from_value(answer.json()).unwrap();
        let told: Vec<_> = answer
            .receipts
            .iter()
            .map(|it| it.service.as_str())
            .collect();
        assert_eq!(told, NAMES);
        let [one, other] = &answer.receipts[..] else {
            panic!("{answer:?}");
        };
        assert_eq!(one.group.as_ref().unwrap().as_str(), "checkout");
        assert_eq!(
            (&one.group, one.barrier_us),
            (&other.group, other.barrier_us)
        );
        assert_eq!(
            (one.rollback, one.committed_at),
            (rollback, other.committed_at)
        );
        assert_eq!(lives(&site).await, lives_then);
    }
}

#[tokio::test]
async fn one_check_that_fails_keeps_the_whole_group() {
    let keys = "switch.check = [{ path = \"/status/500\" }]";
    let (site, admin, _pools) = site(keys).await;
    let answer = admin
        .post("/v1/groups/checkout/switch", json!({ "to": "green" }))
        .await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert_eq!(answer.json()["gates"][0]["service"], "shop");
    assert_eq!(lives(&site).await, [Colour::Blue; 2]);
    let plan = admin.get("/v1/groups/checkout/plan?to=green").await;
    let plan: Plan = serde_json::from_value(plan.json()).unwrap();
    assert!(!plan.possible);
    let gates: Vec<_> = plan.services.iter().map(|it| it.gates.len()).collect();
    assert_eq!(gates, [1, 2]);
}

#[tokio::test]
async fn a_group_of_which_one_service_went_its_own_way_is_not_rolled_back() {
    let (site, admin, _pools) = site("").await;
    let never = admin.post("/v1/groups/checkout/rollback", json!({})).await;
    assert_eq!(
        never.json()["type"],
        "urn:cutover:problem:nothing-to-roll-back"
    );
    admin
        .post("/v1/groups/checkout/switch", json!({ "to": "green" }))
        .await;
    site.rollback("shop").await;
    let apart = admin.post("/v1/groups/checkout/rollback", json!({})).await;
    assert_eq!(apart.status, 409);
    assert_eq!(apart.json()["type"], "urn:cutover:problem:not-together");
    assert_eq!(lives(&site).await, [Colour::Green, Colour::Blue]);
    let unknown = admin
        .post("/v1/groups/nobody/switch", json!({ "to": "green" }))
        .await;
    assert_eq!(
        (unknown.status, &unknown.json()["type"]),
        (404, &"urn:cutover:problem:unknown-group".into())
    );
}

#[tokio::test]
async fn a_hook_that_fails_for_one_rolls_back_all() {
    let server = Scripted::start(|mut link| async move {
        link.head().await;
        link.write("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
            .await;
        link.end().await;
    })
    .await;
    let url = format!("http://{}/", server.addr());
    let keys = format!(
        "switch.hook = [{{ at = \"after_commit\", url = \"{url}\", on_failure = \"rollback\" }}]"
    );
    let (site, admin, _pools) = site(&keys).await;
    let path = "/v1/groups/checkout/switch";
    assert_eq!(admin.post(path, json!({ "to": "green" })).await.status, 200);
    eventually("all are back", async || {
        lives(&site).await == [Colour::Blue; 2]
    })
    .await;
    for name in NAMES {
        let last = &site.history(name).await[0];
        assert!(last.rollback && last.tenure.0 == 3, "{last:?}");
        assert_eq!(last.group.as_ref().unwrap().as_str(), "checkout");
    }
}

#[tokio::test]
async fn the_command_line_switches_plans_and_rolls_back_a_group() {
    let (site, admin, _pools) = site("").await;
    for (args, code, told) in [
        (
            &["plan", "--group", "checkout", "green"][..],
            0,
            "cart  blue -> green",
        ),
        (
            &["switch", "--group", "checkout", "green", "--dry-run"],
            0,
            "nothing has been changed",
        ),
        (&["switch", "--group", "checkout", "green"], 0, "drained"),
        (
            &["switch", "--group", "checkout", "green"],
            0,
            "live already",
        ),
        (&["rollback", "--group", "checkout"], 0, "a rollback"),
        (
            &["switch", "--group", "checkout", "shop", "green"],
            2,
            "leave one out",
        ),
        (&["switch", "green"], 2, "SERVICE COLOUR"),
        (
            &["switch", "shop", "red"],
            2,
            "possible values: blue, green",
        ),
        (&["rollback"], 2, "SERVICE"),
    ] {
        let output = admin.cli(args).await;
        assert_eq!(output.status.code(), Some(code), "{args:?} {output:?}");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(told), "{args:?} {text}");
    }
    assert_eq!(lives(&site).await, [Colour::Blue; 2]);
}

#[tokio::test]
async fn after_a_restart_a_group_is_rolled_back_all_the_same() {
    let (site, admin, pools) = site("").await;
    admin
        .post("/v1/groups/checkout/switch", json!({ "to": "green" }))
        .await;
    let site = site.restart(&config(&pools, "")).await;
    for name in NAMES {
        site.ready(name, Colour::Blue, 1).await;
    }
    let back = Admin(site.admin())
        .post("/v1/groups/checkout/rollback", json!({}))
        .await;
    assert_eq!(back.status, 200, "{}", back.text());
    assert_eq!(lives(&site).await, [Colour::Blue; 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_notices_a_group_that_goes_there_and_back() {
    let (site, admin, _pools) = site("").await;
    let mut load = Load::start(site.addr(), Mix::default());
    for _ in 0..4 {
        for (call, body) in [
            ("switch", json!({ "to": "green" })),
            ("rollback", json!({})),
        ] {
            let answer = admin
                .post(&format!("/v1/groups/checkout/{call}"), body)
                .await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            load.is_well();
        }
    }
    load.stop().await;
}

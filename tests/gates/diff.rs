//! The file against what is running.

use std::net::SocketAddr;

use cutover::{admin::wire::DiffAnswer, core::ids::Colour};
use serde_json::json;

use crate::support::{
    answering::Answering,
    call::Admin,
    client::Raw,
    eventually,
    site::{Site, nobody, shop},
};

async fn diff(site: &Site) -> DiffAnswer {
    let answer = Admin(site.admin()).get("/v1/diff").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_value(answer.json()).unwrap()
}

async fn register(site: &Site, addr: SocketAddr) {
    let path = format!("/v1/services/shop/pools/blue/endpoints/{addr}");
    let mut admin = Raw::connect(site.admin()).await;
    admin
        .send(format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        .await;
    assert_eq!(admin.answer().await.status, 200);
}

#[tokio::test]
async fn what_differs_is_told_key_by_key_and_service_by_service() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let config = shop(&[blue.addr()], &[green.addr()], "");
    let site = Site::start(&config).await;
    site.ready("shop", Colour::Green, 1).await;
    let same = diff(&site).await;
    assert!(same.file.applied && same.services.is_empty(), "{same:?}");
    site.switch("shop", Colour::Green).await;
    let addr = nobody();
    register(&site, addr).await;
    site.write(&shop(
        &[blue.addr()],
        &[green.addr()],
        "switch.min_ready = 2",
    ));
    let told = diff(&site).await;
    assert!(!told.file.applied && !told.file.hidden);
    let keys: Vec<_> = told
        .file
        .keys
        .iter()
        .map(|it| (it.key.as_str(), it.running.clone(), it.file.clone()))
        .collect();
    let expected = (
        "service.shop.switch.min_ready",
        Some(json!(1)),
        Some(json!(2)),
    );
    assert_eq!(keys, [expected]);
    let shop = &told.services[0];
    assert_eq!((shop.live, shop.file_live), (Colour::Green, Colour::Blue));
    let endpoint = &shop.endpoints[0];
    assert_eq!(
        (endpoint.colour, endpoint.addr.as_str()),
        (Colour::Blue, addr.to_string().as_str())
    );
    assert!(endpoint.registered && !endpoint.drained);
    let output = Admin(site.admin()).cli(&["diff"]).await;
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "the file on the disk is not applied; `cutover reload` applies it\n",
        "  service.shop.switch.min_ready  1 -> 2\n",
        "shop  green is live, the file says blue\n",
        "weight 1: registered by an operator\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    // It has been looked at, and nothing else.
    assert_eq!(site.service("shop").await.tenure.0, 2);
    assert!(
        !site.app().handle().config().await.unwrap().services[0]
            .switch
            .gates
            .warm_up
    );
}

#[tokio::test]
async fn a_file_that_is_not_valid_and_secrets_that_differ_are_told_as_such() {
    let blue = Answering::start("blue").await;
    let with = |secret: &str| {
        let check =
            format!("switch.check = [{{ path = \"/\", headers = {{ key = \"{secret}\" }} }}]");
        shop(&[blue.addr()], &[], &check)
    };
    let site = Site::start(&with("one-secret")).await;
    site.write(&with("other-secret"));
    let told = diff(&site).await;
    assert!(!told.file.applied && told.file.hidden && told.file.keys.is_empty());
    let answer = Admin(site.admin()).get("/v1/diff").await.text();
    assert!(!answer.contains("secret"), "{answer}");
    site.write("nonsense = 1\n");
    let told = diff(&site).await;
    assert!(!told.file.applied);
    assert!(
        told.file.errors[0].contains("unknown key `nonsense`"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_switch_that_waits_is_a_difference() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let site = Site::start(&shop(
        &[blue.addr()],
        &[green.addr()],
        "switch.approve = true",
    ))
    .await;
    site.ready("shop", Colour::Green, 1).await;
    let admin = Admin(site.admin());
    let path = "/v1/services/shop/switch";
    let _switching = admin.asks(path, json!({ "to": "green" })).await;
    eventually("it waits", async || {
        let told = diff(&site).await;
        told.services.first().is_some_and(|it| it.waiting.is_some())
    })
    .await;
}

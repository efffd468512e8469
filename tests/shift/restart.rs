//! A process that is killed in the middle of a shift comes back at the same step.

use cutover::core::{ids::Colour::Blue, view::ServiceView};
use serde_json::json;

use super::stage::{STEADY, colour_of};
use crate::support::{
    answering::Answering,
    client::Raw,
    eventually,
    serve::{Home, Serve},
    site::shop,
};

async fn ready(serve: &Serve) -> ServiceView {
    let mut view = serve.admin.service("shop").await;
    eventually("both pools are ready", async || {
        view = serve.admin.service("shop").await;
        view.pools.iter().all(|(_, pool)| pool.ready == 1)
    })
    .await;
    view
}

async fn green_of(serve: &Serve, requests: usize) -> usize {
    let mut client = Raw::connect(serve.addr).await;
    let mut green = 0;
    for _ in 0..requests {
        green += usize::from(colour_of(&mut client, "").await == "green");
    }
    green
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_goes_on_at_the_same_step() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let home = Home::new("", &shop(&[blue.addr()], &[green.addr()], STEADY));
    let serve = home.serve().await;
    ready(&serve).await;
    let order =
        json!({ "to": "green", "steps": ["10%", "40%"], "every": "200ms", "wait": "begun" });
    let begun = serve.admin.post("/v1/services/shop/switch", order).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    eventually("the second step", async || {
        let shift = serve.admin.service("shop").await.shift;
        shift.is_some_and(|it| it.step == 2)
    })
    .await;
    let paused = serve.admin.post("/v1/services/shop/pause", json!({})).await;
    assert_eq!(paused.json()["shift"]["share"], "40%", "{}", paused.text());
    serve.kill();
    let serve = home.serve().await;
    let view = ready(&serve).await;
    let shift = view.shift.unwrap();
    assert_eq!((view.live, view.tenure.0), (Blue, 1));
    assert_eq!(
        (shift.share.to_string(), shift.step, shift.tenure.0),
        ("40%".to_owned(), 2, 2)
    );
    assert!(shift.paused);
    assert_eq!(serve.said("shift restored").len(), 1);
    let shared = green_of(&serve, 100).await;
    assert!(shared.abs_diff(40) <= 1, "{shared}");
    let resumed = serve
        .admin
        .post("/v1/services/shop/resume", json!({}))
        .await;
    assert_eq!(resumed.status, 200, "{}", resumed.text());
    eventually("the commit", async || {
        serve.admin.service("shop").await.live != Blue
    })
    .await;
    let history = serve.admin.history("shop").await;
    assert_eq!(history.len(), 1);
    assert_eq!(
        (history[0].tenure.0, history[0].actor.name.is_empty()),
        (2, false)
    );
    serve.kill();
    let serve = home.serve().await;
    let view = ready(&serve).await;
    assert!(view.shift.is_none(), "an end is an end");
    assert_eq!(view.tenure.0, 2);
}

//! While the new colour has nobody who is ready, the live one takes its share, and the shift waits.

use std::time::Duration;

use cutover::core::{
    ids::Colour::{Blue, Green},
    shift::Pace,
};

use super::stage::Stage;
use crate::support::{
    eventually,
    load::{Load, Mix},
};

/// Probed by what the endpoint says of itself.
const PROBES: &str = r#"
probe.kind = "http"
probe.path = "/healthz"
probe.interval = "50ms"
probe.rise = 1
probe.fall = 1
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_share_goes_to_the_live_colour_until_the_new_one_is_ready_again() {
    let stage = Stage::set(PROBES).await;
    let load = Load::start(stage.site.addr(), Mix::default());
    let steps = vec!["50%".parse().unwrap()];
    stage
        .begin(Pace::Steps(steps, Some(Duration::from_millis(300))))
        .await;
    stage.green.unwell(true);
    stage.site.ready("shop", Green, 0).await;
    eventually("the shift is held", async || {
        let shift = stage.site.service("shop").await.shift;
        shift.is_some_and(|it| it.held)
    })
    .await;
    let before = stage.green.requests();
    assert_eq!(stage.green_of(4, 50).await, 0);
    assert_eq!(stage.green.requests(), before);
    let view = stage.site.service("shop").await;
    assert_eq!(view.live, Blue);
    assert!(
        view.shift.unwrap().gates[0]
            .to_string()
            .contains("0 of 1 endpoints ready")
    );
    stage.green.unwell(false);
    eventually("the commit", async || {
        stage.site.service("shop").await.live == Green
    })
    .await;
    load.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_dies_costs_no_request() {
    let mut stage = Stage::set("").await;
    stage.shift("50%").await;
    assert!(stage.green_of(2, 20).await > 0);
    stage.green.dies().await;
    assert_eq!(stage.green_of(4, 25).await, 0, "blue answers in its place");
}

//! The share that is asked for is the share that the new colour gets: exactly, and also of few requests.

use std::time::Duration;

use cutover::core::{ids::Colour, shift::Pace, steer::Steer, switch::WaitFor};

use super::stage::Stage;
use crate::support::{
    eventually,
    load::{Load, Mix},
    site::done,
    streams::{Streams, get},
};

/// All workers together are off by half a request each, and there are two.
const OFF: usize = 1;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_of_many_connections_are_shared_as_asked() {
    let stage = Stage::set("").await;
    stage.shift("12.34%").await;
    let green = stage.green_of(10, 1_000).await;
    assert!(green.abs_diff(1_234) <= OFF, "{green}");
    let shift = stage.site.service("shop").await.shift.unwrap();
    assert_eq!(
        shift.requests, green as u64,
        "the new tenure counts its own"
    );
    let series = r#"cutover_traffic_share{service="shop",colour="green"}"#;
    assert!((stage.site.metric(series).await - 0.1234).abs() < 1e-9);
    let receipt = done(stage.steer(Steer::Complete, WaitFor::Drained).await);
    assert_eq!(receipt.shift.unwrap().requests, green as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_per_cent_of_five_hundred_is_five() {
    let stage = Stage::set("").await;
    stage.shift("1%").await;
    let mut green = 0;
    for round in 1..=3 {
        green += stage.green_of(7, 500 / 7).await + stage.green_of(1, 500 % 7).await;
        assert!(green.abs_diff(5 * round) <= OFF, "{green} after {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_one_connection_are_shared_as_asked() {
    let stage = Stage::set("").await;
    stage.shift("25%").await;
    let client = Streams::connect(stage.site.addr()).await;
    let mut green = 0;
    for _ in 0..100 {
        let burst = (0..10).map(|_| client.send(get("/")));
        for answer in futures_util::future::join_all(burst).await {
            let answer = answer.unwrap();
            assert_eq!(answer.status(), 200);
            green += usize::from(answer.headers()["x-endpoint"] == "green");
        }
    }
    assert!(green.abs_diff(250) <= OFF, "{green}");
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_and_a_ramp_lead_to_the_commit_and_fail_nothing() {
    let stage = Stage::set("switch.ramp = \"300ms\"").await;
    let load = Load::start(stage.site.addr(), Mix::default());
    let steps = ["5%", "20%"].map(|it| it.parse().unwrap()).to_vec();
    let begun = stage
        .begin(Pace::Steps(steps, Some(Duration::from_millis(200))))
        .await;
    assert_eq!((begun.share.to_string().as_str(), begun.step), ("5%", 1));
    let (mut ramped, mut last) = (false, begun.share);
    eventually("the commit", async || {
        let view = stage.site.service("shop").await;
        if let Some(shift) = &view.shift {
            assert!(shift.share >= last, "it never falls");
            (ramped, last) = (ramped | shift.ramping, shift.share);
        }
        view.live == Colour::Green && view.shift.is_none()
    })
    .await;
    assert!(ramped && last > "20%".parse().unwrap(), "{last}");
    load.stop().await;
    let receipt = stage.site.history("shop").await.remove(0);
    assert!(receipt.shift.unwrap().share >= last);
    assert_eq!(receipt.cut.total(), 0);
}

//! Whoever is on the new colour stays there while the share grows.

use std::collections::BTreeSet;

use cutover::core::{steer::Steer, switch::WaitFor};

use super::stage::{Stage, colour_of};
use crate::support::client::Raw;

/// The sessions of 0 to 199 that green answers; each is asked on two connections, and answered by the same.
async fn on_green(stage: &Stage) -> BTreeSet<usize> {
    let mut clients = [
        Raw::connect(stage.site.addr()).await,
        Raw::connect(stage.site.addr()).await,
    ];
    let mut green = BTreeSet::new();
    for session in 0..200 {
        let cookie = format!("Cookie: a=b; sid=session-{session}\r\n");
        let colours = [
            colour_of(&mut clients[0], &cookie).await,
            colour_of(&mut clients[1], &cookie).await,
        ];
        assert_eq!(colours[0], colours[1], "session {session} bounced");
        if colours[0] == "green" {
            green.insert(session);
        }
    }
    green
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_on_the_new_colour_at_ten_per_cent_is_there_at_fifty() {
    let stage = Stage::set("switch.key = \"cookie:sid\"").await;
    let mut before = BTreeSet::new();
    for (share, expected) in [("10%", 20), ("50%", 100), ("90%", 180)] {
        stage.shift(share).await;
        let green = on_green(&stage).await;
        assert!(green.is_superset(&before), "{share}");
        assert!(
            green.len().abs_diff(expected) < 25,
            "{share}: {}",
            green.len()
        );
        before = green;
        stage.steer(Steer::Abort, WaitFor::Committed).await;
    }
    assert!(on_green(&stage).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_on_one_side_whatever_its_connections() {
    let stage = Stage::set("switch.key = \"client\"").await;
    stage.shift("50%").await;
    let green = stage.green_of(6, 20).await;
    assert!(green == 0 || green == 120, "{green}");
}

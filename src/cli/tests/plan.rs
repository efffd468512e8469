//! What `cutover plan` says.

use std::time::Duration;

use super::against;
use crate::{
    admin::rig::{Rig, answers},
    cli::Exit,
    core::shift::Pace,
};

#[tokio::test]
async fn a_plan_tells_every_gate_and_exits_as_the_switch_would() {
    let rig = Rig::new(answers()).await;
    let expected = "\
shop  green -> blue   tenure 8
  passed    ready: 1 ready, 1 needed
  failed    check `GET /smoke`: no endpoint is ready
  drain     12 in flight, 2 of them tunnels; what is left after 40s is cut; 1 of earlier switches drain still
  rollback  possible afterwards, to green
a switch would be refused now; nothing has been changed
";
    for line in ["plan shop blue", "switch shop blue --dry-run"] {
        let ended = against(&rig, line).await;
        assert_eq!(
            (ended.exit, ended.results.as_str()),
            (Exit::Refused, expected)
        );
    }
    let ended = against(&rig, "plan shop blue --output json").await;
    let plan: serde_json::Value = serde_json::from_str(&ended.results).unwrap();
    assert_eq!(plan["services"][0]["gates"][1]["verdict"], "failed");
    let steps = "switch shop blue --dry-run --steps 10%,50% --every 5m";
    for (line, pace) in [
        ("switch shop blue --dry-run --at-once", Pace::AtOnce),
        (
            steps,
            Pace::Steps(
                ["10%", "50%"].map(|it| it.parse().unwrap()).into(),
                Some(Duration::from_secs(300)),
            ),
        ),
        ("plan shop blue", Pace::AsFile),
    ] {
        against(&rig, line).await;
        let asked = rig.asked.look(|orders| orders.plans.pop());
        assert_eq!(asked.unwrap().pace, pace, "{line}");
    }
    assert_eq!(against(&rig, "plan nobody blue").await.exit, Exit::Usage);
    let asked = rig
        .asked
        .look(|orders| (orders.plans.len(), orders.switches.len()));
    assert_eq!(asked, (3, 0));
}

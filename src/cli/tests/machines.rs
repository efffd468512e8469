//! `--output json`, command by command: the members that `docs/cli.md` promises.

use std::collections::BTreeSet;

use super::{against, documented::commands};
use crate::{
    admin::rig::{Rig, answers},
    core::{ids::ServiceName, notice::Notice, time::Timestamp},
};

const DOCS: &str = include_str!("../../../docs/cli.md");

/// Each command as it is typed, and the first word of its line in the table.
const LINES: [(&str, &str); 19] = [
    ("status", "status"),
    ("status shop", "status SERVICE"),
    ("switch shop green", "switch"),
    ("rollback shop", "rollback"),
    ("pause shop", "pause"),
    ("resume shop", "resume"),
    ("complete shop", "complete"),
    ("abort shop", "abort"),
    ("plan shop blue", "plan"),
    ("switch shop blue --dry-run", "switch --dry-run"),
    ("approve shop", "approve"),
    ("reject shop", "reject"),
    ("history", "history"),
    ("events --recent 1 --count 1", "events"),
    ("wait-safe shop green --once", "wait-safe"),
    ("endpoint add shop green [::1]:80", "endpoint add"),
    ("diff", "diff"),
    ("reload", "reload"),
    ("health", "health"),
];

/// Members that the table promises of a command; of several groups of them the first.
fn promised(command: &str) -> Vec<String> {
    let (_, table) = DOCS.split_once("## Output for machines").unwrap();
    let named = format!("`{command}`");
    let row = table.lines().find(|line| {
        let commands = line.split('|').nth(1).unwrap_or_default();
        commands.contains(&named)
    });
    let row = row.unwrap_or_else(|| panic!("`{command}` is in no line"));
    let members = row.split('|').nth(2).unwrap();
    let members = members.split(", and one of").next().unwrap();
    let members = members.split('`').skip(1).step_by(2);
    members.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_command_writes_the_members_that_are_promised_on_one_line() {
    let rig = Rig::new(answers()).await;
    let service = ServiceName::new("shop");
    let notice = Notice::ServiceRemoved { service };
    rig.events.add(&notice, Timestamp::from_millis(7));
    for (line, named) in LINES {
        let ended = against(&rig, &format!("{line} --output json")).await;
        assert_eq!(ended.results.lines().count(), 1, "{line}: {ended:?}");
        let json: serde_json::Value = serde_json::from_str(&ended.results).unwrap();
        for member in promised(named) {
            assert!(
                json.get(&member).is_some(),
                "{line} has no `{member}`: {json}"
            );
        }
        assert_eq!(ended.progress, "", "{line}");
    }
}

#[tokio::test]
async fn a_refusal_is_one_problem_on_standard_output() {
    let rig = Rig::new(answers()).await;
    let ended = against(&rig, "status nobody --output json").await;
    let json: serde_json::Value = serde_json::from_str(&ended.results).unwrap();
    for member in ["type", "title", "status", "detail"] {
        assert!(json.get(member).is_some(), "{json}");
    }
}

#[test]
fn no_command_is_forgotten() {
    let tried: BTreeSet<_> = LINES
        .iter()
        .map(|(line, _)| line.split(' ').next().unwrap())
        .collect();
    let (_, without) = DOCS.rsplit_once("\n\n").unwrap();
    for command in commands() {
        let asks = command
            .get_arguments()
            .any(|it| it.get_long() == Some("output"));
        let name = command.get_name();
        let is_endpoint = ["add", "remove", "drain", "undrain"].contains(&name);
        let has_none = without.contains(&format!("`{name}`"));
        assert!(
            !asks || is_endpoint || has_none || tried.contains(name),
            "{name}"
        );
    }
}

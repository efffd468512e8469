//! `cutover diff`.

use clap::Args;
use serde_json::Value;

use super::{
    args::{ClientArgs, TIMEOUT},
    exit::{Exit, Failure},
    gates,
    output::Output,
    paint,
};
use crate::admin::wire::{DiffAnswer, FileDiff, KeyDiff, ServiceDiff};

#[derive(Debug, Args)]
pub(super) struct Diff {
    #[command(flatten)]
    client: ClientArgs,
}

impl Diff {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(TIMEOUT, output)?;
        let answer = client.get("/v1/diff").await?;
        let diff: DiffAnswer = answer.parse()?;
        let text = match output.is_json() {
            true => answer.text,
            false => text(&diff),
        };
        output.result(&text)?;
        Ok(Exit::Done)
    }
}

fn text(diff: &DiffAnswer) -> String {
    let mut lines = of_file(&diff.file);
    lines.extend(diff.services.iter().flat_map(of_service));
    if diff.services.is_empty() {
        lines.push("every service stands as the applied file says".to_owned());
    }
    lines.join("\n")
}

fn of_file(file: &FileDiff) -> Vec<String> {
    if file.applied {
        return vec!["the file on the disk is applied".to_owned()];
    }
    if !file.errors.is_empty() {
        let first = "the file on the disk is not valid, an older one is applied".to_owned();
        let errors = file.errors.iter().map(|error| format!("  {error}"));
        return std::iter::once(first).chain(errors).collect();
    }
    let first = "the file on the disk is not applied; `cutover reload` applies it".to_owned();
    let mut lines = vec![first];
    lines.extend(file.keys.iter().map(of_key));
    if file.hidden {
        lines.push("  only values differ that are not shown".to_owned());
    }
    lines
}

fn of_key(key: &KeyDiff) -> String {
    let value = |value: &Option<Value>| match value {
        None => "nothing".to_owned(),
        Some(value) => value.to_string(),
    };
    let (running, file) = (value(&key.running), value(&key.file));
    format!("  {}  {running} -> {file}", key.key)
}

fn of_service(diff: &ServiceDiff) -> Vec<String> {
    let service = &diff.service;
    let mut lines = Vec::new();
    if diff.live != diff.file_live {
        let (live, filed) = (diff.live, diff.file_live);
        let (live, filed) = (paint::colour(live), paint::colour(filed));
        lines.push(format!("{service}  {live} is live, the file says {filed}"));
    }
    for it in &diff.endpoints {
        let how = match (it.registered, it.drained) {
            (true, true) => "registered by an operator, and drained",
            (true, false) => "registered by an operator",
            (false, _) => "drained by an operator",
        };
        let (colour, addr, weight) = (paint::colour(it.colour), &it.addr, it.weight);
        lines.push(format!("{service}  {colour} {addr} weight {weight}: {how}"));
    }
    if let Some(waiting) = &diff.waiting {
        let (to, by) = (waiting.to, &waiting.actor.name);
        let gates = gates::closed(waiting);
        lines.push(format!(
            "{service}  a switch to {to} by {by} waits for gates: {gates}"
        ));
    }
    if let Some(shift) = &diff.shift {
        let (to, share) = (shift.to, &shift.share);
        lines.push(format!(
            "{service}  a gradual switch to {to} is under way, at {share}"
        ));
    }
    lines
}

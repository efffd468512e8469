//! `cutover history [SERVICE]`.

use clap::Args;

use super::{
    args::{ClientArgs, TIMEOUT},
    client::segment,
    exit::{Exit, Failure},
    output::Output,
    receipt,
    table::table,
};
use crate::{admin::wire::HistoryAnswer, core::switch::Receipt};

#[derive(Debug, Args)]
pub(super) struct History {
    /// Only of this one
    service: Option<String>,
    /// How many, newest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    #[command(flatten)]
    client: ClientArgs,
}

impl History {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(TIMEOUT, output)?;
        let limit = self.limit;
        let path = match &self.service {
            None => format!("/v1/history?limit={limit}"),
            Some(service) => format!("/v1/services/{}/history?limit={limit}", segment(service)),
        };
        let answer = client.get(&path).await?;
        if output.is_json() {
            output.result(&answer.text)?;
        } else {
            output.result(&text(&answer.parse::<HistoryAnswer>()?.receipts))?;
        }
        Ok(Exit::Done)
    }
}

fn text(receipts: &[Receipt]) -> String {
    if receipts.is_empty() {
        return "no switches yet".to_owned();
    }
    let row = |receipt: &Receipt| {
        let rollback = if receipt.rollback { " (rollback)" } else { "" };
        let forced = if receipt.forced { " (forced)" } else { "" };
        vec![
            receipt.requested_at.to_string(),
            receipt.service.to_string(),
            format!("{} -> {}{rollback}{forced}", receipt.from, receipt.to),
            receipt.tenure.to_string(),
            receipt.actor.name.clone(),
            receipt.in_flight_at_commit.to_string(),
            receipt.finished.to_string(),
            receipt.replayed.to_string(),
            receipt.cut.total().to_string(),
            receipt::outcome(receipt.outcome).to_owned(),
            receipt.reason.clone().unwrap_or_default(),
        ]
    };
    let heads = [
        "WHEN", "SERVICE", "SWITCH", "TENURE", "BY", "MET", "FINISHED", "REPLAYED", "CUT",
        "OUTCOME", "REASON",
    ];
    table(&heads, receipts.iter().map(row).collect(), 0)
}

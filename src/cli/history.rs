//! `cutover history [SERVICE]`.

use clap::Args;

use super::{
    args::{ClientArgs, TIMEOUT},
    client::segment,
    completions::services,
    exit::{Exit, Failure},
    output::{Look, Output},
    paint,
    table::{Cell, Table},
};
use crate::{admin::wire::HistoryAnswer, core::switch::Receipt, terminal::Ink};

#[derive(Debug, Args)]
pub(super) struct History {
    /// Only of this one
    #[arg(add = services())]
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
            let answer = answer.parse::<HistoryAnswer>()?;
            output.result(&text(&answer.receipts, output.look()))?;
        }
        Ok(Exit::Done)
    }
}

/// The switches, newest first.
pub(super) fn text(receipts: &[Receipt], look: &Look) -> String {
    if receipts.is_empty() {
        return "no switches yet".to_owned();
    }
    let mut table = Table::new(
        [
            ("WHEN", 9),
            ("SERVICE", 8),
            ("SWITCH", 7),
            ("TENURE", 1),
            ("BY", 4),
            ("MET", 3),
            ("FINISHED", 3),
            ("REPLAYED", 3),
            ("CUT", 3),
            ("OUTCOME", 5),
            ("REASON", 2),
        ],
        0,
    );
    for receipt in receipts {
        table.row(row(receipt));
    }
    table.text(look)
}

fn row(receipt: &Receipt) -> Vec<Cell> {
    let rollback = if receipt.rollback { " (rollback)" } else { "" };
    let forced = if receipt.forced { " (forced)" } else { "" };
    let (ink, outcome) = paint::outcome(receipt.outcome);
    let (from, to) = (receipt.from, receipt.to);
    let cut = match receipt.cut.total() {
        0 => Cell::from(0),
        cut => Cell::of(Ink::Warning, cut.to_string()),
    };
    vec![
        receipt.requested_at.into(),
        (&receipt.service).into(),
        Cell::of(Ink::Colour(to), format!("{from} -> {to}{rollback}{forced}")),
        receipt.tenure.into(),
        (&receipt.actor.name).into(),
        receipt.in_flight_at_commit.into(),
        receipt.finished.into(),
        receipt.replayed.into(),
        cut,
        Cell::of(ink, outcome),
        receipt.reason.clone().unwrap_or_default().into(),
    ]
}

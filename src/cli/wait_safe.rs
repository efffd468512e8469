//! `cutover wait-safe SERVICE COLOUR`.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

use super::{
    args::{ClientArgs, SWITCH_TIMEOUT, colour},
    client::{Client, segment},
    completions::services,
    exit::{Exit, Failure},
    output::{Output, plain},
};
use crate::{
    core::{ids::Colour, view::SafeToStop},
    terminal::{Ink, Line},
};

#[derive(Debug, Args)]
pub(super) struct WaitSafe {
    /// The service
    #[arg(add = services())]
    service: String,
    /// The pool: `blue` or `green`
    #[arg(value_parser = colour())]
    colour: Colour,
    /// Look once, and exit with 3 if it may not be stopped
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    client: ClientArgs,
}

impl WaitSafe {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let mut client = self.client.client(SWITCH_TIMEOUT, output)?;
        let path = format!(
            "/v1/services/{}/pools/{}/safe-to-stop",
            segment(&self.service),
            self.colour
        );
        let until = Instant::now() + client.timeout;
        let mut told = String::new();
        loop {
            client.timeout = until.saturating_duration_since(Instant::now());
            let (verdict, text) = look(&client, &path).await?;
            let is_over = self.once || Instant::now() + PAUSE >= until;
            if verdict.safe || is_over {
                return answer(&verdict, &text, self.once, output);
            }
            let reasons = sentence(&verdict);
            if reasons != told {
                output.waiting(Line::of(Ink::Plain, reasons.as_str()));
                told = reasons;
            }
            sleep(PAUSE).await;
        }
    }
}

async fn look(client: &Client, path: &str) -> Result<(SafeToStop, String), Failure> {
    let answer = client.get(path).await?;
    Ok((answer.parse()?, answer.text))
}

fn answer(
    verdict: &SafeToStop,
    text: &str,
    once: bool,
    output: &mut Output<'_>,
) -> Result<Exit, Failure> {
    if output.is_json() {
        output.result(text)?;
    } else {
        output.result(&plain(&sentence(verdict)))?;
    }
    Ok(match (verdict.safe, once) {
        (true, _) => Exit::Done,
        (false, true) => Exit::Refused,
        (false, false) => Exit::GaveUp,
    })
}

fn sentence(verdict: &SafeToStop) -> String {
    let (service, colour) = (&verdict.service, verdict.colour);
    if verdict.safe {
        return format!("{service}  {colour}  may be stopped");
    }
    let reasons = verdict.reasons.iter().map(|it| it.detail.as_str());
    let reasons: Vec<_> = reasons.collect();
    format!("{service}  {colour}  not yet: {}", reasons.join("; "))
}

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);

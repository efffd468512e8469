//! `cutover events [SERVICE]`.

use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use super::{
    args::{ClientArgs, TIMEOUT},
    client::{Client, segment},
    completions::services,
    event_stream::StreamEvent,
    exit::{Exit, Failure},
    output::Output,
};

#[derive(Debug, Args)]
pub(super) struct Events {
    /// Only about this one, and about none
    #[arg(add = services())]
    service: Option<String>,
    /// So many of the past to begin with
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    recent: u16,
    /// End after so many
    #[arg(long, value_name = "NUMBER")]
    count: Option<u64>,
    #[command(flatten)]
    client: ClientArgs,
}

/// What is read of an event.
#[derive(Deserialize)]
struct Told {
    at: String,
    text: String,
}

impl Events {
    /// Follows until it is interrupted. A connection that breaks off is made again, after the last event that was read.
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(TIMEOUT, output)?;
        let mut path = format!("/v1/events?recent={}", self.recent);
        if let Some(service) = &self.service {
            path = format!("{path}&service={}", segment(service));
        }
        let mut left = self.count.unwrap_or(u64::MAX);
        let mut last = None;
        let mut lost = false;
        while left > 0 {
            match follow(&client, &path, &mut last, &mut left, output).await {
                Ok(()) if left == 0 => break,
                Err(failure @ (Failure::Refused(..) | Failure::Output(_))) => return Err(failure),
                // Who has never been connected has a wrong address, not a connection that broke off.
                Err(failure) if !lost => return Err(failure),
                Ok(()) | Err(_) => {}
            }
            lost = true;
            output.progress("connection lost, connecting again");
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Exit::Done)
    }
}

async fn follow(
    client: &Client,
    path: &str,
    last: &mut Option<String>,
    left: &mut u64,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut stream = client.listen(path, last.as_deref()).await?;
    while *left > 0 {
        let Some(event) = stream.next().await else {
            return Ok(());
        };
        if event.kind == "gap" {
            output.progress("some events were missed; the log has them");
            continue;
        }
        show(&event, output)?;
        *left -= 1;
        if event.id.is_some() {
            *last = event.id;
        }
    }
    Ok(())
}

fn show(event: &StreamEvent, output: &mut Output<'_>) -> Result<(), Failure> {
    if output.is_json() {
        return Ok(output.result(&event.data)?);
    }
    let text = match serde_json::from_str::<Told>(&event.data) {
        Ok(told) => format!("{}  {}", told.at, told.text),
        Err(_) => event.data.clone(),
    };
    Ok(output.result(&text)?)
}

/// Before another try to connect.
const PAUSE: Duration = Duration::from_secs(1);

//! `cutover demo`: the tour, on a screen or unattended; or its load alone.

use std::{io::IsTerminal, time::Duration};

use clap::Args;

use super::{
    exit::{Exit, Failure},
    output::Output,
};
use crate::demo::{
    self, DemoError, DemoOutcome,
    load::{LoadPlan, Target},
};

/// Arguments of `cutover demo`.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Show nothing but lines, switch by itself for so long, such as `10s`, and fail if a single request did
    #[arg(long = "for", value_name = "DURATION", value_parser = length)]
    length: Option<Duration>,
    /// Only send the load, to a proxy that runs already: `http://HOST:PORT`
    #[arg(long, value_name = "URL", value_parser = target)]
    against: Option<Target>,
    /// Send nothing but GETs, which a proxy may send again when an endpoint dies
    #[arg(long, requires = "against")]
    safe_only: bool,
}

impl Demo {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(Failure::Runtime)?;
        let outcome = runtime.block_on(Box::pin(self.tour(output)));
        let outcome = outcome.map_err(Failure::Demo)?;
        output.result(&outcome.to_string())?;
        Ok(exit(&outcome))
    }

    async fn tour(self, output: &mut Output<'_>) -> Result<DemoOutcome, DemoError> {
        let length = self.length.unwrap_or(demo::UNATTENDED);
        if let Some(target) = self.against {
            let mut plan = LoadPlan::default();
            if self.safe_only {
                plan = plan.safe_only();
            }
            let load = demo::load_only(&target, &plan, length, |line| output.progress(line));
            return Ok(load.await);
        }
        let watched = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
        if watched && self.length.is_none() {
            let coloured = output.look().coloured;
            return demo::show(coloured, |line| output.progress(line)).await;
        }
        demo::unattended(length, |line| output.progress(line)).await
    }
}

fn exit(outcome: &DemoOutcome) -> Exit {
    if outcome.is_clean() {
        Exit::Done
    } else if outcome.totals.failed == 0 && outcome.cut() > 0 {
        Exit::Cut
    } else {
        Exit::Internal
    }
}

fn length(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(length) if (SHORTEST..=LONGEST).contains(&length) => Ok(length),
        Ok(_) => Err(format!("it is {SHORTEST:?} to {LONGEST:?}")),
        Err(_) => Err("a duration has a unit, such as `10s`".to_owned()),
    }
}

fn target(text: &str) -> Result<Target, String> {
    Target::parse(text).ok_or_else(|| "a proxy is `http://HOST:PORT`".to_owned())
}

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60 * 60);

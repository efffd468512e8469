//! `cutover switch SERVICE COLOUR`.

use clap::{Args, ValueEnum};
use http::Method;

use super::{
    args::{ClientArgs, SWITCH_TIMEOUT},
    client::{Answer, segment},
    exit::{Exit, Failure},
    output::Output,
    plan::planned,
    progress::watched,
    receipt,
};
use crate::{
    admin::wire::{SwitchBody, SwitchOneAnswer},
    core::{ids::Colour, switch::WaitFor},
};

#[derive(Debug, Args)]
pub(super) struct Switch {
    /// The service
    service: String,
    /// The colour to make live: `blue` or `green`
    colour: Colour,
    /// Refuse if another colour is live than this one
    #[arg(long, value_name = "COLOUR")]
    expect_live: Option<Colour>,
    /// Say what would happen, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// What may be said of every switch.
#[derive(Debug, Args)]
pub(super) struct TermsArgs {
    /// What to wait for
    #[arg(long, value_enum, default_value_t)]
    wait: WaitArg,
    /// Do not wait for the gates
    #[arg(long)]
    pub(super) force: bool,
    /// Why, for history
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum WaitArg {
    /// Until no request can reach the old pool any more
    Committed,
    /// Until every request that had reached it has ended, too
    #[default]
    Drained,
}

impl TermsArgs {
    pub(super) const fn wait(&self) -> WaitFor {
        match self.wait {
            WaitArg::Committed => WaitFor::Committed,
            WaitArg::Drained => WaitFor::Drained,
        }
    }
}

impl Switch {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(SWITCH_TIMEOUT, output)?;
        if self.dry_run {
            return planned(&client, &self.service, self.colour, output).await;
        }
        let body = SwitchBody {
            to: self.colour,
            wait: self.terms.wait(),
            reason: self.terms.reason,
            force: self.terms.force,
            expect_live: self.expect_live,
        };
        let path = format!("/v1/services/{}/switch", segment(&self.service));
        let answer = client.change_by(Method::POST, &path, &body);
        let answer = watched(&client, &self.service, answer, output).await?;
        switched(&answer, output)
    }
}

/// Writes what became of a switch or rollback.
pub(super) fn switched(answer: &Answer, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let parsed: SwitchOneAnswer = answer.parse()?;
    if output.is_json() {
        output.result(&answer.text)?;
    } else {
        output.result(&receipt::answer(&parsed))?;
    }
    let cut = parsed.receipt.map_or(0, |receipt| receipt.cut.total());
    Ok(if cut == 0 { Exit::Done } else { Exit::Cut })
}

//! `cutover switch SERVICE COLOUR`, or `--group NAME COLOUR`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{
    args::{ClientArgs, SWITCH_TIMEOUT, TIMEOUT_LIMIT, colour, duration},
    client::{Answer, segment},
    completions::services_or_colours,
    exit::{Exit, Failure},
    once::OnceArgs,
    output::Output,
    plan::planned,
    receipt,
};
use crate::{
    admin::wire::{SwitchBody, SwitchGroupBody, SwitchManyAnswer, SwitchOneAnswer},
    core::{
        ids::{Colour, NotAColour},
        share::Share,
        switch::WaitFor,
    },
};

#[derive(Debug, Args)]
pub(super) struct Switch {
    #[command(flatten)]
    what: What,
    /// Switch every service of this group, all of them or none
    #[arg(long, value_name = "NAME", conflicts_with_all = ["steps", "at_once", "expect_live"])]
    group: Option<String>,
    /// Refuse if another colour is live than this one
    #[arg(long, value_name = "COLOUR", value_parser = colour())]
    expect_live: Option<Colour>,
    /// Shares of a gradual switch, such as `1%,10%,50%` [default: the file's `steps`]
    #[arg(
        long,
        value_name = "SHARES",
        value_delimiter = ',',
        conflicts_with = "at_once"
    )]
    steps: Vec<Share>,
    /// How long each of them lasts, such as `2m` [default: the file's `every`]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "steps")]
    every: Option<Duration>,
    /// All at once, whatever the file says
    #[arg(long)]
    at_once: bool,
    /// Say what would happen, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    once: OnceArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// What is to be switched, as it is typed.
#[derive(Debug, Args)]
pub(super) struct What {
    /// The service; not with `--group`
    #[arg(value_name = "SERVICE", required = true, add = services_or_colours())]
    first: String,
    /// The colour to make live
    #[arg(value_name = "COLOUR", value_parser = colour())]
    second: Option<Colour>,
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
pub(super) enum WaitArg {
    /// Until the first share of a gradual switch goes to the new colour
    Begun,
    /// Until no request can reach the old pool any more
    Committed,
    /// Until every request that had reached it has ended, too
    #[default]
    Drained,
}

impl From<WaitArg> for WaitFor {
    fn from(wait: WaitArg) -> Self {
        match wait {
            WaitArg::Begun => Self::Begun,
            WaitArg::Committed => Self::Committed,
            WaitArg::Drained => Self::Drained,
        }
    }
}

impl TermsArgs {
    pub(super) fn wait(&self) -> WaitFor {
        self.wait.into()
    }
}

impl Switch {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let steps = u32::try_from(self.steps.len()).unwrap_or(u32::MAX);
        let lasts = match self.every {
            _ if steps == 0 => Duration::ZERO,
            Some(every) => every.saturating_mul(steps),
            // Only the file knows.
            None => TIMEOUT_LIMIT,
        };
        let patience = SWITCH_TIMEOUT.saturating_add(lasts).min(TIMEOUT_LIMIT);
        let aim = Aim::of(self.group, self.what)?;
        let client = self.client.client(patience, output)?;
        if self.dry_run {
            let way = way(&self.steps, self.every, self.at_once);
            return planned(&client, &(aim.plan() + &way), output).await;
        }
        let path = aim.path("switch");
        let once = self.once;
        let Whom::Service(_) = &aim.whom else {
            let body = SwitchGroupBody {
                to: aim.colour,
                wait: self.terms.wait(),
                reason: self.terms.reason,
                force: self.terms.force,
            };
            let answer = once.ordered((&client, &aim.whom), (&path, &body), output);
            return switched_many(&answer.await?, output);
        };
        let body = SwitchBody {
            to: aim.colour,
            wait: self.terms.wait(),
            reason: self.terms.reason,
            force: self.terms.force,
            expect_live: self.expect_live,
            every: self.every.map(|every| format!("{}ms", every.as_millis())),
            steps: (!self.steps.is_empty()).then_some(self.steps),
            at_once: self.at_once,
        };
        let answer = once.ordered((&client, &aim.whom), (&path, &body), output);
        switched(&answer.await?, output)
    }
}

/// How gradually, for the end of a plan's query.
fn way(steps: &[Share], every: Option<Duration>, at_once: bool) -> String {
    let steps: Vec<_> = steps.iter().map(Share::to_string).collect();
    let mut way = String::new();
    if !steps.is_empty() {
        way += &format!("&steps={}", segment(&steps.join(",")));
    }
    if let Some(every) = every {
        way += &format!("&every={}ms", every.as_millis());
    }
    if at_once {
        way += "&at_once=true";
    }
    way
}

/// One service, or a group of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whom {
    Service(String),
    Group(String),
}

impl Whom {
    /// The path of a call about it.
    pub(super) fn path(&self, call: &str) -> String {
        match self {
            Self::Service(name) => format!("/v1/services/{}/{call}", segment(name)),
            Self::Group(name) => format!("/v1/groups/{}/{call}", segment(name)),
        }
    }
}

impl std::fmt::Display for Whom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Service(name) | Self::Group(name)) = self;
        f.write_str(name)
    }
}

/// What is to be switched, and where to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Aim {
    pub(super) whom: Whom,
    pub(super) colour: Colour,
}

impl Aim {
    /// `SERVICE COLOUR`, or `COLOUR` alone for a group.
    pub(super) fn of(group: Option<String>, what: What) -> Result<Self, Failure> {
        let (whom, colour) = match (group, what.second) {
            (Some(group), None) => {
                let colour = what.first.parse();
                let colour =
                    colour.map_err(|error: NotAColour| Failure::Usage(error.to_string()))?;
                (Whom::Group(group), colour)
            }
            (None, Some(colour)) => (Whom::Service(what.first), colour),
            (Some(_), Some(_)) => {
                let service = what.first;
                let text = format!(
                    "`{service}` is one service, and `--group` names several; leave one out"
                );
                return Err(Failure::Usage(text));
            }
            (None, None) => {
                let text = "a switch has a service and a colour: `SERVICE COLOUR`";
                return Err(Failure::Usage(text.to_owned()));
            }
        };
        Ok(Self { whom, colour })
    }

    pub(super) fn path(&self, call: &str) -> String {
        self.whom.path(call)
    }

    /// Where its plan is asked for.
    pub(super) fn plan(&self) -> String {
        format!("{}?to={}", self.path("plan"), self.colour)
    }
}

/// Writes what became of a switch or rollback of several services.
pub(super) fn switched_many(answer: &Answer, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let parsed: SwitchManyAnswer = answer.parse()?;
    if output.is_json() {
        output.result(&answer.text)?;
    } else {
        output.result(&receipt::answers(&parsed))?;
    }
    let cut: u64 = parsed
        .receipts
        .iter()
        .map(|receipt| receipt.cut.total())
        .sum();
    Ok(if cut == 0 { Exit::Done } else { Exit::Cut })
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

//! `cutover pause`, `resume`, `complete` and `abort SERVICE`: what may be asked of a gradual switch under way.

use clap::Args;
use http::Method;

use super::{
    args::{ClientArgs, SWITCH_TIMEOUT, TIMEOUT},
    client::segment,
    completions::services,
    exit::{Exit, Failure},
    output::Output,
    progress::watched,
    switch::{TermsArgs, WaitArg, Whom, switched},
};
use crate::admin::wire::SteerBody;

/// What may be said of a pause or a resumption.
#[derive(Debug, Args)]
pub(super) struct Hold {
    /// The service
    #[arg(add = services())]
    service: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

/// What may be said of a completion.
#[derive(Debug, Args)]
pub(super) struct Complete {
    /// The service
    #[arg(add = services())]
    service: String,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// What may be said of an abort.
#[derive(Debug, Args)]
pub(super) struct Abort {
    /// The service
    #[arg(add = services())]
    service: String,
    /// What to wait for
    #[arg(long, value_enum, default_value_t)]
    wait: WaitArg,
    /// Why, for history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

impl Hold {
    pub(super) async fn run(self, call: &str, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(TIMEOUT, output)?;
        let body = SteerBody {
            reason: self.reason,
            ..SteerBody::default()
        };
        let path = format!("/v1/services/{}/{call}", segment(&self.service));
        let answer = client.change_by(Method::POST, &path, &body).await?;
        switched(&answer, output)
    }
}

impl Complete {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(SWITCH_TIMEOUT, output)?;
        let body = SteerBody {
            wait: Some(self.terms.wait()),
            reason: self.terms.reason,
            force: self.terms.force,
        };
        let whom = Whom::Service(self.service);
        let path = whom.path("complete");
        let answer = client.change_by(Method::POST, &path, &body);
        let answer = watched(&client, &whom, answer, output).await?;
        switched(&answer, output)
    }
}

impl Abort {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(SWITCH_TIMEOUT, output)?;
        let body = SteerBody {
            wait: Some(self.wait.into()),
            reason: self.reason,
            force: false,
        };
        let whom = Whom::Service(self.service);
        let path = whom.path("abort");
        let answer = client.change_by(Method::POST, &path, &body);
        let answer = watched(&client, &whom, answer, output).await?;
        switched(&answer, output)
    }
}

//! `cutover rollback SERVICE`.

use clap::Args;
use http::Method;

use super::{
    args::{ClientArgs, SWITCH_TIMEOUT},
    client::segment,
    exit::{Exit, Failure},
    output::Output,
    progress::watched,
    switch::{TermsArgs, switched},
};
use crate::admin::wire::RollbackBody;

#[derive(Debug, Args)]
pub(super) struct Rollback {
    /// The service
    service: String,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    client: ClientArgs,
}

impl Rollback {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(SWITCH_TIMEOUT, output)?;
        let body = RollbackBody {
            wait: self.terms.wait(),
            reason: self.terms.reason,
            force: self.terms.force,
        };
        let path = format!("/v1/services/{}/rollback", segment(&self.service));
        let answer = client.change_by(Method::POST, &path, &body);
        let answer = watched(&client, &self.service, answer, output).await?;
        switched(&answer, output)
    }
}

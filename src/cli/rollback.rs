//! `cutover rollback SERVICE`.

use clap::Args;

use super::{
    args::{ClientArgs, SWITCH_TIMEOUT},
    completions::services,
    exit::{Exit, Failure},
    once::OnceArgs,
    output::Output,
    switch::{TermsArgs, Whom, switched, switched_many},
};
use crate::admin::wire::RollbackBody;

#[derive(Debug, Args)]
pub(super) struct Rollback {
    /// The service; not with `--group`
    #[arg(required_unless_present = "group", conflicts_with = "group", add = services())]
    service: Option<String>,
    /// Take back the last switch of this group, all of it or nothing
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    once: OnceArgs,
    #[command(flatten)]
    client: ClientArgs,
}

impl Rollback {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(SWITCH_TIMEOUT, output)?;
        let body = RollbackBody {
            expect_live: None,
            wait: self.terms.wait(),
            reason: self.terms.reason,
            force: self.terms.force,
        };
        let whom = match (self.service, self.group) {
            (Some(service), _) => Whom::Service(service),
            (None, group) => Whom::Group(group.unwrap_or_default()),
        };
        let path = whom.path("rollback");
        let answer = self.once.ordered((&client, &whom), (&path, &body), output);
        let answer = answer.await?;
        match whom {
            Whom::Service(_) => switched(&answer, output),
            Whom::Group(_) => switched_many(&answer, output),
        }
    }
}

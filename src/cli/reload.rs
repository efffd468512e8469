//! `cutover reload`.

use clap::Args;
use http::Method;

use super::{
    args::{ClientArgs, TIMEOUT},
    exit::{Exit, Failure},
    output::{Output, plain},
};
use crate::admin::wire::ReloadApplied;

#[derive(Debug, Args)]
pub(super) struct Reload {
    #[command(flatten)]
    client: ClientArgs,
}

impl Reload {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(TIMEOUT, output)?;
        let answer = client.change(Method::POST, "/v1/reload").await?;
        let applied: ReloadApplied = answer.parse()?;
        let text = match applied.changes.as_slice() {
            _ if output.is_json() => answer.text,
            [] => "applied, nothing changed".to_owned(),
            changes => plain(&format!("applied\n  {}", changes.join("\n  "))),
        };
        output.result(&text)?;
        Ok(Exit::Done)
    }
}

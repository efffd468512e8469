//! `cutover approve SERVICE` and `cutover reject SERVICE`.

use clap::Args;
use http::Method;

use super::{
    args::{ClientArgs, TIMEOUT},
    client::segment,
    completions::services,
    exit::{Exit, Failure},
    output::{Output, plain},
};
use crate::{admin::wire::WordBody, core::gate::word::Heard};

/// What may be said of both.
#[derive(Debug, Args)]
pub(super) struct Word {
    /// A service of the switch
    #[arg(add = services())]
    service: String,
    /// Why, for history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

impl Word {
    /// Says `approve` or `reject`.
    pub(super) async fn run(self, word: &str, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(TIMEOUT, output)?;
        let path = format!("/v1/services/{}/{word}", segment(&self.service));
        let body = WordBody {
            reason: self.reason,
        };
        let answer = client.change_by(Method::POST, &path, &body).await?;
        let heard: Heard = answer.parse()?;
        let services = heard.services.iter();
        let services: Vec<_> = services.map(|(it, to)| format!("{it} -> {to}")).collect();
        let text = match output.is_json() {
            true => answer.text,
            false => {
                let past = if word == "approve" {
                    "approved"
                } else {
                    "rejected"
                };
                let by = &heard.asked_by.name;
                plain(&format!(
                    "{}  {past}, asked for by {by}",
                    services.join(", ")
                ))
            }
        };
        output.result(&text)?;
        Ok(Exit::Done)
    }
}

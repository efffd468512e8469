//! `cutover health`: what a container's `HEALTHCHECK` runs, in an image without `curl`.

use clap::Args;

use super::{
    args::{ClientArgs, TIMEOUT},
    exit::{Exit, Failure},
    output::{Output, plain},
};

#[derive(Debug, Args)]
pub(super) struct Health {
    /// Ask only whether the process is alive, not whether it is ready
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    client: ClientArgs,
}

impl Health {
    /// Exits with 0 or 1 and nothing else, as Docker wants it.
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(TIMEOUT, output)?;
        let path = if self.live {
            "/livez"
        } else {
            "/readyz?verbose"
        };
        let answer = match client.probe(path).await {
            Ok(answer) => answer,
            Err(failure) => {
                failure.tell(output);
                return Ok(Exit::Internal);
            }
        };
        let text = match output.is_json() {
            true => serde_json::json!({ "healthy": answer.success }).to_string(),
            false => plain(answer.text.trim_end()),
        };
        output.result(&text)?;
        Ok(if answer.success {
            Exit::Done
        } else {
            Exit::Internal
        })
    }
}

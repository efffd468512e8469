//! `cutover demo-app`: one app of the tour alone, for containers and virtual machines.

use std::net::SocketAddr;

use clap::Args;

use super::{
    args::colour,
    exit::{Exit, Failure},
    output::Output,
};
use crate::{
    core::ids::Colour,
    demo::{colour_app::ColourApp, until_signal},
};

/// Arguments of `cutover demo-app`.
#[derive(Debug, Args)]
pub(super) struct DemoApp {
    /// Which version to be: `blue` is 1, `green` is 2
    #[arg(long, value_parser = colour())]
    colour: Colour,
    /// Where to listen, `ADDRESS:PORT`
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

impl DemoApp {
    /// Serves until a signal comes, then finishes what is in flight; a second signal ends that, too.
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let app = ColourApp::start(self.colour, self.listen).await;
        let app = app.map_err(|source| Failure::Bind {
            addr: self.listen,
            source,
        })?;
        output.result(&format!("{} on http://{}", self.colour, app.addr()))?;
        until_signal().await.map_err(Failure::Runtime)?;
        output.progress("stopping; a second signal ends what is in flight");
        tokio::select! {
            () = app.stop() => Ok(Exit::Done),
            signal = until_signal() => signal.map_err(Failure::Runtime).map(|()| Exit::Cut),
        }
    }
}

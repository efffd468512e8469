//! What was asked for on the command line.

use std::path::PathBuf;

use clap::Parser;

/// Runs cutover and whichever of nginx, HAProxy, Envoy and Caddy is on PATH on the same work.
#[derive(Parser)]
#[command(name = "compare")]
pub(crate) struct Options {
    /// How often each proxy does each work.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// How long each time lasts, after a warm-up.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// Parts of the table: h1, h1-1000, download, upload, connect, h2, tls, tls-full, tls-resumed, grpc, open, fair,
    /// idle, switch, growth, workers, start, size.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Proxies beside cutover: nginx, haproxy, relay, envoy, caddy; all that are found, if not given.
    #[arg(long, value_delimiter = ',')]
    pub(crate) peers: Option<Vec<String>>,
    /// Folder for the raw figures.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Figures of an earlier run: only tells and writes them.
    #[arg(long)]
    pub(crate) figures: Option<PathBuf>,
    /// Another binary than the one that Cargo has built with this.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_cutover"))]
    pub(crate) cutover: PathBuf,
    /// Writes the table and the chart into docs/ and the README.
    #[arg(long)]
    pub(crate) write: bool,
    /// Given by Cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// cutover alone, for an instant: enough to see that every kind of load works.
    pub(crate) fn self_check() -> Self {
        let arguments = [
            "compare",
            "--rounds=1",
            "--seconds=0.1",
            "--peers=",
            "--only=h1,download,upload,connect,h2,tls,tls-full,tls-resumed,grpc,open,fair,workers,start",
        ];
        Self::parse_from(arguments)
    }

    pub(crate) fn wants(&self, key: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|it| it == key)
    }
}

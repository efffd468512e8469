//! `cutover completions SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{
    Cli,
    exit::{Exit, Failure},
    output::Output,
};

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        // Written to memory first: the generator panics where a reader goes away.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "cutover", &mut script);
        output.verbatim(String::from_utf8_lossy(&script).trim_end())?;
        Ok(Exit::Done)
    }
}

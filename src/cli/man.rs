//! `cutover man DIR`: a manual page for every command.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;

use super::{
    Cli,
    exit::{Exit, Failure},
    output::Output,
};

#[derive(Debug, Args)]
pub(super) struct Man {
    /// Folder to write them to, such as `/usr/local/share/man/man1`; made if there is none
    folder: PathBuf,
}

impl Man {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let count = write(&self.folder).map_err(|source| Failure::Unwritable {
            what: self.folder.display().to_string(),
            source,
        })?;
        output.result(&format!("{count} pages in {}", self.folder.display()))?;
        Ok(Exit::Done)
    }
}

/// `cutover.1`, `cutover-switch.1` and so on; says how many.
fn write(folder: &Path) -> std::io::Result<usize> {
    fs::create_dir_all(folder)?;
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    write_page(folder, &cli, "cutover")
}

fn write_page(folder: &Path, command: &Command, name: &str) -> std::io::Result<usize> {
    let mut count = 1;
    for nested in command.get_subcommands() {
        count += write_page(folder, nested, &format!("{name}-{}", nested.get_name()))?;
    }
    let mut page = Vec::new();
    let titled = command.clone().name(name.to_owned());
    Page::new(titled).render(&mut page)?;
    fs::write(folder.join(format!("{name}.1")), page)?;
    Ok(count)
}

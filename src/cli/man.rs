//! `cutover man DIR`: a manual page for every command.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, CommandFactory};

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

/// `cutover.1`, `cutover-switch.1` and so on; says how many there are.
fn write(folder: &Path) -> std::io::Result<usize> {
    fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)?;
    let pages = fs::read_dir(folder)?.filter_map(Result::ok);
    let ours = pages.filter(|it| it.file_name().to_string_lossy().starts_with("cutover"));
    Ok(ours.count())
}

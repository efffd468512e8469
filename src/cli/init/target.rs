//! Where the file goes, and how it gets there: whole, or not at all.
//!
//! Owns what is overwritten and what is not. The file is written beside its place and then renamed, so that a cutover that
//! watches it never reads half of it.

use std::{
    fs::{self, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{draft::Draft, joined, next};
use crate::{
    cli::{
        advice, check,
        exit::{Exit, Failure},
        output::{Output, plain},
    },
    config::load::Source,
};

pub(super) enum Target {
    /// Standard output.
    Results,
    /// A file that is not there yet.
    New(PathBuf),
    /// One that is, with its own rights.
    There(PathBuf, Permissions),
}

impl Target {
    pub(super) fn of(path: &Path, force: bool) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Results);
        }
        let shown = path.display();
        // What a link leads to is meant; one that leads nowhere is nothing that could be written beside.
        match fs::metadata(path) {
            Ok(it) if !it.is_file() => {
                let text = format!("`{shown}` is not a regular file; name another");
                Err(Failure::Usage(text))
            }
            Ok(it) if force => Ok(Self::There(path.to_owned(), it.permissions())),
            Ok(_) => Err(Failure::Usage(format!(
                "`{shown}` is there already; name another file, or overwrite it with `--force`"
            ))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::New(path.to_owned())),
            Err(source) => Err(unwritable(path, source)),
        }
    }

    /// Writes it, and says what to do next.
    pub(super) fn write(self, draft: &Draft, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let path = match &self {
            Self::Results => Path::new(super::CUSTOMARY),
            Self::New(path) | Self::There(path, _) => path,
        };
        let next = next::steps(draft, &next::config(path));
        let source = Source::new(path, joined(&draft.lines(&next)));
        let (loaded, warnings) =
            check::examine(&source).map_err(|lines| Failure::Usage(plain(&lines.join("\n"))))?;
        for warning in warnings {
            output.progress(&plain(&format!("warning: {warning}")));
        }
        if matches!(self, Self::Results) {
            output.verbatim(source.text.trim_end())?;
            return Ok(Exit::Done);
        }
        self.save(&source.text)
            .map_err(|error| unwritable(path, error))?;
        let census = check::census(&loaded.config);
        output.result(&plain(&format!("{} is written: {census}", path.display())))?;
        for line in advice::told(&next) {
            output.progress(&line);
        }
        Ok(Exit::Done)
    }

    fn save(&self, text: &str) -> io::Result<()> {
        let (path, rights) = match self {
            Self::Results => return Ok(()),
            Self::New(path) => (path.clone(), Permissions::from_mode(MODE)),
            Self::There(path, rights) => (fs::canonicalize(path)?, rights.clone()),
        };
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        let mut beside = tempfile::Builder::new()
            .prefix(".cutover-init-")
            .permissions(rights)
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        beside.write_all(text.as_bytes())?;
        beside.as_file().sync_all()?;
        match self {
            // Somebody may have written one since it was looked at.
            Self::New(_) => beside.persist_noclobber(path),
            Self::There(..) | Self::Results => beside.persist(path),
        }?;
        Ok(())
    }
}

fn unwritable(path: &Path, source: io::Error) -> Failure {
    Failure::Unwritable {
        what: path.display().to_string(),
        source,
    }
}

/// Less what the process' own mask takes away. There are no secrets in it: those are in files that it names.
const MODE: u32 = 0o644;

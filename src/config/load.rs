//! The file on the disk: read once, whole, and judged.
//!
//! Owns the bound on its size and the digest by which a reload sees whether anything changed. Must not watch
//! it; `control::source` does. Reading and judging are apart, so that what was judged is what was digested.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use toml::de::{DeTable, DeValue};

use super::{
    Config,
    environment::Environment,
    error::{Places, Problem, Problems},
    judge::{At, Judge, shown},
    raw::RawConfig,
    tree::{Node, Typed},
    validate::{self, Surroundings},
};

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// SHA-256 of the text.
    pub digest: [u8; 32],
    /// What stands in for keys of the process.
    pub environment: Environment,
}

impl Source {
    /// A text that was not read from a file but goes by the name `path`.
    #[must_use]
    pub fn new(path: &Path, text: String) -> Self {
        Self {
            path: path.to_owned(),
            digest: Sha256::digest(text.as_bytes()).into(),
            text,
            environment: Environment::default(),
        }
    }

    /// The same in this environment.
    #[must_use]
    pub fn under(self, environment: Environment) -> Self {
        Self {
            environment,
            ..self
        }
    }
}

/// A file that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// What is odd about it.
    pub warnings: Vec<Problem>,
    /// Keys, such as `process.workers`, that the environment has set.
    pub from_environment: Vec<String>,
    /// Where it names files of certificates and keys, which are not read here.
    pub places: Places,
}

/// Reads a file.
///
/// # Errors
/// The operating system's, or the file is too large, no text, or no regular file (a pipe could make a reload
/// wait for ever).
pub fn read(path: &Path) -> Result<Source, Problems> {
    let whole =
        |text: String, suggestion: &str| Problems::from(Problem::of_file(path, text, suggestion));
    let bytes = bytes(path).map_err(|error| match error {
        Unread::Io(error) => whole(
            format!("the file cannot be read: {error}"),
            "name another with `--config`, or see to its permissions",
        ),
        Unread::NotAFile => whole("this is not a regular file".to_owned(), "name one that is"),
        Unread::TooLarge => whole(
            format!("the file is larger than {FILE_LIMIT} bytes"),
            "make it smaller, or use more than one process",
        ),
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(path, text)),
        Err(error) => Err(not_utf8(path, &error)),
    }
}

/// Judges a file. `cores` is what `workers = 0` stands for.
///
/// # Errors
/// Everything that is wrong with it. If it is not even TOML, that alone: the rest would be guesswork.
pub fn parse(source: &Source, cores: usize) -> Result<Loaded, Problems> {
    let mut judge = Judge::new(&source.path, &source.text);
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        syntax(&source.text, &errors, &mut judge);
        return Err(judge.verdict().0);
    }
    let around = Surroundings {
        folder: source.path.parent().unwrap_or(Path::new("")),
        cores,
    };
    let root = DeValue::Table(table.into_inner());
    let node = Node {
        at: At::Byte(0),
        value: &root,
    };
    let mut raw = RawConfig::typed(node, &mut judge).unwrap_or_default();
    let from_environment = source.environment.lay_over(&mut raw, &mut judge);
    let config = validate::config((raw, node), around, &mut judge);
    let places = judge.places();
    let (errors, warnings) = judge.verdict();
    if !errors.0.is_empty() {
        return Err(errors);
    }
    Ok(Loaded {
        config,
        warnings: warnings.0,
        from_environment,
        places,
    })
}

#[derive(Debug)]
enum Unread {
    Io(io::Error),
    NotAFile,
    TooLarge,
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, Unread> {
    // Opening a pipe waits for a writer, so it is looked at first.
    if !std::fs::metadata(path)?.is_file() {
        return Err(Unread::NotAFile);
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_LIMIT + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(Unread::TooLarge);
    }
    Ok(bytes)
}

pub(super) fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> Problems {
    let good = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(&error.as_bytes()[..good]);
    let mut judge = Judge::new(path, &text);
    judge.error(
        At::Byte(good),
        "the file is not UTF-8 text from here on".to_owned(),
        "save it as UTF-8",
    );
    judge.verdict().0
}

fn syntax(text: &str, errors: &[toml::de::Error], judge: &mut Judge<'_>) {
    let mut errors: Vec<_> = errors
        .iter()
        .map(|error| (error.span().unwrap_or_default(), error.message()))
        .collect();
    errors.sort_by_key(|(span, _)| span.start);
    // A mistake confuses what follows it, so only the first of each line is worth telling.
    let mut told_until = 0;
    for (span, message) in errors {
        if span.start < told_until {
            continue;
        }
        let rest = text.get(span.start..).unwrap_or_default();
        told_until = span.start + rest.find('\n').unwrap_or(rest.len()) + 1;
        let subject = match text.get(span.clone()).unwrap_or_default() {
            "" => "this".to_owned(),
            offending => format!("`{}`", shown(offending)),
        };
        let (complaint, expected) = message.split_once(", expected ").unwrap_or((message, ""));
        judge.error(
            At::Byte(span.start),
            format!("{subject} is not TOML: {complaint}"),
            cure(complaint, expected),
        );
    }
}

fn cure(complaint: &str, expected: &str) -> String {
    match (complaint, expected) {
        ("duplicate key", _) => "remove one".to_owned(),
        ("string values must be quoted", _) => "put quotes around it".to_owned(),
        (_, "nothing") => "remove it".to_owned(),
        (_, "") => "see https://toml.io for what may stand here".to_owned(),
        (_, expected) => format!("expected {expected}"),
    }
}

/// Bytes of a file; ten thousand services fit.
pub const FILE_LIMIT: u64 = 8 * 1024 * 1024;

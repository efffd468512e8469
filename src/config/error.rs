//! What is wrong with a file, in the words that `cutover check`, `serve` and a reload all print.
//!
//! Owns the shape of a problem; must not find any. A problem carries its place as line and column, so that
//! an editor can jump there; a list of them is an error, so that nobody fixes a file one mistake at a time.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// One thing that is wrong with a file, or at least odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named.
    pub file: PathBuf,
    /// Where in it; `None` when the file as a whole is meant.
    pub at: Option<Position>,
    /// The variable of the environment that it is about instead.
    pub variable: Option<String>,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub suggestion: Option<String>,
}

impl Problem {
    /// A problem of the file as a whole.
    #[must_use]
    pub fn of_file(file: &Path, text: String, suggestion: &str) -> Self {
        Self {
            file: file.to_owned(),
            at: None,
            variable: None,
            text,
            suggestion: Some(suggestion.to_owned()),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.variable {
            Some(variable) => f.write_str(variable)?,
            None => write!(f, "{}", self.file.display())?,
        }
        if let Some(at) = self.at {
            write!(f, ":{at}")?;
        }
        write!(f, ": {}", self.text)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; {suggestion}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

/// A place in a file; both numbers begin at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Where a file names other files, for what is found out about those when they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    pub(super) file: PathBuf,
    pub(super) named: BTreeMap<PathBuf, Position>,
}

impl Places {
    /// A problem with the file `path`, at the place where it is named.
    #[must_use]
    pub fn problem(&self, path: &Path, text: String, suggestion: &str) -> Problem {
        Problem {
            file: self.file.clone(),
            at: self.named.get(path).copied(),
            variable: None,
            text,
            suggestion: Some(suggestion.to_owned()),
        }
    }
}

/// Everything that is wrong with a file, in the order of the file; at most [`PROBLEMS_LIMIT`] and a last one
/// that says how many more there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Each problem as a line of its own.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// Problems that are told of one file; nobody reads more, and a hostile file could have millions.
pub const PROBLEMS_LIMIT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_its_place_and_its_cure() {
        let problem = Problem {
            file: "cutover.toml".into(),
            at: Some(Position {
                line: 14,
                column: 3,
            }),
            variable: None,
            text: "pool `green` of service `web` has no endpoints".to_owned(),
            suggestion: Some("add one or remove the pool".to_owned()),
        };
        assert_eq!(
            problem.to_string(),
            "cutover.toml:14:3: pool `green` of service `web` has no endpoints; add one or remove the pool"
        );
    }

    #[test]
    fn problems_are_one_a_line() {
        let of = |text: &str| Problem::of_file(Path::new("c"), text.to_owned(), "fix it");
        let problems = Problems(vec![of("one"), of("two")]);
        assert_eq!(problems.to_string(), "c: one; fix it\nc: two; fix it");
        assert_eq!(problems.lines(), ["c: one; fix it", "c: two; fix it"]);
    }
}

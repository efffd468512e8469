//! Gathers every problem of one file, instead of stopping at the first.
//!
//! Owns the way from a byte offset to line and column, the bound on what is gathered, and the name of the key
//! that is being read. Must not know what is right or wrong: `tree`, `value` and `validate` say that. Places
//! are byte offsets until the end, because counting columns is only worth its while for what is printed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    error::{PROBLEMS_LIMIT, Places, Position, Problem, Problems},
    tree::{Field, Given},
    value::path::FilePath,
};

/// Where something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum At {
    /// In the text: the offset of its first byte.
    Byte(usize),
    /// In the environment: the number of the variable, among those that were looked at.
    Variable(usize),
}

impl Default for At {
    fn default() -> Self {
        Self::Byte(0)
    }
}

/// The problems found so far.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    file: &'a Path,
    text: &'a str,
    /// Offset of the first byte of each line.
    lines: Vec<usize>,
    /// Variables of the environment that were looked at.
    variables: Vec<String>,
    /// The name of the key that is being read; one text that grows and shrinks, for it is asked for at mistakes alone.
    key: String,
    /// How many names are in it.
    depth: usize,
    /// Where the files that are to be read later are named first.
    files: BTreeMap<PathBuf, At>,
    errors: Findings,
    warnings: Findings,
}

impl<'a> Judge<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            file,
            text,
            lines: std::iter::once(0)
                .chain(breaks.map(|(index, _)| index + 1))
                .collect(),
            variables: Vec::new(),
            key: String::new(),
            depth: 0,
            files: BTreeMap::new(),
            errors: Findings::default(),
            warnings: Findings::default(),
        }
    }

    /// The file cannot be used.
    pub(super) fn error(&mut self, at: At, text: String, suggestion: impl Into<String>) {
        self.errors.add(at, || (text, suggestion.into()));
    }

    /// The file can be used, but something in it is odd.
    pub(super) fn warn(&mut self, at: At, text: String, suggestion: impl Into<String>) {
        self.warnings.add(at, || (text, suggestion.into()));
    }

    /// The same, for what may be found at every endpoint of ten thousand services: words are made only for what is kept.
    pub(super) fn warn_by(&mut self, at: At, words: impl FnOnce(&Self) -> (String, String)) {
        let mut warnings = std::mem::take(&mut self.warnings);
        warnings.add(at, || words(self));
        self.warnings = warnings;
    }

    /// The place of a variable of the environment.
    pub(super) fn variable(&mut self, name: &str) -> At {
        let known = self.variables.iter().position(|known| known == name);
        At::Variable(known.unwrap_or_else(|| {
            self.variables.push(name.to_owned());
            self.variables.len() - 1
        }))
    }

    /// `line:column`, or the name of a variable, for the text of a problem that concerns two places; empty once no problem is taken any
    /// more, so that a hostile file cannot have a long line counted a million times.
    pub(super) fn place(&self, at: At) -> String {
        if self.errors.is_full() && self.warnings.is_full() {
            return String::new();
        }
        match at {
            At::Byte(offset) => self.position(offset).to_string(),
            At::Variable(number) => format!("`{}`", self.variables[number]),
        }
    }

    /// The path of a file that will be read later, seen from the working folder. Where it is named is kept for
    /// what will be said of it then.
    pub(super) fn named_file(&mut self, raw: Field<FilePath>) -> Option<PathBuf> {
        let Field::Given(Given { at, value: path }) = raw else {
            return None;
        };
        let path = path.seen_from(self.file.parent().unwrap_or(Path::new("")));
        self.files.entry(path.clone()).or_insert(at);
        Some(path)
    }

    /// Where each of those files is named.
    pub(super) fn places(&self) -> Places {
        let places = self.files.iter();
        Places {
            file: self.file.to_owned(),
            named: places
                .filter_map(|(path, at)| match at {
                    At::Byte(offset) => Some((path.clone(), self.position(*offset))),
                    At::Variable(_) => None,
                })
                .collect(),
        }
    }

    /// Reads what is inside the table or key `name`.
    pub(super) fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let around = self.key.len();
        if self.depth > 0 {
            self.key.push('.');
        }
        show(name, &mut self.key);
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        self.key.truncate(around);
        value
    }

    /// The whole name of the key that is being read, such as `service.shop.probe.interval`.
    pub(super) fn key(&self) -> String {
        self.key.clone()
    }

    /// The problems: what makes the file useless, and what is only odd.
    pub(super) fn verdict(self) -> (Problems, Problems) {
        let told = |findings: &Findings| Problems(findings.told(&self));
        (told(&self.errors), told(&self.warnings))
    }

    fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines[..line].last().copied().unwrap_or(0);
        let before = &self.text.as_bytes()[start..offset];
        // Bytes that continue a character do not begin one; a byte-order mark is no column.
        let mark = usize::from(before.starts_with(BYTE_ORDER_MARK));
        let column = before.iter().filter(|byte| **byte & 0xC0 != 0x80).count() - mark;
        Position {
            line,
            column: column + 1,
        }
    }
}

#[derive(Debug, Default)]
struct Findings {
    kept: Vec<Finding>,
    dropped: usize,
}

#[derive(Debug)]
struct Finding {
    at: At,
    text: String,
    suggestion: String,
}

impl Findings {
    const fn is_full(&self) -> bool {
        self.kept.len() >= PROBLEMS_LIMIT
    }

    fn add(&mut self, at: At, words: impl FnOnce() -> (String, String)) {
        if self.is_full() {
            self.dropped += 1;
        } else {
            let (text, suggestion) = words();
            self.kept.push(Finding {
                at,
                text,
                suggestion,
            });
        }
    }

    fn told(&self, judge: &Judge<'_>) -> Vec<Problem> {
        let mut kept: Vec<_> = self.kept.iter().collect();
        kept.sort_by_key(|finding| finding.at);
        let mut problems: Vec<_> = kept
            .into_iter()
            .map(|finding| {
                let (at, variable) = match finding.at {
                    At::Byte(offset) => (Some(judge.position(offset)), None),
                    At::Variable(number) => (None, Some(judge.variables[number].clone())),
                };
                Problem {
                    file: judge.file.to_owned(),
                    at,
                    variable,
                    text: finding.text.clone(),
                    suggestion: Some(finding.suggestion.clone()).filter(|it| !it.is_empty()),
                }
            })
            .collect();
        if self.dropped > 0 {
            let text = format!("{} more problems are not shown", self.dropped);
            problems.push(Problem::of_file(judge.file, text, "fix these first"));
        }
        problems
    }
}

/// `text` as it may stand in a message: on one line, without control characters, and not too long.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::new();
    show(text, &mut shown);
    shown
}

/// Puts `text` behind what is there, as [`shown`] has it.
fn show(text: &str, there: &mut String) {
    let is_plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    if text.len() <= SHOWN_LIMIT && text.bytes().all(is_plain) {
        return there.push_str(text);
    }
    let limit = there.len() + SHOWN_LIMIT;
    for char in text.chars() {
        if there.len() >= limit {
            there.push_str("...");
            break;
        }
        if char.is_control() {
            there.extend(char.escape_default());
        } else {
            there.push(char);
        }
    }
}

/// Bytes of a typed text that a message repeats.
const SHOWN_LIMIT: usize = 120;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn stands(text: &str, at: usize, expected: &str) {
        let judge = Judge::new(Path::new("c"), text);
        assert_eq!(judge.position(at).to_string(), expected);
    }

    #[test]
    fn lines_and_columns_begin_at_one_and_count_characters() {
        stands("", 0, "1:1");
        stands("ab\ncd", 1, "1:2");
        stands("ab\ncd", 2, "1:3");
        stands("ab\ncd", 3, "2:1");
        stands("ab\n", 3, "2:1");
        stands("äöü = 1", "äöü".len(), "1:4");
        stands("\u{feff}ab", 4, "1:2");
        stands("ab", 99, "1:3");
    }

    #[test]
    fn problems_come_in_the_order_of_the_file_and_their_number_is_bounded() {
        let mut judge = Judge::new(Path::new("c"), "abc");
        judge.warn(At::Byte(0), "odd".to_owned(), "");
        for at in [2, 1] {
            judge.error(At::Byte(at), format!("wrong {at}"), "fix it");
        }
        for _ in 0..PROBLEMS_LIMIT {
            judge.error(At::Byte(2), "again".to_owned(), "");
        }
        let (errors, warnings) = judge.verdict();
        assert_eq!(warnings.lines(), ["c:1:1: odd"]);
        assert_eq!(errors.lines()[0], "c:1:2: wrong 1; fix it");
        assert_eq!(errors.0.len(), PROBLEMS_LIMIT + 1);
        assert_eq!(
            errors.lines()[PROBLEMS_LIMIT],
            "c: 2 more problems are not shown; fix these first"
        );
    }

    #[test]
    fn a_key_is_named_whole_while_it_is_read() {
        let mut judge = Judge::new(Path::new("c"), "");
        let inner = judge.within("", |judge| {
            judge.within("a\nb", |judge| {
                judge.within(&"x".repeat(500), |judge| judge.key())
            })
        });
        assert_eq!(inner, format!(".a\\nb.{}...", "x".repeat(SHOWN_LIMIT)));
        assert_eq!(judge.within("c", |judge| judge.key()), "c");
        assert_eq!(judge.key(), "");
    }

    #[test]
    fn a_typed_text_cannot_break_the_line_of_a_message() {
        assert_eq!(shown("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
        assert_eq!(shown(&"x".repeat(500)).len(), SHOWN_LIMIT + 3);
    }
}

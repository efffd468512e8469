//! A page of Markdown, taken apart as far as it is looked at.
//!
//! Owns what is a block, a heading, a link and a span of code. Must not know what they mean. A parser of all of Markdown
//! would be a dependency for four of its forms.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file of the repository.
pub(crate) struct Page {
    /// From the root of the repository.
    pub(crate) path: PathBuf,
    pub(crate) parts: Vec<Part>,
}

/// What a page is made of, in its order.
pub(crate) enum Part {
    /// Lines without a blank one between them.
    Prose(Text),
    Block(Block),
    /// `<!-- world: WORDS -->`
    Order(Text),
}

/// Text, and the line that it begins at.
pub(crate) struct Text {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// What stands between two fences.
pub(crate) struct Block {
    /// Of the fence.
    pub(crate) line: usize,
    pub(crate) language: String,
    /// What follows the language.
    pub(crate) words: Vec<String>,
    pub(crate) lines: Vec<String>,
}

/// A command that a block shows, and what it prints.
pub(crate) struct Shown {
    pub(crate) line: usize,
    pub(crate) command: String,
    pub(crate) output: Vec<String>,
}

/// Every page of the repository.
pub(crate) fn pages() -> Vec<Page> {
    let mut paths = Vec::new();
    walk(Path::new(""), &mut paths);
    paths.sort();
    paths.into_iter().map(Page::read).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = folder.join(&name);
        let is_folder = entry.file_type().unwrap().is_dir();
        // What is made or fetched is not ours.
        if name.starts_with('.') || is_folder && ["target", "node_modules"].contains(&&*name) {
            continue;
        }
        if is_folder {
            walk(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Page {
    pub(crate) fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let parts = parts(&text);
        Self { path, parts }
    }

    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    pub(crate) fn prose(&self) -> impl Iterator<Item = &Text> {
        self.parts.iter().filter_map(|part| match part {
            Part::Prose(text) => Some(text),
            Part::Block(_) | Part::Order(_) => None,
        })
    }

    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.parts.iter().filter_map(|part| match part {
            Part::Block(block) => Some(block),
            Part::Prose(_) | Part::Order(_) => None,
        })
    }
}

impl Text {
    /// Spans between backticks, each with its line.
    pub(crate) fn spans(&self) -> Vec<(usize, String)> {
        let mut line = self.line;
        let mut spans = Vec::new();
        for (at, piece) in self.text.split('`').enumerate() {
            if at % 2 == 1 {
                spans.push((line, piece.replace('\n', " ")));
            }
            line += piece.matches('\n').count();
        }
        spans
    }

    /// The lines, without what stands between backticks.
    pub(crate) fn lines_without_code(&self) -> impl Iterator<Item = (usize, String)> {
        let kept: String = self
            .text
            .split('`')
            .enumerate()
            .map(|(at, piece)| match at % 2 {
                0 => piece.to_owned(),
                _ => "\n".repeat(piece.matches('\n').count()),
            })
            .collect();
        let lines: Vec<_> = kept.lines().map(str::to_owned).collect();
        (self.line..).zip(lines)
    }
}

impl Block {
    /// Whether it is what somebody types.
    pub(crate) fn is_shell(&self) -> bool {
        ["console", "sh", "bash", "shell"].contains(&self.language.as_str())
    }

    pub(crate) fn says(&self, word: &str) -> bool {
        self.words.iter().any(|it| it == word)
    }

    /// What is typed, and what it prints.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let mut shown: Vec<Shown> = Vec::new();
        let mut goes_on = false;
        for (line, text) in (self.line + 1..).zip(&self.lines) {
            let typed = match self.language.as_str() {
                "console" => text.strip_prefix("$ "),
                _ => Some(text.as_str()),
            };
            match (typed, shown.last_mut()) {
                (_, Some(last)) if goes_on => last.command += text.trim_end_matches('\\'),
                (Some(command), _) => shown.push(Shown {
                    line,
                    command: command.trim_end_matches('\\').to_owned(),
                    output: Vec::new(),
                }),
                (None, Some(last)) => last.output.push(text.clone()),
                (None, None) => {}
            }
            goes_on = text.ends_with('\\') && (goes_on || typed.is_some());
        }
        shown
    }
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = (1..).zip(text.lines());
    let mut goes_on = false;
    while let Some((line, text)) = lines.next() {
        let trimmed = text.trim_start();
        let indent = text.len() - trimmed.len();
        if let Some(info) = trimmed.strip_prefix("```") {
            let inside = lines.by_ref().map(|(_, text)| text);
            let inside = inside.take_while(|text| !text.trim_start().starts_with("```"));
            let lines = inside.map(|text| text.get(indent..).unwrap_or("").to_owned());
            parts.push(Part::Block(Block::new(line, info, lines.collect())));
            goes_on = false;
        } else if let Some(order) = trimmed.strip_prefix("<!-- world: ") {
            let text = order.trim_end().trim_end_matches("-->").trim().to_owned();
            parts.push(Part::Order(Text { line, text }));
            goes_on = false;
        } else if trimmed.is_empty() {
            goes_on = false;
        } else if let (true, Some(Part::Prose(prose))) = (goes_on, parts.last_mut()) {
            prose.text = format!("{}\n{text}", prose.text);
        } else {
            let text = text.to_owned();
            parts.push(Part::Prose(Text { line, text }));
            goes_on = true;
        }
    }
    parts
}

impl Block {
    fn new(line: usize, info: &str, lines: Vec<String>) -> Self {
        let mut words = info.split_whitespace().map(str::to_owned);
        Self {
            line,
            language: words.next().unwrap_or_default(),
            words: words.collect(),
            lines,
        }
    }
}

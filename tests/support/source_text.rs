//! Rust source as far as layering needs it: what a file declares, and what it reaches for.
//!
//! Owns a reader that knows comments, literals, attributes and `use` trees, and nothing else of the language. A real
//! parser would bring a crate for every construct; asking the compiler would miss what is written but not resolved.

use std::{collections::BTreeSet, iter::Peekable, vec::IntoIter};

/// One module and everything that it names.
#[derive(Debug)]
pub(crate) struct Module {
    /// Its file, from the root of the package.
    pub(crate) file: String,
    /// Where it is in the crate.
    pub(crate) path: Vec<String>,
    /// Paths into this crate, from its root.
    pub(crate) uses: Vec<Vec<String>>,
    /// First segments of all other paths: crates, and names that were imported.
    pub(crate) crates: BTreeSet<String>,
    /// Modules with a file of their own, and whether they are there for tests only.
    pub(crate) declares: Vec<(String, bool)>,
}

/// What the reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// `mod name;`
    Mod { name: String, for_tests: bool },
    /// `a::b::c`, in a `use` or anywhere else.
    Path(Vec<String>),
}

impl Module {
    pub(crate) fn read(file: &str, path: &[String], text: &str) -> Self {
        let mut module = Self {
            file: file.to_owned(),
            path: path.to_vec(),
            uses: Vec::new(),
            crates: BTreeSet::new(),
            declares: Vec::new(),
        };
        for item in items(text) {
            match item {
                Item::Mod { name, for_tests } => module.declares.push((name, for_tests)),
                Item::Path(segments) => module.reach(&segments),
            }
        }
        module
    }

    fn reach(&mut self, segments: &[String]) {
        let ups = segments.iter().take_while(|it| *it == "super").count();
        match segments.first().map(String::as_str) {
            Some("crate") => self.uses.push(segments[1..].to_vec()),
            Some("super") => {
                let kept = self.path.len().saturating_sub(ups);
                let mut path = self.path[..kept].to_vec();
                path.extend_from_slice(&segments[ups..]);
                self.uses.push(path);
            }
            Some("self") | None => {}
            Some(name) => drop(self.crates.insert(name.to_owned())),
        }
    }
}

/// What `text` declares and names, without what is there for tests only.
pub(crate) fn items(text: &str) -> Vec<Item> {
    let mut tokens = tokens(text).into_iter().peekable();
    let (mut items, mut for_tests) = (Vec::new(), false);
    while let Some(token) = tokens.next() {
        match token {
            Token::Punct('#') => for_tests |= attribute(&mut tokens),
            Token::Word(word) if word == "mod" => {
                if let Some(name) = file_module(&mut tokens) {
                    items.push(Item::Mod { name, for_tests });
                    for_tests = false;
                }
            }
            _ if for_tests && is_visibility(&token, &mut tokens) => {}
            _ if for_tests => {
                skip_item(&token, &mut tokens);
                for_tests = false;
            }
            // `use<..>` says what a returned type captures; it imports nothing.
            Token::Word(word) if word == "use" && tokens.peek() == Some(&Token::Punct('<')) => {}
            Token::Word(word) if word == "use" => {
                use_tree(&mut Vec::new(), &mut tokens, &mut items);
            }
            Token::Word(word) => {
                let path = path(word, &mut tokens);
                if path.len() > 1 {
                    items.push(Item::Path(path));
                }
            }
            Token::Separator | Token::Punct(_) => {}
        }
    }
    items
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Separator,
    Punct(char),
}

type Tokens = Peekable<IntoIter<Token>>;

/// After `#`: reads the attribute; whether it keeps what follows for tests.
fn attribute(tokens: &mut Tokens) -> bool {
    let inner = tokens.next_if_eq(&Token::Punct('!')).is_some();
    let (mut words, mut depth) = (Vec::new(), 0);
    for token in tokens.by_ref() {
        match token {
            Token::Punct('[') => depth += 1,
            Token::Punct(']') => depth -= 1,
            Token::Word(word) => words.push(word),
            Token::Separator | Token::Punct(_) => {}
        }
        if depth == 0 {
            break;
        }
    }
    let has = |word: &str| words.iter().any(|it| it == word);
    !inner && words.first().is_some_and(|it| it == "cfg") && has("test") && !has("not")
}

/// After `mod`: the name, if the module has a file of its own.
fn file_module(tokens: &mut Tokens) -> Option<String> {
    let Some(Token::Word(name)) = tokens.peek().cloned() else {
        return None;
    };
    let mut ahead = tokens.clone();
    ahead.next();
    (ahead.next() == Some(Token::Punct(';'))).then_some(name)
}

/// Skips `pub` and `pub(...)`.
fn is_visibility(token: &Token, tokens: &mut Tokens) -> bool {
    if *token != Token::Word("pub".to_owned()) {
        return false;
    }
    if tokens.next_if_eq(&Token::Punct('(')).is_some() {
        tokens.find(|it| *it == Token::Punct(')'));
    }
    true
}

/// Skips to the end of an item whose first token was `first`.
fn skip_item(first: &Token, tokens: &mut Tokens) {
    let is_use = *first == Token::Word("use".to_owned());
    let mut depth = 0;
    for token in tokens {
        match token {
            Token::Punct('{' | '(' | '[') => depth += 1,
            Token::Punct(close @ ('}' | ')' | ']')) => {
                depth -= 1;
                if depth == 0 && close == '}' && !is_use {
                    return;
                }
            }
            Token::Punct(';') if depth == 0 => return,
            Token::Word(_) | Token::Separator | Token::Punct(_) => {}
        }
    }
}

/// After `use`, or within its braces: reads the tree up to its `;`, `,` or `}`.
fn use_tree(prefix: &mut Vec<String>, tokens: &mut Tokens, items: &mut Vec<Item>) {
    let length = prefix.len();
    while let Some(token) = tokens.next_if(|it| !ends_tree(it)) {
        match token {
            Token::Word(word) if word == "as" => drop(tokens.next()),
            Token::Word(word) if word == "self" && length > 0 => {}
            Token::Word(word) => prefix.push(word),
            Token::Punct('{') => {
                while tokens.next_if_eq(&Token::Punct('}')).is_none() {
                    use_tree(prefix, tokens, items);
                    // What is neither is no tree; a reader of sources must end all the same.
                    if tokens.next_if_eq(&Token::Punct(',')).is_none()
                        && tokens.peek() != Some(&Token::Punct('}'))
                    {
                        break;
                    }
                }
                prefix.truncate(length);
                return;
            }
            Token::Separator | Token::Punct(_) => {}
        }
    }
    items.push(Item::Path(prefix.clone()));
    prefix.truncate(length);
}

const fn ends_tree(token: &Token) -> bool {
    matches!(token, Token::Punct(',' | ';' | '}'))
}

fn path(first: String, tokens: &mut Tokens) -> Vec<String> {
    let mut path = vec![first];
    while tokens.next_if_eq(&Token::Separator).is_some() {
        match tokens.next_if(|it| matches!(it, Token::Word(_))) {
            Some(Token::Word(word)) => path.push(word),
            Some(Token::Separator | Token::Punct(_)) | None => break,
        }
    }
    path
}

fn tokens(text: &str) -> Vec<Token> {
    let mut rest = text;
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let is_word = |it: char| it.is_alphanumeric() || it == '_';
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            '"' => string(rest),
            '\'' => character(rest),
            'r' if rest.starts_with("r\"") || rest.starts_with("r#\"") => raw_string(rest),
            ':' if rest.starts_with("::") => {
                tokens.push(Token::Separator);
                2
            }
            it if is_word(it) => {
                let length = rest.find(|it| !is_word(it)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..length].to_owned()));
                length
            }
            it => {
                if !it.is_whitespace() {
                    tokens.push(Token::Punct(it));
                }
                it.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    tokens
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, it) in text.char_indices().skip(1) {
        match it {
            '"' if !escaped => return at + 1,
            it => escaped = it == '\\' && !escaped,
        }
    }
    text.len()
}

fn raw_string(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|it| *it == '#').count();
    let end = format!("\"{}", "#".repeat(hashes));
    let begin = 1 + hashes + 1;
    text[begin..]
        .find(&end)
        .map_or(text.len(), |at| begin + at + end.len())
}

/// A character, or only the quote of a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(text.len(), |at| 3 + at + 1),
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            Some(_) | None => 1,
        },
        None => text.len(),
    }
}

//! What is said of a key beside its type: what it means, and what holds where it is left out.
//!
//! Owns the two ways in which that is told: as a member of the schema, and as a row of the reference. Both come of the
//! same words, which stand at the key in `raw`, so that they cannot differ. Must not decide what a default is:
//! `validate` does, and a test compares.

use serde_json::{Map, Value, json};

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// In Markdown, with links that hold in `docs/`.
    pub(super) meaning: String,
    pub(super) preset: Preset,
    /// What may stand there, as a JSON Schema.
    pub(super) form: Value,
}

/// What holds where a key is left out.
#[derive(Debug)]
pub(super) enum Preset {
    /// This value.
    Is(Value),
    /// This value, unless there is a reason for another, which is told.
    Unless(Value, &'static str),
    /// What this says.
    Told(&'static str),
    /// Nothing: what the key asks for does not happen.
    Nothing,
    /// It cannot be left out.
    Required,
    /// What the defaults of its own keys say: a table that has a chapter of its own.
    Section,
}

/// Nothing.
pub(super) const NONE: Preset = Preset::Nothing;
/// It cannot be left out.
pub(super) const REQUIRED: Preset = Preset::Required;
/// A table that has a chapter of its own.
pub(super) const SECTION: Preset = Preset::Section;

/// What `words` say.
pub(super) const fn told(words: &'static str) -> Preset {
    Preset::Told(words)
}

/// `value`, or what `otherwise` says.
pub(super) fn unless(value: &'static str, otherwise: &'static str) -> Preset {
    Preset::Unless(json!(value), otherwise)
}

impl From<&'static str> for Preset {
    fn from(value: &'static str) -> Self {
        Self::Is(json!(value))
    }
}

impl From<u32> for Preset {
    fn from(value: u32) -> Self {
        Self::Is(json!(value))
    }
}

impl From<bool> for Preset {
    fn from(value: bool) -> Self {
        Self::Is(json!(value))
    }
}

impl<const LENGTH: usize> From<[&'static str; LENGTH]> for Preset {
    fn from(values: [&'static str; LENGTH]) -> Self {
        Self::Is(json!(values.as_slice()))
    }
}

impl Key {
    /// `lines` are those of the comment at the key.
    pub(super) fn new(
        name: &'static str,
        lines: &[&str],
        preset: impl Into<Preset>,
        form: Value,
    ) -> Self {
        let lines: Vec<_> = lines.iter().map(|line| line.trim()).collect();
        Self {
            name,
            meaning: lines.join(" "),
            preset: preset.into(),
            form,
        }
    }

    /// Its row in the reference, unless it has a chapter.
    pub(super) fn row(&self) -> Option<String> {
        let default = match &self.preset {
            Preset::Is(value) => format!("`{value}`"),
            Preset::Unless(value, otherwise) => format!("`{value}`, or {otherwise}"),
            Preset::Told(words) => (*words).to_owned(),
            Preset::Nothing => "none".to_owned(),
            Preset::Required => "required".to_owned(),
            Preset::Section => return None,
        };
        Some(format!(
            "| `{}` | {default} | {} |",
            self.name, self.meaning
        ))
    }

    /// What may stand there, with all that is said of it.
    fn described(self) -> Value {
        let mut schema = self.form;
        let mut meaning = without_links(&self.meaning);
        match self.preset {
            Preset::Is(value) => schema["default"] = value,
            Preset::Unless(value, otherwise) => {
                meaning = format!("{meaning}. Default: `{value}`, or {otherwise}");
            }
            Preset::Told(words) => meaning = format!("{meaning}. Default: {words}"),
            Preset::Nothing | Preset::Required | Preset::Section => {}
        }
        schema["description"] = Value::String(meaning);
        schema
    }
}

/// The schema of a table with these keys and no others.
pub(super) fn table(keys: Vec<Key>) -> Value {
    let required: Vec<_> = keys
        .iter()
        .filter(|key| matches!(key.preset, Preset::Required))
        .map(|key| key.name)
        .collect();
    let properties: Map<_, _> = keys
        .into_iter()
        .map(|key| (key.name.to_owned(), key.described()))
        .collect();
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// Markdown with the texts of its links alone: they lead nowhere from an editor.
fn without_links(markdown: &str) -> String {
    let mut plain = String::new();
    let mut rest = markdown;
    while let Some((before, text, after)) = first_link(rest) {
        plain.push_str(before);
        plain.push_str(text);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

/// What is before the first link, its text, and what is after it.
fn first_link(markdown: &str) -> Option<(&str, &str, &str)> {
    let (middle, rest) = markdown.split_once("](")?;
    let (_, after) = rest.split_once(')')?;
    let (before, text) = middle.rsplit_once('[')?;
    Some((before, text, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_holds_without_the_key() {
        let row = |preset: Preset| Key::new("key", &[" what", " it is"], preset, json!({})).row();
        let is = |default: &str| Some(format!("| `key` | {default} | what it is |"));
        assert_eq!(row("1s".into()), is("`\"1s\"`"));
        assert_eq!(row(7.into()), is("`7`"));
        assert_eq!(row([].into()), is("`[]`"));
        assert_eq!(row(unless("1s", "more")), is("`\"1s\"`, or more"));
        assert_eq!(row(NONE), is("none"));
        assert_eq!(row(REQUIRED), is("required"));
        assert_eq!(row(SECTION), None);
    }

    #[test]
    fn links_are_left_as_their_text() {
        assert_eq!(without_links("a [b c](d.md#e), [f](g)"), "a b c, f");
        assert_eq!(without_links("`[a]` (b) [c"), "`[a]` (b) [c");
    }
}

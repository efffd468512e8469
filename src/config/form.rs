//! How values are written, for machines: the pieces of JSON Schema that kinds of value describe themselves by.
//!
//! Owns the words of the schema; each kind of value says by them what it takes. What it takes always fits its form. A form
//! may be wider where a pattern cannot say it (a host bit set in a network, `399-200`); the walker knows better. Patterns
//! use no look-around, because not every validator has it.

use serde_json::{Value, json};

/// Any text.
pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

/// A text that matches `pattern` as a whole.
pub(super) fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": whole(pattern) })
}

/// A text that matches `pattern` as a whole, and has nothing in it that matches `never`.
pub(super) fn pattern_without(pattern: &str, never: &str) -> Value {
    json!({ "type": "string", "pattern": whole(pattern), "not": { "pattern": never } })
}

/// One of these words.
pub(super) fn words<'a>(words: impl Iterator<Item = &'a str>) -> Value {
    json!({ "type": "string", "enum": words.collect::<Vec<_>>() })
}

/// A whole number.
pub(super) fn whole_number(least: u32, most: u32) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

/// True or false.
pub(super) fn flag() -> Value {
    json!({ "type": "boolean" })
}

/// Any of these.
pub(super) fn either(forms: Vec<Value>) -> Value {
    json!({ "anyOf": forms })
}

/// A list of at most `most` such items.
pub(super) fn list(item: Value, most: usize) -> Value {
    json!({ "type": "array", "items": item, "maxItems": most })
}

/// A table of at most `most` such values, the names of which have a form of their own.
pub(super) fn map(name: Value, value: Value, most: usize) -> Value {
    json!({
        "type": "object",
        "propertyNames": name,
        "additionalProperties": value,
        "maxProperties": most,
    })
}

/// A pattern for `word` in capitals, small letters, or both.
pub(super) fn any_case(word: &str) -> String {
    let letter = |char: char| match char.is_ascii_alphabetic() {
        true => format!("[{}{char}]", char.to_ascii_uppercase()),
        false => char.to_string(),
    };
    word.chars().map(letter).collect()
}

fn whole(pattern: &str) -> String {
    format!("^({pattern})$")
}

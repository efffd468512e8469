//! Values that are written as strings: how one kind of them is read, and why a text is not one.
//!
//! Owns the two traits that the files of `value` implement and the words of a refusal. A bad value knows
//! itself but not its key, so that the admin side can refuse the same text in the same words.

use std::fmt;

use serde_json::Value;
use toml::de::DeValue;

use super::{
    form,
    judge::{At, Judge, shown},
    suggest,
    tree::{Node, Typed},
};

/// A value that is written as a string.
pub(super) trait FromText: Sized {
    /// What it is, such as `a duration`.
    const KIND: &'static str;
    /// How one is written in the file, such as `"30s"`.
    const EXAMPLE: &'static str;

    /// How its texts look, as a JSON Schema.
    fn text_form() -> Value;

    /// Reads it.
    fn from_text(text: &str) -> Result<Self, BadValue>;
}

/// Why a text is not a value of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` {complaint}; {suggestion}")]
pub struct BadValue {
    value: String,
    complaint: String,
    suggestion: String,
}

impl BadValue {
    /// `complaint` goes on from the value: `has no port`.
    pub(super) fn new(
        value: &str,
        complaint: impl Into<String>,
        suggestion: impl Into<String>,
    ) -> Self {
        Self {
            value: shown(value),
            complaint: complaint.into(),
            suggestion: suggestion.into(),
        }
    }

    /// Reports it at its place.
    pub(super) fn report(self, at: At, judge: &mut Judge<'_>) {
        let text = format!("`{}` in `{}` {}", self.value, judge.key(), self.complaint);
        judge.error(at, text, self.suggestion);
    }
}

impl<T: FromText> Typed for T {
    fn form() -> Value {
        T::text_form()
    }

    fn typed(node: Node<'_>, judge: &mut Judge<'_>) -> Option<Self> {
        let DeValue::String(text) = node.value else {
            let suggestion = format!("write a string such as `{}`", T::EXAMPLE);
            node.wrong_type(T::KIND, &suggestion, judge);
            return None;
        };
        T::from_text(text)
            .map_err(|bad| bad.report(node.at, judge))
            .ok()
    }
}

impl FromText for String {
    const KIND: &'static str = "a string";
    const EXAMPLE: &'static str = "\"...\"";

    fn text_form() -> Value {
        form::text()
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        Ok(text.to_owned())
    }
}

/// A value that is one of a few words.
pub(super) trait Choice: Copy + PartialEq + fmt::Debug + 'static {
    /// What it is, such as `a colour`.
    const KIND: &'static str;
    /// How one is written in the file, such as `"blue"`.
    const EXAMPLE: &'static str;
    /// Each word with its value.
    const ALL: &'static [(&'static str, Self)];

    /// The word for it.
    fn word(self) -> &'static str {
        // Every value is in the list; a test goes through them.
        Self::ALL
            .iter()
            .find(|(_, value)| *value == self)
            .map_or("", |(word, _)| word)
    }
}

impl<T: Choice> FromText for T {
    const KIND: &'static str = <T as Choice>::KIND;
    const EXAMPLE: &'static str = <T as Choice>::EXAMPLE;

    fn text_form() -> Value {
        form::words(T::ALL.iter().map(|(word, _)| *word))
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        let words = T::ALL.iter().map(|(word, _)| *word);
        T::ALL
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| {
                let complaint = format!("is not {}", <T as Choice>::KIND);
                BadValue::new(text, complaint, suggest::instead_of(text, words))
            })
    }
}

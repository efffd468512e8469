//! What a check asks and expects: methods, scopes, values in JSON.

use http::Method;
use serde_json::Value;
use toml::de::DeValue;

use super::number;
use crate::{
    config::{
        form,
        judge::{At, Judge, shown},
        suggest,
        text::{BadValue, Choice, FromText},
        tree::{Node, Typed},
    },
    core::gate::spec::{CheckScope, JsonValue},
};

/// The method of a request that cutover itself makes.
#[derive(Clone, Debug)]
pub(in crate::config) struct CheckMethod(pub(in crate::config) Method);

impl FromText for CheckMethod {
    const KIND: &'static str = "a method";
    const EXAMPLE: &'static str = "\"GET\"";

    fn text_form() -> Value {
        form::words(METHODS.iter().map(Method::as_str))
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        let mut known = METHODS.iter();
        let Some(method) = known.find(|it| it.as_str() == text) else {
            let words = METHODS.iter().map(Method::as_str);
            let suggestion = suggest::instead_of(text, words);
            return Err(BadValue::new(text, "is not a method", suggestion));
        };
        Ok(Self(method.clone()))
    }
}

impl Choice for CheckScope {
    const KIND: &'static str = "a choice of endpoints";
    const EXAMPLE: &'static str = "\"every\"";
    const ALL: &'static [(&'static str, Self)] = &[("one", Self::One), ("every", Self::Every)];
}

/// JSON pointers and the value that each must lead to: `{ "/status" = "ok" }`.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct JsonValues(pub(in crate::config) Vec<(String, JsonValue)>);

impl Typed for JsonValues {
    fn form() -> Value {
        let pointer = form::pattern(r"(/[\s\S]*)?");
        let value = form::either(vec![
            form::text(),
            form::flag(),
            form::whole_number(0, u32::MAX),
        ]);
        form::map(pointer, value, VALUES_LIMIT)
    }

    fn typed(node: Node<'_>, judge: &mut Judge<'_>) -> Option<Self> {
        let DeValue::Table(entries) = node.value else {
            let suggestion = "write `{ \"/status\" = \"ok\" }`";
            node.wrong_type("a table of JSON pointers", suggestion, judge);
            return None;
        };
        if entries.len() > VALUES_LIMIT {
            let text = format!("`{}` has {} values", judge.key(), entries.len());
            let suggestion = format!("{VALUES_LIMIT} is the most it may have");
            judge.error(node.at, text, suggestion);
            return None;
        }
        let values = entries.iter().filter_map(|(key, value)| {
            let pointer = pointer(key.get_ref(), At::Byte(key.span().start), judge);
            let value = judge.within(key.get_ref(), |judge| json(Node::new(value), judge));
            Some((pointer?, value?))
        });
        Some(Self(values.collect()))
    }
}

fn pointer(text: &str, at: At, judge: &mut Judge<'_>) -> Option<String> {
    if text.is_empty() || text.starts_with('/') {
        return Some(text.to_owned());
    }
    let key = judge.key();
    let complaint = format!("`{}` in `{key}` is not a JSON pointer", shown(text));
    judge.error(
        at,
        complaint,
        format!("did you mean `\"/{}\"`?", shown(text)),
    );
    None
}

fn json(node: Node<'_>, judge: &mut Judge<'_>) -> Option<JsonValue> {
    match node.value {
        DeValue::String(text) => Some(JsonValue::Text(text.clone().into_owned())),
        DeValue::Boolean(flag) => Some(JsonValue::Flag(*flag)),
        DeValue::Integer(number) => {
            let value = number::whole(number).map(|it| JsonValue::Number(i64::from(it)));
            if value.is_none() {
                let suggestion = "use a number from 0 to 4294967295";
                BadValue::new(number.as_str(), "is out of range", suggestion)
                    .report(node.at, judge);
            }
            value
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            let suggestion = "use one of those, and a longer pointer where it lies deeper";
            node.wrong_type(
                "a string, a whole number, `true` or `false`",
                suggestion,
                judge,
            );
            None
        }
    }
}

/// Methods that a check may have; `CONNECT` and `TRACE` reach no application.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];
/// Values of one check.
const VALUES_LIMIT: usize = 32;

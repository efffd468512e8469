//! Keys that are true or false.

use serde_json::Value;
use toml::de::DeValue;

use crate::config::{
    form,
    judge::Judge,
    tree::{Node, Typed},
};

/// `true` or `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct Flag(pub(in crate::config) bool);

impl Typed for Flag {
    fn form() -> Value {
        form::flag()
    }

    fn typed(node: Node<'_>, judge: &mut Judge<'_>) -> Option<Self> {
        let DeValue::Boolean(flag) = node.value else {
            let suggestion = "write `true` or `false`, without quotes";
            node.wrong_type("true or false", suggestion, judge);
            return None;
        };
        Some(Self(*flag))
    }
}

//! Shares and keys of gradual switches.

use serde_json::Value;

use super::http::TOKEN;
use crate::{
    config::{
        form,
        text::{BadValue, FromText},
    },
    core::{share::Share, shift_key::ShiftKey},
};

impl FromText for Share {
    const KIND: &'static str = "a share";
    const EXAMPLE: &'static str = "\"12.5%\"";

    fn text_form() -> Value {
        form::pattern(r"(0{0,2}[0-9]|0?[0-9]{2})(\.[0-9]{1,2})?%|100(\.0{1,2})?%")
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        text.parse().map_err(|_| {
            let suggestion = "use `0%` to `100%`, with two decimals at most";
            BadValue::new(text, "is not a share", suggestion)
        })
    }
}

impl FromText for ShiftKey {
    const KIND: &'static str = "a key";
    const EXAMPLE: &'static str = "\"client\"";

    fn text_form() -> Value {
        form::pattern(&format!("request|client|cookie:{TOKEN}"))
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        text.parse().map_err(|_| {
            let suggestion = "use `request`, `client` or `cookie:NAME`";
            BadValue::new(text, "is not a key", suggestion)
        })
    }
}

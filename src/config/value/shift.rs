//! Shares and keys of gradual switches.

use crate::{
    config::text::{BadValue, FromText},
    core::{share::Share, shift_key::ShiftKey},
};

impl FromText for Share {
    const KIND: &'static str = "a share";
    const EXAMPLE: &'static str = "\"12.5%\"";

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

    fn from_text(text: &str) -> Result<Self, BadValue> {
        text.parse().map_err(|_| {
            let suggestion = "use `request`, `client` or `cookie:NAME`";
            BadValue::new(text, "is not a key", suggestion)
        })
    }
}

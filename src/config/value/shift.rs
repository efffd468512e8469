//! Shares and keys of gradual switches, and names of cookies.

use crate::{
    config::text::{BadValue, FromText},
    core::{cookie, share::Share, shift_key::ShiftKey},
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

/// The name of a cookie.
#[derive(Clone, Debug)]
pub(in crate::config) struct CookieName(pub(in crate::config) String);

impl FromText for CookieName {
    const KIND: &'static str = "the name of a cookie";
    const EXAMPLE: &'static str = "\"cutover-shop\"";

    fn from_text(text: &str) -> Result<Self, BadValue> {
        if !cookie::is_name(text) {
            let suggestion = "use letters, digits, `-` and `_`, 64 at most";
            return Err(BadValue::new(text, "is no name of a cookie", suggestion));
        }
        Ok(Self(text.to_owned()))
    }
}

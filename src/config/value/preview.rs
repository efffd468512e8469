//! Names by which a request asks for the standby.

use http::{HeaderName, header};
use serde_json::Value;

use super::http::{TOKEN, one_of};
use crate::config::{
    form,
    text::{BadValue, FromText},
};

/// The name of a field that asks for the standby.
#[derive(Clone, Debug)]
pub(in crate::config) struct PreviewField(pub(in crate::config) HeaderName);

impl FromText for PreviewField {
    const KIND: &'static str = "the name of a header field";
    const EXAMPLE: &'static str = "\"X-Preview\"";

    fn text_form() -> Value {
        form::pattern_without(TOKEN, &one_of(TAKEN.iter()))
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        match HeaderName::from_bytes(text.as_bytes()) {
            Ok(name) if TAKEN.contains(&name) => Err(BadValue::new(
                text,
                "has a meaning of its own",
                "use a name that nothing else uses, such as `X-Preview`",
            )),
            Ok(name) => Ok(Self(name)),
            Err(_) => Err(BadValue::new(
                text,
                "is no name of a header field",
                "use letters, digits and `-`",
            )),
        }
    }
}

/// The name of a cookie.
#[derive(Clone, Debug)]
pub(in crate::config) struct CookieName(pub(in crate::config) String);

impl FromText for CookieName {
    const KIND: &'static str = "the name of a cookie";
    const EXAMPLE: &'static str = "\"preview\"";

    fn text_form() -> Value {
        form::pattern(TOKEN)
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        // A token (RFC 6265 section 4.1.1), and those are what names of fields are made of, but for their case.
        match HeaderName::from_bytes(text.as_bytes()) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(BadValue::new(
                text,
                "is no name of a cookie",
                "use letters, digits, `-` and `_`",
            )),
        }
    }
}

/// Fields that frame a message, or that every request has.
const TAKEN: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::HOST,
    header::COOKIE,
];

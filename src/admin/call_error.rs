//! Why a call was not carried out. What it looks like on the wire is `problem.rs`'s to say.

use crate::{
    config::BadValue,
    control::handle::Gone,
    core::{event::EndpointRefusal, switch::Refusal},
};

/// Why a call was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallError {
    #[error("there is no call `{0}`; `docs/admin-api.md` lists them")]
    UnknownPath(String),
    #[error("`{0}` does not take this method")]
    Method(String),
    #[error("a bearer token is needed: `Authorization: Bearer TOKEN`")]
    NoToken,
    #[error("the bearer token is not one of the token file's")]
    WrongToken,
    #[error("the token of `{0}` may look, but not change; use one with the role `operate`")]
    ViewOnly(String),
    #[error(
        "`Host: {0}` is no address of this machine; call by `localhost` or by an address in numbers"
    )]
    ForeignHost(String),
    #[error("`Origin: {0}` is another site than the one called")]
    ForeignOrigin(String),
    #[error("the `{header}` header is {expected}")]
    Header {
        header: &'static str,
        expected: &'static str,
    },
    #[error("`{parameter}` in the query is {expected}")]
    Query {
        parameter: &'static str,
        expected: &'static str,
    },
    #[error("the body is not JSON by its `Content-Type`; send `application/json`")]
    MediaType,
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    #[error("the body did not arrive within {0} s")]
    SlowBody(u64),
    #[error("the body broke off")]
    BrokenBody,
    #[error("the body is not JSON: {0}")]
    Syntax(String),
    #[error("`{field}` is {expected}, not {found}")]
    Field {
        field: &'static str,
        expected: &'static str,
        found: String,
    },
    #[error("`{field}` is missing; it is {expected}")]
    MissingField {
        field: &'static str,
        expected: &'static str,
    },
    #[error("there is no field `{field}`; there is {known}")]
    UnknownField { field: String, known: String },
    #[error(transparent)]
    Address(#[from] BadValue),
    #[error("there is no service `{0}`")]
    UnknownService(String),
    #[error("there is no group `{0}`")]
    UnknownGroup(String),
    #[error("`{0}` is not a colour; use `blue` or `green`")]
    UnknownColour(String),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Endpoint(#[from] EndpointRefusal),
    #[error("the file was not applied, everything is as it was")]
    Reload(Vec<String>),
    #[error("too many calls at once; call again in a second")]
    Overloaded,
    #[error("no answer came within {0} s; look at the service again before another try")]
    Timeout(u64),
    #[error(
        "the switch is not through after {0} s; it may still come to its end: look at the history"
    )]
    GaveUpWaiting(u64),
    #[error("{Gone}")]
    Gone,
    #[error("the metrics could not be written: {0}")]
    Metrics(String),
}

impl From<Gone> for CallError {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

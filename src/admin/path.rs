//! The variable parts of a path.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use super::{
    call_error::CallError,
    problem::UNKNOWN_PATH,
    sheet::{Sheet, Takes},
};

/// axum's `Path`, but for its error, which is plain text.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = CallError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, CallError> {
        // Fails only if a percent-encoded part is not UTF-8: nothing of ours has such a name.
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(parts)| Self(parts))
            .map_err(|_| CallError::UnknownPath(parts.uri.path().to_owned()))
    }
}

impl<T> Takes for Named<T> {
    fn takes(sheet: &mut Sheet<'_>) {
        // The names of its parts are the path's to tell.
        sheet.problems(&[UNKNOWN_PATH]);
    }
}

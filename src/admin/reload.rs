//! `POST /v1/reload`: reads the configuration file and the token file, and applies both or neither.

use axum::{Json, extract::State};

use super::{
    body::Body,
    call_error::CallError,
    caller::Caller,
    context::Context,
    wire::{ReloadApplied, ReloadBody},
};
use crate::control::handle::ReloadAnswer;

/// Applies the files now, and answers with what happened.
pub(super) async fn reload(
    State(context): State<Context>,
    caller: Caller,
    _: Body<ReloadBody>,
) -> Result<Json<ReloadApplied>, CallError> {
    let tokens = context
        .keys
        .read()
        .map_err(|error| CallError::Reload(error.lines()))?;
    match context.handle.reload(caller.into_actor()).await? {
        ReloadAnswer::Applied(changes) => {
            tokens.count();
            Ok(Json(ReloadApplied {
                changed: !changes.is_empty(),
                changes,
            }))
        }
        ReloadAnswer::Refused(errors) => Err(CallError::Reload(errors)),
    }
}

//! `GET /v1/about`: what answers here, and as whom.

use axum::{Json, extract::State};

use super::{caller::Caller, context::Context, wire::About};

/// The version, and the caller.
pub(super) async fn about(State(_): State<Context>, caller: Caller) -> Json<About> {
    Json(About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        may_operate: caller.may_operate(),
        actor: caller.into_actor().name,
    })
}

//! `POST /v1/services/{service}/switch`.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};

use super::{
    body::Fields,
    call_error::CallError,
    caller::Caller,
    context::Context,
    order::{Terms, carry_out, etag, if_match},
    path::Named,
    wire::SwitchOneAnswer,
};
use crate::{
    control::handle::SwitchOrder,
    core::{
        ids::{Colour, ServiceName, Tenure},
        switch::{Receipt, Unchanged, Wish},
    },
};

/// Makes a colour live.
pub(super) async fn one(
    State(context): State<Context>,
    Named(service): Named<String>,
    caller: Caller,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, CallError> {
    let mut fields = fields.only(&["to", "reason", "force", "expect_live", "wait"])?;
    let to: Colour = fields.required("to", COLOURS)?;
    let expect_live = fields.optional("expect_live", COLOURS)?;
    let terms = Terms::take(&mut fields)?;
    let order = SwitchOrder {
        wish: Wish::Switch(BTreeMap::from([(ServiceName::new(&service), to)])),
        actor: caller.into_actor(),
        reason: terms.reason,
        force: terms.force,
        expect_live,
        expect_tenure: if_match(&headers)?,
        wait: terms.wait,
    };
    let (receipts, unchanged) = carry_out(&context, order).await?;
    Ok(answer(receipts, unchanged))
}

/// The answer about one service, with its tenure from now on.
pub(super) fn answer(receipts: Vec<Receipt>, unchanged: Vec<Unchanged>) -> Response {
    let receipt = receipts.into_iter().next();
    let unchanged = unchanged.into_iter().next();
    let tenure = receipt
        .as_ref()
        .map(|receipt| receipt.tenure)
        .or(unchanged.as_ref().map(|unchanged| unchanged.tenure));
    let body = Json(SwitchOneAnswer {
        changed: receipt.is_some(),
        receipt,
        unchanged,
    });
    let tenure: Option<Tenure> = tenure;
    match tenure {
        Some(tenure) => (etag(tenure), body).into_response(),
        None => body.into_response(),
    }
}

/// What a field that names a colour must be.
pub(super) const COLOURS: &str = "`blue` or `green`";

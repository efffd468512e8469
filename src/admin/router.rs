//! Which call is answered by whom, and the layers before them.
//!
//! Owns the tables of calls. The layers, from the outside in: what is answered is told, foreign sites are kept
//! out, callers admitted, bodies bounded, too many calls at once shed, and waits ended. Only probes go round the
//! guards: a kubelet has no token, and must hear the truth above all when cutover is beset.

use std::time::{Duration, Instant};

use axum::{
    BoxError, Router,
    error_handling::HandleErrorLayer,
    extract::{DefaultBodyLimit, Request},
    http::Uri,
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
    routing::{get, post, put},
};
use tower::{
    ServiceBuilder, limit::GlobalConcurrencyLimitLayer, load_shed, load_shed::LoadShedLayer,
    timeout::TimeoutLayer,
};

use super::{
    about, body::BODY_LIMIT, call_error::CallError, caller::admit, config, context::Context, diff,
    endpoints, events, group, history, metrics, origin::keep_out_foreign, page, plan, readiness,
    reload, rollback, safe_to_stop, services, steer, switch, switch_many, word,
};

/// Everything, for the admin address.
pub(super) fn admin(context: Context) -> Router {
    let guards = ServiceBuilder::new()
        .layer(from_fn_with_state(context.clone(), keep_out_foreign))
        .layer(from_fn_with_state(context.clone(), admit))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    let calls = brief_calls()
        .merge(waiting_calls())
        .route("/v1/events", get(events::stream_all))
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(guards);
    let foreign = from_fn_with_state(context.clone(), keep_out_foreign);
    calls
        .merge(page().layer(foreign))
        .merge(probes())
        .layer(from_fn(tell))
        .with_state(context)
}

/// What the metrics address has.
pub(super) fn telemetry(context: Context) -> Router {
    brief(Router::new().route("/metrics", get(metrics::scrape)))
        .merge(probes())
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(from_fn(tell))
        .with_state(context)
}

fn brief_calls() -> Router<Context> {
    let calls = Router::new()
        .route("/v1/services", get(services::all))
        .route("/v1/services/{service}", get(services::one))
        .route("/v1/services/{service}/history", get(history::one))
        .route("/v1/groups", get(group::all))
        .route("/v1/history", get(history::all))
        .route(
            "/v1/services/{service}/pools/{colour}/safe-to-stop",
            get(safe_to_stop::one),
        )
        .route("/v1/about", get(about::about))
        .route("/v1/services/{service}/approve", post(word::approve))
        .route("/v1/services/{service}/reject", post(word::reject))
        .route("/v1/reload", post(reload::reload))
        .route("/v1/config", get(config::effective))
        .route("/v1/diff", get(diff::all))
        .route("/metrics", get(metrics::scrape));
    brief(calls)
}

/// Calls that wait for as long as the file says that a switch, or its checks, may take, see `order.rs`, or for an endpoint to
/// be left.
fn waiting_calls() -> Router<Context> {
    let endpoint = "/v1/services/{service}/pools/{colour}/endpoints/{addr}";
    let calls = Router::new()
        .route(
            endpoint,
            put(endpoints::register).delete(endpoints::deregister),
        )
        .route(&format!("{endpoint}/drain"), post(endpoints::drain))
        .route(&format!("{endpoint}/undrain"), post(endpoints::undrain))
        .route("/v1/services/{service}/switch", post(switch::one))
        .route("/v1/services/{service}/rollback", post(rollback::one))
        .route("/v1/services/{service}/pause", post(steer::pause))
        .route("/v1/services/{service}/resume", post(steer::resume))
        .route("/v1/services/{service}/complete", post(steer::complete))
        .route("/v1/services/{service}/abort", post(steer::abort))
        .route("/v1/services/{service}/plan", get(plan::one))
        .route("/v1/groups/{group}/switch", post(group::switch))
        .route("/v1/groups/{group}/rollback", post(group::rollback))
        .route("/v1/groups/{group}/plan", get(group::plan))
        .route("/v1/switch", post(switch_many::many));
    few(calls)
}

/// The operators' page: without a token, because the page is what asks for it.
fn page() -> Router<Context> {
    let files = Router::new()
        .route("/", get(page::index))
        .route("/page/{file}", get(page::file));
    brief(files).method_not_allowed_fallback(unknown_method)
}

fn probes() -> Router<Context> {
    Router::new()
        .route("/livez", get(readiness::live))
        .route("/readyz", get(readiness::ready))
        .route("/healthz", get(readiness::ready))
        .method_not_allowed_fallback(unknown_method)
}

/// Sheds calls when too many are being answered, and ends those that take too long.
fn brief(calls: Router<Context>) -> Router<Context> {
    let timeout = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(not_called))
        .layer(TimeoutLayer::new(CALL_TIMEOUT));
    few(calls.layer(timeout))
}

/// Sheds calls when too many are being answered. What waits for switches has a bound of its own, so that it
/// never keeps anybody from looking.
fn few(calls: Router<Context>) -> Router<Context> {
    let bound = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(not_called))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(CALLS_LIMIT));
    calls.layer(bound)
}

/// What a layer says in place of an answer.
async fn not_called(error: BoxError) -> CallError {
    if error.is::<load_shed::error::Overloaded>() {
        CallError::Overloaded
    } else {
        CallError::Timeout(CALL_TIMEOUT.as_secs())
    }
}

async fn unknown_path(uri: Uri) -> CallError {
    CallError::UnknownPath(uri.path().to_owned())
}

async fn unknown_method(uri: Uri) -> CallError {
    CallError::Method(uri.path().to_owned())
}

/// A line for each call, for whoever looks closely. What calls change is told by notices.
async fn tell(req: Request, next: Next) -> Response {
    let (method, path) = (req.method().clone(), req.uri().path().to_owned());
    let began = now();
    let response = next.run(req).await;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    tracing::debug!(%method, path, status, took_ms, "admin call was answered");
    response
}

#[expect(
    clippy::disallowed_methods,
    reason = "an edge: only a log line sees it"
)]
fn now() -> Instant {
    Instant::now()
}

/// Calls that are being answered at once; as many more may wait for a switch.
const CALLS_LIMIT: usize = 64;
/// For an answer to a call that does not wait for a switch.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

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
    routing::get,
};
use tower::{
    ServiceBuilder, limit::GlobalConcurrencyLimitLayer, load_shed, load_shed::LoadShedLayer,
    timeout::TimeoutLayer,
};

use super::{
    about,
    body::BODY_LIMIT,
    call_error::CallError,
    caller::admit,
    calls::{At, Calls, Verb::*},
    config,
    context::{Context, Keys},
    diff, endpoints, events, group, history, metrics, openapi,
    origin::keep_out_foreign,
    page, plan,
    problem::{
        INVALID_FIELD, OF_ENDPOINTS, OF_GROUPS, OF_STEERING, OF_SWITCHES, OF_WORDS, OVERLOADED,
        RELOAD_REFUSED, TIMEOUT, UNKNOWN_COLOUR, UNKNOWN_GROUP, UNKNOWN_SERVICE,
    },
    readiness, reload, rollback, safe_to_stop, services, steer, switch, switch_many, word,
};

/// Everything, for the admin address.
pub(super) fn admin(context: Context) -> Router {
    let guards = ServiceBuilder::new()
        .layer(from_fn_with_state(context.clone(), keep_out_foreign))
        .layer(from_fn_with_state(context.clone(), admit))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    let calls = guarded_calls()
        .into_router()
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(guards);
    let foreign = from_fn_with_state(context.clone(), keep_out_foreign);
    calls
        .merge(page().layer(foreign))
        .merge(probes().into_router())
        .layer(from_fn(tell))
        .with_state(context)
}

/// All of it, described; the operators' page is no call.
pub(super) fn document(keys: &Keys) -> serde_json::Value {
    let calls = guarded_calls().merge(probes());
    calls.document(matches!(keys, Keys::Tokens(_)))
}

/// What the metrics address has.
pub(super) fn telemetry(context: Context) -> Router {
    brief(Router::new().route("/metrics", get(metrics::scrape)))
        .merge(probes().into_router())
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(from_fn(tell))
        .with_state(context)
}

fn guarded_calls() -> Calls {
    let events = At(Get, "/v1/events", "what happens, as it happens");
    let streams = Calls::default().call(events, &[OVERLOADED], events::stream_all);
    brief_calls()
        .merge(waiting_calls())
        .merge(streams)
        .guarded()
}

#[rustfmt::skip] // A table.
fn brief_calls() -> Calls {
    let calls = Calls::default()
        .call(At(Get, "/v1/services", "every service"), &[], services::all)
        .call(At(Get, "/v1/services/{service}", "one service"), &[UNKNOWN_SERVICE], services::one)
        .call(At(Get, "/v1/services/{service}/history", "past switches of a service, newest first"), &[UNKNOWN_SERVICE], history::one)
        .call(At(Get, "/v1/groups", "every group, with its services"), &[], group::all)
        .call(At(Get, "/v1/history", "past switches, newest first"), &[], history::all)
        .call(At(Get, "/v1/services/{service}/pools/{colour}/safe-to-stop", "whether a pool may be stopped, and why not"), &[UNKNOWN_SERVICE, UNKNOWN_COLOUR], safe_to_stop::one)
        .call(At(Get, "/v1/about", "the version, and the caller"), &[], about::about)
        .call(At(Post, "/v1/services/{service}/approve", "lets a switch go on that waits for approval"), OF_WORDS, word::approve)
        .call(At(Post, "/v1/services/{service}/reject", "refuses a switch that waits for approval"), OF_WORDS, word::reject)
        .call(At(Post, "/v1/reload", "applies the configuration file and the token file now"), &[RELOAD_REFUSED], reload::reload)
        .call(At(Get, "/v1/config", "the configuration in effect, without secrets"), &[], config::effective)
        .call(At(Get, "/v1/diff", "the file on the disk, and services, against the applied file"), &[], diff::all)
        .call(At(Get, "/openapi.json", "this document"), &[], openapi::document)
        .call(At(Get, "/metrics", "metrics for Prometheus"), &[], metrics::scrape);
    calls.behind(&[OVERLOADED, TIMEOUT], brief)
}

/// Calls that wait for as long as the file says that a switch, or its checks, may take, see `order.rs`, or for an endpoint to
/// be left.
#[rustfmt::skip] // A table.
fn waiting_calls() -> Calls {
    let calls = Calls::default()
        .call(At(Put, ENDPOINT, "registers an endpoint, or changes its weight"), OF_ENDPOINTS, endpoints::register)
        .call(At(Delete, ENDPOINT, "deregisters an endpoint"), OF_ENDPOINTS, endpoints::deregister)
        .call(At(Post, DRAIN, "keeps new requests away from an endpoint"), OF_ENDPOINTS, endpoints::drain)
        .call(At(Post, UNDRAIN, "lets requests come back to an endpoint"), OF_ENDPOINTS, endpoints::undrain)
        .call(At(Post, "/v1/services/{service}/switch", "makes a colour live"), OF_SWITCHES, switch::one)
        .call(At(Post, "/v1/services/{service}/rollback", "goes back to the colour that was live before"), OF_SWITCHES, rollback::one)
        .call(At(Post, "/v1/services/{service}/pause", "keeps a gradual switch at its present share"), OF_STEERING, steer::pause)
        .call(At(Post, "/v1/services/{service}/resume", "goes on with the rest of the step"), OF_STEERING, steer::resume)
        .call(At(Post, "/v1/services/{service}/complete", "commits a gradual switch now"), OF_STEERING, steer::complete)
        .call(At(Post, "/v1/services/{service}/abort", "takes a gradual switch back"), OF_STEERING, steer::abort)
        .call(At(Get, "/v1/services/{service}/plan", "what a switch would do now"), &[UNKNOWN_SERVICE, INVALID_FIELD, TIMEOUT], plan::one)
        .call(At(Post, "/v1/groups/{group}/switch", "makes a colour live in all services of a group"), OF_GROUPS, group::switch)
        .call(At(Post, "/v1/groups/{group}/rollback", "takes back the last switch of a group"), OF_GROUPS, group::rollback)
        .call(At(Get, "/v1/groups/{group}/plan", "what a switch of a group would do now"), &[UNKNOWN_GROUP, TIMEOUT], group::plan)
        .call(At(Post, "/v1/switch", "switches several services, all of them or none"), OF_SWITCHES, switch_many::many);
    calls.behind(&[OVERLOADED], few)
}

/// The operators' page: without a token, because the page is what asks for it.
fn page() -> Router<Context> {
    let files = Router::new()
        .route("/", get(page::index))
        .route("/page/{file}", get(page::file));
    brief(files).method_not_allowed_fallback(unknown_method)
}

fn probes() -> Calls {
    let calls = Calls::default()
        .call(
            At(Get, "/livez", "whether the controller answers"),
            &[],
            readiness::live,
        )
        .call(
            At(Get, "/readyz", "whether cutover is ready for traffic"),
            &[],
            readiness::ready,
        )
        .call(
            At(Get, "/healthz", "the same as `/readyz`"),
            &[],
            readiness::ready,
        );
    calls.behind(&[], |it| it.method_not_allowed_fallback(unknown_method))
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
const ENDPOINT: &str = "/v1/services/{service}/pools/{colour}/endpoints/{addr}";
const DRAIN: &str = "/v1/services/{service}/pools/{colour}/endpoints/{addr}/drain";
const UNDRAIN: &str = "/v1/services/{service}/pools/{colour}/endpoints/{addr}/undrain";

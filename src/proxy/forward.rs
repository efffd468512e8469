//! What happens to one request: route, claim, send, and answer.
//!
//! Owns the order of the steps, and what may be sent again (invariant 8); each step itself is elsewhere.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version,
    header::{ACCEPT, CONNECTION, SET_COOKIE, UPGRADE},
};
use http_body::Body as _;
use tokio::task::coop::unconstrained;
use tower::Service;

use super::{
    account::Account,
    body::{Download, ResponseBody},
    downstream::Downstream,
    error::ProxyError,
    grpc,
    headers::{self, X_REQUEST_ID},
    inbound::Inbound,
    incoming::Incoming,
    max_forwards,
    origin::Origin,
    outbound::Outbound,
    protocol::Verdict,
    redirect,
    tunnel::Tunnel,
    upload::Progress,
};
use crate::telemetry::limit::Limit;

/// Forwards the requests of one connection. It is a [`tower::Service`], so that layers can be put around it;
/// the data plane itself uses the future without a box around it.
#[derive(Clone, Debug)]
pub struct Forwarder {
    downstream: Rc<Downstream>,
}

impl Forwarder {
    pub(crate) const fn new(downstream: Rc<Downstream>) -> Self {
        Self { downstream }
    }

    /// Answers one request, always: whatever goes wrong becomes a response.
    pub(crate) fn forward(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<ResponseBody>, Infallible>> + use<> {
        forward(Rc::clone(&self.downstream), request)
    }
}

impl Service<Request<Incoming>> for Forwarder {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        // See `accept`: a channel of ours would lose a wake-up to the runtime's turn-taking.
        Box::pin(unconstrained(self.forward(request)))
    }
}

#[expect(
    clippy::manual_async_fn,
    reason = "an async fn has two places for the request that it is given, and copies it from one to the other"
)]
fn forward(
    downstream: Rc<Downstream>,
    mut request: Request<Incoming>,
) -> impl Future<Output = Result<Response<ResponseBody>, Infallible>> {
    async move {
        let origin = Origin::of(&mut request, downstream.client());
        let mut account = Account::open(&downstream, &request, &origin);
        let verdict = downstream.verdict();
        match answer_at_once(&downstream, &mut request, (verdict, &origin)) {
            Ok(None) => {}
            Ok(Some(response)) => return Ok(redirect(response, account)),
            Err(error) => {
                downstream.answers();
                let accept = request.headers().get(ACCEPT);
                return Ok(refuse(error, account, (accept, &origin.id)));
            }
        }
        let to_10 = request.version() == Version::HTTP_10;
        let mut outbound = Outbound::new(request, verdict, &downstream, &origin);
        let sent = send(&mut outbound, &origin, &mut account).await;
        downstream.answers();
        Ok(match sent {
            Ok(answered) => answered.respond(account, (origin.id, to_10)),
            Err(error) => {
                account.count(outbound.uploaded(), 0);
                refuse(error, account, (outbound.accept(), &origin.id))
            }
        })
    }
}

/// What is answered without asking an endpoint, if anything is: an error, or the way to `https`.
fn answer_at_once(
    downstream: &Downstream,
    request: &mut Request<Incoming>,
    (verdict, origin): (Verdict, &Origin),
) -> Result<Option<Response<bytes::Bytes>>, ProxyError> {
    if let Verdict::Refused(refusal) = verdict {
        downstream.worker().stats().refused.add(1);
        return Err(ProxyError::Refused(refusal));
    }
    if let Some(port) = downstream.listener().redirect_https
        && !origin.came_by_https()
    {
        return redirect::to_https(request, port, &origin.id).map(Some);
    }
    max_forwards::count_down(request)?;
    Ok(None)
}

/// A response head, and what its body will come by.
struct Answered {
    response: Response<Inbound>,
    /// How far the client's body has come, if it has one.
    upload: Option<Rc<Progress>>,
    /// What the connection changes to, if it does.
    protocol: Option<HeaderValue>,
}

async fn send(
    outbound: &mut Outbound<'_>,
    origin: &Origin,
    account: &mut Account,
) -> Result<Answered, ProxyError> {
    let mut response = outbound.send(account).await?;
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let protocol = switches
        .then(|| outbound.agreed(response.headers()))
        .flatten();
    let admitted = (!switches || protocol.is_some()) && account.downstream().admits(&response);
    if !admitted || headers::rewrite_response(response.headers_mut()).is_err() {
        return Err(ProxyError::Malformed);
    }
    if let Some(cookie) = outbound.cookie(origin.came_by_https()) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(Answered {
        response,
        upload: outbound.progress().cloned(),
        protocol,
    })
}

impl Answered {
    /// `id` is the request's, and `to_10` whether its client speaks HTTP/1.0.
    fn respond(
        self,
        mut account: Account,
        (id, to_10): (HeaderValue, bool),
    ) -> Response<ResponseBody> {
        let (mut parts, inbound) = self.response.into_parts();
        account.answered(parts.status.as_u16());
        // What the client can read is made of it where it is written; HTTP/2 has no other.
        parts.version = Version::HTTP_11;
        parts.headers.insert(X_REQUEST_ID, id);
        announce_preview(&account, &mut parts.headers);
        let downstream = Rc::clone(account.downstream());
        if let Some(protocol) = self.protocol {
            announce_upgrade(&mut parts.headers, protocol);
            account.becomes_tunnel();
            if let Some(upstream) = inbound.into_upstream() {
                downstream.leave_tunnel(Box::new(Tunnel::new(upstream, account)));
            }
            return Response::from_parts(parts, ResponseBody::own(bytes::Bytes::new()));
        }
        downstream.stays_http();
        announce_end(&downstream, &mut parts.headers);
        let body = ResponseBody::claimed(Download::new(inbound, self.upload, account));
        if to_10 && body.size_hint().exact().is_none() {
            downstream.answers_to_the_end();
        }
        Response::from_parts(parts, body)
    }
}

fn redirect(response: Response<bytes::Bytes>, mut account: Account) -> Response<ResponseBody> {
    account.answered(response.status().as_u16());
    account.finished();
    own_answer(response, account)
}

/// Says so where the connection ends with this answer.
fn announce_end(downstream: &Downstream, headers: &mut HeaderMap) {
    let worker = downstream.worker();
    let is_last = downstream.has_had_its_requests();
    if is_last {
        worker.stats().met(Limit::MaxRequestsPerConnection);
    }
    if is_last || worker.is_draining() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Says so where it is the standby that answers, or would have.
fn announce_preview(account: &Account, headers: &mut HeaderMap) {
    if let Some(colour) = account.preview() {
        headers.insert(PREVIEW, HeaderValue::from_static(colour.as_str()));
    }
}

fn announce_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}

fn refuse(
    error: ProxyError,
    mut account: Account,
    (accept, id): (Option<&HeaderValue>, &HeaderValue),
) -> Response<ResponseBody> {
    account.fails(error);
    let downstream = account.downstream();
    let stats = downstream.worker().stats();
    if error == ProxyError::NoRoute {
        stats.unrouted.add(1);
    } else if matches!(error, ProxyError::Unclear(_)) {
        stats.refused.add(1);
    }
    if let Some(limit) = error.limit() {
        stats.met(limit);
    }
    let mut answer = match account.downstream().call() {
        Some(_) => grpc::answer(error, id),
        None => error.answer(accept, id),
    };
    announce_preview(&account, answer.headers_mut());
    own_answer(answer, account)
}

/// An answer that no endpoint has a part in.
fn own_answer(response: Response<bytes::Bytes>, mut account: Account) -> Response<ResponseBody> {
    let downstream = account.downstream();
    downstream.stays_http();
    let mut response = response.map(ResponseBody::own);
    announce_end(downstream, response.headers_mut());
    account.count(0, http_body::Body::size_hint(response.body()).lower());
    response
}

/// Tells a client that it is shown the standby, and which colour that is.
const PREVIEW: HeaderName = HeaderName::from_static("x-cutover-preview");

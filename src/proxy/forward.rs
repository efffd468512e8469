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
    HeaderMap, HeaderValue, Request, Response, StatusCode, Version,
    header::{ACCEPT, CONNECTION, UPGRADE},
};
use hyper::body::Incoming;
use tower::Service;

use super::{
    account::Account,
    body::{Download, ResponseBody},
    connections::Upstream,
    downstream::Downstream,
    error::ProxyError,
    headers::{self, X_REQUEST_ID},
    outbound::Outbound,
    tunnel::Tunnel,
};

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
    ) -> impl Future<Output = Response<ResponseBody>> + use<> {
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
        let answer = self.forward(request);
        Box::pin(async { Ok(answer.await) })
    }
}

async fn forward(downstream: Rc<Downstream>, request: Request<Incoming>) -> Response<ResponseBody> {
    let worker = downstream.worker();
    let id = worker
        .request_ids()
        .accept_or_make(request.headers().get(X_REQUEST_ID));
    let accept = request.headers().get(ACCEPT).cloned();
    let mut account = Account::open(&downstream, &request, &id);
    let answer = match downstream.wire().next_request() {
        Some(refusal) => {
            worker.stats().refused.add(1);
            Err(ProxyError::Refused(refusal))
        }
        None => send(request, &id, &mut account).await,
    };
    downstream.answers();
    match answer {
        Ok(answered) => answered.respond(account, &id),
        Err(error) => refuse(error, account, (accept.as_ref(), &id)),
    }
}

/// A response head, and what its body will come by.
struct Answered {
    response: Response<Incoming>,
    upstream: Box<Upstream>,
    outbound: Outbound,
}

async fn send(
    request: Request<Incoming>,
    id: &HeaderValue,
    account: &mut Account,
) -> Result<Answered, ProxyError> {
    let mut outbound = Outbound::new(request, account.downstream(), id);
    let (response, upstream) = outbound.send(account).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS && !outbound.asks_upgrade() {
        return Err(ProxyError::Malformed);
    }
    Ok(Answered {
        response,
        upstream,
        outbound,
    })
}

impl Answered {
    fn respond(self, mut account: Account, id: &HeaderValue) -> Response<ResponseBody> {
        let (mut parts, incoming) = self.response.into_parts();
        account.answered(parts.status.as_u16());
        let upgraded = parts.status == StatusCode::SWITCHING_PROTOCOLS;
        let protocol = upgraded
            .then(|| parts.headers.get(UPGRADE).cloned())
            .flatten();
        headers::rewrite_response(&mut parts.headers, id);
        // hyper makes of it what the client can read; passed on, an endpoint's 1.0 would end keep-alive.
        parts.version = Version::HTTP_11;
        let downstream = Rc::clone(account.downstream());
        if upgraded {
            announce_upgrade(&mut parts.headers, protocol);
            account.becomes_tunnel();
            downstream.leave_tunnel(Box::new(Tunnel::new(self.upstream, account)));
            return Response::from_parts(parts, ResponseBody::own(bytes::Bytes::new()));
        }
        if self.outbound.asks_upgrade() {
            downstream.wire().stays_http();
        }
        if downstream.worker().is_draining() {
            parts
                .headers
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let download = Download::new(
            incoming,
            self.upstream,
            self.outbound.into_progress(),
            account,
        );
        Response::from_parts(parts, ResponseBody::claimed(download))
    }
}

fn announce_upgrade(headers: &mut HeaderMap, protocol: Option<HeaderValue>) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(
        UPGRADE,
        protocol.unwrap_or_else(|| HeaderValue::from_static("websocket")),
    );
}

fn refuse(
    error: ProxyError,
    mut account: Account,
    (accept, id): (Option<&HeaderValue>, &HeaderValue),
) -> Response<ResponseBody> {
    account.fails(error);
    let downstream = account.downstream();
    if error == ProxyError::NoRoute {
        downstream.worker().stats().unrouted.add(1);
    }
    downstream.wire().stays_http();
    let mut response = error.answer(accept, id).map(ResponseBody::own);
    if downstream.worker().is_draining() {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    account.count(0, http_body::Body::size_hint(response.body()).lower());
    response
}

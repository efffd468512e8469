//! A request on its way to an endpoint, over as many attempts as it takes and may take.
//!
//! Owns invariant 8: a request is sent again only if not a byte of it left, or if its method is safe and it
//! has no body. An endpoint that could not be reached is not tried twice by the same request.

mod attempt;
mod shared;

use std::{num::NonZeroUsize, rc::Rc, sync::Arc};

use http::{
    HeaderMap, HeaderValue, Request, Response, Version,
    header::{CONTENT_LENGTH, EXPECT, HOST, UPGRADE},
};
use http_body::Body as _;
use hyper::body::Incoming;

use super::{
    account::Account,
    desk::{RouteKey, ServiceDesk},
    downstream::Downstream,
    endpoint::Endpoint,
    error::ProxyError,
    headers::{self, Forwarded},
    inbound::Inbound,
    protocol::Verdict,
    target,
    upload::{Gate, Progress, RequestBody},
};
use crate::core::ids::EndpointId;

/// See the module.
#[derive(Debug)]
pub(crate) struct Outbound {
    downstream: Rc<Downstream>,
    /// There while it is not being sent.
    request: Option<Request<RequestBody>>,
    /// The client's `Host`.
    host: Option<HeaderValue>,
    upload: Option<Rc<Progress>>,
    gate: Option<Arc<Gate>>,
    /// The protocol that the client asked to upgrade to, if cutover passes it.
    asked: Option<HeaderValue>,
    tried: Vec<EndpointId>,
    attempts: usize,
    replays: u32,
}

impl Outbound {
    /// Makes the client's request one for an endpoint; only the `Host` depends on which.
    pub(crate) fn new(
        request: Request<Incoming>,
        verdict: Verdict,
        downstream: &Rc<Downstream>,
        id: &HeaderValue,
    ) -> Self {
        let (mut parts, incoming) = request.into_parts();
        let host = target::host(&mut parts);
        // Whether it is one that cutover passes, the guard has judged: it holds back what follows.
        let upgrade = (verdict == Verdict::Upgrade)
            .then(|| parts.headers.get(UPGRADE).cloned())
            .flatten();
        let asked = upgrade.clone();
        let upload = (!incoming.is_end_stream()).then(Rc::<Progress>::default);
        // HTTP/1.0 has no interim responses (RFC 9110 section 10.1.1).
        let expects = upload.is_some()
            && parts.version == Version::HTTP_11
            && parts.headers.contains_key(EXPECT);
        if !expects {
            parts.headers.remove(EXPECT);
        }
        let gate = expects.then(Arc::<Gate>::default);
        let chunked = upload.is_some() && !parts.headers.contains_key(CONTENT_LENGTH);
        let forwarded = Forwarded {
            client: downstream.client(),
            id,
            host: host.as_ref(),
            chunked,
            upgrade,
        };
        headers::rewrite_request(&mut parts.headers, forwarded);
        let body = upload.as_ref().map_or(RequestBody::Empty, |progress| {
            RequestBody::new(incoming, downstream, progress, gate.as_ref())
        });
        parts.version = Version::HTTP_11;
        parts.uri = target::origin_form(parts.uri);
        // hyper's extensions, an upgrade's handle among them, are not for the endpoint.
        parts.extensions.clear();
        let mut request = Request::from_parts(parts, body);
        if let Some(gate) = &gate {
            let gate = Arc::clone(gate);
            hyper::ext::on_informational(&mut request, move |interim| {
                if interim.status() == http::StatusCode::CONTINUE {
                    gate.open();
                }
            });
        }
        let downstream = Rc::clone(downstream);
        Self {
            downstream,
            request: Some(request),
            host,
            upload,
            gate,
            asked,
            tried: Vec::new(),
            attempts: 0,
            replays: 0,
        }
    }

    /// What the connection becomes by a 101 with these fields: what the client asked for, or nothing.
    pub(crate) fn agreed(&self, answered: &HeaderMap) -> Option<HeaderValue> {
        let asked = self.asked.as_ref()?;
        let is_asked = |it: &HeaderValue| it.as_bytes().eq_ignore_ascii_case(asked.as_bytes());
        answered
            .get(UPGRADE)
            .is_none_or(is_asked)
            .then(|| asked.clone())
    }

    /// How far the client's body has come, if it has one.
    pub(crate) fn into_progress(self) -> Option<Rc<Progress>> {
        self.upload
    }

    /// Bytes of the client's body that were read so far.
    pub(crate) fn uploaded(&self) -> u64 {
        self.upload.as_ref().map_or(0, |progress| progress.bytes())
    }

    /// Sends the request and waits for the head of a response, at one endpoint after the other.
    pub(crate) async fn send(
        &mut self,
        account: &mut Account,
    ) -> Result<Response<Inbound>, ProxyError> {
        let mut failure = None;
        while self.attempts < MAX_ATTEMPTS {
            self.attempts += 1;
            if self.downstream.worker().is_cutting() {
                return Err(ProxyError::CutByShutdown);
            }
            let Some(mut request) = self.request.take() else {
                break;
            };
            let mut picked = match self
                .downstream
                .worker()
                .desk()
                .claim(self.route_key(&request), &self.tried)
            {
                Ok(picked) => picked,
                Err(unpicked) => {
                    account.belongs_to(unpicked.service);
                    return Err(failure.unwrap_or(unpicked.error));
                }
            };
            let (service, endpoint) = (Rc::clone(&picked.service), Rc::clone(&picked.endpoint));
            let respelt = picked.respelt.take();
            account.attempt(picked);
            if let Some(path) = respelt {
                *request.uri_mut() = target::with_path(request.uri(), path)?;
            }
            match self.attempt(request, &service, &endpoint).await {
                Ok(answered) => return Ok(answered),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or(ProxyError::NoReadyEndpoint))
    }

    fn route_key<'a>(&'a self, request: &'a Request<RequestBody>) -> RouteKey<'a> {
        let host = self
            .host
            .as_ref()
            .map_or("", |host| host.to_str().unwrap_or(NO_HOST));
        RouteKey {
            listener: self.downstream.listener().id,
            host,
            path: request.uri().path(),
        }
    }

    fn set_host(&self, headers: &mut HeaderMap, service: &ServiceDesk, endpoint: &Endpoint) {
        let host = service.host_for(endpoint, self.host.as_ref());
        // The client's own is there from the start; only a repeated attempt may find another's.
        let is_clients = self
            .host
            .as_ref()
            .is_some_and(|own| std::ptr::eq(own, host));
        if !is_clients || self.attempts > 1 {
            headers.insert(HOST, host.clone());
        }
    }

    fn may_replay(&self, request: &Request<RequestBody>) -> bool {
        self.replays < MAX_REPLAYS
            && self.upload.is_none()
            && self.asked.is_none()
            && request.method().is_safe()
    }
}

/// Whether the body of `request` may be sent, as far as its length is known; where it is not, `upload` watches it.
fn fits(request: &Request<RequestBody>, upload: &Progress, max: Option<NonZeroUsize>) -> bool {
    upload.is_bounded_by(max);
    max.is_none_or(|max| request.body().size_hint().lower() <= max.get() as u64)
}

/// Stands for a `Host` that is no text; it is malformed as well.
const NO_HOST: &str = "\u{fffd}";
/// Attempts for one request, those included that did not get as far as a connection.
const MAX_ATTEMPTS: usize = 8;
/// Of those: repetitions on a fresh connection after a sent request was lost.
const MAX_REPLAYS: u32 = 2;

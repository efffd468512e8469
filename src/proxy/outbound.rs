//! A request on its way to an endpoint, over as many attempts as it takes and may take.
//!
//! Owns invariant 8: a request is sent again only if not a byte of it left, or if its method is safe and it
//! has no body. An endpoint that could not be reached is not tried twice by the same request.

mod attempt;
mod shared;

use std::{cell::Cell, rc::Rc, sync::Arc};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, Uri, Version,
    header::{ACCEPT, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, UPGRADE},
};
use http_body::Body as _;

use super::{
    account::Account,
    desk::RouteKey,
    downstream::Downstream,
    endpoint::Endpoint,
    error::ProxyError,
    forwarded::Forwarded,
    headers::{self, Known},
    hearsay::{self, Hearsay},
    inbound::Inbound,
    incoming::Incoming,
    mirror::{self, LiveEnd},
    mirror_desk::MirrorDesk,
    origin::Origin,
    pool_desk::PoolDesk,
    preview,
    protocol::Verdict,
    shift_desk::Whose,
    target,
    upload::{Gate, Progress, RequestBody},
};
use crate::core::{
    affinity::Session, beside::Traffic, ids::EndpointId, service::ForwardedPolicy, share::Point,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Outbound<'a> {
    downstream: Rc<Downstream>,
    origin: &'a Origin,
    head: Head,
    /// There while it is not being sent.
    body: Option<RequestBody>,
    /// The client's `Host`.
    host: Option<HeaderValue>,
    upload: Option<Rc<Progress>>,
    gate: Option<Arc<Gate>>,
    /// The protocol that the client asked to upgrade to, if cutover passes it.
    asked: Option<HeaderValue>,
    /// On whose account it is sent, once that is known.
    traffic: Option<Traffic>,
    /// Where a copy of it may go, until it is known whether one does.
    mirror: Option<Rc<MirrorDesk>>,
    /// Whom its answer is told to, if a copy was made.
    copied: Option<LiveEnd>,
    tried: Vec<EndpointId>,
    attempts: usize,
    replays: u32,
    /// Where it stands in a shift.
    point: Cell<Option<Point>>,
    /// The session that begins with it, and where.
    session: Option<(Rc<PoolDesk>, Session)>,
}

/// What a request looks like before its body.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

/// A head as it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) head: &'a Head,
    /// What the endpoint is told besides, unless it is among the fields of the head.
    pub(crate) forwarded: Option<Forwarded<'a>>,
}

impl<'a> From<&'a Head> for Outgoing<'a> {
    fn from(head: &'a Head) -> Self {
        Self {
            head,
            forwarded: None,
        }
    }
}

impl<'a> Outbound<'a> {
    /// Makes the client's request one for an endpoint; only the `Host` depends on which.
    pub(crate) fn new(
        request: Request<Incoming>,
        verdict: Verdict,
        downstream: &Rc<Downstream>,
        origin: &'a Origin,
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
        let known = Known {
            told: origin.told(),
            trace: origin.trace(),
            chunked,
            upgrade,
        };
        headers::rewrite_request(&mut parts.headers, known);
        let body = upload.as_ref().map_or(RequestBody::Empty, |progress| {
            RequestBody::new(incoming, downstream, progress, gate.as_ref())
        });
        let head = Head {
            method: parts.method,
            uri: target::origin_form(parts.uri),
            headers: parts.headers,
        };
        let downstream = Rc::clone(downstream);
        Self {
            downstream,
            origin,
            head,
            body: Some(body),
            host,
            upload,
            gate,
            asked,
            traffic: None,
            mirror: None,
            copied: None,
            tried: Vec::new(),
            attempts: 0,
            replays: 0,
            point: Cell::new(None),
            session: None,
        }
    }

    /// What the connection becomes by a 101 with these fields: what the client asked for, or nothing.
    pub(crate) fn agreed(&self, answered: &HeaderMap) -> Option<HeaderValue> {
        let asked = self.asked.as_ref()?;
        let is_asked = |it: &HeaderValue| it.as_bytes().eq_ignore_ascii_case(asked.as_bytes());
        answered
            .get(UPGRADE)
            .is_some_and(is_asked)
            .then(|| asked.clone())
    }

    /// What tells the client the session that begins with this request, if one does. `told` is whether somebody who is
    /// believed says that it came by `https`.
    pub(crate) fn cookie(&self, told: bool) -> Option<HeaderValue> {
        let (pool, session) = self.session.as_ref()?;
        let client = self.downstream.client();
        let secure = told || client.scheme() == "https";
        let desk = client.worker().desk();
        desk.cookie((pool, *session), secure)
    }

    /// How far the client's body has come, if it has one.
    pub(crate) const fn progress(&self) -> Option<&Rc<Progress>> {
        self.upload.as_ref()
    }

    /// What the client would rather be answered in.
    pub(crate) fn accept(&self) -> Option<&HeaderValue> {
        self.head.headers.get(ACCEPT)
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
            let Some(body) = self.body.take() else {
                break;
            };
            let desk = self.downstream.worker().desk();
            let mut picked = match desk.claim(self.route_key(), &self.tried) {
                Ok(picked) => picked,
                Err(unpicked) => {
                    account.belongs_to(unpicked.pool);
                    return Err(failure.unwrap_or(unpicked.error));
                }
            };
            let (pool, endpoint) = (Rc::clone(&picked.pool), Rc::clone(&picked.endpoint));
            let respelt = picked.respelt.take();
            self.session = picked.session.map(|session| (Rc::clone(&pool), session));
            self.belongs_to(&pool);
            // Only the first attempt is copied: a copy of each would be as many copies of one request.
            self.mirror = picked.mirror.take().filter(|_| self.attempts == 1);
            account.attempt(picked);
            if let Some(path) = respelt {
                self.head.uri = target::with_path(&self.head.uri, path)?;
            }
            match self.attempt(body, &pool, &endpoint).await {
                Ok(answered) => {
                    if let Some(copied) = self.copied.take() {
                        copied.came(&answered);
                    }
                    return Ok(answered);
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or(ProxyError::NoReadyEndpoint))
    }

    fn route_key(&self) -> RouteKey<'_> {
        RouteKey {
            listener: self.downstream.listener().id,
            listener_name: &self.downstream.listener().name,
            traffic: self.traffic,
            host: target::host_text(self.host.as_ref()),
            path: self.head.uri.path(),
            whose: Whose {
                headers: &self.head.headers,
                client: self.downstream.client(),
                hearsay: self.hearsay(),
                point: &self.point,
            },
        }
    }

    /// It stays with this sort of traffic, and what lets it in goes no further.
    fn belongs_to(&mut self, pool: &PoolDesk) {
        self.traffic = Some(pool.traffic());
        if let Some(preview) = &pool.snapshot().spec.preview {
            preview::withhold(preview, &mut self.head.headers);
        }
    }

    /// Makes a copy, where one is wanted; only of what has no body and stays HTTP.
    fn copy(&mut self) {
        let Some(mirror) = self.mirror.take() else {
            return;
        };
        if self.upload.is_none() && self.asked.is_none() {
            self.copied = mirror::copies(&mirror, self.outgoing(), self.downstream.worker());
        }
    }

    fn set_host(&mut self, pool: &PoolDesk, endpoint: &Endpoint) {
        let host = pool.host_for(endpoint, self.host.as_ref());
        // The client's own is there from the start; only a repeated attempt may find another's.
        let is_clients = self
            .host
            .as_ref()
            .is_some_and(|own| std::ptr::eq(own, host));
        if !is_clients || self.attempts > 1 {
            self.head.headers.insert(HOST, host.clone());
        }
    }

    /// Only the routed service tells whether it wants the field.
    fn set_forwarded(&mut self, pool: &PoolDesk) {
        let told = self.hearsay();
        let wanted = pool.snapshot().spec.forwarded == ForwardedPolicy::On;
        if wanted || told.is_some_and(|told| told.has_forwarded) {
            let field = hearsay::forwarded(told, self.downstream.client(), self.host.as_ref());
            self.head.headers.insert(FORWARDED, field);
        } else if self.attempts > 1 {
            self.head.headers.remove(FORWARDED);
        }
    }

    /// What is sent of it before its body.
    fn outgoing(&self) -> Outgoing<'_> {
        let client = self.downstream.client();
        Outgoing {
            head: &self.head,
            forwarded: Some(self.origin.forwarded(client, self.host.as_ref())),
        }
    }

    fn hearsay(&self) -> Option<&'a Hearsay> {
        self.origin.hearsay()
    }

    fn may_replay(&self) -> bool {
        self.replays < MAX_REPLAYS
            && self.upload.is_none()
            && self.asked.is_none()
            && self.head.method.is_safe()
    }
}

/// Attempts for one request, those included that did not get as far as a connection.
const MAX_ATTEMPTS: usize = 8;
/// Of those: repetitions on a fresh connection after a sent request was lost.
const MAX_REPLAYS: u32 = 2;

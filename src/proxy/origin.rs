//! Where a request comes from, as far as that is known: its id, its trace, and what a trusted peer says of it.
//!
//! Owns what is believed of which peer; that is decided once per connection (`Client::trust`), so that a request of a
//! peer that nobody trusts costs no look at its fields.

use std::{net::IpAddr, rc::Rc};

use http::{HeaderValue, Request};

use super::{
    client::{Client, Trust},
    forwarded::Forwarded,
    headers::{Belief, X_REQUEST_ID},
    hearsay::Hearsay,
    trace,
};
use crate::{config::TracePolicy, telemetry::spans::Span};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The request's id.
    pub(crate) id: HeaderValue,
    hearsay: Option<Rc<Hearsay>>,
    trace: Belief,
    span: Option<Box<Span>>,
}

impl Origin {
    /// Of a request on a connection of `client`. Begins a trace if there is to be one and none came that is believed.
    pub(crate) fn of<B>(request: &mut Request<B>, client: &Client) -> Self {
        let ids = client.worker().request_ids();
        let (id, mut trace) = match client.trust() {
            Trust::Names | Trust::Everything => {
                let sent = request.headers().get(X_REQUEST_ID);
                (ids.accept_or_make(sent), Belief::Believed)
            }
            Trust::Nothing => (ids.make(), Belief::Doubted),
        };
        let traces = client.worker().traces();
        let span = traces.span(request.headers_mut(), trace);
        if span.is_some() {
            trace = Belief::Believed;
        } else if client.listener().peers.trace == TracePolicy::Create {
            let headers = request.headers_mut();
            if trace == Belief::Doubted || trace::sound(headers).is_none() {
                traces.begin(headers);
            }
            trace = Belief::Believed;
        }
        let hearsay = (client.trust() == Trust::Everything)
            .then(|| Hearsay::read(request.headers(), client.ip(), &client.listener().peers));
        let hearsay = hearsay.map(Rc::new);
        Self {
            id,
            hearsay,
            trace,
            span,
        }
    }

    /// The address of the client.
    pub(crate) fn ip(&self, client: &Client) -> IpAddr {
        let told = self.hearsay.as_ref().map(|told| told.client);
        told.unwrap_or_else(|| client.ip())
    }

    /// What is told of the way here, if the peer is believed in that.
    pub(crate) fn hearsay(&self) -> Option<&Hearsay> {
        self.hearsay.as_deref()
    }

    /// Whether a peer that is believed says that the client spoke `https`.
    pub(crate) fn came_by_https(&self) -> bool {
        let told = self.hearsay.as_deref();
        told.is_some_and(|told| told.proto.as_ref().is_some_and(|proto| proto == "https"))
    }

    /// What the client spoke, as far as that is known.
    pub(crate) fn scheme(&self, client: &Client) -> &'static str {
        if self.came_by_https() {
            "https"
        } else {
            client.scheme()
        }
    }

    /// What endpoints are told of it. `host` is the one that came with the request.
    pub(crate) fn forwarded<'a>(
        &'a self,
        client: &'a Client,
        host: Option<&'a HeaderValue>,
    ) -> Forwarded<'a> {
        let told = self.hearsay.as_deref();
        Forwarded {
            client: told.map_or(client.addr(), |told| &told.list),
            proto: told
                .and_then(|told| told.proto.as_ref())
                .unwrap_or_else(|| client.proto()),
            asked_host: told.and_then(|told| told.host.as_ref()).or(host),
            id: &self.id,
        }
    }

    /// Whether what the request says of its way here is believed.
    pub(crate) fn told(&self) -> Belief {
        match self.hearsay {
            Some(_) => Belief::Believed,
            None => Belief::Doubted,
        }
    }

    /// The span of the request, if it is to have one.
    pub(crate) fn span(&self) -> Option<Span> {
        self.span.as_deref().copied()
    }

    /// Whether the request's trace is to be passed on.
    pub(crate) const fn trace(&self) -> Belief {
        self.trace
    }
}

//! One attempt to have a request answered: a connection to one endpoint, one exchange on it, and what follows from its
//! failure.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
};

use http::Response;

use super::Outbound;
use crate::{
    core::{health::PassiveFailure, proxy_header::Introduction, service::UpstreamProtocol},
    mailbox::Report,
    proxy::{
        connections::Doubt,
        endpoint::{ConnectError, Endpoint},
        error::ProxyError,
        exchange::{Failed, Watched, exchange},
        inbound::Inbound,
        pool_desk::PoolDesk,
        upload::RequestBody,
        upstream::Upstream,
        vouched::vouch,
    },
};

impl Outbound<'_> {
    /// One attempt. If it fails and may be repeated, the body is back in `self.body`.
    pub(super) async fn attempt(
        &mut self,
        body: RequestBody,
        pool: &PoolDesk,
        endpoint: &Rc<Endpoint>,
    ) -> Result<Response<Inbound>, ProxyError> {
        let spec = &pool.snapshot().spec;
        self.downstream.adopts(&spec.timeouts);
        if let Some(upload) = &self.upload
            && !upload.fits(&body, spec.max_request_body)
        {
            return Err(ProxyError::BodyTooLarge);
        }
        self.set_host(pool, endpoint);
        self.set_forwarded(pool);
        if let Some(upload) = &self.upload
            && !spec.vouched_fields.is_empty()
        {
            upload.keeps_out(&spec.vouched_fields);
        }
        vouch(
            &mut self.head.headers,
            &spec.vouched_fields,
            self.downstream.identity(),
        );
        self.copy();
        if self.shares(spec.protocol, endpoint) {
            // In a box of its own, so that requests on connections of their own hold no room for it.
            Box::pin(self.call(body, pool, endpoint)).await
        } else {
            self.exchange(body, pool, endpoint).await
        }
    }

    /// Whether it goes by a connection that others share. An upgrade has no place in HTTP/2 as it is spoken to
    /// endpoints.
    fn shares(&self, protocol: UpstreamProtocol, endpoint: &Endpoint) -> bool {
        let connections = endpoint.connections();
        match protocol {
            UpstreamProtocol::Http1 => false,
            UpstreamProtocol::Http2 => self.asked.is_none(),
            UpstreamProtocol::Auto => {
                let now = self.downstream.worker().clock().coarse();
                self.asked.is_none() && !connections.serve_http1(now)
            }
        }
    }

    /// On a connection of its own.
    pub(super) async fn exchange(
        &mut self,
        body: RequestBody,
        pool: &PoolDesk,
        endpoint: &Rc<Endpoint>,
    ) -> Result<Response<Inbound>, ProxyError> {
        let may_replay = self.may_replay();
        let upstream = match self.take(endpoint, may_replay) {
            Some(upstream) => Ok(upstream),
            // In a box of its own: connecting is rare, and every request would carry the room for it.
            None => Box::pin(self.connect(pool, endpoint)).await,
        };
        let mut upstream = match upstream {
            Ok(upstream) => upstream,
            Err(error) => {
                self.body = Some(body);
                return Err(error);
            }
        };
        self.begins_waiting();
        match exchange(&mut upstream, (self.outgoing(), body), self.watched()).await {
            Ok(response) => Ok(response.map(|()| Inbound::Http1(upstream))),
            Err(failed) => {
                let fresh = !upstream.is_reused();
                let avoid = self.avoids(failed.error, pool, endpoint);
                if failed.error == ProxyError::Closed && fresh {
                    self.report(endpoint, PassiveFailure::Reset);
                    self.tried.push(endpoint.id());
                } else if avoid {
                    self.tried.push(endpoint.id());
                }
                Err(self.not_answered(failed, may_replay, avoid))
            }
        }
    }

    pub(super) fn watched(&self) -> Watched<'_> {
        Watched {
            downstream: &self.downstream,
            upload: self.upload.as_deref(),
            gate: self.gate.as_ref(),
        }
    }

    /// A kept connection. A replay takes no second chance with one.
    fn take(&self, endpoint: &Endpoint, may_replay: bool) -> Option<Box<Upstream>> {
        let doubt = if may_replay {
            Doubt::Accept
        } else {
            Doubt::AskKernel
        };
        let now = self.downstream.worker().clock().coarse();
        (self.replays == 0)
            .then(|| {
                let client = self.introduction(endpoint);
                endpoint.connections().take(now, doubt, client.as_ref())
            })
            .flatten()
    }

    /// Whom `endpoint` is introduced to, if it expects that.
    fn introduction(&self, endpoint: &Endpoint) -> Option<Introduction> {
        let told = self.hearsay();
        endpoint
            .is_introduced()
            .then(|| self.downstream.client().introduction(told))
    }

    /// Whether the endpoint fell silent: did not answer in time, and is not ready any more by now.
    pub(super) fn avoids(&self, error: ProxyError, pool: &PoolDesk, endpoint: &Endpoint) -> bool {
        let desk = self.downstream.worker().desk();
        error == ProxyError::ResponseTimeout && !desk.is_ready(pool.snapshot().slot, endpoint.id())
    }

    /// Opens a connection, unless the claim is cut meanwhile: not a byte was sent then, and the next attempt
    /// is another tenure's.
    async fn connect(
        &mut self,
        pool: &PoolDesk,
        endpoint: &Endpoint,
    ) -> Result<Box<Upstream>, ProxyError> {
        let client = self.introduction(endpoint);
        let mut connected = self.unless_cut(endpoint.connect(client)).await;
        if matches!(connected, Some(Err(ConnectError::Exhausted)))
            && self.downstream.worker().desk().give_up_idle()
        {
            connected = self.unless_cut(endpoint.connect(client)).await;
        }
        match connected {
            None => Err(ProxyError::CutByDeadline),
            Some(Ok(upstream)) => {
                pool.stats().connects.add(1);
                Ok(upstream)
            }
            Some(Err(error)) => Err(self.not_connected(error, pool, endpoint)),
        }
    }

    /// Waits, unless the claim is cut meanwhile.
    pub(super) async fn unless_cut<T>(&self, waiting: impl Future<Output = T>) -> Option<T> {
        self.downstream.works();
        let mut waiting = pin!(waiting);
        poll_fn(|cx| {
            if self.downstream.lifeline().cut().is_some() {
                return Poll::Ready(None);
            }
            waiting.as_mut().poll(cx).map(Some)
        })
        .await
    }

    pub(super) fn begins_waiting(&self) {
        match (&self.upload, &self.gate) {
            (None, _) => self.downstream.expects_response(),
            (Some(_), Some(_)) => self.downstream.expects_continue(),
            (Some(_), None) => {
                self.downstream.expects_response();
                self.downstream.expects_progress();
            }
        }
    }

    pub(super) fn not_connected(
        &mut self,
        error: ConnectError,
        pool: &PoolDesk,
        endpoint: &Endpoint,
    ) -> ProxyError {
        let (failure, passive, error) = error.consequences();
        endpoint.connections().forget_http1();
        pool.stats().connect_failures[failure as usize].add(1);
        if let Some(passive) = passive {
            self.report(endpoint, passive);
        }
        self.tried.push(endpoint.id());
        error
    }

    /// A response that does not come in time is an answer of sorts while its endpoint is sound: asking another
    /// one would double the load of a service that is merely slow. Of one that `fell_silent`, none will come.
    pub(super) fn not_answered(
        &mut self,
        failed: Failed,
        may_replay: bool,
        fell_silent: bool,
    ) -> ProxyError {
        let lost = failed.error == ProxyError::Closed || fell_silent;
        self.body = match failed.unsent {
            Some(unsent) => Some(unsent),
            None => (may_replay && lost).then_some(RequestBody::Empty),
        };
        self.replays += u32::from(self.body.is_some());
        failed.error
    }

    pub(super) fn report(&self, endpoint: &Endpoint, failure: PassiveFailure) {
        self.downstream
            .worker()
            .report(Report::Failed(endpoint.id(), failure));
    }
}

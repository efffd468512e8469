//! An attempt on a connection that many requests share: HTTP/2 towards the endpoint.

use std::rc::Rc;

use http::Response;

use super::Outbound;
use crate::{
    core::health::PassiveFailure,
    proxy::{
        desk::ServiceDesk,
        endpoint::Endpoint,
        error::ProxyError,
        exchange::Failed,
        inbound::Inbound,
        trunk::{Place, Room, call},
        upload::RequestBody,
    },
};

impl Outbound {
    /// On a trunk. Whether it may be sent again, the endpoint says itself, whatever the method: where it says nothing,
    /// the same holds as on a connection of its own.
    pub(super) async fn call(
        &mut self,
        body: RequestBody,
        service: &ServiceDesk,
        endpoint: &Rc<Endpoint>,
    ) -> Result<Response<Inbound>, ProxyError> {
        let place = match self.place(service, endpoint).await {
            Ok(place) => place,
            Err(error) => {
                self.body = Some(body);
                return Err(error);
            }
        };
        let fresh = !place.has_answered();
        self.begins_waiting();
        match call(place, (&self.head, body), self.watched()).await {
            Ok(response) => Ok(response.map(|it| Inbound::Http2(Box::new(it)))),
            Err(failed) => Err(self.not_called(failed, (service, endpoint, fresh))),
        }
    }

    fn not_called(
        &mut self,
        failed: Failed,
        (service, endpoint, fresh): (&ServiceDesk, &Endpoint, bool),
    ) -> ProxyError {
        let avoid = self.avoids(failed.error, service, endpoint);
        if failed.unsent.is_none() && failed.error == ProxyError::Closed && fresh {
            self.report(endpoint, PassiveFailure::Reset);
            self.tried.push(endpoint.id());
        } else if avoid {
            self.tried.push(endpoint.id());
        }
        let may_replay = self.may_replay();
        self.not_answered(failed, may_replay, avoid)
    }

    /// A place on a trunk, of which another is opened where the known ones are full.
    async fn place(
        &mut self,
        service: &ServiceDesk,
        endpoint: &Rc<Endpoint>,
    ) -> Result<Place, ProxyError> {
        for _ in 0..OPENINGS {
            let trunks = endpoint.connections().trunks();
            match trunks.room(self.downstream.worker()) {
                Room::Place(place) => return Ok(place),
                Room::Full => break,
                Room::Open => {}
            }
            let dial = || Endpoint::dial(Rc::clone(endpoint));
            let patience = service.snapshot().spec.timeouts.connect;
            let opening = trunks.open(self.downstream.worker(), (dial, patience));
            match self.unless_cut(opening).await {
                None => return Err(ProxyError::CutByDeadline),
                Some(Ok(true)) => service.stats().connects.add(1),
                Some(Ok(false)) => {}
                Some(Err(error)) => return Err(self.not_connected(error, service, endpoint)),
            }
        }
        self.tried.push(endpoint.id());
        Err(ProxyError::Crowded)
    }
}

/// Trunks that one request waits for: others may be faster to fill them.
const OPENINGS: usize = 8;

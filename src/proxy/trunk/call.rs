//! One request and its response on a trunk.
//!
//! Owns what may be sent again: only h2 knows whether an endpoint has looked at a call (invariant 8). Must not pick or
//! count. Dropping it resets what is left of it, both ways.

use std::{
    future::{Future as _, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, client::ResponseFuture};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, Uri, Version, header, uri};
use http_body::{Body as _, Frame};

use super::{
    piping::{Carrier, Piped, Piping},
    trunk::NotBegun,
    trunks::Place,
};
use crate::core::routing::Unclear;
use crate::proxy::{
    body::BodyError,
    downstream::Downstream,
    error::ProxyError,
    exchange::{Failed, Watched, cut, expired, gives_up, judged},
    outbound::Outgoing,
    protocol::http1::broken::Broken,
    upload::RequestBody,
};

/// A call whose response has begun.
#[derive(Debug)]
pub(crate) struct Call {
    incoming: RecvStream,
    carrier: Carrier,
    _place: Place,
}

/// Sends a request and waits for the head of the response.
pub(crate) async fn call(
    place: Place,
    (outgoing, body): (Outgoing<'_>, RequestBody),
    watched: Watched<'_>,
) -> Result<Response<Call>, Failed> {
    let mut calling = Calling::begin(place, outgoing, body)?;
    poll_fn(|cx| calling.poll(cx, watched)).await?;
    calling.end(watched)
}

/// A call that is not answered yet.
struct Calling {
    place: Place,
    response: ResponseFuture,
    piping: Option<Piping>,
    answer: Option<Response<RecvStream>>,
}

impl Calling {
    fn begin(place: Place, outgoing: Outgoing<'_>, body: RequestBody) -> Result<Self, Failed> {
        let Some(sent) = of_http_2(outgoing, place.trunk.scheme()) else {
            return Err(Failed::from(ProxyError::Unclear(Unclear::Host)));
        };
        match place.trunk.begin_call(sent, body.is_end_stream()) {
            Ok((response, stream)) => Ok(Self {
                place,
                response,
                piping: (!body.is_end_stream()).then(|| Piping::new(body, stream)),
                answer: None,
            }),
            Err(NotBegun::NoRoom) => Err(Failed {
                error: ProxyError::Crowded,
                unsent: Some(body),
            }),
            Err(NotBegun::Malformed) => Err(Failed::from(ProxyError::Unclear(Unclear::Host))),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, watched: Watched<'_>) -> Poll<Result<(), Failed>> {
        loop {
            if let Some(ending) = watched.downstream.lifeline().cut() {
                return Poll::Ready(Err(cut(ending).into()));
            }
            if self.poll_piping(cx, watched) == Poll::Ready(Piped::Broken) {
                return Poll::Ready(Err(judged(Broken::Request, watched.upload).into()));
            }
            if self.poll_interim(cx, watched) {
                continue;
            }
            match Pin::new(&mut self.response).poll(cx) {
                Poll::Ready(Ok(answer)) => {
                    self.place.trunk.answers();
                    self.answer = Some(answer);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.failed(&error, watched))),
                Poll::Pending => {}
            }
            if let Some(error) = gives_up(watched.downstream) {
                return Poll::Ready(Err(error.into()));
            }
            if !watched.downstream.has_expired() {
                return Poll::Pending;
            }
            match watched.gate {
                // See `exchange`.
                Some(gate) if !gate.is_open() => {
                    gate.open();
                    watched.downstream.expects_progress();
                }
                Some(_) | None => return Poll::Ready(Err(expired(watched).into())),
            }
        }
    }

    fn poll_piping(&mut self, cx: &mut Context<'_>, watched: Watched<'_>) -> Poll<Piped> {
        let Some(piping) = &mut self.piping else {
            return Poll::Pending;
        };
        let piped = ready!(piping.poll(cx, watched.downstream));
        self.piping = None;
        Poll::Ready(piped)
    }

    /// Whether the endpoint has just said that it wants the body.
    fn poll_interim(&mut self, cx: &mut Context<'_>, watched: Watched<'_>) -> bool {
        let Some(gate) = watched.gate.filter(|gate| !gate.is_open()) else {
            return false;
        };
        match self.response.poll_informational(cx) {
            Poll::Ready(Some(Ok(interim))) if interim.status() == StatusCode::CONTINUE => {
                gate.open();
                true
            }
            Poll::Ready(Some(Ok(_))) => true,
            Poll::Ready(Some(Err(_)) | None) | Poll::Pending => false,
        }
    }

    /// What to make of an error, and of the request where the endpoint has not looked at it.
    fn failed(&mut self, error: &h2::Error, watched: Watched<'_>) -> Failed {
        if error.is_go_away() {
            self.place.trunk.leave();
        } else if error.reason() == Some(Reason::REFUSED_STREAM) {
            self.place.trunk.refuses();
        }
        let unsent = is_unprocessed(error).then(|| match self.piping.take() {
            Some(piping) => piping.into_unsent(),
            // Of one that was sent whole, nothing is left to be sent again.
            None => watched.upload.is_none().then_some(RequestBody::Empty),
        });
        let error = if error.is_library() {
            ProxyError::Malformed
        } else if error.is_reset() {
            ProxyError::StreamReset
        } else {
            ProxyError::Closed
        };
        let unsent = unsent.flatten();
        Failed { error, unsent }
    }

    fn end(self, watched: Watched<'_>) -> Result<Response<Call>, Failed> {
        let Some(answer) = self.answer else {
            return Err(Failed::from(ProxyError::Closed));
        };
        let carrier = Carrier::new(self.piping);
        watched.downstream.carries(carrier.clone());
        let place = self.place;
        Ok(answer.map(|incoming| Call {
            incoming,
            carrier,
            _place: place,
        }))
    }
}

impl Call {
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        downstream: &Downstream,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.carrier.drive(cx, downstream) {
            return Poll::Ready(Some(Err(BodyError("the request was broken off".into()))));
        }
        match ready!(self.incoming.poll_data(cx)) {
            Some(Ok(bytes)) => {
                // Handed on is taken: what waits for the client is bounded on its side. It cannot be more than came.
                let _ = self.incoming.flow_control().release_capacity(bytes.len());
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(BodyError(Box::new(error))))),
            None => self.poll_trailers(cx),
        }
    }

    fn poll_trailers(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(match ready!(self.incoming.poll_trailers(cx)) {
            Ok(Some(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Ok(None) => None,
            Err(error) => Some(Err(BodyError(Box::new(error)))),
        })
    }

    /// Whether nothing more will come.
    pub(crate) fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.carrier.drop_off();
    }
}

/// Whether the endpoint says that it has not looked at the call (RFC 9113 section 8.7): by `REFUSED_STREAM`, or by a
/// `GOAWAY` that counts only earlier ones, which is the only kind of `GOAWAY` that h2 fails a call with.
fn is_unprocessed(error: &h2::Error) -> bool {
    error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM))
}

/// The head of a request as HTTP/2 has it: no fields of one connection, the `Host` as authority.
fn of_http_2(outgoing: Outgoing<'_>, scheme: uri::Scheme) -> Option<Request<()>> {
    let head = outgoing.head;
    let mut parts = uri::Parts::default();
    let host = head.headers.get(header::HOST)?;
    parts.scheme = Some(scheme);
    parts.authority = Some(uri::Authority::try_from(host.as_bytes()).ok()?);
    parts.path_and_query = head.uri.path_and_query().cloned();
    let mut request = Request::new(());
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    *request.version_mut() = Version::HTTP_2;
    let mut fields = fields_of_http_2(&head.headers);
    if let Some(forwarded) = outgoing.forwarded {
        forwarded.add_to(&mut fields);
    }
    *request.headers_mut() = fields;
    Some(request)
}

fn fields_of_http_2(headers: &HeaderMap) -> HeaderMap {
    const OF_HTTP_1: [HeaderName; 4] = [
        header::HOST,
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    let mut fields = headers.clone();
    for name in OF_HTTP_1 {
        fields.remove(name);
    }
    fields
}

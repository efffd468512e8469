//! One question over HTTP/2, on a fresh connection, for the kinds of probe that need it.
//!
//! Owns the exchange; must not judge the answer. The connection is driven by the probe's own future, so that dropping
//! the probe closes the socket.

use std::{io, pin::pin};

use bytes::Bytes;
use h2::{RecvStream, client::SendRequest};
use http::{HeaderMap, Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

use super::failure::ProbeFailure;
use crate::core::service::PROBE_BODY_LIMIT;

/// What was answered.
#[derive(Debug)]
pub(in crate::control) struct Answer {
    pub(in crate::control) status: StatusCode,
    pub(in crate::control) headers: HeaderMap,
    /// As much of the body as was wanted, [`PROBE_BODY_LIMIT`] bytes at most.
    pub(in crate::control) body: Vec<u8>,
    pub(in crate::control) trailers: HeaderMap,
}

/// A question, and when enough of the answer's body has come.
pub(in crate::control) struct Question<F> {
    pub(in crate::control) head: Request<()>,
    pub(in crate::control) body: Bytes,
    pub(in crate::control) enough: F,
}

impl<F: Fn(&[u8]) -> bool + Send> Question<F> {
    /// Asks on `stream`.
    pub(in crate::control) async fn ask<S>(self, stream: S) -> Result<Answer, ProbeFailure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut builder = h2::client::Builder::new();
        builder.enable_push(false).max_header_list_size(HEAD_LIMIT);
        let (sender, connection) = builder.handshake(stream).await.map_err(failure)?;
        let driven = async {
            // Its errors reach the exchange, too; and what it has read may outlive it.
            let _ = connection.await;
            std::future::pending().await
        };
        let (exchange, driven) = (pin!(self.exchange(sender)), pin!(driven));
        tokio::select! {
            answer = exchange => answer,
            answer = driven => answer,
        }
    }

    async fn exchange(self, sender: SendRequest<Bytes>) -> Result<Answer, ProbeFailure> {
        let mut sender = sender.ready().await.map_err(failure)?;
        let is_whole = self.body.is_empty();
        let (response, mut sending) = sender.send_request(self.head, is_whole).map_err(failure)?;
        if !is_whole {
            sending.send_data(self.body, true).map_err(failure)?;
        }
        let (head, incoming) = response.await.map_err(failure)?.into_parts();
        let (body, trailers) = read(incoming, self.enough).await?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            trailers,
        })
    }
}

async fn read(
    mut incoming: RecvStream,
    enough: impl Fn(&[u8]) -> bool,
) -> Result<(Vec<u8>, HeaderMap), ProbeFailure> {
    let mut body = Vec::new();
    while body.len() < PROBE_BODY_LIMIT && !enough(&body) {
        let Some(data) = incoming.data().await else {
            let trailers = incoming.trailers().await.map_err(failure)?;
            return Ok((body, trailers.unwrap_or_default()));
        };
        let data = data.map_err(failure)?;
        // It cannot be more than came.
        let _ = incoming.flow_control().release_capacity(data.len());
        let room = PROBE_BODY_LIMIT - body.len();
        body.extend_from_slice(&data[..data.len().min(room)]);
    }
    Ok((body, HeaderMap::new()))
}

fn failure(error: h2::Error) -> ProbeFailure {
    match error.get_io().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => ProbeFailure::Reset,
        Some(_) => ProbeFailure::Closed,
        None if error.is_remote() => {
            ProbeFailure::Refused(error.reason().map_or("unknown", h2_name).to_owned())
        }
        None => ProbeFailure::NotHttp2,
    }
}

/// The name of an error code (RFC 9113 section 7).
fn h2_name(reason: h2::Reason) -> &'static str {
    match u32::from(reason) {
        0x0 => "NO_ERROR",
        0x1 => "PROTOCOL_ERROR",
        0x2 => "INTERNAL_ERROR",
        0x3 => "FLOW_CONTROL_ERROR",
        0x7 => "REFUSED_STREAM",
        0x8 => "CANCEL",
        0xb => "ENHANCE_YOUR_CALM",
        0xd => "HTTP_1_1_REQUIRED",
        _ => "another code",
    }
}

/// Largest answer head, as HTTP/2 counts it.
const HEAD_LIMIT: u32 = 64 * 1024;

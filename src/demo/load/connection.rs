//! One client's kept-alive connection.
//!
//! Owns the socket and when it is opened again; must not judge answers. A connection that ends between two
//! requests is opened again, as every client does; one that ends after a request had left is a failure, and
//! nothing is ever sent twice, because a load that retries would hide what it is there to find.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::{body::Incoming, client::conn::http1, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::ledger::{Failure, Ledger};

/// Where a load goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `host:port` of the listener.
    pub addr: String,
    /// The `Host` field.
    pub host: HeaderValue,
}

impl Target {
    /// A target from `http://host:port` or `host:port`; nothing if it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("http://").unwrap_or(text);
        let addr = text.strip_suffix('/').unwrap_or(text);
        let authority = addr.parse::<http::uri::Authority>().ok()?;
        Some(Self {
            addr: match authority.port_u16() {
                Some(_) => addr.to_owned(),
                None => format!("{addr}:80"),
            },
            host: HeaderValue::try_from(addr).ok()?,
        })
    }
}

/// A kept-alive connection to a target, opened when it is needed.
#[derive(Debug)]
pub(super) struct Connection {
    target: Target,
    ledger: Arc<Ledger>,
    sender: Option<http1::SendRequest<UnsyncBoxBody<Bytes, Infallible>>>,
}

impl Connection {
    pub(super) const fn new(target: Target, ledger: Arc<Ledger>) -> Self {
        Self {
            target,
            ledger,
            sender: None,
        }
    }

    /// Sends one request under this id and gives the head of its answer.
    pub(super) async fn send(
        &mut self,
        id: &str,
        mut req: Request<UnsyncBoxBody<Bytes, Infallible>>,
    ) -> Result<Response<Incoming>, Failure> {
        let fields = req.headers_mut();
        fields.insert(header::HOST, self.target.host.clone());
        if let Ok(id) = HeaderValue::try_from(id) {
            fields.insert(REQUEST_ID, id);
        }
        for _ in 0..CONNECTS_LIMIT {
            let mut sender = self.ready().await?;
            match sender.try_send_request(req).await {
                Ok(res) => {
                    self.sender = Some(sender);
                    return Ok(res);
                }
                // Only what was never written comes back.
                Err(mut unsent) => match unsent.take_message() {
                    Some(message) => {
                        self.ledger.reconnected();
                        req = message;
                    }
                    None => return Err(cut(&unsent.into_error())),
                },
            }
        }
        Err(Failure::Connect(
            "every connection ended at once".to_owned(),
        ))
    }

    /// Lets the socket go; the next request opens another.
    pub(super) fn close(&mut self) {
        self.sender = None;
    }

    /// Waits until the last answer is wholly behind the connection; a connection that its answer has closed
    /// is let go.
    async fn ready(
        &mut self,
    ) -> Result<http1::SendRequest<UnsyncBoxBody<Bytes, Infallible>>, Failure> {
        if let Some(mut sender) = self.sender.take() {
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
            self.ledger.reconnected();
        }
        let connect = |error: &dyn std::error::Error| Failure::Connect(error.to_string());
        let stream = TcpStream::connect(&self.target.addr).await;
        let stream = stream.map_err(|error| connect(&error))?;
        // Only a delay is lost where it cannot be set.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| connect(&error))?;
        // Ends with the sender or the socket; its error reaches the request that it hits.
        tokio::spawn(connection.with_upgrades());
        Ok(sender)
    }
}

/// The session that a 101 has promised.
pub(super) async fn upgraded(res: &mut Response<Incoming>) -> Result<TokioIo<Upgraded>, Failure> {
    match hyper::upgrade::on(res).await {
        Ok(session) => Ok(TokioIo::new(session)),
        Err(error) => Err(cut(&error)),
    }
}

/// A broken connection with the chain of its reasons.
pub(super) fn cut(error: &dyn std::error::Error) -> Failure {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    Failure::Cut(text)
}

/// Connections tried for one request, while none of its bytes has left.
const CONNECTS_LIMIT: usize = 4;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_address_with_or_without_scheme() {
        let target = Target::parse("http://shop.example.com:8080/").unwrap();
        assert_eq!(target.addr, "shop.example.com:8080");
        assert_eq!(target.host, "shop.example.com:8080");
        assert_eq!(Target::parse("127.0.0.1").unwrap().addr, "127.0.0.1:80");
        assert_eq!(Target::parse("https://a b"), None);
    }
}

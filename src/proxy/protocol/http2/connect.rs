//! A WebSocket that is asked for on an HTTP/2 stream (RFC 8441), over an upgraded HTTP/1 connection to the endpoint.
//!
//! Owns the translation of the two handshakes into each other; the bytes are the tunnel's.

use std::rc::Rc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;

use super::head::WEBSOCKET;
use crate::proxy::{
    body::ResponseBody,
    downstream::Downstream,
    tunnel::{ClientHalf, Tunnel},
    websocket::Key,
};

/// A WebSocket that is not open yet.
#[derive(Debug)]
pub(super) struct Handshake(OnUpgrade);

impl Handshake {
    /// Makes the client's `CONNECT` the request that HTTP/1 has for it.
    pub(super) fn begin<B>(request: &mut Request<B>, key: &Key) -> Option<Self> {
        *request.method_mut() = Method::GET;
        let headers = request.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
        // Base64 is always a sound field value.
        if let Ok(key) = HeaderValue::from_str(key.as_str()) {
            headers.insert(SEC_WEBSOCKET_KEY, key);
        }
        headers
            .entry(SEC_WEBSOCKET_VERSION)
            .or_insert(HeaderValue::from_static("13"));
        request.extensions_mut().remove::<OnUpgrade>().map(Self)
    }

    /// Makes what HTTP/1 answers what the client is told. If a tunnel was agreed on, it begins once that is said.
    pub(super) fn end(
        self,
        mut answer: Response<ResponseBody>,
        downstream: &Rc<Downstream>,
    ) -> Response<ResponseBody> {
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return answer;
        }
        *answer.status_mut() = StatusCode::OK;
        forget_upgrade(answer.headers_mut());
        if let Some(tunnel) = downstream.take_tunnel() {
            spawn_local(run(tunnel, self.0));
        }
        answer
    }
}

fn forget_upgrade(headers: &mut HeaderMap) {
    const OF_HTTP_1: [HeaderName; 3] = [CONNECTION, UPGRADE, SEC_WEBSOCKET_ACCEPT];
    for name in OF_HTTP_1 {
        headers.remove(name);
    }
}

/// Ends without a word if the stream was reset before the client was answered; the tunnel's account knows.
async fn run(tunnel: Box<Tunnel>, opened: OnUpgrade) {
    if let Ok(socket) = opened.await {
        let client = ClientHalf {
            socket: TokioIo::new(socket),
            early: [Bytes::new(), Bytes::new()],
        };
        tunnel.run(client).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_becomes_an_upgrade() {
        let mut request = Request::connect("/ws")
            .header("sec-websocket-protocol", "chat")
            .body(())
            .unwrap();
        let key = Key::random();
        assert!(
            Handshake::begin(&mut request, &key).is_none(),
            "no stream can be had of this one"
        );
        assert_eq!(request.method(), Method::GET);
        let headers = request.headers();
        assert_eq!(headers["upgrade"], "websocket");
        assert_eq!(headers["sec-websocket-key"], key.as_str());
        assert_eq!(headers["sec-websocket-version"], "13");
        assert_eq!(headers["sec-websocket-protocol"], "chat");
    }
}

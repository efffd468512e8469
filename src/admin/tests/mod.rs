//! The admin API from outside: a real server, a plain HTTP client, a controller that answers by heart.

mod access;
mod bounds;
mod calls;
mod events;
mod leave;
mod lifecycle;
mod openapi;
mod page;
mod problems;

use std::net::SocketAddr;

use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::rig::Rig;

/// An answer, read to its end.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }
}

impl Rig {
    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &[], "").await
    }

    /// Calls with a JSON body, if any.
    async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut req = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            req = req.header("host", self.addr().to_string());
        }
        if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
            req = req.header("content-type", "application/json");
        }
        for (name, value) in headers {
            req = req.header(*name, *value);
        }
        send(self.addr(), req.body(Full::from(body.to_owned())).unwrap()).await
    }
}

async fn send(addr: SocketAddr, req: Request<Full<axum::body::Bytes>>) -> Answer {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (head, body) = sender
        .send_request(req)
        .await
        .map(Response::into_parts)
        .unwrap();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: head.status,
        headers: head.headers,
        text: String::from_utf8(body.to_vec()).unwrap(),
    }
}

const SWITCH: &str = "/v1/services/shop/switch";
const ROLLBACK: &str = "/v1/services/shop/rollback";
const ENDPOINT: &str = "/v1/services/shop/pools/green/endpoints/10.0.0.9:8080";
const TO_GREEN: &str = r#"{"to":"green"}"#;

//! Calls to cutover's admin side.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Switches a service, and waits until that is committed; the answer.
pub(crate) async fn switch(admin: SocketAddr, service: &str, to: &str) -> serde_json::Value {
    let body = format!("{{\"to\": \"{to}\", \"wait\": \"committed\"}}");
    post(admin, &format!("/v1/services/{service}/switch"), &body).await
}

/// A call, and the JSON of its answer.
pub(crate) async fn post(admin: SocketAddr, path: &str, body: &str) -> serde_json::Value {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(admin).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

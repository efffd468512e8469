//! The endpoint of gRPC: HTTP/2 in the clear, answers each call with one message and a status.

use std::net::Ipv4Addr;

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Listens on two loopback addresses; ended when dropped.
pub(crate) struct Calls {
    pub(crate) port: u16,
    _listeners: JoinSet<()>,
}

impl Calls {
    pub(crate) async fn start() -> Self {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let second = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port)).await;
        let listeners = [first, second.unwrap()].map(accept).into_iter().collect();
        Self {
            port,
            _listeners: listeners,
        }
    }
}

async fn accept(listener: TcpListener) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move { drop(serve(stream).await) });
        }
    }
}

async fn serve(stream: TcpStream) -> Result<(), h2::Error> {
    stream
        .set_nodelay(true)
        .map_err(|_| h2::Reason::INTERNAL_ERROR)?;
    let mut builder = h2::server::Builder::new();
    let mut connection = builder
        .max_concurrent_streams(STREAMS)
        .handshake::<_, Bytes>(stream)
        .await?;
    while let Some(call) = connection.accept().await {
        let (request, response) = call?;
        tokio::spawn(async move { drop(answer(request, response).await) });
    }
    Ok(())
}

async fn answer(
    request: Request<h2::RecvStream>,
    mut response: SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let mut body = request.into_body();
    while let Some(piece) = body.data().await {
        body.flow_control().release_capacity(piece?.len())?;
    }
    let head = Response::builder().header("content-type", "application/grpc");
    let head = head.body(()).map_err(|_| h2::Reason::INTERNAL_ERROR)?;
    let mut stream = response.send_response(head, false)?;
    stream.send_data(Bytes::from_static(MESSAGE), false)?;
    let status = [("grpc-status", "0"), ("grpc-message", "")];
    let trailers =
        status.map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
    stream.send_trailers(HeaderMap::from_iter(trailers))
}

/// A message of 61 bytes behind the five that say so.
pub(crate) const MESSAGE: &[u8; 66] =
    b"\0\0\0\0\x3d\x0a\x3ba message as small services send them, of sixty bytes or so";

/// More than anybody here asks for at once.
const STREAMS: u32 = 1024;

//! Load over HTTP/2: a few connections, each with many requests at once; plain ones, or calls of gRPC.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Method, Request};
use tokio::time::sleep;

use crate::{calls::MESSAGE, door::connect, load::Load};

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Plain,
    Call,
}

/// So many connections with so many streams each.
pub(crate) fn load(addr: SocketAddr, kind: Kind, connections: usize, streams: usize) -> Load {
    let mut load = Load::default();
    for _ in 0..connections {
        let tally = Arc::clone(&load.tally);
        load.clients.spawn(async move {
            loop {
                // Whatever ends the connection ends its streams, and is counted by them.
                if let Ok(client) = open(addr).await {
                    let many = (0..streams).map(|_| {
                        let (mut client, tally) = (client.clone(), Arc::clone(&tally));
                        async move {
                            loop {
                                let is_done = ask(&mut client, kind).await.is_ok();
                                tally.counts(is_done);
                                if !is_done {
                                    break;
                                }
                            }
                        }
                    });
                    futures_util::future::join_all(many).await;
                } else {
                    tally.counts(false);
                }
                sleep(Duration::from_millis(10)).await;
            }
        });
    }
    load
}

/// A connection, driven until nobody has it any more.
pub(crate) async fn open(addr: SocketAddr) -> Result<SendRequest<Bytes>, h2::Error> {
    let stream = connect(addr).await.map_err(|_| h2::Reason::CONNECT_ERROR)?;
    let (client, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// One request, to the end of its answer.
pub(crate) async fn ask(client: &mut SendRequest<Bytes>, kind: Kind) -> Result<(), h2::Error> {
    futures_util::future::poll_fn(|context| client.poll_ready(context)).await?;
    let request = Request::builder();
    let (request, is_call) = match kind {
        Kind::Plain => (
            request.uri("http://shop.example.com/items/1234567890"),
            false,
        ),
        Kind::Call => {
            let request = request
                .method(Method::POST)
                .uri("http://shop.example.com/bench.Echo/Say");
            let request = request.header("content-type", "application/grpc");
            (request.header("te", "trailers"), true)
        }
    };
    let request = request.header("user-agent", "compare").body(()).unwrap();
    let (response, mut sending) = client.send_request(request, !is_call)?;
    if is_call {
        sending.send_data(Bytes::from_static(MESSAGE), true)?;
    }
    let response = response.await?;
    let is_fine = response.status() == 200;
    let mut body = response.into_body();
    while let Some(piece) = body.data().await {
        body.flow_control().release_capacity(piece?.len())?;
    }
    let status = body.trailers().await?;
    let is_told = status.is_some_and(|it| it.get("grpc-status").is_some_and(|it| it == "0"));
    if is_fine && is_told == is_call {
        Ok(())
    } else {
        Err(h2::Reason::PROTOCOL_ERROR.into())
    }
}

//! Clients of HTTP/2 that check every byte and tell a [`Witness`] what they saw: what [`load`](super::load) is on
//! connections of their own, on connections that requests of every kind share.
//!
//! A connection is opened once. One that ends, or one stream on it that is reset, fails the test.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use cutover::core::ids::Colour;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    pattern, soon,
    streams::{Body, Pieces, Streams, get, grpc, piece, read, request},
    witness::{Kind, Sight, Witness},
};

/// Clients at work.
pub(crate) struct StreamLoad {
    witness: Arc<Witness>,
    stop: CancellationToken,
    clients: JoinSet<()>,
    connections: Vec<Arc<Streams>>,
}

/// Whether calls of gRPC are among the requests. Who answers must speak HTTP/2 then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calls {
    Made,
    NotMade,
}

impl StreamLoad {
    /// Opens connections to `addr`, where endpoints named by their colour answer, and shares each among requests of every
    /// kind.
    pub(crate) async fn start(addr: SocketAddr, calls: Calls) -> Self {
        let mut load = Self {
            witness: Arc::default(),
            stop: CancellationToken::new(),
            clients: JoinSet::new(),
            connections: Vec::new(),
        };
        for number in 0..CONNECTIONS {
            let streams = Arc::new(Streams::connect(addr).await);
            load.connections.push(Arc::clone(&streams));
            for kind in KINDS
                .into_iter()
                .filter(|kind| *kind != Kind::Tunnel || calls == Calls::Made)
            {
                let client = Client {
                    streams: Arc::clone(&streams),
                    kind,
                    witness: Arc::clone(&load.witness),
                };
                load.clients.spawn(client.run(number, load.stop.clone()));
            }
        }
        load
    }

    pub(crate) const fn witness(&self) -> &Arc<Witness> {
        &self.witness
    }

    /// Begins nothing new, waits for what was begun, and fails if anything had failed.
    pub(crate) async fn stop(mut self) -> Arc<Witness> {
        self.stop.cancel();
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        assert!(
            self.connections.iter().all(|it| it.is_open()),
            "a connection was given up"
        );
        self.witness
    }

    /// Fails at once if a client has.
    pub(crate) fn is_well(&mut self) {
        if let Some(ended) = self.clients.try_join_next() {
            ended.unwrap();
            panic!("a client has stopped");
        }
    }
}

struct Client {
    streams: Arc<Streams>,
    kind: Kind,
    witness: Arc<Witness>,
}

impl Client {
    async fn run(self, mut turn: usize, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let began = Instant::now();
            let seen = match self.kind {
                Kind::Get => self.fetch(turn).await,
                Kind::Post => self.upload(turn).await,
                Kind::Stream => self.stream(began).await,
                Kind::Tunnel => self.call(turn).await,
            };
            self.witness.sees(Sight {
                kind: self.kind,
                colour: seen.colour,
                began,
                answered: seen.answered,
                surely_until: seen.surely_until.unwrap_or(began),
                ended: Instant::now(),
            });
            turn += 1;
            sleep(PACE).await;
        }
    }

    async fn fetch(&self, turn: usize) -> Seen {
        let length = 1 + 97 * (turn % 40);
        let (seen, answer) = self.answered(get(&format!("/bytes/{length}"))).await;
        assert_eq!(read(answer).await.unwrap().body, pattern(length));
        seen
    }

    async fn upload(&self, turn: usize) -> Seen {
        let (pieces, body) = Pieces::new();
        let length = 1 + 991 * (turn % 17);
        let sent = pattern(length);
        let feeding = async {
            for piece in sent.chunks(4096) {
                pieces.send(piece.to_vec()).await;
            }
            drop(pieces);
        };
        let upload = request("POST", "/echo").body(body).unwrap();
        let ((seen, answer), ()) = tokio::join!(self.answered(upload), feeding);
        assert_eq!(read(answer).await.unwrap().body, sent);
        seen
    }

    async fn stream(&self, began: Instant) -> Seen {
        let lasts = STREAM.as_millis();
        let (seen, answer) = self.answered(get(&format!("/stream/{lasts}"))).await;
        let lines = (0..lasts / PAUSE.as_millis()).map(|line| format!("line {line}\n"));
        assert_eq!(
            read(answer).await.unwrap().text(),
            lines.collect::<String>()
        );
        let surely_until = Some(began + STREAM);
        Seen {
            surely_until,
            ..seen
        }
    }

    /// A bidirectional call, which asks and hears the answer before it asks again.
    async fn call(&self, turn: usize) -> Seen {
        let (pieces, body) = Pieces::new();
        let (seen, mut answer) = self.answered(grpc("/call", body)).await;
        for number in 0..10 + turn % 20 {
            let message = format!("{turn}: {number}");
            pieces.send(message.clone()).await;
            let heard = piece(answer.body_mut())
                .await
                .expect("the call has ended")
                .unwrap();
            assert_eq!(heard, message);
            sleep(PAUSE).await;
        }
        let surely_until = Some(Instant::now());
        drop(pieces);
        assert_eq!(
            read(answer).await.unwrap().trailer("grpc-status"),
            Some("0")
        );
        Seen {
            surely_until,
            ..seen
        }
    }

    /// Sends a request and waits for the head of a good answer.
    async fn answered(&self, request: Request<Body>) -> (Seen, Response<Incoming>) {
        let answer = soon("the head of an answer", self.streams.send(request)).await;
        let answer = answer.unwrap_or_else(|error| panic!("{:?}: {error:?}", self.kind));
        let answered = Instant::now();
        assert_eq!(answer.status(), 200, "{:?}", self.kind);
        let name = answer.headers()["x-endpoint"].to_str().unwrap();
        let seen = Seen {
            colour: name.parse().expect("it is a colour"),
            answered,
            surely_until: None,
        };
        (seen, answer)
    }
}

struct Seen {
    colour: Colour,
    answered: Instant,
    surely_until: Option<Instant>,
}

/// Connections, and what each is shared by; a call is a session, as a tunnel is.
const CONNECTIONS: usize = 3;
const KINDS: [Kind; 6] = [
    Kind::Get,
    Kind::Get,
    Kind::Post,
    Kind::Stream,
    Kind::Tunnel,
    Kind::Tunnel,
];
/// From the end of one request of a client to the begin of its next.
const PACE: Duration = Duration::from_millis(8);
const STREAM: Duration = Duration::from_secs(1);
/// Between two lines of a stream, and two messages of a call.
const PAUSE: Duration = Duration::from_millis(50);

//! Clients that check every byte and tell a [`Witness`] what they saw.
//!
//! Owns the connections. Each client keeps its connection for as long as the load lasts, or its session, and does not
//! open it again: a connection that ends under it fails the test, as a status other than the one expected does. A client
//! that tries again would hide what a load is there to find.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use cutover::core::ids::Colour;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    client::{Answer, Raw, chunked, get, post},
    pattern,
    witness::{Kind, Sight, Witness},
};

/// How many clients of each kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix {
    pub(crate) gets: usize,
    pub(crate) posts: usize,
    /// Each stream lasts [`STREAM`].
    pub(crate) streams: usize,
    pub(crate) tunnels: usize,
    /// From the begin of one GET or POST of a client to the begin of its next.
    pub(crate) pace: Duration,
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            gets: 4,
            posts: 2,
            streams: 3,
            tunnels: 3,
            pace: Duration::from_millis(8),
        }
    }
}

/// Clients at work.
pub(crate) struct Load {
    witness: Arc<Witness>,
    stop: CancellationToken,
    clients: JoinSet<()>,
}

impl Load {
    /// Sends `mix` to `addr`, where endpoints named by their colour answer.
    pub(crate) fn start(addr: SocketAddr, mix: Mix) -> Self {
        let (witness, stop) = (Arc::<Witness>::default(), CancellationToken::new());
        let mut clients = JoinSet::new();
        let kinds = [
            (Kind::Get, mix.gets),
            (Kind::Post, mix.posts),
            (Kind::Stream, mix.streams),
            (Kind::Tunnel, mix.tunnels),
        ];
        for (kind, count) in kinds {
            for number in 0..count {
                let client = Client {
                    addr,
                    kind,
                    number,
                    pace: mix.pace,
                    witness: Arc::clone(&witness),
                };
                clients.spawn(client.run(stop.clone()));
            }
        }
        Self {
            witness,
            stop,
            clients,
        }
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
    addr: SocketAddr,
    kind: Kind,
    number: usize,
    pace: Duration,
    witness: Arc<Witness>,
}

impl Client {
    async fn run(self, stop: CancellationToken) {
        let mut pace = interval(self.pace);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut connection = Raw::connect(self.addr).await;
        let mut turn = self.number;
        while !stop.is_cancelled() {
            let sight = match self.kind {
                Kind::Get => fetch(&mut connection, turn).await,
                Kind::Post => upload(&mut connection, turn).await,
                Kind::Stream => stream(&mut connection).await,
                Kind::Tunnel => {
                    let sight = converse(&mut connection, turn).await;
                    connection = Raw::connect(self.addr).await;
                    sight
                }
            };
            self.witness.sees(sight);
            turn += 1;
            pace.tick().await;
        }
    }
}

async fn fetch(connection: &mut Raw, turn: usize) -> Sight {
    let length = 1 + 97 * (turn % 40);
    let began = Instant::now();
    connection.send(get(&format!("/bytes/{length}"))).await;
    let (sight, answer) = answered(connection, Kind::Get, began).await;
    assert_eq!(answer.body, pattern(length));
    sight
}

async fn upload(connection: &mut Raw, turn: usize) -> Sight {
    let begin = turn % 1000;
    let body = pattern(begin + 1 + 991 * (turn % 17)).split_off(begin);
    let request = if turn.is_multiple_of(2) {
        post("/echo", &body)
    } else {
        let head = "POST /echo HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n";
        [head.as_bytes(), &chunked(&body, 1024)].concat()
    };
    let began = Instant::now();
    connection.send(request).await;
    let (sight, answer) = answered(connection, Kind::Post, began).await;
    assert!(
        answer.body == body,
        "{} of {} bytes came back",
        answer.body.len(),
        body.len()
    );
    sight
}

async fn stream(connection: &mut Raw) -> Sight {
    let lasts = STREAM.as_millis();
    let began = Instant::now();
    connection.send(get(&format!("/stream/{lasts}"))).await;
    let (sight, answer) = answered(connection, Kind::Stream, began).await;
    let lines = (0..lasts / LINE_PAUSE.as_millis()).map(|line| format!("line {line}\n"));
    assert_eq!(answer.text(), lines.collect::<String>());
    Sight {
        surely_until: began + STREAM,
        ..sight
    }
}

async fn converse(connection: &mut Raw, turn: usize) -> Sight {
    let began = Instant::now();
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let head = format!("GET /ws HTTP/1.1\r\nHost: shop.test\r\n{upgrade}\r\n{key}\r\n\r\n");
    connection.send(head).await;
    let head = connection.answer_head().await;
    assert_eq!(head.status, 101);
    let answered = Instant::now();
    for number in 0..10 + turn % 30 {
        let text = format!("{turn}: {number}\n");
        connection.send(&text).await;
        assert_eq!(connection.take(text.len()).await, text.as_bytes());
        sleep(LINE_PAUSE).await;
    }
    let surely_until = Instant::now();
    connection.half_close().await;
    connection.closed().await;
    Sight {
        kind: Kind::Tunnel,
        colour: colour(&head),
        began,
        answered,
        surely_until,
        ended: Instant::now(),
    }
}

/// Reads a good answer.
async fn answered(connection: &mut Raw, kind: Kind, began: Instant) -> (Sight, Answer) {
    let head = connection.answer_head().await;
    let answered = Instant::now();
    let colour = (head.status == 200).then(|| colour(&head));
    let answer = connection.body_of(head).await;
    let answer = answer.unwrap_or_else(|cut| panic!("{kind:?}: cut after {} bytes", cut.0.len()));
    let sight = Sight {
        kind,
        colour: colour.unwrap_or_else(|| panic!("{kind:?}: {:?}", answer.said())),
        began,
        answered,
        surely_until: began,
        ended: Instant::now(),
    };
    (sight, answer)
}

fn colour(head: &Answer) -> Colour {
    let name = head.field("x-endpoint").expect("an endpoint's name");
    name.parse().expect("it is a colour")
}

/// How long a stream lasts.
pub(crate) const STREAM: Duration = Duration::from_secs(3);
/// Between two lines of a stream, and two messages of a session.
const LINE_PAUSE: Duration = Duration::from_millis(50);

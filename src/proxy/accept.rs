//! Accepts connections from one listener, on one worker.
//!
//! Owns the accept loop and its end. Every worker accepts from the same socket: one of several `SO_REUSEPORT`
//! sockets, when it closes, resets whatever waits in its queue.

use std::{cell::Cell, io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use socket2::{SockFilter, SockRef};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{coop::unconstrained, spawn_local},
    time::sleep,
};

use super::{
    client::Client,
    handshake,
    introduced::Stranger,
    protocol::{self, Negotiated},
    resources::Seat,
    transport::Transport,
    worker::Worker,
};
use crate::{
    core::proxy_header::Introduction,
    machine::is_exhausted,
    mailbox::{Guest, OpenListener, Place, SocketFate},
    telemetry::limit::Limit,
};

/// Tells an accept loop to end, and learns when it has.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    asked: Notify,
    done: Notify,
    lives_on: Cell<bool>,
}

impl Stop {
    /// Ends the loop and waits for that. What waits in the queue is accepted first, unless the socket lives on:
    /// then the queue is the heir's.
    pub(crate) async fn stop(&self, fate: SocketFate) {
        self.lives_on.set(fate == SocketFate::LivesOn);
        self.asked.notify_one();
        self.done.notified().await;
    }
}

/// Accepts until told to stop.
pub(crate) async fn accept(worker: Rc<Worker>, listener: Arc<OpenListener>, stop: Rc<Stop>) {
    match Door::open(&listener) {
        Ok(door) => {
            let waiting = Cell::new(None);
            let serving = accept_all((&worker, &listener), &door, &waiting);
            tokio::select! {
                () = serving => {}
                () = stop.asked.notified() => {}
            }
            if let Some(arrived) = waiting.take() {
                let place = squeeze_in(&worker, &listener);
                begin((&worker, &listener), arrived, place);
            }
            if !stop.lives_on.get() {
                close(&worker, &listener, door).await;
            }
        }
        Err(error) => {
            tracing::error!(listener = %listener.name, %error, "listener lost");
            stop.asked.notified().await;
        }
    }
    stop.done.notify_one();
}

/// What this worker accepts from.
struct Door {
    socket: TcpListener,
    /// Where all connections end. Where the socket has every address of the machine, each has to be asked.
    end: Option<SocketAddr>,
}

impl Door {
    fn open(listener: &OpenListener) -> io::Result<Self> {
        let socket = TcpListener::from_std(listener.socket.try_clone()?)?;
        let end = socket.local_addr()?;
        Ok(Self {
            socket,
            end: (!end.ip().is_unspecified()).then_some(end),
        })
    }

    /// The next connection, and its ends. Whoever gives up waiting loses none.
    async fn accept(&self) -> io::Result<(TcpStream, Introduction)> {
        let (stream, source) = self.socket.accept().await?;
        let destination = match self.end {
            Some(end) => end,
            None => stream.local_addr()?,
        };
        let ends = Introduction {
            source,
            destination,
        };
        Ok((stream, ends))
    }
}

/// Whoever finds no place waits in `waiting`, and who comes after in the kernel's queue. A place that was taken
/// before anybody had come would be missing where somebody has.
async fn accept_all(
    (worker, listener): (&Rc<Worker>, &Arc<OpenListener>),
    door: &Door,
    waiting: &Cell<Option<Arrived>>,
) {
    loop {
        match door.accept().await {
            Ok(accepted) => {
                let Some(arrived) = welcome(worker, listener, accepted) else {
                    continue;
                };
                waiting.set(Some(arrived));
                let place = find_place(worker, listener).await;
                if let Some(arrived) = waiting.take() {
                    begin((worker, listener), arrived, place);
                }
            }
            Err(error) => {
                worker.stats().accept_failures.add(1);
                if is_exhausted(&error) {
                    wait_for_descriptors(listener).await;
                }
            }
        }
    }
}

/// Accepts what waits, then lets go. New connections are held off by a filter first, so that the queue has an
/// end: a client whose SYN is dropped tries again within a second and is then refused, or meets a successor.
async fn close(worker: &Rc<Worker>, listener: &Arc<OpenListener>, door: Door) {
    if let Err(error) = SockRef::from(&door.socket).attach_filter(&drop_new_connections()) {
        tracing::debug!(listener = %listener.name, %error, "filter not attached");
    }
    for _ in 0..CLOSE_ROUNDS {
        // Handshakes that had begun end within a round trip.
        sleep(CLOSE_PAUSE).await;
        while let Ok(Ok(accepted)) = tokio::time::timeout(Duration::ZERO, door.accept()).await {
            if let Some(arrived) = welcome(worker, listener, accepted) {
                begin((worker, listener), arrived, squeeze_in(worker, listener));
            }
        }
    }
}

/// A classic BPF program over the TCP header: drops segments with SYN and without ACK, lets all others pass.
const fn drop_new_connections() -> [SockFilter; 5] {
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const FLAGS_OFFSET: u32 = 13;
    const SYN: u32 = 0x02;
    const SYN_OR_ACK: u32 = 0x12;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS_OFFSET),
        SockFilter::new(AND, 0, 0, SYN_OR_ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
}

/// A connection that was accepted.
struct Arrived {
    stream: TcpStream,
    ends: Introduction,
    /// Nothing where the client is to be introduced.
    guest: Option<Guest>,
}

/// Judges who has come. A client that has too many connections is reset at once: an answer would cost more than the
/// connection is worth, and leave the socket behind for a minute.
fn welcome(
    worker: &Worker,
    listener: &OpenListener,
    (stream, ends): (TcpStream, Introduction),
) -> Option<Arrived> {
    let peer = ends.source.ip();
    if listener.peers.introducers.contain(peer) {
        return Some(Arrived {
            stream,
            ends,
            guest: None,
        });
    }
    let Ok(guest) = listener.welcome(peer) else {
        worker.stats().met(Limit::MaxConnectionsPerClient);
        // Where it fails, the connection is closed in the usual way.
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        return None;
    };
    Some(Arrived {
        stream,
        ends,
        guest: Some(guest),
    })
}

/// What a connection may not be served without: a place at its listener, and descriptors.
struct Admission {
    _place: Place,
    _seat: Seat,
}

async fn find_place(worker: &Worker, listener: &OpenListener) -> Admission {
    let mut told = false;
    loop {
        let full = match (listener.enter(), worker.resources().sit()) {
            (Some(_place), Some(_seat)) => return Admission { _place, _seat },
            (None, _) => Limit::MaxConnections,
            (Some(_), None) => Limit::OpenFiles,
        };
        if !std::mem::replace(&mut told, true) {
            worker.stats().met(full);
        }
        sleep(FULL_PAUSE).await;
    }
}

/// Waits until there is a descriptor for a client and one for its endpoint, so that whoever is inside goes first.
async fn wait_for_descriptors(listener: &OpenListener) {
    loop {
        sleep(FULL_PAUSE).await;
        let spare = [listener.socket.try_clone(), listener.socket.try_clone()];
        if spare.iter().all(Result::is_ok) {
            return;
        }
    }
}

/// For those who had been accepted before the listener closed: nobody else will serve them.
fn squeeze_in(worker: &Worker, listener: &OpenListener) -> Admission {
    Admission {
        _place: listener.enter_last(),
        _seat: worker.resources().squeeze_in(),
    }
}

fn begin(
    (worker, listener): (&Rc<Worker>, &Arc<OpenListener>),
    arrived: Arrived,
    place: Admission,
) {
    let Arrived {
        stream,
        ends,
        guest,
    } = arrived;
    let place = (worker.admit(), place);
    let Some(guest) = guest else {
        let stranger = Stranger {
            worker: Rc::clone(worker),
            listener: Arc::clone(&listener.entrance),
            ends,
        };
        spawn_local(unconstrained(async move {
            // Boxed, so that the connection holds no room for it afterwards.
            let introduced = Box::pin(stranger.introduced(&stream)).await;
            if let Some((client, guest)) = introduced {
                serve(client, stream).await;
                drop(guest);
            }
            drop(place);
        }));
        return;
    };
    let client = Client::new(worker, &listener.entrance, ends);
    // Without the runtime's turn-taking: a conversation takes turns itself, after sixteen requests, and a spent turn
    // would be a wake-up that nobody gets where a channel of ours is polled without one.
    spawn_local(unconstrained(async move {
        serve(client, stream).await;
        drop((place, guest));
    }));
}

async fn serve(client: Rc<Client>, stream: TcpStream) {
    let begun = match &client.listener().tls {
        None => Some((Transport::Plain(stream), Negotiated::Nothing)),
        // Boxed, so that connections in the clear hold no room for it.
        Some(tls) => Box::pin(handshake::accept(&client, stream, tls)).await,
    };
    if let Some((socket, negotiated)) = begun {
        protocol::serve(client, socket, negotiated).await;
    }
}

/// How long to wait before looking for room again.
const FULL_PAUSE: Duration = Duration::from_millis(20);
/// Between looks at the queue of a listener that is being closed.
const CLOSE_PAUSE: Duration = Duration::from_millis(20);
/// Looks at it.
const CLOSE_ROUNDS: usize = 3;

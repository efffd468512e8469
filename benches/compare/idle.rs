//! What a connection costs in memory that has had its request and rests.

use std::{net::SocketAddr, time::Duration};

use tokio::{task::JoinSet, time::sleep};

use crate::{
    door::Door,
    peer::Peer,
    process::Process,
    stage::Stage,
    streams::{self, Kind},
    wire::SMALL,
};

/// How the connections are made.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Clear,
    Secure,
    Streams,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Clear, Self::Secure, Self::Streams];

    pub(crate) fn figure(self) -> &'static str {
        match self {
            Self::Clear => "idle.clear",
            Self::Secure => "idle.secure",
            Self::Streams => "idle.streams",
        }
    }
}

/// Bytes for each connection, of a proxy that has done nothing else.
pub(crate) async fn bytes(stage: &Stage, peer: Peer, way: Way) -> f64 {
    let process = Process::start(stage, peer).await;
    let ports = process.ports;
    let door = match way {
        Way::Clear | Way::Streams => Door::Clear(ports.h1),
        Way::Secure => Door::Secure(ports.secure, stage.secure.full()),
    };
    // Whatever is made at the first use is not the connections'.
    drop(open(&door, ports.h2, way, 64).await);
    process.settles().await;
    let before = process.memory();
    let held = open(&door, ports.h2, way, CONNECTIONS).await;
    sleep(RESTS).await;
    let after = process.memory();
    drop(held);
    (after - before) / CONNECTIONS as f64
}

/// Opens them, some at a time, with a request on each; they stay open until they are dropped.
async fn open(door: &Door, h2: SocketAddr, way: Way, count: usize) -> Vec<Box<dyn Send>> {
    let mut held = Vec::new();
    let mut opening = JoinSet::<Box<dyn Send>>::new();
    for _ in 0..count {
        if opening.len() == AT_ONCE {
            held.push(opening.join_next().await.unwrap().unwrap());
        }
        let door = door.clone();
        opening.spawn(async move {
            if let Way::Streams = way {
                let mut client = streams::open(h2).await.unwrap();
                streams::ask(&mut client, Kind::Plain).await.unwrap();
                return Box::new(client) as _;
            }
            let mut wire = door.open(1024).await.unwrap();
            wire.ask(SMALL).await.unwrap();
            Box::new(wire) as _
        });
    }
    while let Some(one) = opening.join_next().await {
        held.push(one.unwrap());
    }
    held
}

/// Few enough for the open files that a process usually may have.
const CONNECTIONS: usize = 3_500;
const AT_ONCE: usize = 32;
/// Long enough for buffers to be given back by those that do.
const RESTS: Duration = Duration::from_secs(3);

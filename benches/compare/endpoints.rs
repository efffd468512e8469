//! What a request costs as a pool's endpoints grow from two to a thousand, for each proxy compared with itself.
//!
//! Some of it is no proxy's doing: a connection that is used once in a thousand requests has left the caches by then, what
//! the kernel keeps of it first. Others tell how much that is. Nobody checks endpoints here but cutover, whose probes are
//! not its worker's.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    door::Door,
    endpoint::Endpoint,
    figures::Figures,
    load::Load,
    peer::Peer,
    process::Process,
    stage::{Ports, Stage},
    wire::SMALL,
};

/// Rounds of both, proxy by proxy.
pub(crate) async fn measure(
    stage: &Stage,
    peers: &[Peer],
    (rounds, lasts): (usize, Duration),
    figures: &mut Figures,
) {
    let endpoint = Endpoint::start(MANY).await;
    for peer in peers {
        let Some(text) = text(*peer) else {
            continue;
        };
        let mut processes = Vec::new();
        for size in [FEW, MANY] {
            processes.push(start(stage, *peer, text, (endpoint.port, size)).await);
        }
        for process in &processes {
            process.settles().await;
        }
        for _ in 0..rounds {
            let mut spent = Vec::new();
            for process in &processes {
                let load = Load::default().kept(64, &Door::Clear(process.ports.h1), SMALL);
                load.warms_up().await;
                let (cpu, done) = (carried(*peer, process), load.tally.done());
                sleep(lasts).await;
                let (cpu, done) = (carried(*peer, process) - cpu, load.tally.done() - done);
                figures.fails(load.tally.failed(), "growth", *peer);
                spent.push(cpu.as_secs_f64() * 1e6 / done as f64);
            }
            figures.add("growth.endpoints", *peer, spent[1] / spent[0]);
        }
    }
}

/// What it has spent on requests.
fn carried(peer: Peer, process: &Process) -> Duration {
    if peer == Peer::Cutover {
        process.worker_cpu()
    } else {
        process.cpu()
    }
}

async fn start(stage: &Stage, peer: Peer, text: &str, (port, size): (u16, u16)) -> Process {
    let ports = Ports::free();
    let servers: String = (0..size)
        .map(|number| {
            server(
                peer,
                &format!("{}:{port}", Endpoint::address(number)),
                number,
            )
        })
        .collect();
    let text = ports.fill(&text.replace("{servers}", &servers));
    let (home, file) = (stage.home(), peer.file());
    Process::run(peer.with(stage, &home.join(file), &text), ports).await
}

/// One endpoint, as each says it.
fn server(peer: Peer, address: &str, number: u16) -> String {
    match peer {
        Peer::Cutover => format!("\"{address}\","),
        Peer::Nginx => format!("server {address};\n"),
        Peer::Haproxy | Peer::Relay | Peer::Envoy | Peer::Caddy => {
            format!("    server s{number} {address}\n")
        }
    }
}

/// One service by HTTP/1.1; the other rows have what more there is.
fn text(peer: Peer) -> Option<&'static str> {
    match peer {
        Peer::Cutover => Some(include_str!("peers/endpoints/cutover.toml")),
        Peer::Nginx => Some(include_str!("peers/endpoints/nginx.conf")),
        Peer::Haproxy => Some(include_str!("peers/endpoints/haproxy.cfg")),
        Peer::Relay | Peer::Envoy | Peer::Caddy => None,
    }
}

const FEW: u16 = 2;
const MANY: u16 = 1_000;

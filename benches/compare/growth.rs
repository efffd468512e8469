//! What a request costs cutover as its services grow, compared with one; and what operators wait for then.
//!
//! Of the worker's thread alone: probes are not a request's, and are as many as there are endpoints.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    admin,
    door::Door,
    endpoint::Endpoint,
    figures::Figures,
    load::Load,
    peer::Peer,
    process::Process,
    stage::{Ports, Stage},
};

/// How much there is.
#[derive(Clone, Copy)]
enum Size {
    Least,
    Services,
}

/// Rounds of both.
pub(crate) async fn measure(stage: &Stage, rounds: usize, lasts: Duration, figures: &mut Figures) {
    let endpoint = Endpoint::start(ENDPOINTS).await;
    let mut processes = Vec::new();
    let own = stage.home().join("cutover.toml");
    processes.push(start(stage, endpoint.port, Size::Least, &own).await);
    let file = stage.home().join("cutover.toml");
    processes.push(start(stage, endpoint.port, Size::Services, &file).await);
    for process in &processes {
        process.settles().await;
    }
    for _ in 0..rounds {
        let mut spent = Vec::new();
        for process in &processes {
            let load = Load::default().kept(64, &Door::Clear(process.ports.h1), LAST_ONE);
            load.warms_up().await;
            let (cpu, done) = (process.worker_cpu(), load.tally.done());
            sleep(lasts).await;
            let cpu = process.worker_cpu() - cpu;
            let done = load.tally.done() - done;
            figures.fails(load.tally.failed(), "growth", Peer::Cutover);
            spent.push(cpu.as_secs_f64() * 1e6 / done as f64);
        }
        figures.add("growth.services", Peer::Cutover, spent[1] / spent[0]);
    }
    let many = &processes[1];
    figures.add("growth.memory", Peer::Cutover, many.memory());
    for _ in 0..rounds {
        for to in ["green", "blue"] {
            let begun = Instant::now();
            let answer = admin::switch(many.ports.admin, LAST_SERVICE, to).await;
            assert_eq!(answer["changed"], true, "{answer}");
            figures.add("growth.switch", Peer::Cutover, millis(begun));
        }
        reloads(&file, many, figures).await;
    }
}

/// A line is changed, and the file is to be read.
async fn reloads(file: &Path, process: &Process, figures: &mut Figures) {
    let text = fs::read_to_string(file).unwrap();
    let (before, after) = text.rsplit_once("interval = \"6").unwrap();
    // `60s`, `61s`, and back: the file itself is read only when it is asked for, or a little later.
    let (digit, rest) = after.split_at(1);
    let digit = if digit == "0" { "1" } else { "0" };
    fs::write(file, format!("{before}interval = \"6{digit}{rest}")).unwrap();
    let begun = Instant::now();
    let answer = admin::post(process.ports.admin, "/v1/reload", "").await;
    figures.add("growth.reload", Peer::Cutover, millis(begun));
    assert_eq!(answer["changed"], true, "{answer}");
    sleep(SETTLES).await;
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

async fn start(stage: &Stage, endpoint: u16, size: Size, file: &Path) -> Process {
    let ports = Ports::free();
    let text = ports.fill(&text(endpoint, size));
    Process::run(Peer::Cutover.with(stage, file, &text), ports).await
}

fn text(endpoint: u16, size: Size) -> String {
    let (services, endpoints) = match size {
        Size::Least => (1, 2),
        Size::Services => (SERVICES, ENDPOINTS),
    };
    let pool = (0..endpoints).map(|it| format!("\"{}:{endpoint}\"", Endpoint::address(it)));
    let pool = pool.collect::<Vec<_>>().join(", ");
    let mut text = "[process]\nworkers = 1\nstate = \"{home}/state\"\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n\
                    [listener.web]\nlisten = \"127.0.0.1:{h1}\"\n[service.others]\nroutes = [\"/\"]\n\
                    probe.interval = \"60s\"\n"
        .to_owned();
    writeln!(
        text,
        "blue.endpoints = [{pool}]\ngreen.endpoints = [{pool}]"
    )
    .unwrap();
    for number in 0..services {
        writeln!(
            text,
            "[service.s{number}]\nroutes = [\"s{}.example.com/\"]\nprobe.interval = \"60s\"\n\
             blue.endpoints = [{pool}]\ngreen.endpoints = [{pool}]",
            // The load asks for the last.
            if number + 1 == services {
                "last".to_owned()
            } else {
                number.to_string()
            }
        )
        .unwrap();
    }
    text
}

const LAST_ONE: &[u8] =
    b"GET /items/1234567890 HTTP/1.1\r\nHost: slast.example.com\r\nUser-Agent: compare\r\n\r\n";
const SERVICES: usize = 9_999;
const LAST_SERVICE: &str = "s9998";
const ENDPOINTS: u16 = 4;
/// Between two changes of the file, in which what the watcher saw of the first has been looked at.
const SETTLES: Duration = Duration::from_secs(1);

//! A second worker: what it costs by itself, and what it brings.
//!
//! What it costs is CPU time for a request of two workers on one core, compared with one on the same core. What it
//! brings is how many requests two workers do on two cores, compared with one on one; the load then needs two cores
//! of its own, so that this takes four. Of the workers' threads alone, since whatever else cutover does is there
//! once.

use std::{thread, time::Duration};

use tokio::{sync::oneshot, time::sleep};

use crate::{
    cores::Cores,
    door::Door,
    endpoint::Endpoint,
    figures::Figures,
    load::Load,
    peer::Peer,
    process::Process,
    stage::{Ports, Stage},
    wire::SMALL,
};

/// Rounds of both.
pub(crate) async fn measure(
    stage: &Stage,
    (rounds, lasts): (usize, Duration),
    figures: &mut Figures,
) {
    cost(stage, (rounds, lasts), figures).await;
    if stage.cores.are_four() {
        gain(stage, (rounds, lasts), figures).await;
    } else {
        figures.lacks("workers.rate", "not measured: needs 4 cores");
    }
}

/// CPU time for a request, all on one core.
async fn cost(stage: &Stage, (rounds, lasts): (usize, Duration), figures: &mut Figures) {
    let ports = [stage.endpoint.port; 2];
    let mut processes = Vec::new();
    for workers in [1, 2] {
        let words = stage.cores.proxy();
        processes.push(start(stage, workers, ports, words).await);
    }
    for _ in 0..rounds {
        let mut spent = Vec::new();
        for process in &processes {
            let load = clients(process.ports.h1);
            load.warms_up().await;
            let (cpu, done) = (process.worker_cpu(), load.tally.done());
            sleep(lasts).await;
            let (cpu, done) = (process.worker_cpu() - cpu, load.tally.done() - done);
            figures.fails(load.tally.failed(), "workers", Peer::Cutover);
            spent.push(cpu.as_secs_f64() * 1e6 / done as f64);
        }
        figures.add("workers.cpu", Peer::Cutover, spent[1] / spent[0]);
        figures.add("workers.one_cpu", Peer::Cutover, spent[0]);
        figures.add("workers.two_cpu", Peer::Cutover, spent[1]);
    }
}

/// Requests a second with a core for each worker, and two for the load.
async fn gain(stage: &Stage, (rounds, lasts): (usize, Duration), figures: &mut Figures) {
    let helper = Helper::start(stage.cores).await;
    let ports = [stage.endpoint.port, helper.port];
    let mut processes = Vec::new();
    for workers in [1, 2] {
        let words = stage.cores.proxies(workers);
        processes.push(start(stage, workers, ports, words).await);
    }
    for _ in 0..rounds {
        let mut rates = Vec::new();
        for process in &processes {
            let (own, of_helper) = (clients(process.ports.h1), helper.clients(process.ports.h1));
            own.warms_up().await;
            let done = || own.tally.done() + of_helper.tally.done();
            let before = done();
            sleep(lasts).await;
            rates.push((done() - before) as f64);
            let failed = own.tally.failed() + of_helper.tally.failed();
            figures.fails(failed, "workers", Peer::Cutover);
        }
        figures.add("workers.rate", Peer::Cutover, rates[1] / rates[0]);
    }
}

fn clients(at: std::net::SocketAddr) -> Load {
    Load::default().kept(CLIENTS, &Door::Clear(at), SMALL)
}

async fn start(stage: &Stage, workers: usize, endpoints: [u16; 2], on: Vec<String>) -> Process {
    let ports = Ports::free();
    let file = stage.home().join("cutover.toml");
    let [one, two] = endpoints;
    let text = format!(
        "[process]\nworkers = {workers}\nstate = \"{{home}}/state\"\n[admin]\nlisten = \"127.0.0.1:{{admin}}\"\n\
         [listener.web]\nlisten = \"127.0.0.1:{{h1}}\"\n[service.shop]\nroutes = [\"/\"]\n\
         blue.endpoints = [\"127.0.0.1:{one}\", \"127.0.0.2:{two}\"]\n\
         green.endpoints = [\"127.0.0.1:{one}\", \"127.0.0.2:{two}\"]\n"
    );
    let command = Peer::Cutover.on(on, stage, &file, &ports.fill(&text));
    let process = Process::run(command, ports).await;
    process.settles().await;
    process
}

/// A second thread with load and an endpoint, on the second core; ended with the process that it is in.
struct Helper {
    port: u16,
    runtime: tokio::runtime::Handle,
    _ends: oneshot::Sender<()>,
}

impl Helper {
    async fn start(cores: Cores) -> Self {
        let (tells, told) = oneshot::channel();
        let (ends, ended) = oneshot::channel::<()>();
        thread::spawn(move || {
            cores.pin_second_load();
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.enable_all().build().unwrap();
            runtime.block_on(async {
                let endpoint = Endpoint::start(2).await;
                let handle = tokio::runtime::Handle::current();
                let _ = tells.send((endpoint.port, handle));
                let _ = ended.await;
            });
        });
        let (port, runtime) = told.await.unwrap();
        Self {
            port,
            runtime,
            _ends: ends,
        }
    }

    /// Clients on that thread.
    fn clients(&self, at: std::net::SocketAddr) -> Load {
        let _enters = self.runtime.enter();
        clients(at)
    }
}

const CLIENTS: usize = 64;

//! A running proxy, and what the kernel says of it and of whatever it has started.

use std::{fs, process::Child, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::{
    door::Door,
    peer::Peer,
    stage::{Ports, Stage},
    wire::SMALL,
};

/// A proxy that serves; ended when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) ports: Ports,
    /// From the start to the first request that was answered.
    pub(crate) took: Duration,
}

impl Process {
    pub(crate) async fn start(stage: &Stage, peer: Peer) -> Self {
        let ports = Ports::free();
        Self::run(peer.command(stage, &ports), ports).await
    }

    /// Starts it, and asks until it answers.
    pub(crate) async fn run(mut command: std::process::Command, ports: Ports) -> Self {
        let began = Instant::now();
        let child = command.spawn().unwrap();
        let mut process = Self {
            child,
            ports,
            took: Duration::ZERO,
        };
        let door = Door::Clear(ports.h1);
        loop {
            if let Ok(mut wire) = door.open(4096).await
                && wire.ask(SMALL).await.is_ok()
            {
                break;
            }
            let ended = process.child.try_wait().unwrap();
            let is_well = ended.is_none() && began.elapsed() < PATIENCE;
            assert!(
                is_well,
                "{command:?} does not answer: {ended:?}\n{}",
                log(&command)
            );
            // A timer would be a millisecond coarse.
            tokio::task::yield_now().await;
        }
        process.took = began.elapsed();
        process
    }

    /// CPU time of all its processes so far.
    pub(crate) fn cpu(&self) -> Duration {
        self.threads(|_| true)
    }

    /// CPU time of the threads that carry traffic; of cutover alone.
    pub(crate) fn worker_cpu(&self) -> Duration {
        self.threads(|name| name.starts_with("worker-"))
    }

    fn threads(&self, counts: impl Fn(&str) -> bool) -> Duration {
        let mut all = Duration::ZERO;
        for process in tree(self.child.id()) {
            let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else {
                continue;
            };
            for task in tasks.flatten() {
                let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
                let spent = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
                if let Some(Ok(nanos)) = spent.split(' ').next().map(str::parse)
                    && counts(&name)
                {
                    all += Duration::from_nanos(nanos);
                }
            }
        }
        all
    }

    /// Resident memory of all its processes, in bytes.
    pub(crate) fn memory(&self) -> f64 {
        let of = |process: u32| {
            let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
            let line = text.lines().find(|it| it.starts_with("Rss:"))?;
            line.split_whitespace().nth(1)?.parse::<f64>().ok()
        };
        tree(self.child.id())
            .into_iter()
            .filter_map(of)
            .sum::<f64>()
            * 1024.0
    }

    /// Waits until what it does at the start is over.
    pub(crate) async fn settles(&self) {
        let mut before = self.cpu();
        for _ in 0..200 {
            sleep(Duration::from_millis(50)).await;
            let now = self.cpu();
            // Less than before where a thread has ended, and taken along what it had spent.
            if now.abs_diff(before) < Duration::from_millis(5) {
                return;
            }
            before = now;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let all = tree(self.child.id());
        // Asked first: a master takes its workers along.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        for _ in 0..40 {
            if self.child.try_wait().unwrap().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        for pid in all {
            if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

/// What it has said.
fn log(command: &std::process::Command) -> String {
    let home = command.get_current_dir().unwrap();
    fs::read_to_string(home.join("log")).unwrap_or_default()
}

/// A process and all that it has started.
fn tree(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut next = 0;
    while let Some(process) = all.get(next).copied() {
        let tasks = fs::read_dir(format!("/proc/{process}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(
                children
                    .split_whitespace()
                    .filter_map(|it| it.parse::<u32>().ok()),
            );
        }
        next += 1;
    }
    all
}

const PATIENCE: Duration = Duration::from_secs(60);

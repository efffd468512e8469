//! cutover beside other proxies, on the same work, in one run: `cargo bench --bench compare`.
//!
//! Each proxy is pinned to one core; the load and the endpoint are this process, pinned to another. Work is done in
//! rounds, every proxy in turn, so that whatever else the machine does meets all of them; medians are told. The first
//! figure is what the kernel says that a request has cost the proxy's processes in CPU time. `docs/performance.md`
//! explains how to read it. Must not be imported by anything, and must not tell a figure that it has not measured.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark tells, and fails where it stands"
)]

mod admin;
mod barrier;
mod birth;
mod burst;
mod calls;
mod chart;
mod cores;
mod disturbance;
mod document;
mod door;
mod endpoint;
mod endpoints;
mod fair;
mod figures;
mod growth;
mod idle;
mod load;
mod machine;
mod open;
mod options;
mod peer;
mod process;
mod row;
mod run;
mod secure;
mod slice;
mod stage;
mod streams;
mod table;
mod wire;
mod work;
mod workers;

use clap::Parser as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use options::Options;

fn main() {
    // Whoever runs all targets as tests wants to know that this one works, not what it measures.
    let is_bench = std::env::args().any(|it| it == "--bench");
    let options = if is_bench {
        Options::parse()
    } else {
        Options::self_check()
    };
    open_files();
    cores::Cores::find().pin_load();
    // One thread for load and endpoint: they share a core anyway, and need no switch between them.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let figures = match &options.figures {
        Some(file) => figures::Figures::read(file),
        None => runtime.block_on(run::all(&options)),
    };
    print!("{}", table::text(&figures));
    if let Some(folder) = &options.out {
        figures.write(folder);
    }
    if options.write {
        document::write(&figures);
    }
    if !is_bench {
        run::holds(&figures);
    }
}

/// As many as are allowed, for this process and those that it starts: thousands of connections rest side by side.
fn open_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}

//! cutover as a process: its runtime, its signals, and what the init system hears of it.
//!
//! Owns the order in which a process begins and ends. What runs in it, `App` knows; tests run that without a process.

use std::path::Path;

use tokio::runtime::Builder;

use super::{
    App, Options, SETTLE_TIME, StartError, reading, signals::Signals, supervisor::Supervisor,
};
use crate::{
    config::environment::Environment,
    machine::{self, wait_apart},
    telemetry::log,
};

/// Runs cutover until a signal stops it. This is the body of `cutover serve`.
///
/// # Errors
/// See [`StartError`].
pub fn run(config: &Path) -> Result<(), StartError> {
    let options = Options {
        config: config.to_owned(),
        watch: true,
        environment: Environment::new(std::env::vars_os()),
    };
    let (source, judged) = wait_apart(reading(&options))??;
    log::init(judged.loaded.config.process.log_format);
    machine::raise_open_files();
    let runtime = Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("control")
        .enable_all()
        .build()?;
    if !judged.loaded.from_environment.is_empty() {
        let keys = judged.loaded.from_environment.join(" ");
        tracing::info!(keys, "environment taken over the file");
    }
    let ran = runtime.block_on(async {
        // Signals are caught before anything is started, so that none can end the process half-way.
        let mut signals = Signals::catch()?;
        let app = App::build(options, source, judged).await?;
        tracing::info!(admin = %app.admin_url(), workers = app.workers.len(), "started");
        let supervisor = Supervisor::ready(app.handle.clone());
        signals.obey(&app, &supervisor).await;
        tracing::info!("stopping");
        supervisor.stopping();
        app.stop_unless(signals.asked_to_stop()).await;
        tracing::info!("stopped");
        Ok(())
    });
    // A blocking call that hangs, such as a name lookup, must not keep the process.
    runtime.shutdown_timeout(SETTLE_TIME);
    ran
}

/// Threads of the runtime that serves the control plane and the admin side.
const CONTROL_THREADS: usize = 2;

//! `cutover check [--config FILE]`.
//!
//! Says what `serve` would, by the same functions, but binds and resolves nothing, so that it gives the same
//! answer in a build pipeline.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::Args;

use super::{
    exit::{Exit, Failure},
    output::{Output, plain},
};
use crate::{
    admin::tokens,
    config::{
        Config, Problems,
        environment::Environment,
        load::{self, Loaded, Source},
    },
    tls::{Judged, Seals},
};

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    file: ConfigArgs,
}

/// Which file.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// The configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = "CUTOVER_CONFIG",
        default_value = "cutover.toml"
    )]
    pub(super) config: PathBuf,
}

impl Check {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let path = self.file.config;
        let environment = Environment::new(std::env::vars_os());
        let examined = load::read(&path)
            .map(|source| source.under(environment))
            .map_err(|problems| problems.lines())
            .and_then(|source| examine(&source));
        match examined {
            Ok((loaded, warnings)) => {
                for warning in warnings {
                    output.progress(&plain(&format!("warning: {warning}")));
                }
                let valid = format!("{} is valid: {}", path.display(), census(&loaded.config));
                if !loaded.from_environment.is_empty() {
                    let keys = loaded.from_environment.join("`, `");
                    output.progress(&format!("from the environment: `{keys}`"));
                }
                output.result(&valid)?;
                Ok(Exit::Done)
            }
            Err(lines) => {
                for line in lines {
                    output.progress(&plain(&line));
                }
                Ok(Exit::Usage)
            }
        }
    }
}

/// The configuration with what is odd about it, or everything that is wrong with it.
pub(super) fn examine(source: &Source) -> Result<(Loaded, Vec<String>), Vec<String>> {
    let loaded = judged(source).map_err(|problems| problems.lines())?.loaded;
    let mut warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    if let Some(file) = &loaded.config.admin.token_file {
        let tokens = tokens::read(file).map_err(|error| error.lines())?;
        if tokens.readable_by_all() {
            warnings.push(format!(
                "{}: every user of this machine can read the tokens; take that right away",
                file.display()
            ));
        }
    }
    if let Some(file) = &loaded.config.process.affinity_key_file
        && let Err(error) = Seals::default().read(file)
    {
        let file = file.display();
        return Err(vec![format!(
            "affinity key file `{file}` cannot be used: {error}"
        )]);
    }
    Ok((loaded, warnings))
}

/// The configuration, or what is wrong with it and with the certificates, keys and secrets that it names.
pub(super) fn judged(source: &Source) -> Result<Judged, Problems> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    Judged::read(source, cores)
}

pub(super) fn census(config: &Config) -> String {
    let (services, listeners) = (config.services.len(), config.listeners.len());
    format!(
        "{}, {}",
        count(services, "service"),
        count(listeners, "listener")
    )
}

fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

//! `cutover serve [--config FILE]`.
//!
//! Runs the proxy in the foreground. What is wrong with the file is said as `check` says it.

use std::error::Error;

use clap::Args;

use super::{
    check::ConfigArgs,
    exit::{Exit, Failure},
    output::{Output, plain},
};
use crate::{admin::AdminError, app, app::StartError};

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    file: ConfigArgs,
}

impl Serve {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let Err(error) = app::run(&self.file.config) else {
            return Ok(Exit::Done);
        };
        for line in lines(&error) {
            output.progress(&plain(&line));
        }
        Ok(exit(&error))
    }
}

fn lines(error: &StartError) -> Vec<String> {
    match error {
        StartError::Config(problems) => problems.lines(),
        StartError::Admin(AdminError::Tokens(tokens)) => tokens.lines(),
        StartError::Records(_)
        | StartError::Metrics(_)
        | StartError::System(_)
        | StartError::Control(_)
        | StartError::Admin(_)
        | StartError::Gone => chain(error).lines().map(str::to_owned).collect(),
    }
}

/// The error and what caused it, from the outside in.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

const fn exit(error: &StartError) -> Exit {
    match error {
        StartError::Config(_)
        | StartError::Admin(AdminError::Tokens(_) | AdminError::OpenToAll(_)) => Exit::Usage,
        StartError::Records(_)
        | StartError::Metrics(_)
        | StartError::System(_)
        | StartError::Control(_)
        | StartError::Admin(_)
        | StartError::Gone => Exit::Internal,
    }
}

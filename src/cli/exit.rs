//! How a command ends: the exit codes that scripts rely on, and what is said when it ends badly.
//!
//! Owns the one mapping from a failure to an exit code.

use std::{io, process::ExitCode, time::Duration};

use super::{
    advice, gates,
    output::{Output, plain},
};
use crate::{admin::wire::ProblemBody, demo::DemoError};

/// The exit codes. They are part of the public contract; a test pins them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// cutover is broken, or what answered is not cutover.
    Internal = 1,
    /// Wrong usage or invalid configuration.
    Usage = 2,
    /// Refused: a gate, a stale expectation, a conflict, a missing right. Nothing has changed.
    Refused = 3,
    /// Gave up waiting; what was asked for may still happen.
    GaveUp = 4,
    /// Nobody answers at the admin address.
    Unreachable = 5,
    /// Switched, but the drain had to cut something.
    Cut = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Arguments(clap::Error),
    #[error("{0}")]
    Usage(String),
    #[error("`{what}` could not be read: {source}")]
    Unreadable { what: String, source: io::Error },
    #[error("`{what}` could not be written: {source}")]
    Unwritable { what: String, source: io::Error },
    #[error("nobody answers at `{addr}`: {why}; is `cutover serve` running, and is --admin right?")]
    Unreachable { addr: String, why: String },
    #[error("`{addr}` broke off before it answered: {why}; look at `cutover history`")]
    BrokenOff { addr: String, why: String },
    #[error(
        "no answer within {}; what was asked for may still happen, look at `cutover status`",
        humantime::format_duration(*.0)
    )]
    GaveUp(Duration),
    #[error("no longer waited for; what was asked for goes on all the same")]
    Interrupted(String),
    #[error("{}", .0.detail)]
    Refused(Box<ProblemBody>, String),
    #[error("`{addr}` answered {status} in a way cutover does not; is it an admin address?")]
    Foreign { addr: String, status: u16 },
    #[error("the runtime could not be started: {0}")]
    Runtime(io::Error),
    #[error("`{addr}` cannot be listened on: {source}")]
    Bind {
        addr: std::net::SocketAddr,
        source: io::Error,
    },
    #[error("{0}")]
    Demo(DemoError),
    #[error("the output could not be written: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// Says what went wrong, and how the process ends.
    pub(super) fn tell(&self, output: &mut Output<'_>) -> Exit {
        match self {
            Self::Arguments(error) => tell_usage(error, output),
            // Whoever read the output has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Self::Refused(problem, text) => {
                if output.is_json() && output.result(text.trim_end()).is_err() {
                    // The exit code still tells.
                }
                tell_problem(problem, output);
                problem_exit(problem.status)
            }
            Self::Interrupted(whom) => {
                output.progress(&self.to_string());
                for line in advice::interrupted(whom) {
                    output.progress(&line);
                }
                self.exit()
            }
            Self::Usage(_)
            | Self::Unreadable { .. }
            | Self::Unwritable { .. }
            | Self::Unreachable { .. }
            | Self::BrokenOff { .. }
            | Self::GaveUp(_)
            | Self::Foreign { .. }
            | Self::Runtime(_)
            | Self::Bind { .. }
            | Self::Demo(_)
            | Self::Output(_) => {
                output.error(&plain(&self.to_string()));
                self.exit()
            }
        }
    }

    /// Whether asking again would not help.
    pub(super) fn is_final(&self) -> bool {
        match self {
            // A server that is stopping or has no room left may be back soon.
            Self::Refused(problem, _) => problem.status < 500,
            Self::Unreachable { .. } | Self::BrokenOff { .. } | Self::GaveUp(_) => false,
            Self::Foreign { status, .. } => *status < 500,
            Self::Arguments(_)
            | Self::Usage(_)
            | Self::Unreadable { .. }
            | Self::Unwritable { .. }
            | Self::Interrupted(_)
            | Self::Runtime(_)
            | Self::Bind { .. }
            | Self::Demo(_)
            | Self::Output(_) => true,
        }
    }

    const fn exit(&self) -> Exit {
        match self {
            Self::Arguments(_)
            | Self::Usage(_)
            | Self::Unreadable { .. }
            | Self::Unwritable { .. } => Exit::Usage,
            Self::Unreachable { .. } | Self::BrokenOff { .. } => Exit::Unreachable,
            Self::GaveUp(_) | Self::Interrupted(_) => Exit::GaveUp,
            Self::Refused(problem, _) => problem_exit(problem.status),
            Self::Foreign { .. }
            | Self::Runtime(_)
            | Self::Bind { .. }
            | Self::Demo(_)
            | Self::Output(_) => Exit::Internal,
        }
    }
}

/// What the server's answer means for a script.
const fn problem_exit(status: u16) -> Exit {
    match status {
        400 | 404 | 405 | 413 | 415 | 422 => Exit::Usage,
        401 | 403 | 409 | 412 | 503 => Exit::Refused,
        408 | 504 => Exit::GaveUp,
        _ => Exit::Internal,
    }
}

fn tell_usage(error: &clap::Error, output: &mut Output<'_>) -> Exit {
    let text = error.render().ansi().to_string();
    if error.use_stderr() {
        output.beside(text.trim_end());
        return Exit::Usage;
    }
    // `--help` and `--version`; a reader that went away has seen enough.
    match output.verbatim(text.trim_end()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Internal,
        Ok(()) | Err(_) => Exit::Done,
    }
}

fn tell_problem(problem: &ProblemBody, output: &mut Output<'_>) {
    if problem.gates.is_empty() {
        output.error(&plain(&problem.detail));
    } else {
        output.error("the gates did not open, nothing was switched");
    }
    for gate in &problem.gates {
        gates::told(gate, "  ")
            .iter()
            .for_each(|line| output.progress(line));
    }
    for error in &problem.errors {
        output.progress(&plain(error));
    }
    for line in advice::lines(problem) {
        output.progress(&line);
    }
}

//! The command line: one file per command.
//!
//! Owns the table of commands, what they print, and the exit codes; `docs/cli.md` is its reference. The
//! commands of operators know nothing but the admin API: whatever they can do, `curl` can.

mod advice;
mod args;
mod check;
mod client;
mod completions;
mod demo;
mod demo_app;
mod diff;
mod endpoint;
mod event_stream;
mod events;
mod exit;
mod feed;
mod gates;
mod health;
mod history;
mod init;
mod man;
mod mirror;
mod once;
mod output;
mod paint;
mod plan;
mod progress;
mod receipt;
mod reload;
mod rollback;
mod schema;
mod serve;
mod sight;
mod status;
mod steer;
mod switch;
mod table;
#[cfg(test)]
mod tests;
mod top;
mod wait_safe;
mod watch;
mod word;

use std::{
    ffi::OsString,
    io::{IsTerminal, Write},
    process::ExitCode,
};

use anstream::{AutoStream, ColorChoice, stream::RawStream};
use clap::{Parser, ValueEnum};

use self::exit::Failure;
pub use self::{
    exit::Exit,
    output::{Look, Output},
};
use crate::core::time::Timestamp;

/// The whole of what may be typed.
#[derive(Debug, Parser)]
#[command(name = "cutover", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// When to use colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    color: ColourArg,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ColourArg {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Even where no terminal is
    Always,
    /// Not at all
    Never,
}

impl From<ColourArg> for ColorChoice {
    fn from(wanted: ColourArg) -> Self {
        match wanted {
            ColourArg::Auto => Self::Auto,
            ColourArg::Always => Self::AlwaysAnsi,
            ColourArg::Never => Self::Never,
        }
    }
}

/// A command is a line here, a line in [`Command::run`], and a file.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run the proxy in the foreground
    Serve(serve::Serve),
    /// Write a first configuration, by flags or by asking
    Init(init::Init),
    /// Watch two versions of a small app change places under load; needs no file
    Demo(demo::Demo),
    /// Run one app of the demo alone
    DemoApp(demo_app::DemoApp),
    /// Say whether a configuration file is valid, without binding anything
    Check(check::Check),
    /// Write the JSON Schema of the configuration file, for editors
    Schema(schema::Schema),
    /// Show services: live colour, health, requests in flight, drift, last switch
    Status(status::Status),
    /// Watch services and pools on a screen, live, and switch from it
    Top(top::Top),
    /// Make a colour live, and wait until the old one has drained
    Switch(switch::Switch),
    /// Keep a gradual switch at its present share
    Pause(steer::Hold),
    /// Go on with a gradual switch that was paused
    Resume(steer::Hold),
    /// Finish a gradual switch now, whatever steps are left
    Complete(steer::Complete),
    /// Take a gradual switch back: no request goes to the new colour any more
    Abort(steer::Abort),
    /// Say what a switch would do now, without doing it
    Plan(plan::Plan),
    /// Let a switch go on that another operator has asked for
    Approve(word::Word),
    /// Refuse a switch that waits for approval
    Reject(word::Word),
    /// Go back to the colour that was live before
    Rollback(rollback::Rollback),
    /// Show who switched what, when, why, and the receipt of each
    History(history::History),
    /// Follow what happens, as it happens
    Events(events::Events),
    /// Wait until a pool may be stopped: not live, nothing in flight, not kept ready to return
    WaitSafe(wait_safe::WaitSafe),
    /// Add, remove, drain or undrain an endpoint at run time
    Endpoint(endpoint::Endpoint),
    /// Compare the configuration file with what is running
    Diff(diff::Diff),
    /// Apply the configuration file now
    Reload(reload::Reload),
    /// Exit with 0 if cutover is ready, with 1 if not; for HEALTHCHECK
    Health(health::Health),
    /// Write a completion script for a shell
    Completions(completions::Completions),
    /// Write a manual page for every command
    Man(man::Man),
}

impl Command {
    fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Serve(command) => command.run(output),
            Self::Init(command) => command.run(output),
            Self::Demo(command) => command.run(output),
            Self::DemoApp(command) => client::run(command.run(output)),
            Self::Check(command) => command.run(output),
            Self::Schema(command) => command.run(output),
            Self::Status(command) => client::run(command.run(output)),
            Self::Top(command) => client::run(command.run(output)),
            Self::Switch(command) => client::run(command.run(output)),
            Self::Pause(command) => client::run(command.run("pause", output)),
            Self::Resume(command) => client::run(command.run("resume", output)),
            Self::Complete(command) => client::run(command.run(output)),
            Self::Abort(command) => client::run(command.run(output)),
            Self::Plan(command) => client::run(command.run(output)),
            Self::Approve(command) => client::run(command.run("approve", output)),
            Self::Reject(command) => client::run(command.run("reject", output)),
            Self::Rollback(command) => client::run(command.run(output)),
            Self::History(command) => client::run(command.run(output)),
            Self::Events(command) => client::run(command.run(output)),
            Self::WaitSafe(command) => client::run(command.run(output)),
            Self::Endpoint(command) => client::run(command.run(output)),
            Self::Diff(command) => client::run(command.run(output)),
            Self::Reload(command) => client::run(command.run(output)),
            Self::Health(command) => client::run(command.run(output)),
            Self::Completions(command) => command.run(output),
            Self::Man(command) => command.run(output),
        }
    }
}

/// Everything that may be typed, for whoever describes it or checks what others have written about it.
#[must_use]
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the command that this process was started with.
#[must_use]
pub fn main() -> ExitCode {
    if completions::answered() {
        return Exit::Done.into();
    }
    let parsed = Cli::try_parse();
    let wanted = parsed.as_ref().map_or(ColourArg::Auto, |cli| cli.color);
    let mut results = stream(std::io::stdout(), wanted);
    let mut progress = stream(std::io::stderr(), wanted);
    let look = Look {
        width: results.is_terminal().then(columns),
        live: progress.is_terminal().then(columns),
        coloured: results.current_choice() != ColorChoice::Never,
        now: now(),
    };
    let mut output = Output::new(&mut results, &mut progress, look);
    ended(parsed, &mut output).into()
}

/// Runs the command that `args` name; the first of them is the name of the program.
pub fn run(args: impl IntoIterator<Item = OsString>, output: &mut Output<'_>) -> Exit {
    ended(Cli::try_parse_from(args), output)
}

fn ended(parsed: Result<Cli, clap::Error>, output: &mut Output<'_>) -> Exit {
    let ended = match parsed {
        Ok(cli) => cli.command.run(output),
        Err(error) => Err(Failure::Arguments(error)),
    };
    match ended {
        Ok(exit) => exit,
        Err(failure) => failure.tell(output),
    }
}

fn stream<S: RawStream + IsTerminal + Write>(raw: S, wanted: ColourArg) -> AutoStream<S> {
    AutoStream::new(raw, wanted.into())
}

fn columns() -> usize {
    crate::terminal::Screen::size().columns
}

#[expect(
    clippy::disallowed_methods,
    reason = "the edge: what is decided by it is only how long ago something was"
)]
fn now() -> Timestamp {
    Timestamp::from(std::time::SystemTime::now())
}

//! `docs/cli.md` leaves nothing out.

use clap::{Arg, Command, CommandFactory};

use crate::cli::Cli;

const DOCS: &str = include_str!("../../../docs/cli.md");

/// Every command, those of `endpoint` included.
pub(super) fn commands() -> Vec<Command> {
    let mut cli = Cli::command();
    // Until it is built, commands have no arguments.
    cli.build();
    let mut commands: Vec<_> = cli.get_subcommands().cloned().collect();
    let nested: Vec<_> = commands
        .iter()
        .flat_map(Command::get_subcommands)
        .cloned()
        .collect();
    commands.extend(nested);
    commands.retain(|command| command.get_name() != "help");
    commands
}

#[test]
fn every_command_and_flag_is_documented() {
    let flags = |command: &Command| {
        let flags = command.get_arguments().filter_map(Arg::get_long);
        flags.map(|flag| format!("--{flag}")).collect::<Vec<_>>()
    };
    let mut seen = 0;
    for command in commands() {
        let name = command.get_name();
        assert!(DOCS.contains(name), "{name}");
        for flag in flags(&command) {
            let said = [format!("`{flag}`"), format!("`{flag} ")];
            let is_common = ["--help", "--version"].contains(&flag.as_str());
            assert!(
                is_common || said.iter().any(|it| DOCS.contains(it)),
                "{name} {flag}"
            );
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn every_variable_of_the_environment_is_documented() {
    let commands = commands();
    let arguments = commands.iter().flat_map(Command::get_arguments);
    let mut names: Vec<_> = arguments.filter_map(Arg::get_env).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 4);
    for name in names {
        let name = name.to_string_lossy();
        assert!(DOCS.contains(&format!("`{name}`")), "{name}");
    }
}

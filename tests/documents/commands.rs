//! What pages tell readers to type, against what the command line takes.
//!
//! Owns the judgement by parsing, of whatever page, run or not. What `docs/cli.md` may not leave out is judged beside the
//! command line.

use clap::Command;

use crate::{
    page::{Page, Text},
    shell,
    world::BINARY,
};

/// How many commands a page has; what is wrong is added.
pub(crate) fn check(page: &Page, wrong: &mut Vec<String>) -> usize {
    let mut seen = 0;
    for block in page.blocks().filter(|it| it.is_shell()) {
        for shown in block.shown() {
            for words in shell::commands(&shown.command) {
                let Some(ours) = shell::ours(&words) else {
                    continue;
                };
                seen += 1;
                if let Err(error) = parse(ours) {
                    wrong.push(format!(
                        "{}: {}\n{error}",
                        page.at(shown.line),
                        shown.command
                    ));
                }
            }
        }
    }
    for (line, span) in page.prose().flat_map(Text::spans) {
        // `cutover is shutting down` is what it says.
        let said = span
            .strip_prefix("cutover ")
            .filter(|it| !it.starts_with("is "));
        if let Some(said) = said {
            seen += 1;
            if let Err(error) = mentions(said) {
                wrong.push(format!("{}: `{span}`: {error}", page.at(line)));
            }
        }
    }
    seen
}

/// A whole command.
fn parse(words: &[String]) -> Result<(), String> {
    if words.iter().any(|it| it == "..." || it.contains('…')) {
        return mentions(&words.join(" "));
    }
    let asks = ["switch", "plan"].contains(&words.first().map_or("", String::as_str));
    if asks
        && words
            .iter()
            .all(|it| !["--admin", "--token-file"].contains(&it.as_str()))
    {
        // What is a service and what a colour is looked at when they run.
        let mut command = std::process::Command::new(BINARY);
        let ended = command
            .args(words)
            .args(["--admin", "unix:/nowhere"])
            .output()
            .unwrap();
        if ended.status.code() == Some(2) {
            return Err(String::from_utf8_lossy(&ended.stderr).trim_end().to_owned());
        }
    }
    let name = std::iter::once("cutover".to_owned());
    let parsed = cutover::cli::command().try_get_matches_from(name.chain(words.iter().cloned()));
    match parsed {
        Err(error) if error.use_stderr() => Err(format!(
            "the command line does not take this; change the page, or the program if it should\n{}",
            error.to_string().trim_end()
        )),
        _ => Ok(()),
    }
}

/// Part of a command, with placeholders: each command and flag must be there.
fn mentions(said: &str) -> Result<(), String> {
    let said = said.replace("\\|", "|");
    let mut words = said
        .split([' ', '=', '[', ']'])
        .filter(|it| !it.is_empty())
        .peekable();
    let mut root = cutover::cli::command();
    root.build();
    let mut here = vec![&root];
    while let Some(word) =
        words.next_if(|it| it.starts_with(|first: char| first.is_ascii_lowercase()))
    {
        let below: Vec<&Command> = word
            .split('|')
            .filter_map(|name| find(&here, name))
            .collect();
        if below.is_empty() {
            break;
        }
        here = below;
    }
    if here.first().is_some_and(|it| it.get_name() == "cutover") && !said.starts_with('-') {
        return Err("there is no such command".to_owned());
    }
    for flag in words.filter_map(|it| it.strip_prefix("--")) {
        let flag = flag.trim_end_matches(['…', '.', ',', ')']);
        let has = |it: &&Command| it.get_arguments().any(|arg| arg.get_long() == Some(flag));
        if !flag.is_empty() && !here.iter().any(has) {
            return Err(format!("it has no `--{flag}`"));
        }
    }
    Ok(())
}

fn find<'a>(commands: &[&'a Command], name: &str) -> Option<&'a Command> {
    commands.iter().find_map(|it| it.find_subcommand(name))
}

#[test]
fn what_there_is_not_is_told() {
    let words = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
    for line in [
        "swich shop green",
        "switch shop red",
        "switch shop",
        "status --wait drained",
    ] {
        assert!(parse(&words(line)).is_err(), "{line}");
    }
    for line in [
        "switch shop green",
        "status",
        "--help",
        "endpoint drain shop blue a:1",
    ] {
        assert_eq!(parse(&words(line)), Ok(()), "{line}");
    }
    for said in [
        "swich SERVICE",
        "switch --steps 1% --sometimes",
        "endpoint ad SERVICE --nothing",
    ] {
        assert!(mentions(said).is_err(), "{said}");
    }
    for said in [
        "pause|resume SERVICE",
        "endpoint drain\\|undrain SERVICE",
        "switch --steps 1%,10%",
        "serve [--config FILE]",
    ] {
        assert_eq!(mentions(said), Ok(()), "{said}");
    }
}

//! What is asked, what is written, and what is left alone.

use std::{
    collections::VecDeque,
    fs,
    io::{self, BufRead, Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, Mutex},
};

use clap::Parser;

use crate::{
    cli::{Cli, Command, Exit, Failure, Look, Output},
    core::time::Timestamp,
    terminal::{Line, wrapped},
};

/// What stands on a terminal in the end, what was typed included.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<u8>>>);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Somebody who types these answers, and then Ctrl-D.
struct Typist {
    shown: Shown,
    typed: Vec<u8>,
    left: VecDeque<String>,
}

impl Read for Typist {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Typist {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.typed.is_empty()
            && let Some(answer) = self.left.pop_front()
        {
            self.typed = format!("{answer}\n").into_bytes();
            self.shown.write_all(&self.typed)?;
        }
        Ok(&self.typed)
    }

    fn consume(&mut self, amount: usize) {
        self.typed.drain(..amount);
    }
}

/// `cutover init` with these arguments; with answers, it asks.
fn init(line: &str, answers: Option<&[&str]>) -> (Result<Exit, Failure>, String) {
    let args = ["cutover", "init"]
        .into_iter()
        .chain(line.split_whitespace());
    let Command::Init(command) = Cli::try_parse_from(args).unwrap().command else {
        panic!("it is `init`");
    };
    let shown = Shown::default();
    let (mut results, mut progress) = (shown.clone(), shown.clone());
    let look = Look {
        width: None,
        live: None,
        coloured: true,
        now: Timestamp::from_millis(0),
    };
    let mut output = Output::new(&mut results, &mut progress, look);
    let mut typist = answers.map(|answers| Typist {
        shown: shown.clone(),
        typed: Vec::new(),
        left: answers.iter().map(|it| (*it).to_owned()).collect(),
    });
    let input = typist.as_mut().map(|it| it as &mut dyn BufRead);
    let ended = command.by(input, &mut output);
    let painted = String::from_utf8(shown.0.lock().unwrap().clone()).unwrap();
    let lines = Line::read(&painted);
    let lines: Vec<_> = lines.iter().map(|line| line.text()).collect();
    (ended, lines.join("\n"))
}

/// Questions and answers on a terminal so wide, as `docs/terminal.md` shows them.
pub(in crate::cli) fn conversation(answers: &[&str], columns: usize) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cutover.toml").display().to_string();
    let (ended, shown) = init(&file, Some(answers));
    assert!(matches!(ended, Ok(Exit::Done)), "{ended:?} {shown}");
    let shown = shown.replace(&format!(" --config {file}"), "");
    let shown = shown.replace(&file, "cutover.toml");
    // Columns of comments were those of the longer commands.
    let shown: Vec<_> = shown
        .lines()
        .map(|line| match line.split_once("# ") {
            Some((command, what)) => format!("{:<29}# {what}", command.trim_end()),
            None => line.trim_end().to_owned(),
        })
        .collect();
    wrapped(&shown.join("\n"), columns)
}

fn refused(line: &str, answers: Option<&[&str]>) -> String {
    match init(line, answers) {
        (Err(failure), shown) => format!("{shown}{failure}"),
        (Ok(Exit::Usage), shown) => shown,
        (Ok(exit), shown) => panic!("{exit:?} {shown}"),
    }
}

const BOTH: &str = "--blue 127.0.0.1:3001 --green 127.0.0.1:3002";

#[test]
fn the_example_is_what_is_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/starter.toml");
    let (ended, shown) = init(&format!("- {BOTH} --probe /healthz"), None);
    assert!(matches!(ended, Ok(Exit::Done)), "{shown}");
    if std::env::var_os("CUTOVER_DRAW").is_some() {
        fs::write(&path, &shown).unwrap();
    }
    let example = fs::read_to_string(&path).unwrap();
    assert_eq!(shown, example, "CUTOVER_DRAW=1 cargo test --lib init");
}

#[test]
fn without_a_terminal_what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cutover.toml").display().to_string();
    for (given, missing) in [
        ("", "`--blue`"),
        ("--blue a:1", "`--green`"),
        ("--green a:1", "`--blue`"),
    ] {
        let said = refused(&format!("{file} {given}"), None);
        assert!(said.starts_with(missing), "{said}");
    }
    assert!(!Path::new(&file).exists());
}

#[test]
fn a_wrong_flag_is_named_with_the_words_of_the_configuration() {
    for (given, said) in [
        (
            "--listen 8080",
            "error: --listen: `8080` in `listener.web.listen` has no address; did you mean `0.0.0.0:8080`?",
        ),
        (
            "--service Shop",
            "error: --service: `Shop` is no name for a service",
        ),
        ("--probe healthz", "error: --probe: "),
        ("--routes shop.example.com:x/", "error: --routes: "),
        ("--admin-listen 0.0.0.0:9900", "error: --admin-listen: "),
        ("--blue nowhere", "error: --blue: "),
    ] {
        let told = refused(&format!("- {BOTH} {given}"), None);
        assert!(told.contains(said), "{given}: {told}");
        assert!(!told.contains("cutover.toml:"), "{given}: {told}");
    }
    let told = refused("- --listen x --service X --green g", None);
    assert_eq!(told.matches("error: ").count(), 3, "all at once: {told}");
}

#[test]
fn an_answer_that_check_would_refuse_is_asked_for_again() {
    let answers = [
        "Shop", "shop", "", "a:1 a:1", "a:1, b:2", "c:3", "", "healthz", "/healthz",
    ];
    let (ended, shown) = init("-", Some(&answers));
    assert!(matches!(ended, Ok(Exit::Done)), "{shown}");
    assert!(
        shown.contains("error: `Shop` is no name for a service; use"),
        "{shown}"
    );
    assert!(
        shown.contains("error: endpoint `a:1` is in pool `blue`"),
        "{shown}"
    );
    assert_eq!(shown.matches("error: ").count(), 3, "{shown}");
    assert!(shown.contains("endpoints = [\"a:1\", \"b:2\"]"), "{shown}");
    assert!(shown.contains("path = \"/healthz\""), "{shown}");
}

#[test]
fn only_what_is_missing_is_asked_for() {
    let (ended, shown) = init(
        "- --blue a:1 --service api --probe tcp",
        Some(&["", "b:1", ""]),
    );
    assert!(matches!(ended, Ok(Exit::Done)), "{shown}");
    assert!(
        !shown.contains("name of the service") && !shown.contains("endpoints of blue"),
        "{shown}"
    );
    let (ended, shown) = init(&format!("- {BOTH}"), Some(&[]));
    assert!(
        matches!(ended, Ok(Exit::Done)) && shown.starts_with('#'),
        "{shown}"
    );
}

#[test]
fn an_end_before_the_last_answer_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cutover.toml").display().to_string();
    let said = refused(&file, Some(&["shop", "/"]));
    assert!(said.ends_with("nothing was written"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_there_is_overwritten_by_force_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (
        folder.path().join("a.toml"),
        folder.path().join("link.toml"),
    );
    let written = |more: &str| init(&format!("{} {BOTH} {more}", link.display()), None);
    fs::write(&file, "mine").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let (ended, shown) = written("");
    assert!(
        ended.is_err() && fs::read_to_string(&file).unwrap() == "mine",
        "{shown}"
    );
    let (ended, shown) = written("--force");
    assert!(matches!(ended, Ok(Exit::Done)), "{ended:?} {shown}");
    assert!(
        fs::read_to_string(&file)
            .unwrap()
            .contains("[service.shop]")
    );
    assert!(
        fs::symlink_metadata(&link).unwrap().is_symlink(),
        "the link stays"
    );
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "and so do the rights");
    for place in ["/proc/nowhere/a.toml", "/dev/null", "/tmp"] {
        assert!(
            init(&format!("{place} {BOTH} --force"), None).0.is_err(),
            "{place}"
        );
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        2,
        "nothing is left over"
    );
}

#[test]
fn the_next_commands_are_those_of_this_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.toml").display().to_string();
    let (_, shown) = init(
        &format!("{file} {BOTH} --service api --admin-listen unix:/run/a.sock"),
        None,
    );
    for command in [
        format!("{file} is written: 1 service, 1 listener"),
        format!("cutover check --config {file}"),
        format!("cutover serve --config {file}"),
        "cutover switch api green --admin unix:/run/a.sock".to_owned(),
    ] {
        assert!(shown.contains(&command), "{shown}");
    }
}

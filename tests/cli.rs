//! The binary itself: usage, streams, exit codes.

#![expect(clippy::expect_used, reason = "what fails in a helper fails the test")]

use std::{io::Read, os::unix::fs::PermissionsExt, path::Path, process::Stdio};

use assert_cmd::Command;
use cutover::config::load;

fn cutover(args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("cutover"));
    command.env_clear().args(args);
    command
}

#[test]
fn usage_errors_exit_with_2_and_help_with_0() {
    for args in [
        &[][..],
        &["nonsense"],
        &["switch", "shop"],
        &["switch", "shop", "red"],
        &["switch", "shop", "green", "--wait", "baked"],
        &["rollback", "shop", "blue"],
        &["status", "--timeout", "10"],
        &["status", "--admin", "localhost:9900"],
        &["endpoint", "add", "shop", "green", "a:1", "--weight", "0"],
        &["history", "--limit", "0"],
    ] {
        let output = cutover(args).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
    for args in [&["--help"][..], &["--version"], &["switch", "--help"]] {
        let output = cutover(args).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(
            !output.stdout.is_empty() && output.stderr.is_empty(),
            "{args:?}"
        );
    }
}

#[test]
fn nobody_at_the_address_exits_with_5() {
    let folder = tempfile::tempdir().expect("a folder");
    let admin = format!("unix:{}", folder.path().join("admin.sock").display());
    let output = cutover(&["status", "--admin", &admin])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(5));
    let by_environment = cutover(&["status"]).env("CUTOVER_ADMIN", &admin).output();
    assert_eq!(by_environment.expect("it runs").status.code(), Some(5));
}

#[test]
fn no_terminal_and_no_color_mean_no_colours() {
    for variable in ["NO_COLOR", "CUTOVER_UNRELATED"] {
        let output = cutover(&["status", "--admin", "unix:/nowhere/admin.sock"])
            .env(variable, "1")
            .output()
            .expect("it runs");
        assert!(!output.stderr.contains(&0x1b), "{output:?}");
    }
}

#[test]
fn completions_are_written_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = cutover(&["completions", shell]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let script = String::from_utf8(output.stdout).expect("a script is text");
        assert!(script.contains("CUTOVER_COMPLETE"), "{shell}");
    }
}

#[test]
fn a_shell_that_asks_is_told_what_may_come_next() {
    let asked = |line: &str| {
        let words: Vec<_> = ["--"].into_iter().chain(line.split(' ')).collect();
        let output = cutover(&words)
            .env("CUTOVER_COMPLETE", "fish")
            .env("CUTOVER_ADMIN", "unix:/nowhere/admin.sock")
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{line}");
        assert!(output.stderr.is_empty(), "{output:?}");
        let offered = String::from_utf8(output.stdout).expect("it is text");
        let words = offered.lines().filter_map(|it| it.split('\t').next());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(asked("cutover sw"), ["switch"]);
    assert_eq!(asked("cutover switch shop g"), ["green"]);
    assert_eq!(asked("cutover plan --group checkout b"), ["blue"]);
    assert!(
        asked("cutover status sh").is_empty(),
        "nobody knows services"
    );
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let man = folder.path().join("man1");
    let output = cutover(&["man", &man.display().to_string()]).output();
    assert_eq!(output.expect("it runs").status.code(), Some(0));
    let help = cutover(&["--help"]).output().expect("it runs").stdout;
    let help = String::from_utf8(help).expect("it is text");
    let (_, commands) = help.split_once("Commands:\n").expect("it has commands");
    let (commands, _) = commands.split_once("\n\n").expect("and options");
    let names = commands.lines().filter_map(|line| {
        let name = line.strip_prefix("  ")?.split(' ').next()?;
        (!name.is_empty() && name != "help").then_some(name)
    });
    let names: Vec<_> = names.collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let page = std::fs::read_to_string(man.join(format!("cutover-{name}.1")));
        let page = page.unwrap_or_else(|_| panic!("`{name}` has no page"));
        assert!(
            page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"),
            "{name}"
        );
    }
    let nested = std::fs::read_to_string(man.join("cutover-endpoint-drain.1"));
    assert!(nested.expect("it has a page").contains("deadline"));
    let nowhere = cutover(&["man", "/proc/nowhere"])
        .output()
        .expect("it runs");
    assert_eq!(nowhere.status.code(), Some(2));
}

#[test]
fn colours_are_on_when_they_are_asked_for_and_only_then() {
    for (wanted, coloured) in [("always", true), ("auto", false), ("never", false)] {
        let args = [
            "status",
            "--admin",
            "unix:/nowhere/admin.sock",
            "--color",
            wanted,
        ];
        let output = cutover(&args).output().expect("it runs");
        assert_eq!(output.stderr.contains(&0x1b), coloured, "{wanted}");
    }
}

#[test]
fn top_needs_a_terminal() {
    let output = cutover(&["top", "--admin", "unix:/nowhere/admin.sock"]).output();
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).expect("it is text");
    assert!(said.contains("cutover status --watch"), "{said}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("cutover"))
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    // Closed before the first byte is read; the script is larger than a pipe's buffer may be.
    drop(child.stdout.take());
    let status = child.wait().expect("it ends");
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("it is piped");
    stderr.read_to_string(&mut said).expect("it is text");
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
}

const VALID: &str = r#"
[listener.web]
listen = "127.0.0.1:8080"

[service.shop]
routes = ["shop.example.com/"]
live = "blue"

[service.shop.blue]
endpoints = ["10.0.0.1:80"]

[service.shop.green]
endpoints = ["10.0.0.2:80"]
"#;

/// A folder with a configuration file of this text.
fn configured(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cutover.toml");
    std::fs::write(&path, text).expect("it is written");
    (folder, path.display().to_string())
}

#[test]
fn a_valid_file_is_counted() {
    let (folder, path) = configured(VALID);
    let expected = format!("{path} is valid: 1 service, 1 listener\n");
    for mut command in [cutover(&["check", "--config", &path]), cutover(&["check"])] {
        let checked = command.env("CUTOVER_CONFIG", &path).output();
        let checked = checked.expect("it runs");
        assert_eq!(checked.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&checked.stdout), expected);
        assert!(checked.stderr.is_empty(), "{checked:?}");
    }
    let unnamed = cutover(&["check"]).current_dir(folder.path()).output();
    let unnamed = String::from_utf8(unnamed.expect("it runs").stdout).expect("it is text");
    assert_eq!(unnamed, "cutover.toml is valid: 1 service, 1 listener\n");
}

#[test]
fn an_invalid_file_is_told_in_the_words_of_the_configuration() {
    let (_folder, path) = configured(
        &VALID
            .replace("endpoints", "endpoint")
            .replace("live", "lve"),
    );
    let source = load::read(Path::new(&path)).expect("it is read");
    let problems = load::parse(&source, 1).expect_err("it is invalid");
    let checked = cutover(&["check", "--config", &path])
        .output()
        .expect("it runs");
    assert_eq!(checked.status.code(), Some(2));
    assert!(checked.stdout.is_empty());
    let said = String::from_utf8(checked.stderr).expect("it is text");
    assert_eq!(said, format!("{problems}\n"));
    assert!(said.lines().count() > 2, "all at once: {said}");
    let missing = cutover(&["check", "--config", "/nowhere/cutover.toml"]).output();
    assert_eq!(missing.expect("it runs").status.code(), Some(2));
}

#[test]
fn the_token_file_is_checked_too() {
    let admin = "[admin]\nlisten = \"0.0.0.0:9900\"\ntoken_file = \"tokens\"\n";
    let (folder, path) = configured(&format!("{admin}{VALID}"));
    let tokens = folder.path().join("tokens");
    let check = || {
        cutover(&["check", "--config", &path])
            .output()
            .expect("it runs")
    };
    assert_eq!(check().status.code(), Some(2), "there is none");
    std::fs::write(&tokens, "alice operate s3cret\nbob view s3cret\n").expect("it is written");
    let wrong = check();
    assert_eq!(wrong.status.code(), Some(2));
    let said = String::from_utf8(wrong.stderr).expect("it is text");
    assert!(
        said.contains("tokens:1: ") && said.contains("tokens:2: "),
        "{said}"
    );
    assert!(!said.contains("s3cret"), "{said}");
    std::fs::write(&tokens, "alice operate 0123456789abcdef\n").expect("it is written");
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&tokens, open).expect("it is ours");
    let odd = check();
    assert_eq!(odd.status.code(), Some(0));
    let said = String::from_utf8(odd.stderr).expect("it is text");
    assert!(
        said.starts_with("warning: ") && said.contains("every user"),
        "{said}"
    );
}

//! The binary itself: usage, streams, exit codes.

use std::{io::Read, process::Stdio};

use assert_cmd::Command;

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
        assert!(script.contains("rollback"), "{shell}");
    }
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

//! The promise: the reference and the stored schema say what the program reads. Whether a schema fits the files that the
//! program takes, and no others, is tested beside it.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

use std::{fs, process::Command};

use cutover::config::{reference::page, schema::schema};

#[test]
fn the_reference_is_that_of_the_program() {
    is_stored("docs/configuration.md", &page());
}

#[test]
fn the_stored_schema_is_that_of_the_program() {
    is_stored("docs/cutover.schema.json", &format!("{:#}\n", schema()));
}

#[test]
fn the_command_writes_the_schema() {
    let output = Command::new(env!("CARGO_BIN_EXE_cutover"))
        .arg("schema")
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let written: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(written, schema());
}

/// With `WRITE` in the environment it is after this.
#[track_caller]
fn is_stored(path: &str, made: &str) {
    if std::env::var_os("WRITE").is_some() {
        fs::write(path, made).unwrap();
    }
    let stored = fs::read_to_string(path).unwrap_or_default();
    let differs = stored
        .lines()
        .zip(made.lines())
        .position(|(stored, made)| stored != made)
        .unwrap_or_else(|| stored.lines().count().min(made.lines().count()));
    assert!(
        stored == made,
        "{path}:{}: this is not what the program says; `WRITE=1 cargo test --test schema` writes it anew",
        differs + 1
    );
}

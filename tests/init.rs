//! Promise: what `cutover init` writes is valid, serves, and can be switched, as it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use support::{
    answering::Answering,
    client::Raw,
    eventually,
    serve::{BINARY, Serve},
};

/// In this folder, with nobody at a terminal.
fn cutover(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command.env_remove("CUTOVER_CONFIG").output().unwrap()
}

fn said(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr];
    streams.map(|it| String::from_utf8_lossy(it)).concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_flags_to_a_file_to_a_switch() {
    let folder = tempfile::tempdir().unwrap();
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let [blue, green] = [0, 1].map(|it: usize| pools[it].addr().to_string());
    let flags = [
        "init",
        "--service",
        "api",
        "--blue",
        &blue,
        "--green",
        &green,
        "--probe",
        "/healthz",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
    ];
    let written = cutover(folder.path(), &flags);
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    let result = String::from_utf8(written.stdout).unwrap();
    assert_eq!(result, "cutover.toml is written: 1 service, 1 listener\n");
    let file = folder.path().join("cutover.toml");
    let others = fs::metadata(&file).unwrap().permissions().mode() & 0o022;
    assert_eq!(others, 0, "nobody else may write it");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let checked = cutover(folder.path(), &["check"]);
    assert_eq!(
        (checked.status.code(), checked.stderr.len()),
        (Some(0), 0),
        "{checked:?}"
    );

    // So that the test hears where it listens.
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace("[process]", "[process]\nlog_format = \"json\""),
    )
    .unwrap();
    let serve = Serve::start(Command::new(BINARY), &file).await;
    eventually("both colours are ready", async || {
        let view = serve.admin.service("api").await;
        view.pools.iter().all(|(_, pool)| pool.ready == 1)
    })
    .await;
    let mut client = Raw::connect(serve.addr).await;
    assert_eq!(client.get("/").await.field("x-endpoint"), Some("blue"));
    let switched = serve.admin.cli(&["switch", "api", "green"]).await;
    assert_eq!(switched.status.code(), Some(0), "{switched:?}");
    assert_eq!(client.get("/").await.field("x-endpoint"), Some("green"));
    assert!(
        folder.path().join("state").is_dir(),
        "the journal is beside the file"
    );
}

#[test]
fn nothing_is_overwritten_and_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cutover.toml");
    let both = ["--blue", "10.0.0.1:80", "--green", "10.0.0.2:80"];
    let init = |more: &[&str]| cutover(folder.path(), &[&["init"], more].concat());
    for (args, word) in [
        (&[][..], "`--blue` is missing"),
        (&both[..2], "`--green` is missing"),
        (&["--blue", "nowhere", "--green", "10.0.0.2:80"], "--blue: "),
    ] {
        let refused = init(args);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(said(&refused).contains(word), "{refused:?}");
        assert!(refused.stdout.is_empty() && !file.exists());
    }
    assert_eq!(init(&both).status.code(), Some(0));
    fs::write(&file, "mine").unwrap();
    let refused = init(&both);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said(&refused).contains("`cutover.toml` is there already"),
        "{refused:?}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(
        init(&[&both[..], &["--force"]].concat()).status.code(),
        Some(0)
    );
    assert_eq!(cutover(folder.path(), &["check"]).status.code(), Some(0));

    let printed = init(&[&["-"], &both[..]].concat());
    assert_eq!(printed.status.code(), Some(0));
    assert_eq!(
        printed.stdout,
        fs::read(&file).unwrap(),
        "`-` is the same text"
    );
}

//! The promise: the environment wins over the file for keys of the process, the same way in `check`, `serve`, a reload and
//! whatever shows the configuration, and nobody has to guess that it did.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

mod support;

use std::process::{Command, Output};

use support::serve::{BINARY, Home, Serve};

#[tokio::test(flavor = "multi_thread")]
async fn a_process_goes_by_its_environment_from_its_start_on() {
    let home = Home::new("", "");
    let mut command = Command::new(BINARY);
    command
        .env("CUTOVER_PROCESS_WORKERS", "1")
        .env("CUTOVER_PROCESS_SHUTDOWN_DEADLINE", "7s")
        .env("CUTOVER_METRICS_LISTEN", "127.0.0.1:0");
    let serve = Serve::start(command, &home.config()).await;
    let told = serve.said("environment taken over the file");
    assert_eq!(
        told[0]["keys"],
        "process.shutdown_deadline process.workers metrics.listen"
    );
    assert_eq!(serve.said("started")[0]["workers"], 1);

    let diff = serve.admin.cli(&["diff"]).await;
    assert_eq!(diff.status.code(), Some(0), "{diff:?}");
    assert!(!text(&diff).contains("workers"), "{diff:?}");
    // The file says two still, and goes on to say something else: the variable still wins.
    home.write("resolve_interval = \"11s\"", "");
    let reload = serve.admin.cli(&["reload"]).await;
    assert_eq!(reload.status.code(), Some(0), "{reload:?}");
    assert!(!text(&reload).contains("workers"), "{reload:?}");
    let shown = serve.admin.get("/v1/config").await.json();
    assert_eq!(shown["process"]["shutdown_deadline"], "7s");
    assert_eq!(shown["process"]["workers"], 1);
    assert_eq!(shown["metrics"]["listen"], "127.0.0.1:0");
}

#[test]
fn a_check_goes_by_the_environment_and_names_what_it_took() {
    let home = Home::new("", "");
    let good = check(&home, "CUTOVER_PROCESS_WORKERS", "4");
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    assert!(
        text(&good).contains("from the environment: `process.workers`"),
        "{good:?}"
    );

    let wrong = check(&home, "CUTOVER_PROCESS_WORKERS", "257");
    assert_eq!(wrong.status.code(), Some(2));
    let told =
        "CUTOVER_PROCESS_WORKERS: `257` in `process.workers` is out of range; use `0` to `256`";
    assert!(text(&wrong).contains(told), "{wrong:?}");

    let unknown = check(&home, "CUTOVER_ADMIN_TOKENS_FILE", "tokens");
    assert_eq!(unknown.status.code(), Some(2));
    let told = "CUTOVER_ADMIN_TOKENS_FILE: this variable stands for no key; did you mean `CUTOVER_ADMIN_TOKEN_FILE`?";
    assert!(text(&unknown).contains(told), "{unknown:?}");
}

fn check(home: &Home, variable: &str, value: &str) -> Output {
    Command::new(BINARY)
        .args(["check", "--config"])
        .arg(home.config())
        .env(variable, value)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    let both = [&*output.stdout, &*output.stderr].concat();
    String::from_utf8(both).unwrap()
}

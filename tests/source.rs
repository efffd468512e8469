//! Promise: whichever way the file is changed, the change is noticed, read once, and told once if it is bad.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::{fs, os::unix::fs::symlink, path::PathBuf, time::Duration};

use cutover::{
    config::{environment::Environment, load},
    control::source::file::{Ask, FileSetup, FileSource, Reading},
    core::switch::{Actor, ActorKind},
};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

#[tokio::test]
async fn a_write_in_place_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = watched(folder.path().join("cutover.toml"));
    fs::write(&file.path, text("second")).unwrap();
    assert_eq!(file.next().await, Ok("second".to_owned()));
    fs::write(&file.path, text("third")).unwrap();
    assert_eq!(file.next().await, Ok("third".to_owned()));
}

#[tokio::test]
async fn a_rename_over_the_file_is_noticed_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = watched(folder.path().join("cutover.toml"));
    for name in ["second", "third"] {
        let new = folder.path().join("cutover.toml.new");
        fs::write(&new, text(name)).unwrap();
        fs::rename(&new, &file.path).unwrap();
        assert_eq!(file.next().await, Ok(name.to_owned()));
    }
}

#[tokio::test]
async fn a_swap_of_the_data_link_of_a_config_map_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path();
    let put = |version: &str, name: &str| {
        fs::create_dir(mount.join(version)).unwrap();
        fs::write(mount.join(version).join("cutover.toml"), text(name)).unwrap();
        symlink(version, mount.join("..data_tmp")).unwrap();
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    };
    put("..2026_01", "first");
    symlink("..data/cutover.toml", mount.join("cutover.toml")).unwrap();
    let mut file = started(mount.join("cutover.toml"));
    for (version, name) in [("..2026_02", "second"), ("..2026_03", "third")] {
        put(version, name);
        assert_eq!(file.next().await, Ok(name.to_owned()));
    }
    fs::remove_dir_all(mount.join("..2026_01")).unwrap();
}

/// A file that is mounted on its own is changed through a name in another folder; no event reaches this one.
/// A hard link is the same to the kernel's watches, and needs no privileges.
#[tokio::test]
async fn a_change_without_any_event_in_the_folder_is_noticed() {
    let (host, mount) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let original = host.path().join("cutover.toml");
    fs::write(&original, text("first")).unwrap();
    let path = mount.path().join("cutover.toml");
    fs::hard_link(&original, &path).unwrap();
    let mut file = started(path);
    for name in ["second", "third"] {
        fs::write(&original, text(name)).unwrap();
        assert_eq!(file.next().await, Ok(name.to_owned()));
    }
}

#[tokio::test]
async fn a_half_written_file_is_told_once_and_the_whole_one_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = watched(folder.path().join("cutover.toml"));
    let half = &text("second")[..60];
    fs::write(&file.path, half).unwrap();
    let errors = file.next().await.unwrap_err();
    assert!(errors[0].contains("cutover.toml"), "{errors:?}");
    fs::write(&file.path, half).unwrap();
    fs::write(&file.path, text("third")).unwrap();
    assert_eq!(file.next().await, Ok("third".to_owned()));
}

#[tokio::test]
async fn a_file_that_vanishes_and_comes_back_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = watched(folder.path().join("cutover.toml"));
    fs::remove_file(&file.path).unwrap();
    assert!(file.next().await.is_err());
    fs::write(&file.path, text("first")).unwrap();
    assert_eq!(file.next().await, Ok("first".to_owned()));
}

#[tokio::test]
async fn an_operator_has_the_file_read_whether_it_has_changed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = watched(folder.path().join("cutover.toml"));
    let reading = file.asked().await;
    assert_eq!(name_of(reading), Ok("first".to_owned()));
}

#[tokio::test]
async fn an_operator_does_not_wait_until_a_writer_seems_to_have_finished() {
    // Whether the ask or the change is seen first is chance.
    for _ in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let mut file = watched(folder.path().join("cutover.toml"));
        fs::write(&file.path, text("second")).unwrap();
        let reading = file.asked().await;
        assert_eq!(name_of(reading), Ok("second".to_owned()));
    }
}

struct File {
    path: PathBuf,
    source: FileSource,
    readings: mpsc::Receiver<Reading>,
}

impl File {
    /// The reading that an operator asks for; it is the next one.
    async fn asked(&mut self) -> Reading {
        let operator = Actor {
            kind: ActorKind::Admin,
            name: "ann".to_owned(),
        };
        let ask = Ask {
            actor: operator.clone(),
            answer: None,
        };
        self.source.ask(ask).unwrap();
        let reading = self.reading().await;
        let Reading::File { ask, .. } = &reading else {
            panic!("{reading:?}");
        };
        assert_eq!(ask.actor, operator);
        reading
    }

    async fn reading(&mut self) -> Reading {
        let reading = timeout(Duration::from_secs(20), self.readings.recv()).await;
        reading.unwrap().unwrap()
    }

    async fn next(&mut self) -> Result<String, Vec<String>> {
        name_of(self.reading().await)
    }
}

/// A source that watches a file that says `first`.
fn watched(path: PathBuf) -> File {
    fs::write(&path, text("first")).unwrap();
    started(path)
}

fn started(path: PathBuf) -> File {
    let source = load::read(&path).unwrap();
    let (tx, readings) = mpsc::channel(4);
    let setup = FileSetup {
        path: path.clone(),
        digest: source.digest,
        environment: Environment::default(),
        cores: 1,
        watch: true,
        applied: watch::channel(None).1,
    };
    File {
        path,
        source: FileSource::start(setup, tx),
        readings,
    }
}

fn name_of(reading: Reading) -> Result<String, Vec<String>> {
    let Reading::File { outcome, .. } = reading else {
        panic!("{reading:?}");
    };
    Ok(outcome?.loaded.config.services[0].name.to_string())
}

fn text(service: &str) -> String {
    format!(
        r#"
[listener.web]
listen = "127.0.0.1:0"

[service.{service}]
routes = ["/"]
live = "blue"

[service.{service}.blue]
endpoints = ["127.0.0.1:7001"]

[service.{service}.green]
endpoints = ["127.0.0.1:7002"]
"#
    )
}

//! The promise of the access log: no line of an ended request is lost at a clean exit or a rotation, and a
//! broken or slow file never holds up traffic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/telemetry.rs"]
mod telemetry;

use std::{fs, path::Path};

use cutover::{
    config::{AccessLogFormat, AccessLogTarget},
    telemetry::access::AccessLog,
};
use telemetry::record;

#[test]
fn off_is_no_log() {
    let log = AccessLog::open(&AccessLogTarget::Off, AccessLogFormat::Json).unwrap();
    assert!(log.is_none());
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = AccessLogTarget::File(folder.path().join("none/access.log"));
    AccessLog::open(&missing, AccessLogFormat::Json).unwrap_err();
}

#[test]
fn every_line_is_there_after_close_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let log = open(&path);
    for number in 0..LINES {
        assert!(log.log(record(&format!("/{number}"))));
    }
    assert!(log.close());
    let wanted: Vec<_> = (0..LINES).map(|number| format!("/{number}")).collect();
    assert_eq!(targets(&path), wanted);
    assert!(!log.log(record("/late")), "a closed log takes nothing");
}

#[test]
fn dropping_the_last_handle_closes_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let log = open(&path);
    let other = log.clone();
    assert!(log.log(record("/first")));
    drop(log);
    assert!(other.log(record("/second")));
    drop(other);
    assert_eq!(targets(&path), ["/first", "/second"]);
}

#[test]
fn a_rotation_loses_nothing_and_later_lines_go_to_the_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (
        folder.path().join("access.log"),
        folder.path().join("old.log"),
    );
    let log = open(&path);
    assert!(log.log(record("/before")));
    fs::rename(&path, &old).unwrap();
    log.reopen();
    assert!(log.log(record("/after")));
    assert!(log.close());
    let (in_old, in_new) = (targets(&old), targets(&path));
    assert!(in_new.contains(&"/after".to_owned()), "{in_new:?}");
    assert_eq!([in_old, in_new].concat(), ["/before", "/after"]);
}

#[test]
fn a_rotation_that_fails_keeps_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let path = logs.join("access.log");
    let log = open(&path);
    let moved = folder.path().join("moved");
    fs::rename(&logs, &moved).unwrap();
    log.reopen();
    assert!(log.log(record("/kept")));
    assert!(log.close());
    assert_eq!(targets(&moved.join("access.log")), ["/kept"]);
}

#[test]
fn a_full_disk_takes_records_and_closes_all_the_same() {
    let log = open(Path::new("/dev/full"));
    for _ in 0..LINES {
        assert!(log.log(record("/lost")));
    }
    assert!(log.close());
}

fn open(path: &Path) -> AccessLog {
    let target = AccessLogTarget::File(path.to_owned());
    AccessLog::open(&target, AccessLogFormat::Json)
        .unwrap()
        .unwrap()
}

fn targets(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let target = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["target"].as_str().unwrap().to_owned()
    };
    text.lines().map(target).collect()
}

/// Fewer than may wait for the writer, so that none is dropped however slow it is; more than one batch.
const LINES: usize = 2_000;

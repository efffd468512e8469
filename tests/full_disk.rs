//! Promise: an entry that did not fit onto the disk is never found by a restart.
//!
//! Apart from `journal.rs`, because it starts a process: between fork and exec the child holds every lock of
//! its parent.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cutover::{
    control::journal::{Journal, Opened},
    core::{
        event::Entry,
        ids::{Colour, ServiceName, Tenure},
        time::Timestamp,
    },
};

/// The limit on file sizes makes a write stop in the middle, as a full disk does, for every user. It is a
/// limit of the whole process, so that the test runs itself in a process of its own.
#[test]
fn an_entry_that_did_not_fit_is_not_found_again() {
    let Some(folder) = std::env::var_os(FULL_DISK).map(PathBuf::from) else {
        let folder = tempfile::tempdir().unwrap();
        let run = Command::new("sh")
            .args([
                "-c",
                "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact \"$1\" --nocapture",
            ])
            .arg(std::env::current_exe().unwrap())
            .arg("an_entry_that_did_not_fit_is_not_found_again")
            .env(FULL_DISK, folder.path())
            .output()
            .unwrap();
        assert!(run.status.success(), "{run:?}");
        return assert!(folder.path().join("journal").exists());
    };
    let mut journal = open(&folder).journal;
    let path = folder.join("journal");
    for tenure in 1..1_000 {
        let before = fs::read(&path).unwrap();
        let entry = seen(tenure);
        if let Err(error) = journal.append(&[entry]) {
            assert!(
                error.in_full().contains("File too large"),
                "{}",
                error.in_full()
            );
            assert_eq!(fs::read(&path).unwrap(), before);
            drop(journal);
            let opened = open(&folder);
            let shop = &opened.restored.services[&ServiceName::new("shop")];
            assert_eq!((shop.tenure, opened.damage), (Tenure(tenure - 1), None));
            return;
        }
    }
    panic!("the limit was not met");
}

fn open(folder: &Path) -> Opened {
    let now = Timestamp::from_millis(1_790_000_000_000);
    Journal::open(Some(folder), &BTreeMap::new(), now).unwrap()
}

fn seen(tenure: u64) -> Entry {
    Entry::Seen {
        service: ServiceName::new("shop"),
        file_live: Colour::Blue,
        live: Colour::Blue,
        tenure: Tenure(tenure),
        at: Timestamp::from_millis(1_790_000_000_000),
    }
}

const FULL_DISK: &str = "CUTOVER_TEST_FULL_DISK";

//! Promise: a crash at any instant leaves the old or the new state, and damage costs only what it hits.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::{collections::BTreeMap, fs, num::NonZeroU16, path::Path};

use cutover::{
    control::journal::{Damage, Journal, JournalError, Opened},
    core::{
        event::{Entry, Restored},
        ids::{Colour, EndpointAddr, ServiceName, Tenure},
        once::Once,
        switch::{Actor, Broken, Cut, Outcome, Receipt},
        time::Timestamp,
    },
};
use proptest::prelude::*;

#[test]
fn what_was_written_is_found_again() {
    let folder = folder();
    let (_, before) = write(folder.path(), &sample());
    let opened = open(folder.path());
    assert_eq!(opened.restored, before);
    assert_eq!(opened.damage, None);
    let shop = &opened.restored.services[&ServiceName::new("shop")];
    assert_eq!((shop.live, shop.tenure), (Colour::Green, Tenure(2)));
    assert_eq!(shop.history[0].outcome, Outcome::Drained);
}

#[test]
fn a_crash_at_any_byte_costs_the_unfinished_entry_only() {
    let entries = sample();
    let after: Vec<Restored> = (0..=entries.len())
        .map(|count| write(folder().path(), &entries[..count]).1)
        .collect();
    let whole = folder();
    let bytes = write(whole.path(), &entries).0;
    for length in 0..=bytes.len() {
        let folder = folder();
        let torn = &bytes[..length];
        fs::write(folder.path().join("journal"), torn).unwrap();
        let finished = torn.iter().filter(|byte| **byte == b'\n').count();
        let opened = open(folder.path());
        assert_eq!(
            opened.restored,
            after[finished.saturating_sub(1)],
            "at {length}"
        );
        let tail = torn
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |it| it + 1);
        assert_eq!(set_aside(&opened.damage), torn[tail..], "at {length}");
        if length % 16 == 0 {
            assert_goes_on(folder.path(), opened);
        }
    }
}

#[test]
fn a_damaged_entry_of_one_service_takes_no_other_with_it() {
    let folder = folder();
    let (bytes, before) = write(folder.path(), &sample());
    let text = String::from_utf8(bytes).unwrap();
    let damaged: String = text
        .split_inclusive('\n')
        .map(|line| {
            if line.contains("shop") {
                line.replace("shop", "sh0p")
            } else {
                line.to_owned()
            }
        })
        .collect();
    fs::write(folder.path().join("journal"), &damaged).unwrap();
    let opened = open(folder.path());
    let api = ServiceName::new("api");
    assert_eq!(opened.restored.services[&api], before.services[&api]);
    assert_eq!(opened.restored.services.len(), 1);
    let set_aside = String::from_utf8(set_aside(&opened.damage)).unwrap();
    assert!(
        damaged
            .lines()
            .filter(|line| line.contains("sh0p"))
            .all(|line| set_aside.contains(line))
    );
    drop(opened);
    assert_eq!(open(folder.path()).damage, None, "it is reported once");
}

#[test]
fn a_folder_has_one_process() {
    let folder = folder();
    let first = open(folder.path());
    let second = Journal::open(Some(folder.path()), &BTreeMap::new(), now());
    assert!(matches!(second, Err(JournalError::Locked(_))));
    drop(first);
    open(folder.path());
}

#[test]
fn a_newer_journal_is_not_touched() {
    let folder = folder();
    let json = r#"{"journal":2}"#;
    let line = format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()));
    fs::write(folder.path().join("journal"), &line).unwrap();
    let opened = Journal::open(Some(folder.path()), &BTreeMap::new(), now());
    assert!(matches!(
        opened,
        Err(JournalError::Version { version: 2, .. })
    ));
    assert_eq!(
        fs::read_to_string(folder.path().join("journal")).unwrap(),
        line
    );
}

#[test]
fn a_journal_that_was_removed_is_written_anew_and_one_without_a_folder_refuses() {
    let parent = folder();
    let folder = parent.path().join("state");
    let entries = sample();
    let mut journal = open(&folder).journal;
    entries[..3]
        .iter()
        .for_each(|entry| journal.append(std::slice::from_ref(entry)).unwrap());
    fs::remove_file(folder.join("journal")).unwrap();
    journal.append(&entries[3..=3]).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let error = journal.append(&entries[4..=4]).unwrap_err().in_full();
    assert!(error.contains("No such file"), "{error}");
    fs::create_dir(&folder).unwrap();
    entries[5..]
        .iter()
        .for_each(|entry| journal.append(std::slice::from_ref(entry)).unwrap());
    drop(journal);
    let mut without_the_refused = entries;
    without_the_refused.remove(4);
    let expected = write(&parent.path().join("other"), &without_the_refused).1;
    assert_eq!(open(&folder).restored, expected);
}

#[test]
fn a_journal_of_the_past_is_made_shorter_and_says_the_same() {
    let folder = folder();
    let mut journal = open(folder.path()).journal;
    let weights: Vec<_> = (0..3_000)
        .filter_map(|round| NonZeroU16::new(round % 7 + 1))
        .collect();
    for weights in weights.chunks(100) {
        let entry = |weight: &NonZeroU16| registered("api", "10.0.0.9:80", *weight);
        let entries: Vec<_> = weights.iter().map(entry).collect();
        journal.append(&entries).unwrap();
        journal.tidy().unwrap();
    }
    journal.append(&[seen("api", Colour::Blue, 1)]).unwrap();
    drop(journal);
    let lines = fs::read_to_string(folder.path().join("journal"))
        .unwrap()
        .lines()
        .count();
    assert!(lines < 1_500, "{lines}");
    let opened = open(folder.path());
    let api = &opened.restored.services[&ServiceName::new("api")];
    assert_eq!(api.endpoints.green[0].1.get(), 2_999 % 7 + 1);
}

#[test]
fn leftovers_of_a_rewrite_that_was_killed_are_removed() {
    let folder = folder();
    let leftover = folder.path().join(".journal-x1y2z3");
    fs::write(&leftover, "half").unwrap();
    open(folder.path());
    assert!(!leftover.exists());
}

#[test]
fn without_a_folder_nothing_is_kept() {
    let mut opened = Journal::open(None, &BTreeMap::new(), now()).unwrap();
    opened
        .journal
        .append(&[seen("shop", Colour::Blue, 1)])
        .unwrap();
    assert_eq!(opened.restored, Restored::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn flipped_bytes_never_panic_and_never_invent(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..6)
    ) {
        let folder = folder();
        let (mut bytes, before) = write(folder.path(), &sample());
        for (at, mask) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
        }
        fs::write(folder.path().join("journal"), &bytes).unwrap();
        let opened = open(folder.path());
        for name in opened.restored.services.keys() {
            prop_assert!(before.services.contains_key(name));
        }
        assert_goes_on(folder.path(), opened);
    }
}

/// A journal that was opened takes entries, and a restart finds them without further damage.
fn assert_goes_on(folder: &Path, mut opened: Opened) {
    opened
        .journal
        .append(&[seen("late", Colour::Green, 9)])
        .unwrap();
    drop(opened.journal);
    let again = open(folder);
    assert_eq!(again.damage, None);
    let mut expected = opened.restored;
    let late = ServiceName::new("late");
    let found = again.restored.services[&late].clone();
    assert_eq!((found.live, found.tenure), (Colour::Green, Tenure(9)));
    expected.services.insert(late, found);
    assert_eq!(again.restored, expected);
}

fn open(folder: &Path) -> Opened {
    Journal::open(Some(folder), &BTreeMap::new(), now()).unwrap()
}

/// Writes `entries`; the bytes of the file and what a restart restores from it.
fn write(folder: &Path, entries: &[Entry]) -> (Vec<u8>, Restored) {
    let mut journal = open(folder).journal;
    entries
        .iter()
        .for_each(|entry| journal.append(std::slice::from_ref(entry)).unwrap());
    drop(journal);
    (
        fs::read(folder.join("journal")).unwrap(),
        open(folder).restored,
    )
}

fn set_aside(damage: &Option<Damage>) -> Vec<u8> {
    damage
        .as_ref()
        .map_or(Vec::new(), |damage| fs::read(&damage.set_aside).unwrap())
}

fn sample() -> Vec<Entry> {
    vec![
        seen("shop", Colour::Blue, 1),
        seen("api", Colour::Blue, 1),
        Entry::Switched {
            receipts: vec![receipt("shop", 2, Outcome::Committing)],
        },
        registered("api", "[::1]:8080", NonZeroU16::MIN),
        Entry::Switched {
            receipts: vec![receipt("api", 2, Outcome::Committing)],
        },
        Entry::Settled {
            receipt: Box::new(receipt("shop", 2, Outcome::Drained)),
        },
        registered("api", "10.0.0.9:80", NonZeroU16::MAX),
    ]
}

fn seen(service: &str, live: Colour, tenure: u64) -> Entry {
    Entry::Seen {
        service: ServiceName::new(service),
        file_live: Colour::Blue,
        live,
        tenure: Tenure(tenure),
        at: now(),
    }
}

fn registered(service: &str, addr: &str, weight: NonZeroU16) -> Entry {
    Entry::Registered {
        service: ServiceName::new(service),
        colour: Colour::Green,
        addr: EndpointAddr::new(addr),
        weight,
    }
}

fn receipt(service: &str, tenure: u64, outcome: Outcome) -> Receipt {
    Receipt {
        service: ServiceName::new(service),
        from: Colour::Blue,
        to: Colour::Green,
        tenure: Tenure(tenure),
        actor: Actor::file(),
        reason: Some("two lines\nand a \"quote\"".to_owned()),
        rollback: false,
        forced: false,
        group: None,
        once: None,
        requested_at: now(),
        committed_at: None,
        gate_ms: 0,
        gates: Vec::new(),
        barrier_us: None,
        unproven_workers: 0,
        in_flight_at_commit: 0,
        finished: 0,
        replayed: 0,
        cut: Cut::default(),
        broken: Broken::default(),
        drained_at: None,
        outcome,
        shift: None,
        affinity: None,
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000)
}

/// In memory where the system has such a place: these tests sync thousands of times, and what is under test is
/// what is written, not that the disk keeps it.
fn folder() -> tempfile::TempDir {
    let memory = tempfile::tempdir_in("/dev/shm");
    memory.or_else(|_| tempfile::tempdir()).unwrap()
}

#[test]
fn a_journal_from_before_there_were_keys_is_read() {
    let receipt = serde_json::to_value(receipt("shop", 2, Outcome::Drained)).unwrap();
    assert_eq!(
        receipt.get("once"),
        None,
        "nothing is written of a call without a key"
    );
    let lines = [
        serde_json::json!({ "journal": 1 }),
        serde_json::json!({ "entry": "switched", "receipts": [receipt] }),
    ];
    let lines = lines.map(|line| {
        let json = line.to_string();
        format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()))
    });
    let folder = folder();
    fs::write(folder.path().join("journal"), lines.concat()).unwrap();
    let opened = open(folder.path());
    assert_eq!(opened.damage, None);
    let shop = &opened.restored.services[&ServiceName::new("shop")];
    assert_eq!(
        (shop.live, shop.history[0].once.as_ref()),
        (Colour::Green, None)
    );
}

#[test]
fn a_key_is_found_again_with_what_was_done_under_it() {
    let once = Once {
        key: "k".to_owned(),
        order: "00ff".to_owned(),
    };
    let receipt = Receipt {
        once: Some(once.clone()),
        ..receipt("shop", 2, Outcome::Committing)
    };
    let folder = folder();
    let entry = Entry::Switched {
        receipts: vec![receipt],
    };
    let (_, restored) = write(folder.path(), &[entry]);
    assert_eq!(open(folder.path()).restored, restored);
    let shop = &restored.services[&ServiceName::new("shop")];
    assert_eq!(shop.history[0].once, Some(once));
}

//! The promise: nothing that a file holds panics, takes unbounded time or memory, or floods the log.

use std::{fmt::Write as _, fs, path::Path};

use cutover::config::{
    Problems,
    load::{self, Loaded, Source},
};
use proptest::prelude::*;

#[test]
fn every_list_is_bounded() {
    let endpoints: Vec<_> = (0..1025)
        .map(|port| format!("10.0.0.1:{}", port + 1))
        .collect();
    let pool = format!("endpoints = {endpoints:?}");
    let routes: Vec<_> = (0..257).map(|number| format!("/{number}")).collect();
    let mut listeners = String::new();
    let mut services = String::new();
    for number in 0..10_001 {
        if number < 257 {
            writeln!(listeners, "[listener.l{number}]\nlisten = \"127.0.0.1:0\"").unwrap();
        }
        writeln!(services, "[service.s{number}]").unwrap();
    }
    for (text, expected) in [
        (
            format!("{LISTENER}[service.a]\nroutes = [\"/\"]\n[service.a.blue]\n{pool}"),
            "`service.a.blue.endpoints` has 1025 entries; 1024 is the most it may have",
        ),
        (
            format!("{LISTENER}[service.a]\nroutes = {routes:?}\nblue.endpoints = [\"a:1\"]"),
            "`service.a.routes` has 257 entries; 256 is the most it may have",
        ),
        (
            listeners,
            "`listener` has 257 entries; 256 is the most it may have",
        ),
        (
            format!("{LISTENER}{services}"),
            "`service` has 10001 entries; 10000 is the most it may have",
        ),
    ] {
        let problems = parse(&text).unwrap_err().to_string();
        assert!(
            problems.lines().count() == 1 && problems.ends_with(expected),
            "{problems}"
        );
    }
}

#[test]
fn a_file_full_of_mistakes_is_told_in_part() {
    let services: String = (0..2_000)
        .map(|number| format!("[service.s{number}]\n"))
        .collect();
    let problems = parse(&format!("{LISTENER}{services}")).unwrap_err();
    let last = problems.lines().pop().unwrap();
    assert_eq!(
        last,
        "cutover.toml: 3744 more problems are not shown; fix these first"
    );
}

#[test]
fn a_thousand_services_are_judged_in_the_order_of_their_names() {
    let services: String = (0..1_000)
        .map(|number| {
            format!(
                "[service.s{number}]\nroutes = [\"/{number}\"]\n\
                blue.endpoints = [\"10.0.0.1:80\"]\ngreen.endpoints = [\"10.0.0.2:80\"]\n"
            )
        })
        .collect();
    let loaded = parse(&format!("{LISTENER}{services}")).unwrap();
    assert_eq!(loaded.warnings, []);
    let services = loaded.config.services;
    assert_eq!(services.len(), 1_000);
    assert!(services.is_sorted_by_key(|service| service.name.clone()));
}

#[test]
fn deep_and_long_texts_are_refused_without_harm() {
    let deep = 200_000;
    for text in [
        format!("a{} = 1", ".a".repeat(deep)),
        format!("[a{}]", ".a".repeat(deep)),
        format!("a = {}", "[".repeat(deep)),
        format!("a = {}", "{a=".repeat(deep)),
        format!("{} = 1", "a".repeat(deep)),
        format!("[service.\"{}\"]", "\\n".repeat(deep)),
    ] {
        let problems = parse(&text).unwrap_err();
        assert!(problems.lines().iter().all(|line| line.len() < 1_000));
    }
}

#[cfg(unix)]
#[test]
fn a_folder_whose_name_is_no_text_can_be_shown() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let folder = Path::new(OsStr::from_bytes(b"/etc/\xff"));
    let text = "[process]\nstate = \"state\"\naccess_log = \"./log\"\n\
        [admin]\nlisten = \"unix:admin\"\ntoken_file = \"token\"\n";
    let source = Source::new(&folder.join("c.toml"), format!("{text}{LISTENER}"));
    let shown = load::parse(&source, 1).unwrap().config.redacted();
    assert_eq!(shown["process"]["state"], "/etc/\u{fffd}/state");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = parse(&text).map(|loaded| loaded.config.redacted());
    }

    #[test]
    fn no_mutilated_file_panics(
        example in prop::sample::select(&EXAMPLES),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, splice()), 1..6),
    ) {
        let path = format!("config/{example}.toml");
        let mut text: Vec<char> = fs::read_to_string(path).unwrap().chars().collect();
        for (at, length, insert) in cuts {
            let at = at.index(text.len() + 1);
            let end = (at + length).min(text.len());
            text.splice(at..end, insert.chars());
        }
        let text: String = text.into_iter().collect();
        match parse(&text) {
            Ok(loaded) => drop(loaded.config.redacted()),
            Err(problems) => {
                prop_assert!(!problems.0.is_empty());
                prop_assert!(problems.lines().iter().all(|line| !line.contains('\n')));
            }
        }
    }
}

/// Pieces that mean something in some place of a file.
fn splice() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\\[\\]{}=.,\"'#*/:%0-9a-z \n-]{0,12}",
        prop::sample::select(vec![
            "\"0s\"",
            "-1",
            "18446744073709551616",
            "\"::\"",
            "[]",
            "{}",
            "\"*.\"",
            "\"%\"",
            "\"KiB\"",
            "[service.x]\n",
            "[listener.x]\n",
            "\"0.0.0.0:0\"",
            "live = \"green\"\n",
            "1979-05-27",
            "nan",
        ])
        .prop_map(str::to_owned),
    ]
}

const EXAMPLES: [&str; 6] = [
    "minimal",
    "full",
    "kubernetes-nodeport",
    "virtual-machines",
    "containers",
    "many-services",
];
const LISTENER: &str = "[listener.web]\nlisten = \"127.0.0.1:8080\"\n";

fn parse(text: &str) -> Result<Loaded, Problems> {
    load::parse(&Source::new(Path::new("cutover.toml"), text.to_owned()), 1)
}

//! The properties, run on what is kept, on mutations of that, and on anything.

use std::{fs, path::Path};

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{TestError, TestRunner},
};

use super::*;

/// The inputs that are kept for a property.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(name);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let seeds = entries.map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let seeds: Vec<_> = seeds.collect();
    assert!(
        seeds.len() >= 3,
        "{} has hardly any seeds",
        folder.display()
    );
    seeds
}

#[test]
fn every_property_holds_of_what_is_kept() {
    for property in PROPERTIES {
        for seed in seeds(property.name) {
            (property.holds_of)(&seed);
        }
    }
}

#[test]
fn every_property_holds_of_what_comes_close_to_that() {
    for property in PROPERTIES {
        let seeds = seeds(property.name);
        let cut = (any::<Index>(), 0..6_usize, splice(seeds.clone()));
        let input = (
            prop::sample::select(seeds),
            prop::collection::vec(cut, 0..4),
        );
        run(
            *property,
            &input.prop_map(|(seed, cuts)| mutated(seed, &cuts)),
        );
    }
}

#[test]
fn every_property_holds_of_anything() {
    for property in PROPERTIES {
        let text = "\\PC{0,40}".prop_map(String::into_bytes);
        run(
            *property,
            &prop_oneof![prop::collection::vec(any::<u8>(), 0..64), text],
        );
    }
}

#[test]
fn pieces_are_the_whole() {
    for length in 0..200_u8 {
        let whole: Vec<u8> = (0..length).collect();
        assert_eq!(pieces(&whole).concat(), whole);
        assert!(pieces(&whole).iter().all(|piece| !piece.is_empty()));
    }
}

#[test]
fn every_property_has_a_target_and_every_target_a_property() {
    let manifest = include_str!("../../fuzz/Cargo.toml");
    let targets = manifest.split("[[bin]]\nname = \"").skip(1);
    let targets: Vec<_> = targets.filter_map(|it| it.split('"').next()).collect();
    let names: Vec<_> = PROPERTIES.iter().map(|property| property.name).collect();
    assert_eq!(targets, names);
}

fn run(property: Property, input: &impl Strategy<Value = Vec<u8>>) {
    let config = ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let ran = TestRunner::new(config).run(input, |bytes| {
        (property.holds_of)(&bytes);
        Ok(())
    });
    match ran {
        Ok(()) => {}
        Err(TestError::Fail(why, bytes)) => panic!(
            "`{}` does not hold of {:?}: {why}",
            property.name,
            bytes.escape_ascii().to_string()
        ),
        Err(abort) => panic!("`{}`: {abort}", property.name),
    }
}

/// What is put in the place of some bytes: a piece of another input, or bytes that mean something somewhere.
fn splice(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let telling = prop::sample::select(vec![
        "\r\n",
        "\n",
        "\r",
        "\0",
        " ",
        "\t",
        ":",
        ";",
        "%",
        "%2f",
        "%2e",
        "/",
        "..",
        "*",
        "\"",
        "\\",
        "0",
        "1",
        "a",
        "A",
        "-",
        "+",
        "\u{7f}",
        "\u{e9}",
        "[",
        "]",
        "{",
        "}",
        "=",
        ",",
        "chunked",
        "close",
        "0\r\n\r\n",
    ]);
    let piece = (prop::sample::select(seeds), any::<Index>(), 0..24_usize).prop_map(
        |(seed, at, length)| {
            let at = at.index(seed.len() + 1);
            seed[at..(at + length).min(seed.len())].to_vec()
        },
    );
    prop_oneof![
        telling.prop_map(|text| text.as_bytes().to_vec()),
        piece,
        prop::collection::vec(any::<u8>(), 0..3),
    ]
}

fn mutated(mut seed: Vec<u8>, cuts: &[(Index, usize, Vec<u8>)]) -> Vec<u8> {
    for (at, length, insert) in cuts {
        let at = at.index(seed.len() + 1);
        let end = (at + length).min(seed.len());
        seed.splice(at..end, insert.iter().copied());
    }
    seed
}

/// Inputs of each kind for each property; libFuzzer has the patience for more.
const CASES: u32 = 256;

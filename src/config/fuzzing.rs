//! Any bytes as a configuration file, and any lines as its routes.

mod routes;

use std::{fmt::Write as _, path::Path};

use serde_json::Value;

use super::{
    Problem, Problems,
    load::{self, Loaded, Source},
};

pub(crate) use self::routes::routes;

/// A file is judged without panic, each problem has its place inside the text, and the effective form of a valid one is
/// a valid file that means the same.
pub(crate) fn configuration(bytes: &[u8]) {
    let text = match String::from_utf8(bytes.to_vec()) {
        Ok(text) => text,
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(&bytes[..good]);
            return are_placed(&load::not_utf8(Path::new(FILE), &error).0, &text);
        }
    };
    let loaded = match parse(&text) {
        Ok(loaded) => loaded,
        Err(problems) => {
            assert!(!problems.0.is_empty(), "refused for no reason");
            return are_placed(&problems.0, &text);
        }
    };
    are_placed(&loaded.warnings, &text);
    let shown = loaded.config.redacted();
    let written = file(&shown);
    match parse(&written) {
        Ok(again) => assert_eq!(again.config.redacted(), shown, "{written}"),
        Err(problems) => panic!("{problems}\nof {written}"),
    }
}

fn parse(text: &str) -> Result<Loaded, Problems> {
    load::parse(&Source::new(Path::new(FILE), text.to_owned()), 1)
}

/// A file that has a listener and these lines.
fn file_with(lines: &str) -> Result<Loaded, Problems> {
    parse(&format!(
        "[listener.web]\nlisten = \"127.0.0.1:80\"\n{lines}\n"
    ))
}

/// All but the one that counts what is not shown stand at a place in the text.
fn are_placed(problems: &[Problem], text: &str) {
    let lines: Vec<_> = text.split('\n').collect();
    for problem in problems {
        let Some(at) = problem.at else {
            assert!(problem.text.ends_with("are not shown"), "{problem}");
            continue;
        };
        let line = at.line.checked_sub(1).and_then(|place| lines.get(place));
        let columns = line.map(|line| line.chars().count() + 1);
        assert!(
            columns.is_some_and(|columns| (1..=columns).contains(&at.column)),
            "{problem}"
        );
        assert!(!problem.to_string().contains('\n'), "{problem}");
    }
}

/// What the effective configuration says, as a file.
pub(super) fn file(shown: &Value) -> String {
    let mut text = String::new();
    for (name, value) in shown.as_object().into_iter().flatten() {
        let _ = writeln!(text, "{name} = {}", toml(value));
    }
    text
}

/// A value in TOML, on one line; what is not set is left out.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let entries = table.iter().filter(|(_, value)| !value.is_null());
            let entries: Vec<_> = entries
                .map(|(name, value)| format!("{} = {}", quoted(name), toml(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(toml).collect();
            format!("[{}]", values.join(", "))
        }
        Value::String(text) => quoted(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// JSON's strings are TOML's, but for one character.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// Where the file is said to lie.
const FILE: &str = "/etc/cutover/cutover.toml";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn examples_and_the_seed_with_every_kind_of_key_are_files_that_mean_what_is_shown_of_them() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let examples = fs::read_dir(root.join("config"))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let examples = examples.filter(|path| path.extension().is_some_and(|it| it == "toml"));
        for path in examples.chain([root.join("fuzz/seeds/configuration/keys")]) {
            let text = fs::read_to_string(&path).unwrap();
            if let Err(problems) = parse(&text) {
                panic!("{}: {problems}", path.display());
            }
            configuration(text.as_bytes());
        }
    }
}

//! Whether schema and walker agree, and whether what is stated as a default is one.

use std::{fs, path::Path};

use jsonschema::Validator;
use toml::de::{DeTable, DeValue};

use super::*;
use crate::config::{
    fuzzing,
    judge::{At, Judge},
    load::{self, Loaded, Source},
    raw::{RawService, SERVICES_LIMIT},
    tree::{Named, Node},
    value::duration::{self, parse_duration},
};

#[test]
fn it_is_a_schema_of_its_draft() {
    assert!(jsonschema::draft202012::meta::is_valid(&schema()));
}

#[test]
fn good_files_fit_and_so_does_what_is_shown_of_them() {
    let validator = validator(&schema());
    for path in files(&["config", "tests/config/odd"]) {
        let text = fs::read_to_string(&path).unwrap();
        fits(&validator, &json_of(&text), &path);
        let shown = parse(&text, 1).unwrap().config.redacted();
        fits(&validator, &json_of(&fuzzing::file(&shown)), &path);
    }
}

#[test]
fn files_with_a_mistake_of_form_do_not_fit() {
    let validator = validator(&schema());
    let mut seen = 0;
    for path in files(&["tests/config/refused"]) {
        let text = fs::read_to_string(&path).unwrap();
        if toml::from_str::<Value>(&text).is_ok() && !is_well_formed(&text) {
            seen += 1;
            assert!(!validator.is_valid(&json_of(&text)), "{path} fits");
        }
    }
    assert!(seen > 12, "{seen}");
}

#[test]
fn what_may_stand_at_a_key_is_what_the_walker_takes() {
    let mut wider: Vec<_> = WIDER.to_vec();
    let (mut seen, mut wrong) = (0, Vec::new());
    for (path, form) in keys(&schema()) {
        if form.get("properties").is_some() || path.last().is_some_and(|it| it == "*" || it == "[]")
        {
            continue;
        }
        let validator = validator(&form);
        for written in values() {
            let value = json_of(&format!("it = {written}"))["it"].clone();
            let is_taken =
                is_well_formed(&format!("{} = {}", path[0], inside(&path[1..], &written)));
            match (is_taken, validator.is_valid(&value)) {
                (true, false) => {
                    wrong.push(format!("{path:?}: {written} is taken, and does not fit"))
                }
                (false, true) if !WIDER.iter().any(|it| is_of(&written, it)) => {
                    wrong.push(format!("{path:?}: {written} is refused, and fits"));
                }
                (false, true) => wider.retain(|it| !is_of(&written, it)),
                (true, true) | (false, false) => seen += 1,
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 10_000, "{seen}");
    assert!(wider.is_empty(), "the schema refuses these, too: {wider:?}");
}

#[test]
fn what_is_stated_as_a_default_is_one() {
    let traces = match cfg!(feature = "otel") {
        true => "[traces]\ncollector = \"http://127.0.0.1:4318/\"\n",
        false => "",
    };
    let config = parse(&format!("{LEFT_OUT}{traces}"), CORES).unwrap().config;
    let shown = config.redacted();
    let mut seen = 0;
    for (path, form) in keys(&schema()) {
        let Some(stated) = form.get("default") else {
            continue;
        };
        if path[0] == "traces" && traces.is_empty() {
            continue;
        }
        // What a service says of TLS is shown with its pools.
        let names: Vec<_> = match path.iter().position(|it| it == "upstream_tls") {
            Some(2) => [&path[..2], &["blue".to_owned()], &path[2..]].concat(),
            _ => path.clone(),
        };
        let mut found = Vec::new();
        look_up(&shown, &names, &mut found);
        found.retain(|it| !it.is_null());
        assert!(!found.is_empty(), "{path:?} is not shown");
        let expected = match path.last().map(String::as_str) {
            // Counted out when the file is read.
            Some("workers") => json!(CORES),
            _ => stated.clone(),
        };
        for value in found {
            assert_eq!(spelt(value), spelt(&expected), "{path:?}");
        }
        seen += 1;
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn what_is_stated_to_be_required_is() {
    let good = json_of(LEFT_OUT);
    let whole = schema();
    let mut required = Vec::new();
    for (path, form) in keys(&whole)
        .into_iter()
        .chain([(Vec::new(), whole.clone())])
    {
        for name in form["required"].as_array().into_iter().flatten() {
            required.push([path.clone(), vec![name.as_str().unwrap().to_owned()]].concat());
        }
    }
    required.retain(|path| path[0] != "traces");
    assert!(required.len() >= 9, "{required:?}");
    for path in required {
        let mut without = good.clone();
        assert!(remove(&mut without, &path), "{path:?} is in no table");
        let refused = parse(&fuzzing::file(&without), 1);
        assert!(refused.is_err(), "{path:?} can be left out");
    }
}

/// Whether the walker has nothing to say, whatever the parts mean together.
fn is_well_formed(text: &str) -> bool {
    let mut judge = Judge::new(Path::new(FILE), text);
    let root = DeValue::Table(DeTable::parse(text).unwrap().into_inner());
    let node = Node {
        at: At::default(),
        value: &root,
    };
    RawConfig::typed(node, &mut judge);
    if let Some(services) = node.at_key("service") {
        judge.within("service", |judge| {
            Named::<RawService, SERVICES_LIMIT>::typed(services, judge)
        });
    }
    judge.verdict().0.0.is_empty()
}

/// Every key, by its path, with its form; `*` is a name that operators give, `[]` an item.
fn keys(schema: &Value) -> Vec<(Vec<String>, Value)> {
    let mut found = Vec::new();
    descend(schema, &mut Vec::new(), &mut found);
    found
}

fn descend(schema: &Value, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, Value)>) {
    for form in schema["anyOf"].as_array().into_iter().flatten() {
        descend(form, path, found);
    }
    let inner = [("[]", "items"), ("*", "additionalProperties")];
    let inner = inner.map(|(name, key)| (name.to_owned(), &schema[key]));
    let properties = schema["properties"].as_object().into_iter().flatten();
    let properties = properties.map(|(name, form)| (name.clone(), form));
    for (name, form) in properties.chain(inner) {
        if form.is_object() {
            path.push(name);
            found.push((path.clone(), form.clone()));
            descend(form, path, found);
            path.pop();
        }
    }
}

/// `written`, with the tables and lists around it that the path tells of.
fn inside(path: &[String], written: &str) -> String {
    let Some((name, rest)) = path.split_first() else {
        return written.to_owned();
    };
    match name.as_str() {
        // The long form of an endpoint is nothing without its address.
        "weight" => format!("{{ addr = \"a:1\", weight = {written} }}"),
        "[]" => format!("[{}]", inside(rest, written)),
        "*" => format!("{{ a = {} }}", inside(rest, written)),
        name => format!("{{ {name} = {} }}", inside(rest, written)),
    }
}

/// Values at a path.
fn look_up<'a>(value: &'a Value, path: &[String], found: &mut Vec<&'a Value>) {
    let Some((name, rest)) = path.split_first() else {
        return found.push(value);
    };
    let inner: Vec<_> = match (name.as_str(), value) {
        ("[]", Value::Array(items)) => items.iter().collect(),
        ("*", Value::Object(named)) => named.values().collect(),
        (name, value) => value.get(name).into_iter().collect(),
    };
    for value in inner {
        look_up(value, rest, found);
    }
}

/// A duration in its longest unit; anything else as it is.
fn spelt(value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    parse_duration(text).map_or_else(|_| value.clone(), |it| json!(duration::write(it)))
}

/// Takes away what is at a path; whether there was anything.
fn remove(value: &mut Value, path: &[String]) -> bool {
    let Some((name, rest)) = path.split_first() else {
        return false;
    };
    let inner: Vec<_> = match (name.as_str(), value) {
        ("[]", Value::Array(items)) => items.iter_mut().collect(),
        ("*", Value::Object(named)) => named.values_mut().collect(),
        (name, Value::Object(table)) if rest.is_empty() => return table.remove(name).is_some(),
        (name, value) => value.get_mut(name).into_iter().collect(),
    };
    // Not `any`: it would stop at the first.
    let removed = inner.into_iter().map(|value| remove(value, rest));
    removed.fold(false, |one, other| one | other)
}

/// Whether it is this, or a list of it.
fn is_of(written: &str, bare: &str) -> bool {
    [bare, &format!("{bare:?}"), &format!("[{bare:?}]")].contains(&written)
}

/// Values of every kind, and slips; texts also as the only item of a list.
fn values() -> impl Iterator<Item = String> {
    let texts = VALUES.lines().filter(|it| it.starts_with('"'));
    let lists = texts.map(|text| format!("[{text}]"));
    VALUES.lines().map(str::to_owned).chain(lists)
}

fn json_of(toml: &str) -> Value {
    toml::from_str(toml).unwrap()
}

fn parse(text: &str, cores: usize) -> Result<Loaded, crate::config::Problems> {
    load::parse(&Source::new(Path::new(FILE), text.to_owned()), cores)
}

fn validator(schema: &Value) -> Validator {
    jsonschema::draft202012::new(schema).unwrap()
}

#[track_caller]
fn fits(validator: &Validator, value: &Value, path: &str) {
    let wrong: Vec<_> = validator
        .iter_errors(value)
        .map(|it| format!("{}: {it}", it.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{path}: {wrong:#?}");
}

/// TOML files in folders of the repository.
fn files(folders: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|it| it == "toml") {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    assert!(!found.is_empty());
    found
}

const FILE: &str = "/etc/cutover/cutover.toml";
const CORES: usize = 3;

/// Every table, with nothing in it that could be left out.
const LEFT_OUT: &str = r#"
[metrics]
[listener.web]
listen = "127.0.0.1:80"
[listener.secure]
listen = "127.0.0.1:443"
tls = { client_ca = "ca.pem", certificates = [{ cert = "c.pem", key = "c.key" }] }
[service.shop]
routes = ["/"]
upstream_tls = {}
blue.endpoints = [{ addr = "a:1" }]
green.endpoints = [{ addr = "b:1" }]
affinity = {}
preview.header = "x-preview"
switch.check = [{ path = "/" }]
switch.hook = [{ at = "after_commit", url = "https://a/" }]
[service.http]
routes = ["/http"]
blue.endpoints = ["c:1"]
probe.kind = "http"
[service.grpc]
routes = ["/grpc"]
blue.endpoints = ["d:1"]
probe.kind = "grpc"
[group.all]
services = ["shop"]
"#;

/// What a form takes although the walker does not, because no pattern can say it.
const WIDER: &[&str] = &[
    // Sums and bounds.
    "366d",
    "0B",
    "7B",
    "1KiB",
    "64KiB",
    "5GiB",
    "2048GiB",
    // Two numbers in one text.
    "399-200",
    // Bits of addresses.
    "10.1.2.3/8",
    "::ffff:10.0.0.0/104",
    "[1::2::3]:80",
    "/%c0%ae",
    // JSON cannot tell it from a whole number.
    "1.0",
];

/// Values of every kind, and slips, as TOML has them.
const VALUES: &str = include_str!("values.txt");

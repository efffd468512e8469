//! Configurations that pages show, against `cutover check`.
//!
//! Owns what a fragment lacks, and files that a configuration names. Must not judge a configuration itself: the program
//! does.

use std::{fs, path::Path, process::Command};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Map, Value, json};

use crate::{
    page::{Block, Page},
    world::BINARY,
};

/// How many configurations a page has; what is wrong is added.
pub(crate) fn check(page: &Page, wrong: &mut Vec<String>) -> usize {
    let mut whole = String::new();
    let mut seen = 0;
    for block in page
        .blocks()
        .filter(|it| it.language == "toml" && !it.says("other") && !it.says("bad"))
    {
        seen += 1;
        let text = block.lines.join("\n");
        whole = match block.says("append") {
            true => format!("{whole}\n{text}\n"),
            false => text,
        };
        if let Err(problem) = judge(&whole, block) {
            let at = page.at(block.line);
            let cure = "change the page; what is not a whole file is marked as `toml fragment`";
            wrong.push(format!(
                "{at}: `cutover check` does not take this; {cure}\n{problem}"
            ));
        }
    }
    seen
}

fn judge(text: &str, block: &Block) -> Result<(), String> {
    let mut config: Value = toml::from_str(text).map_err(|error| error.to_string())?;
    if block.says("fragment") {
        complete(config.as_object_mut().expect("a file is a table"));
    }
    let folder = tempfile::tempdir().unwrap();
    provide(&mut config, "", folder.path());
    let file = folder.path().join("cutover.toml");
    fs::write(&file, written(&config)).unwrap();
    let checked = Command::new(BINARY)
        .args(["check", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    // A key that is odd is a warning, and the page would have its readers see it.
    let is_odd = |line: &&str| !line.contains("verify") && !line.contains("no pool `");
    match said.lines().filter(is_odd).count() {
        0 if checked.status.success() => Ok(()),
        _ => Err(said.into_owned()),
    }
}

/// Puts in what a whole file cannot do without.
fn complete(config: &mut Map<String, Value>) {
    let listeners = table(config, "listener");
    if listeners.is_empty() {
        listeners.insert("web".to_owned(), json!({}));
    }
    for (number, listener) in listeners.values_mut().enumerate() {
        put(
            listener,
            "listen",
            json!(format!("127.0.0.1:{}", 8080 + number)),
        );
        if let Some(tls) = listener.get_mut("tls") {
            put(
                tls,
                "certificates",
                json!([{ "cert": "shop.pem", "key": "shop.key" }]),
            );
        }
    }
    let mut named: Vec<String> = vec!["shop".to_owned()];
    for group in table(config, "group").values() {
        let names = group["services"].as_array().into_iter().flatten();
        named.extend(names.filter_map(|name| name.as_str().map(str::to_owned)));
    }
    let services = table(config, "service");
    if services.is_empty() || named.len() > 1 {
        for name in named {
            services.entry(name).or_insert_with(|| json!({}));
        }
    }
    for (name, service) in services {
        put(service, "routes", json!([format!("{name}.example.com/")]));
        for (colour, network) in [("blue", 0), ("green", 1)] {
            put(service, colour, json!({}));
            put(
                &mut service[colour],
                "endpoints",
                json!([format!("10.0.{network}.1:8080")]),
            );
        }
    }
    if config.contains_key("admin") {
        put(&mut config["admin"], "listen", json!("127.0.0.1:9900"));
    }
}

fn table<'a>(config: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
    let table = config.entry(name).or_insert_with(|| json!({}));
    table.as_object_mut().expect("it is a table")
}

fn put(table: &mut Value, key: &str, value: Value) {
    if table.get(key).is_none() {
        table[key] = value;
    }
}

/// Makes the files that a configuration names, in `folder`.
fn provide(config: &mut Value, key: &str, folder: &Path) {
    match config {
        Value::Object(table) => {
            if let (Some(cert), Some(key)) = (table.get("cert"), table.get("key")) {
                let (cert, key) = (folder.join(name(cert)), folder.join(name(key)));
                provide_pair(&cert, &key);
                table.insert("cert".to_owned(), json!(cert));
                table.insert("key".to_owned(), json!(key));
            }
            for (key, value) in table {
                provide(value, key, folder);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|it| provide(it, key, folder)),
        Value::String(path) => {
            let file = folder.join(name(&json!(path)));
            match key {
                "ca" | "client_ca" => provide_pair(&file, &folder.join("authority.key")),
                "token_file" => provide_secret(&file, "alice operate 0123456789abcdef\n"),
                "secret_file" => provide_secret(&file, "0123456789abcdef\n"),
                "affinity_key_file" => provide_secret(&file, &"0123456789abcdef".repeat(2)),
                _ => return,
            }
            *path = file.display().to_string();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The last part of a path.
fn name(path: &Value) -> String {
    let path = path.as_str().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

fn provide_pair(cert: &Path, key: &Path) {
    let CertifiedKey {
        cert: made,
        signing_key,
    } = generate_simple_self_signed(["shop.example.com".to_owned()]).unwrap();
    fs::write(cert, made.pem()).unwrap();
    provide_secret(key, &signing_key.serialize_pem());
}

pub(crate) fn provide_secret(file: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A file again: each table of the top in one line.
fn written(config: &Value) -> String {
    let tables = config.as_object().expect("a file is a table");
    let lines = tables
        .iter()
        .map(|(key, value)| format!("{} = {}\n", json!(key), inline(value)));
    lines.collect()
}

/// Strings and numbers are written in TOML as they are in JSON.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let pairs = table
                .iter()
                .map(|(key, value)| format!("{} = {}", json!(key), inline(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(inline).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

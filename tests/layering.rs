//! Promise: the rooms of the house open onto each other as `ARCHITECTURE.md` says, and no file outgrows a sitting.
//!
//! The source is read as text, not compiled: what is looked at is what somebody typed. The walk begins at `lib.rs` and
//! follows `mod`; what is there for tests only (`#[cfg(test)]`) may reach anywhere and is left out.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

#[path = "support/source_text.rs"]
mod source_text;

use source_text::{Item, Module, items};

/// Where each room may look. A path with `::` allows that part of a room and no other.
const TABLE: [(&str, &[&str]); 14] = [
    ("core", &[]),
    ("config", &["core"]),
    ("publish", &["core"]),
    ("machine", &[]),
    ("terminal", &["core"]),
    ("mailbox", &["core", "config", "tls"]),
    ("tls", &["core", "config"]),
    ("telemetry", &["core", "config"]),
    (
        "control",
        &[
            "core",
            "config",
            "publish",
            "telemetry",
            "mailbox",
            "machine",
            "tls",
        ],
    ),
    (
        "proxy",
        &[
            "core",
            "config",
            "publish",
            "telemetry",
            "mailbox",
            "machine",
            "tls",
        ],
    ),
    ("admin", &["core", "config", "telemetry", "control::handle"]),
    (
        "demo",
        &[
            "app",
            "core",
            "admin::wire",
            "admin::ACTOR_HEADER",
            "proxy::websocket",
            "terminal",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "config",
            "core",
            "demo",
            "tls::Judged",
            "tls::Seals",
            "admin::wire",
            "admin::tokens",
            "admin::ACTOR_HEADER",
            "admin::ACTOR_LIMIT",
            "admin::KEY_HEADER",
            "admin::KEY_LIMIT",
            "admin::TYPE_PREFIX",
            "admin::AdminError",
            "terminal",
        ],
    ),
    (
        "app",
        &[
            "admin",
            "config",
            "control",
            "core",
            "machine",
            "mailbox",
            "proxy",
            "publish",
            "telemetry",
            "tls",
        ],
    ),
];

/// Crates that decisions may be made of: values, and how they are written and told.
const CORE_CRATES: [&str; 7] = [
    "std",
    "http",
    "serde",
    "schemars",
    "thiserror",
    "humantime",
    "foldhash",
];

/// Lines of a file, its tests included.
const FILE_LIMIT: usize = 400;

#[test]
fn every_room_looks_only_where_the_table_says() {
    let table: BTreeMap<_, _> = TABLE.into_iter().collect();
    let modules = modules();
    let rooms: BTreeSet<_> = modules.iter().filter_map(|it| it.path.first()).collect();
    let mut wrong = Vec::new();
    for room in &rooms {
        if !table.contains_key(room.as_str()) {
            wrong.push(format!("src/{room} is in no line of the table"));
        }
    }
    for module in &modules {
        let Some(room) = module.path.first() else {
            continue;
        };
        let allowed = table.get(room.as_str()).copied().unwrap_or_default();
        for path in &module.uses {
            let is_known = path
                .first()
                .is_some_and(|it| rooms.contains(it) && it != room);
            if is_known && !allowed.iter().any(|it| begins(path, it)) {
                let path = path.join("::");
                wrong.push(format!(
                    "{}: `{room}` reaches for `crate::{path}`",
                    module.file
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn decisions_are_made_of_values_alone() {
    let dependencies = dependencies();
    let foreign = |name: &str| dependencies.contains(name) && !CORE_CRATES.contains(&name);
    let mut wrong = Vec::new();
    let modules = modules();
    let of_core = |it: &&Module| it.path.first().is_some_and(|room| room == "core");
    for module in modules.iter().filter(of_core) {
        for name in module.crates.iter().filter(|name| foreign(name)) {
            wrong.push(format!("{}: core must not use `{name}`", module.file));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        modules.iter().any(|it| it.crates.contains("std")),
        "the parser sees nothing"
    );
}

#[test]
fn the_data_plane_and_the_control_plane_do_not_know_each_other() {
    for (one, other) in [("proxy", "control"), ("control", "proxy")] {
        let modules = modules();
        let mut of_one = modules
            .iter()
            .filter(|it| it.path.first().is_some_and(|it| it == one));
        let meets = |it: &Module| {
            it.uses
                .iter()
                .any(|path| path.first().is_some_and(|it| it == other))
        };
        assert!(of_one.all(|it| !meets(it)), "`{one}` reaches for `{other}`");
    }
}

#[test]
fn every_file_belongs_to_the_crate() {
    let known: BTreeSet<_> = modules_and_tests().into_iter().map(|it| it.file).collect();
    let strays: Vec<_> = files()
        .into_iter()
        .map(|path| relative(&path))
        // What is no Rust is included by somebody's text; `admin/page.rs` looks after its own.
        .filter(|file| file.ends_with(".rs") && file != "src/main.rs" && !known.contains(file))
        .collect();
    assert!(strays.is_empty(), "no `mod` leads to {}", strays.join(", "));
}

#[test]
fn no_file_is_longer_than_one_sitting() {
    let lengths = files().into_iter().map(|path| {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        (relative(&path), lines)
    });
    let long: Vec<_> = lengths
        .filter(|(_, lines)| *lines > FILE_LIMIT)
        .map(|(file, lines)| {
            format!("{file} has {lines} lines; split it by noun, {FILE_LIMIT} is the limit")
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn the_reader_of_source_text_sees_what_is_there() {
    let text = r#"
        //! use crate::comment;
        use std::{collections::BTreeMap, io::{self, Read as _}};
        use crate::{core::{ids::Colour, time}, config};
        #[cfg(test)]
        mod tests { use crate::proxy::secret; }
        #[cfg(test)]
        pub(crate) mod rig;
        pub(super) mod real;
        /* use crate::block; */
        fn f<'a>(x: &'a str) -> char {
            let _ = "crate::text";
            super::super::publish::go();
            let _: Option<Box<dyn Fn() -> impl Future + use<'a>>> = None;
            crate::telemetry::tell(tokio::spawn('"'))
        }
    "#;
    let path = ["control".to_owned(), "probe".to_owned()];
    let module = Module::read("x.rs", &path, text);
    let uses: BTreeSet<_> = module.uses.iter().map(|it| it.join("::")).collect();
    let expected = [
        "config",
        "core::ids::Colour",
        "core::time",
        "publish::go",
        "telemetry::tell",
    ];
    assert_eq!(uses, expected.map(str::to_owned).into());
    let crates: Vec<_> = module.crates.iter().map(String::as_str).collect();
    assert_eq!(crates, ["std", "tokio"]);
    let declared = items(text).into_iter().filter_map(|it| match it {
        Item::Mod { name, for_tests } => Some((name, for_tests)),
        Item::Path(_) => None,
    });
    let declared: Vec<_> = declared.collect();
    assert_eq!(
        declared,
        [("rig".to_owned(), true), ("real".to_owned(), false)]
    );
}

/// Every module that is compiled into the product.
fn modules() -> Vec<Module> {
    walk(false)
}

/// And those that are there for tests.
fn modules_and_tests() -> Vec<Module> {
    walk(true)
}

fn walk(with_tests: bool) -> Vec<Module> {
    let mut modules = Vec::new();
    let mut ahead = vec![("src/lib.rs".to_owned(), Vec::new())];
    while let Some((file, path)) = ahead.pop() {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        let module = Module::read(&file, &path, &text);
        for (name, for_tests) in &module.declares {
            if *for_tests && !with_tests {
                continue;
            }
            let path: Vec<_> = path.iter().chain([name]).cloned().collect();
            let stem = format!("src/{}", path.join("/"));
            let places = [format!("{stem}.rs"), format!("{stem}/mod.rs")];
            let file = places.into_iter().find(|it| root().join(it).exists());
            ahead.push((file.unwrap_or_else(|| panic!("no file for {stem}")), path));
        }
        modules.push(module);
    }
    modules
}

fn begins(path: &[String], with: &str) -> bool {
    let with: Vec<_> = with.split("::").collect();
    path.len() >= with.len() && path.iter().zip(with).all(|(have, want)| have == want)
}

/// What Cargo knows, by the names that source uses.
fn dependencies() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let tables =
        ["dependencies", "dev-dependencies"].map(|it| manifest[it].as_table().unwrap().clone());
    let names = tables.iter().flat_map(toml::Table::keys);
    names.map(|name| name.replace('-', "_")).collect()
}

fn files() -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![root().join("src")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

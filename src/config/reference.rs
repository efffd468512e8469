//! `docs/configuration.md`: the prose of `reference.md.in`, with the tables of keys put in.
//!
//! Owns which table stands where. What is said of a key is said in `raw`; what is said of several, and of values, in the
//! prose. Must not hold either.

use super::{
    environment,
    key::Key,
    raw::{
        RawAdmin, RawAffinity, RawCheck, RawConnections, RawGroup, RawHook, RawListener,
        RawListenerTls, RawMetrics, RawPassive, RawPool, RawPreview, RawProbe, RawProcess,
        RawService, RawSwitch, RawTimeouts, RawTraces, RawUpstreamTls,
    },
    tree::Keyed,
};

/// The page. A line `<!-- keys: TABLE -->` becomes the rows of that table, and `<!-- variables -->` those of the
/// environment; one that names no table stays as it is, which a
/// test finds.
#[must_use]
pub fn page() -> String {
    let mut page = String::new();
    for line in PROSE.lines() {
        if line == "<!-- variables -->" {
            page.push_str(&variables());
            continue;
        }
        let table = line
            .strip_prefix("<!-- keys: ")
            .and_then(|line| line.strip_suffix(" -->"));
        match table.and_then(keys) {
            Some(keys) => page.push_str(&rows(&keys)),
            None => page.push_str(line),
        }
        page.push('\n');
    }
    page
}

fn keys(table: &str) -> Option<Vec<Key>> {
    let table = TABLES.iter().find(|it| it.name == table)?;
    Some((table.keys)())
}

fn variables() -> String {
    let rows = environment::variables().map(|(name, key)| format!("| `{name}` | `{key}` |\n"));
    let head = "| variable | key |\n| --- | --- |\n".to_owned();
    rows.fold(head, |rows, row| rows + &row)
}

fn rows(keys: &[Key]) -> String {
    let head = ["| key | default | meaning |", "| --- | --- | --- |"].map(str::to_owned);
    let rows = keys.iter().filter_map(Key::row);
    head.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// A table, by the name that it has in the prose.
struct Table {
    name: &'static str,
    keys: fn() -> Vec<Key>,
}

impl Table {
    const fn new(name: &'static str, keys: fn() -> Vec<Key>) -> Self {
        Self { name, keys }
    }
}

const TABLES: &[Table] = &[
    Table::new("process", RawProcess::keys),
    Table::new("admin", RawAdmin::keys),
    Table::new("metrics", RawMetrics::keys),
    Table::new("traces", RawTraces::keys),
    Table::new("listener.NAME", RawListener::keys),
    Table::new("listener.NAME.tls", RawListenerTls::keys),
    Table::new("service.NAME", RawService::keys),
    Table::new("service.NAME.COLOUR", RawPool::keys),
    Table::new("service.NAME.upstream_tls", RawUpstreamTls::keys),
    Table::new("service.NAME.probe", RawProbe::keys),
    Table::new("service.NAME.passive", RawPassive::keys),
    Table::new("service.NAME.switch", RawSwitch::keys),
    Table::new("service.NAME.switch.hook", RawHook::keys),
    Table::new("service.NAME.switch.check", RawCheck::keys),
    Table::new("service.NAME.affinity", RawAffinity::keys),
    Table::new("service.NAME.preview", RawPreview::keys),
    Table::new("service.NAME.timeouts", RawTimeouts::keys),
    Table::new("service.NAME.connections", RawConnections::keys),
    Table::new("group.NAME", RawGroup::keys),
];
const PROSE: &str = include_str!("reference.md.in");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_stands_in_the_prose_once() {
        for Table { name, .. } in TABLES {
            let place = format!("\n<!-- keys: {name} -->\n");
            assert_eq!(PROSE.matches(&place).count(), 1, "{name}");
        }
        assert_eq!(PROSE.matches("<!-- keys: ").count(), TABLES.len());
    }
}

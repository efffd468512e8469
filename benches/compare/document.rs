//! Figures into the documents: between two markers, and nowhere else.

use std::{fs, path::PathBuf};

use crate::{chart, figures::Figures, table};

/// Writes the table, the short table and the chart.
pub(crate) fn write(figures: &Figures) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for (file, text) in [
        (
            "docs/performance.md",
            format!("{PICTURE}\n\n{}", table::markdown(figures)),
        ),
        ("README.md", table::short(figures)),
    ] {
        let path = root.join(file);
        let before = fs::read_to_string(&path).unwrap();
        fs::write(
            path,
            between(&before, &text).unwrap_or_else(|| panic!("{file} has no markers")),
        )
        .unwrap();
    }
    fs::write(
        root.join("docs/images/performance.svg"),
        chart::svg(figures),
    )
    .unwrap();
}

fn between(document: &str, text: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{text}\n{END}{after}"))
}

const BEGIN: &str = "<!-- compare: written by `cargo bench --bench compare -- --write` -->";
const END: &str = "<!-- compare: end -->";
const PICTURE: &str = "![CPU time for a request of cutover, HAProxy, a TCP relay and Envoy as multiples of nginx's, by \
                       kind of work](images/performance.svg)";

//! The table as text, as Markdown for the documentation, and a short one for the README.

use std::fmt::Write as _;

use crate::{
    figures::Figures,
    peer::Peer,
    row::{ROWS, Row, costs},
};

/// For a terminal.
pub(crate) fn text(figures: &Figures) -> String {
    let mut text = format!("{}\n\n", preface(figures));
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    table.set_header(head());
    for row in told(figures) {
        table.add_row(line(figures, row, "; "));
    }
    writeln!(text, "{table}").unwrap();
    for (what, count) in &figures.failed {
        writeln!(text, "failed: {what}: {count} requests").unwrap();
    }
    text
}

/// For `docs/performance.md`.
pub(crate) fn markdown(figures: &Figures) -> String {
    let mut text = format!("{}\n\n", preface(figures));
    writeln!(text, "| {} |", head().join(" | ")).unwrap();
    writeln!(text, "|{}", " --- |".repeat(head().len())).unwrap();
    for row in told(figures) {
        writeln!(text, "| {} |", line(figures, row, "<br>").join(" | ")).unwrap();
    }
    let failed = figures
        .failed
        .iter()
        .map(|(what, count)| format!("{what}: {count}"));
    let failed = failed.collect::<Vec<_>>().join(", ");
    let failed = if failed.is_empty() {
        "none".to_owned()
    } else {
        failed
    };
    writeln!(text, "\nRequests that failed: {failed}.").unwrap();
    text
}

/// For the README: multiples of nginx.
pub(crate) fn short(figures: &Figures) -> String {
    let peers = [Peer::Cutover, Peer::Nginx, Peer::Haproxy, Peer::Envoy];
    let titles = peers.map(Peer::title).join(" | ");
    let mut text = format!(
        "| CPU time for a request, nginx = 1.00 | {titles} |\n| --- | --- | --- | --- | --- |\n"
    );
    for row in costs() {
        let Some(nginx) = figures.median(row.figure, Peer::Nginx) else {
            continue;
        };
        write!(text, "| {} |", row.title).unwrap();
        for peer in peers {
            let value = figures.median(row.figure, peer);
            let value = value.map_or("–".to_owned(), |it| format!("{:.2}", it / nginx));
            write!(text, " {value} |").unwrap();
        }
        text.push('\n');
    }
    text
}

/// Where and how it was measured.
fn preface(figures: &Figures) -> String {
    let versions = figures
        .versions
        .iter()
        .filter(|(name, _)| *name != Peer::Relay.title());
    let versions: Vec<_> = versions
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let rate = figures.median("open.rate", Peer::Cutover);
    let rate = rate.map_or_else(String::new, |it| {
        format!("\nThe fixed rate is {it:.0} requests a second.")
    });
    format!(
        "Measured on a {}.\n{}.\nMedians of {} rounds of {} s each.{rate}",
        figures.machine,
        versions.join(", "),
        figures.rounds,
        figures.seconds,
    )
}

fn head() -> Vec<String> {
    let peers = Peer::ALL.map(|it| it.title().to_owned());
    let mut head = vec!["work".to_owned()];
    head.extend(peers);
    head.extend(["target, and what came of it".to_owned(), "met".to_owned()]);
    head
}

/// Rows of which something is known, if only why there is no figure.
fn told(figures: &Figures) -> impl Iterator<Item = &'static Row> {
    let is_known = |it: &&Row| {
        figures.median(it.figure, Peer::Cutover).is_some() || figures.lacking(it.figure).is_some()
    };
    ROWS.iter().filter(is_known)
}

fn line(figures: &Figures, row: &Row, between: &str) -> Vec<String> {
    let value = |peer| {
        let median = figures.median(row.figure, peer);
        median.map_or("–".to_owned(), |it| row.unit.text(it))
    };
    let mut line = vec![row.title.to_owned()];
    line.extend(Peer::ALL.map(value));
    let mut texts: Vec<_> = row.bounds.iter().map(|it| it.text(figures, row)).collect();
    texts.extend(figures.lacking(row.figure).map(str::to_owned));
    let marks = row
        .bounds
        .iter()
        .map(|it| match it.is_met(figures, row.figure) {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "–",
        });
    line.push(texts.join(between));
    line.push(marks.collect::<Vec<_>>().join(between));
    line
}

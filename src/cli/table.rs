//! Tables: columns in line, nothing drawn.

use comfy_table::{ContentArrangement, Table, presets};

use super::output::plain;

/// The rows under the heads, every line indented by `indent` spaces.
pub(super) fn table(heads: &[&str], rows: Vec<Vec<String>>, indent: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(heads.to_vec());
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let indented = |line: &str| format!("{}{}", " ".repeat(indent), line.trim_end());
    let lines = table.to_string();
    lines.lines().map(indented).collect::<Vec<_>>().join("\n")
}

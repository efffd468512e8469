//! Tables: columns in line, nothing drawn, no wider than the terminal.
//!
//! Owns what happens to a table that is too wide: columns leave it, the least needed first, and what they say follows
//! each row in a line of its own. Cells broken over lines, the usual answer, make columns of three letters of
//! everything, and cutting them off hides the one word that matters.

use super::output::Look;
use crate::{
    core::ids::Colour,
    terminal::{Ink, width, wrapped},
};

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    indent: usize,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) head: &'static str,
    /// Columns with a lower number leave a table earlier that is too wide; the first column never does. What a column
    /// says that is needed at 0 is not told elsewhere.
    pub(super) need: u8,
}

/// What is in one column of one row.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    ink: Ink,
    text: String,
}

impl Cell {
    pub(super) fn of(ink: Ink, text: impl Into<String>) -> Self {
        Self {
            ink,
            text: text.into(),
        }
    }

    /// A colour, in its colour.
    pub(super) fn colour(colour: Colour) -> Self {
        Self::of(Ink::Colour(colour), colour.as_str())
    }

    fn says_nothing(&self) -> bool {
        ["", "-", "0"].contains(&self.text.as_str())
    }
}

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::of(Ink::Plain, text.to_string())
    }
}

impl Table {
    /// Without rows; every line indented by so many spaces.
    pub(super) fn new<const N: usize>(columns: [(&'static str, u8); N], indent: usize) -> Self {
        let column = |(head, need)| Column { head, need };
        Self {
            columns: columns.map(column).to_vec(),
            rows: Vec::new(),
            indent,
        }
    }

    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The table as it looks best there.
    pub(super) fn text(&self, look: &Look) -> String {
        let widths = self.widths();
        let shown = self.shown(&widths, look.width.unwrap_or(usize::MAX));
        let heads = self.columns.iter();
        let heads: Vec<_> = heads.map(|it| Cell::of(Ink::Dim, it.head)).collect();
        let mut lines = vec![self.line(&heads, &shown, &widths)];
        for row in &self.rows {
            lines.push(self.line(row, &shown, &widths));
            let rest = self.rest(row, &shown);
            lines.extend(rest.map(|it| wrapped(&it, look.width.unwrap_or(usize::MAX))));
        }
        lines.join("\n")
    }

    fn widths(&self) -> Vec<usize> {
        let widest = |at: usize| {
            let cells = self.rows.iter().map(|row| width(&row[at].text)).max();
            cells.unwrap_or(0).max(self.columns[at].head.len())
        };
        (0..self.columns.len()).map(widest).collect()
    }

    /// Which columns there is room for.
    fn shown(&self, widths: &[usize], room: usize) -> Vec<usize> {
        let mut shown: Vec<_> = (0..self.columns.len()).collect();
        let needed = |shown: &[usize]| {
            let gaps = GAP * shown.len().saturating_sub(1);
            self.indent + gaps + shown.iter().map(|at| widths[*at]).sum::<usize>()
        };
        while needed(&shown) > room && shown.len() > 1 {
            let others = shown.iter().enumerate().skip(1);
            let least = others.min_by_key(|(_, at)| self.columns[**at].need);
            let Some((place, _)) = least else { break };
            shown.remove(place);
        }
        shown
    }

    fn line(&self, cells: &[Cell], shown: &[usize], widths: &[usize]) -> String {
        let mut line = " ".repeat(self.indent);
        for (place, at) in shown.iter().enumerate() {
            let Cell { ink, text } = &cells[*at];
            line += &ink.paint(text);
            if place + 1 < shown.len() {
                line += &" ".repeat(widths[*at] - width(text) + GAP);
            }
        }
        let end = line.trim_end_matches(' ').len();
        line.truncate(end);
        line
    }

    /// What the columns say that are not shown, if they say anything.
    fn rest(&self, row: &[Cell], shown: &[usize]) -> Option<String> {
        let columns = self.columns.iter().zip(row).enumerate();
        let left = columns.filter(|(at, (column, cell))| {
            column.need > 0 && !shown.contains(at) && !cell.says_nothing()
        });
        let told: Vec<_> = left
            .map(|(_, (column, cell))| {
                let head = Ink::Dim.paint(&column.head.to_lowercase());
                format!("{head} {}", cell.ink.paint(&cell.text))
            })
            .collect();
        let margin = " ".repeat(self.indent + 2);
        (!told.is_empty()).then(|| format!("{margin}{}", told.join("   ")))
    }
}

/// Between two columns.
const GAP: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{core::time::Timestamp, terminal::Line};

    fn text(width: usize) -> String {
        let mut table = Table::new([("SERVICE", 9), ("TENURE", 0), ("BY", 1), ("CUT", 2)], 0);
        let green = Cell::of(Ink::Colour(Colour::Green), "shop");
        table.row(vec![green, 7.into(), "alice and others".into(), 0.into()]);
        table.row(vec!["api".into(), 8.into(), "-".into(), 3.into()]);
        let look = Look {
            width: Some(width),
            live: None,
            coloured: true,
            now: Timestamp::from_millis(0),
        };
        let lines = Line::read(&table.text(&look));
        let lines: Vec<_> = lines.iter().map(Line::text).collect();
        assert!(lines.iter().all(|it| it.len() <= width), "{lines:?}");
        lines.join("\n")
    }

    #[test]
    fn a_table_keeps_what_there_is_room_for_and_tells_the_rest_below() {
        let whole = "\
SERVICE  TENURE  BY                CUT
shop     7       alice and others  0
api      8       -                 3";
        assert_eq!(text(38), whole);
        let narrow = "\
SERVICE  BY                CUT
shop     alice and others  0
api      -                 3";
        assert_eq!(text(37), narrow);
        let narrower = "\
SERVICE  CUT
shop     0
  by alice and
      others
api      3";
        assert_eq!(text(14), narrower);
    }
}

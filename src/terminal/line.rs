//! Lines in parts, and how much room text takes.
//!
//! Owns measuring. Columns are not characters: a wide one takes two, a combining one none, ink none either.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::ink::{Ink, ink_order};

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

/// One line in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(pub Vec<(Ink, String)>);

impl Line {
    /// A line of one part.
    #[must_use]
    pub fn of(ink: Ink, text: impl Into<String>) -> Self {
        Self(vec![(ink, text.into())])
    }

    /// The lines of a painted text, part by part; other orders than ink are not taken.
    #[must_use]
    pub fn read(painted: &str) -> Vec<Self> {
        let mut ink = Ink::Plain;
        let mut lines = vec![Self::default()];
        let mut rest = painted;
        while let Some(c) = rest.chars().next() {
            let order = if c == '\x1b' { ink_order(rest) } else { None };
            rest = &rest[order.map_or(c.len_utf8(), str::len)..];
            if let Some(order) = order {
                ink = Ink::ordered(order);
            } else if c == '\n' {
                lines.push(Self::default());
            } else if let Some(line) = lines.last_mut() {
                line.push(ink, c);
            }
        }
        lines
    }

    fn push(&mut self, ink: Ink, c: char) {
        match self.0.last_mut() {
            Some((last, text)) if *last == ink => text.push(c),
            _ => self.0.push((ink, c.to_string())),
        }
    }

    /// The line with another part at its end.
    #[must_use]
    pub fn and(mut self, ink: Ink, text: impl Into<String>) -> Self {
        self.0.push((ink, text.into()));
        self
    }

    /// The characters alone.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// The columns that it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| width(text)).sum()
    }

    /// Takes away what lies beyond so many columns.
    pub fn truncate(&mut self, columns: usize) {
        let mut left = columns;
        for (_, text) in &mut self.0 {
            let whole = width(text);
            if whole > left {
                let end = end_within(text, left);
                text.truncate(end);
                left = 0;
            } else {
                left -= whole;
            }
        }
    }

    /// The line with its ink, as a terminal takes it.
    #[must_use]
    pub fn painted(&self) -> String {
        self.0.iter().map(|(ink, text)| ink.paint(text)).collect()
    }
}

/// The columns that a text takes, ink apart.
#[must_use]
pub fn width(text: &str) -> usize {
    if !text.contains('\x1b') {
        return text.width();
    }
    let mut columns = 0;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let order = if c == '\x1b' { ink_order(rest) } else { None };
        columns += if order.is_some() {
            0
        } else {
            c.width().unwrap_or(0)
        };
        rest = &rest[order.map_or(c.len_utf8(), str::len)..];
    }
    columns
}

/// The text without ink in so many columns, ended by an ellipsis where it does not fit.
#[must_use]
pub fn fitted(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    match columns {
        0 => String::new(),
        _ => format!("{}\u{2026}", &text[..end_within(text, columns - 1)]),
    }
}

/// Where the part of a text without ink ends that fits into so many columns.
fn end_within(text: &str, columns: usize) -> usize {
    let mut left = columns;
    for (at, c) in text.char_indices() {
        let needed = c.width().unwrap_or(0);
        if needed > left {
            return at;
        }
        left -= needed;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_counted_in_columns() {
        assert_eq!(width("blue"), 4);
        assert_eq!(width(&Ink::Bad.paint("no")), 2);
        assert_eq!(width("\u{4f60}\u{597d}"), 4);
        assert_eq!(fitted("checkout", 8), "checkout");
        assert_eq!(fitted("checkout", 5), "chec\u{2026}");
        assert_eq!(fitted("\u{4f60}\u{597d}!", 4), "\u{4f60}\u{2026}");
        assert_eq!(fitted("a", 0), "");
    }

    #[test]
    fn what_was_painted_is_read_back() {
        let text = format!("a {}\n{}", Ink::Bad.paint("no\nnever"), Ink::Dim.paint("x"));
        let lines = Line::read(&text);
        let expected = [
            Line::of(Ink::Plain, "a ").and(Ink::Bad, "no"),
            Line::of(Ink::Bad, "never"),
            Line::of(Ink::Dim, "x"),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_line_is_cut_where_the_screen_ends() {
        let mut line = Line::of(Ink::Bold, "shop").and(Ink::Dim, "  blue");
        line.truncate(7);
        assert_eq!((line.text().as_str(), line.width()), ("shop  b", 7));
        line.truncate(2);
        assert_eq!(line.text(), "sh");
    }
}

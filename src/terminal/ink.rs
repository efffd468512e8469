//! How words look, by what they mean.
//!
//! Owns the escape sequences that cutover writes, all of them. Green is the green pool and nothing else, so that a
//! healthy endpoint of the blue one does not look green: what is well is cyan.

use crate::core::ids::Colour;

/// How a part of a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ink {
    /// As usual.
    #[default]
    Plain,
    /// Less than usual.
    Dim,
    /// More than usual.
    Bold,
    /// In a pool's colour.
    Colour(Colour),
    /// As what has a pool's colour filled in.
    Block(Colour),
    /// Well, or done.
    Good,
    /// An operator should look.
    Warning,
    /// Refused, unhealthy, lost.
    Bad,
    /// All is well, in a block.
    Fine,
    /// Nothing is.
    Alarm,
    /// The line that keys are about.
    Chosen,
}

impl Ink {
    /// The text in this ink, without what it would order a terminal itself.
    #[must_use]
    pub fn paint(self, text: &str) -> String {
        let text = obedient(text);
        match self.code() {
            None => text,
            Some(code) => format!("\x1b[{code}m{text}{RESET}"),
        }
    }

    /// The ink that an order asks for; none of ours ends ink.
    pub(super) fn ordered(order: &str) -> Self {
        let code = order.trim_start_matches("\x1b[").trim_end_matches('m');
        let known = Self::ALL.into_iter().find(|it| it.code() == Some(code));
        known.unwrap_or_default()
    }

    const ALL: [Self; 12] = [
        Self::Dim,
        Self::Bold,
        Self::Colour(Colour::Blue),
        Self::Colour(Colour::Green),
        Self::Block(Colour::Blue),
        Self::Block(Colour::Green),
        Self::Good,
        Self::Warning,
        Self::Bad,
        Self::Fine,
        Self::Alarm,
        Self::Chosen,
    ];

    const fn code(self) -> Option<&'static str> {
        Some(match self {
            Self::Plain => return None,
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Colour(Colour::Blue) => "1;34",
            Self::Colour(Colour::Green) => "1;32",
            Self::Block(Colour::Blue) => "34",
            Self::Block(Colour::Green) => "32",
            Self::Good => "36",
            Self::Warning => "33",
            Self::Bad => "31",
            Self::Fine => "1;30;42",
            Self::Alarm => "1;31",
            Self::Chosen => "7",
        })
    }
}

/// The text with no other orders to the terminal than ink: whatever a reason, a name or an answer may hold, it moves no
/// cursor and sets no title.
#[must_use]
pub fn obedient(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let order = if c == '\x1b' { ink_order(rest) } else { None };
        if let Some(order) = order {
            out.push_str(order);
            rest = &rest[order.len()..];
            continue;
        }
        out.push(if c.is_control() && c != '\n' { SEEN } else { c });
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// The order that the text begins with, if it is one of ink.
pub(super) fn ink_order(text: &str) -> Option<&str> {
    let body = text.strip_prefix("\x1b[")?;
    let end = body.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    let is_ink = body[end..].starts_with('m') && end <= LONGEST;
    is_ink.then(|| &text[..end + 3])
}

/// Ends every ink.
const RESET: &str = "\x1b[0m";
/// Shown in the place of an order.
const SEEN: char = '\u{fffd}';
/// Characters of the longest code, `1;30;42`.
const LONGEST: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_keeps_its_lines_and_loses_its_orders() {
        assert_eq!(
            obedient("a\x1b[2J\nb\u{9b}1m\r\x1b]0;title\x07"),
            "a\u{fffd}[2J\nb\u{fffd}1m\u{fffd}\u{fffd}]0;title\u{fffd}"
        );
        assert_eq!(obedient("\x1b"), "\u{fffd}");
        assert_eq!(obedient("\x1b["), "\u{fffd}[");
    }

    #[test]
    fn ink_stays() {
        let painted = Ink::Colour(Colour::Green).paint("green");
        assert_eq!(painted, "\x1b[1;32mgreen\x1b[0m");
        assert_eq!(obedient(&painted), painted);
        assert_eq!(Ink::Plain.paint("a\tb"), "a\u{fffd}b");
    }
}

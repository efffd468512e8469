//! Writes a path out in one spelling of its escapes, and notes what is odd about it.

use super::{
    Spelling,
    ambiguity::Ambiguity,
    character::is_plain_in_path,
    segment::{climbs_above_root, is_dots, without_parameters},
};

/// Writes a path out while it is read, and notes what is odd.
#[derive(Debug)]
pub(super) struct Pen {
    pub(super) decoded: String,
    /// The first thing that was wrong; one is enough for an answer, but one beyond repair outweighs the others.
    ambiguity: Option<Ambiguity>,
    /// Where the present segment begins.
    segment: usize,
    /// Whether a dot of the present segment was escaped.
    escaped_dot: bool,
    /// The last byte, if it was escaped.
    escaped: Option<u8>,
    unresolved: bool,
    parameters: bool,
}

impl Pen {
    pub(super) fn new(length: usize) -> Self {
        Self {
            decoded: String::with_capacity(length + 1),
            ambiguity: None,
            segment: 1,
            escaped_dot: false,
            escaped: None,
            unresolved: false,
            parameters: false,
        }
    }

    pub(super) fn notes(&mut self, ambiguity: Ambiguity) {
        if self
            .ambiguity
            .is_none_or(|known| ambiguity.is_beyond_repair() && !known.is_beyond_repair())
        {
            self.ambiguity = Some(ambiguity);
        }
    }

    pub(super) fn character(&mut self, byte: u8) {
        self.escaped = None;
        match byte {
            b'/' => {
                self.ends_segment(false);
                self.decoded.push('/');
                self.segment = self.decoded.len();
            }
            b'\\' => {
                self.notes(Ambiguity::Backslash);
                self.writes_escaped(byte);
            }
            b';' => {
                self.parameters = true;
                self.decoded.push(';');
            }
            _ if is_plain_in_path(byte) => self.decoded.push(char::from(byte)),
            _ => {
                if !byte.is_ascii_graphic() {
                    self.notes(Ambiguity::Character);
                }
                self.writes_escaped(byte);
            }
        }
    }

    pub(super) fn escape(&mut self, byte: u8) {
        let before = self.escaped.replace(byte);
        if before.is_some_and(|before| is_overlong(before, byte)) {
            self.notes(Ambiguity::Overlong);
        }
        match byte {
            0 => self.notes(Ambiguity::Nul),
            b'/' => self.notes(Ambiguity::EncodedSlash),
            b'\\' => self.notes(Ambiguity::Backslash),
            b';' => self.parameters = true,
            b'.' => self.escaped_dot = true,
            _ => {}
        }
        // A slash or semicolon that was escaped is not one that was not (RFC 3986 section 2.2).
        if is_plain_in_path(byte) {
            self.decoded.push(char::from(byte));
        } else {
            self.writes_escaped(byte);
        }
    }

    pub(super) fn writes_escaped(&mut self, byte: u8) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        self.decoded.push('%');
        for half in [byte >> 4, byte & 15] {
            self.decoded.push(char::from(DIGITS[usize::from(half)]));
        }
    }

    fn ends_segment(&mut self, is_last: bool) {
        let segment = self.decoded.get(self.segment..).unwrap_or_default();
        let bare = without_parameters(segment);
        let escaped_dot = std::mem::take(&mut self.escaped_dot);
        // The empty text before the first slash is no segment.
        let is_empty = segment.is_empty() && !is_last && self.decoded.len() >= self.segment;
        if is_dots(bare) {
            // With parameters it is one only for who strips them.
            let is_bare = bare.len() == segment.len();
            self.unresolved |= is_bare;
            match (is_bare, escaped_dot) {
                (false, _) => self.notes(Ambiguity::DotParameters),
                (true, true) => self.notes(Ambiguity::EncodedDots),
                (true, false) => {}
            }
        }
        self.unresolved |= is_empty;
    }

    pub(super) fn finish(mut self) -> Spelling {
        self.ends_segment(true);
        if self.unresolved && self.ambiguity.is_none() && climbs_above_root(&self.decoded) {
            self.ambiguity = Some(Ambiguity::AboveRoot);
        }
        Spelling {
            decoded: self.decoded,
            ambiguity: self.ambiguity,
            unresolved: self.unresolved,
            parameters: self.parameters,
        }
    }
}

/// Whether two bytes begin an encoding that is longer than its character needs.
const fn is_overlong(first: u8, second: u8) -> bool {
    match first {
        0xC0 | 0xC1 => second & 0xC0 == 0x80,
        0xE0 => matches!(second, 0x80..=0x9F),
        0xF0 => matches!(second, 0x80..=0x8F),
        _ => false,
    }
}

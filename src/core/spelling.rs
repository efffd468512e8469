//! How a request's path is spelt, and what servers could make of that.
//!
//! Owns the judgement whether a path can be read in one way only, and the ways in which it is read otherwise: escapes
//! decoded or not, `%2F` and `\` taken for a slash, `;parameters` stripped, dot segments and doubled slashes
//! left alone or not. Must not know routes or services. Normalising alone is the obvious design; it guesses
//! which reading the endpoint's is, and whoever knows better walks past a route.
//!
//! Nearly every path is plain: one scan says so ([`is_plain`]), and nothing is allocated for it.

mod ambiguity;
mod character;
mod pen;
mod segment;

use std::borrow::Cow;

pub use self::ambiguity::Ambiguity;
use self::{
    character::{CLASSES, NO_FOLLOWER, SLASH, SPECIAL},
    pen::Pen,
    segment::{Habit, is_dots, without_parameters},
};

/// Whether every reader reads `path` as it stands: no escapes, parameters, doubled slashes or segments that begin
/// with a dot, and only characters that a path may have by themselves.
#[must_use]
pub fn is_plain(path: &str) -> bool {
    let mut before = 0;
    let mut odd = 0;
    // Without a branch: a slash shifts onto the bit of those that must not follow one.
    for byte in path.as_bytes() {
        let class = CLASSES[*byte as usize];
        odd |= (class & SPECIAL) | (before << 1 & class & NO_FOLLOWER);
        before = class & SLASH;
    }
    odd == 0 && (path.starts_with('/') || path == "*")
}

/// One path with its escapes judged.
#[derive(Debug)]
pub struct Spelling {
    /// The path with every escape decoded whose character may stand by itself, the others in upper case.
    decoded: String,
    ambiguity: Option<Ambiguity>,
    /// Whether there are dot segments or empty ones.
    unresolved: bool,
    /// Whether a segment has parameters.
    parameters: bool,
}

impl Spelling {
    /// Judges `path`.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let mut pen = Pen::new(path.len());
        if !path.starts_with('/') && path != "*" {
            pen.notes(Ambiguity::Character);
            pen.decoded.push('/');
        }
        let mut rest = path.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            rest = match (first, after) {
                (b'%', [high, low, after @ ..])
                    if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
                {
                    pen.escape(hex(*high) << 4 | hex(*low));
                    after
                }
                (b'%', _) => {
                    pen.notes(Ambiguity::BrokenEscape);
                    pen.writes_escaped(b'%');
                    after
                }
                (byte, _) => {
                    pen.character(*byte);
                    after
                }
            };
        }
        pen.finish()
    }

    /// What is wrong with it by itself, whatever the routes.
    #[must_use]
    pub const fn ambiguity(&self) -> Option<Ambiguity> {
        self.ambiguity
    }

    /// The path that routes are matched with (RFC 3986 section 6.2.2, and doubled slashes merged).
    #[must_use]
    pub fn normal(&self) -> Cow<'_, str> {
        match self.unresolved {
            true => Cow::Owned(NORMAL.read(&self.decoded)),
            false => Cow::Borrowed(&self.decoded),
        }
    }

    /// What servers of other kinds read instead, where that could be something else.
    pub fn other_readings(&self) -> impl Iterator<Item = String> + '_ {
        let others = self.unresolved.then_some(Habit::OTHERS);
        let strict = others.into_iter().flatten();
        let liberal = (self.parameters || self.ambiguity.is_some())
            .then(|| self.liberal(Parameters::Stripped));
        let by_liberals = liberal.into_iter().flat_map(|text| {
            let habits = [NORMAL].into_iter().chain(Habit::OTHERS);
            habits.map(move |habit| habit.read(&text))
        });
        strict
            .map(|habit| habit.read(&self.decoded))
            .chain(by_liberals)
    }

    /// What to send in its place, so that nobody reads anything else: the most liberal reading, written out. `None`
    /// if there is none.
    #[must_use]
    pub fn settled(&self) -> Option<String> {
        let is_beyond_repair = self.ambiguity.is_some_and(Ambiguity::is_beyond_repair);
        (!is_beyond_repair).then(|| {
            let liberal = self.liberal(Parameters::StrippedFromDots);
            NORMAL.read(&liberal)
        })
    }

    /// With encoded slashes and backslashes as slashes.
    fn liberal(&self, parameters: Parameters) -> String {
        let slashed = self.decoded.replace("%2F", "/").replace("%5C", "/");
        let segments = slashed.split('/').map(|segment| match parameters {
            Parameters::Stripped => without_parameters(segment),
            Parameters::StrippedFromDots if is_dots(without_parameters(segment)) => {
                without_parameters(segment)
            }
            Parameters::StrippedFromDots => segment,
        });
        let segments: Vec<_> = segments.collect();
        segments.join("/")
    }
}

/// What becomes of `;parameters`.
#[derive(Clone, Copy, Debug)]
enum Parameters {
    Stripped,
    StrippedFromDots,
}

/// How the normal form is read.
const NORMAL: Habit = Habit::MergesAndResolves;

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;

//! Durations: `500ms`, `30s`, `1m30s`.
//!
//! Owns their one spelling, and the two kinds of key: those where no time at all makes sense and those where
//! it does not. Stricter than humantime on purpose: `1M` (a month there) is refused, not guessed.

use std::time::Duration;

use serde_json::Value;

use crate::config::{
    form,
    text::{BadValue, FromText},
};

/// A duration that may be zero.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Delay(pub(in crate::config) Duration);

/// A duration that may not be zero.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Period(pub(in crate::config) Duration);

impl FromText for Delay {
    const KIND: &'static str = "a duration";
    const EXAMPLE: &'static str = "\"30s\"";

    fn text_form() -> Value {
        form::pattern(&pattern())
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        parse(text).map(Self)
    }
}

impl FromText for Period {
    const KIND: &'static str = "a duration";
    const EXAMPLE: &'static str = "\"30s\"";

    fn text_form() -> Value {
        form::pattern_without(&pattern(), "^[^1-9]*$")
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        let duration = parse(text)?;
        if duration.is_zero() {
            let suggestion = "use a longer time, `1ms` at least";
            return Err(BadValue::new(text, "is no time at all", suggestion));
        }
        Ok(Self(duration))
    }
}

/// Reads a duration that may not be zero, as the file has it.
///
/// # Errors
/// [`BadValue`] says what is wrong with it.
pub fn parse_period(text: &str) -> Result<Duration, BadValue> {
    Period::from_text(text).map(|period| period.0)
}

/// Writes a duration as [`parse`] reads it, in the longest unit that leaves no rest; what is below a
/// millisecond is left out.
pub(in crate::config) fn write(duration: Duration) -> String {
    let millis = duration.as_millis();
    let (unit, length) = UNITS
        .iter()
        .find(|(_, length)| millis != 0 && millis.is_multiple_of(u128::from(*length)))
        .unwrap_or(&("s", 1_000));
    format!("{}{unit}", millis / u128::from(*length))
}

/// Reads a duration as a file has it.
///
/// # Errors
/// If it is none; says what is wrong and what to do.
pub fn parse_duration(text: &str) -> Result<Duration, BadValue> {
    parse(text)
}

fn parse(text: &str) -> Result<Duration, BadValue> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let suggestion = format!("did you mean `{text}s`?");
        return Err(BadValue::new(text, "has no unit", suggestion));
    }
    let millis = millis(text).ok_or_else(|| {
        let suggestion =
            "use whole numbers with `d`, `h`, `m`, `s` or `ms`, such as `500ms` or `1m30s`";
        BadValue::new(text, "is not a duration", suggestion)
    })?;
    if millis > LONGEST_MS {
        return Err(BadValue::new(text, "is too long", "use `365d` at most"));
    }
    Ok(Duration::from_millis(millis))
}

/// Numbers with units, the units in falling order; `None` if that is not what it is.
fn millis(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut sum = 0_u64;
    while !rest.is_empty() {
        let (number, after) = split(rest, |byte| byte.is_ascii_digit());
        let (unit, after) = split(after, |byte| byte.is_ascii_alphabetic());
        let (_, millis) = units.find(|(known, _)| *known == unit)?;
        // A number beyond u64 is too long in any unit.
        let number = match number {
            "" => return None,
            number => number.parse::<u64>().unwrap_or(u64::MAX),
        };
        sum = sum.saturating_add(number.saturating_mul(*millis));
        rest = after;
    }
    (!text.is_empty()).then_some(sum)
}

fn split(text: &str, belongs: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().take_while(|byte| belongs(*byte)).count();
    text.split_at(end)
}

/// Numbers with units, the units in falling order, one at least.
fn pattern() -> String {
    let first = |place: usize| {
        let (unit, _) = UNITS[place];
        let further = UNITS[place + 1..].iter();
        let further: String = further
            .map(|(unit, _)| format!("([0-9]+{unit})?"))
            .collect();
        format!("[0-9]+{unit}{further}")
    };
    let each: Vec<_> = (0..UNITS.len()).map(first).collect();
    each.join("|")
}

/// Units in milliseconds, the longest first.
const UNITS: &[(&str, u64)] = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
/// A year: far beyond any use, and far from any overflow of a clock.
const LONGEST_MS: u64 = 365 * 86_400_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn reads(text: &str, millis: u64) {
        assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
    }

    #[track_caller]
    fn refuses(text: &str, expected: &str) {
        assert_eq!(parse(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn numbers_with_units_are_durations() {
        reads("500ms", 500);
        reads("30s", 30_000);
        reads("5m", 300_000);
        reads("1m30s", 90_000);
        reads("1d2h3m4s5ms", 93_784_005);
        reads("0s", 0);
        reads("365d", LONGEST_MS);
    }

    #[test]
    fn anything_else_is_not() {
        refuses("30", "`30` has no unit; did you mean `30s`?");
        refuses("366d", "`366d` is too long; use `365d` at most");
        let huge = "99999999999999999999s";
        refuses(huge, &format!("`{huge}` is too long; use `365d` at most"));
        for text in [
            "", "s", "1x", "1.5s", "-1s", "1s1s", "1s1m", "1 s", "1S", "soon", "1sé", "é",
        ] {
            let complaint = parse(text).unwrap_err().to_string();
            assert!(complaint.contains("is not a duration"), "{complaint}");
        }
    }

    #[test]
    fn a_period_is_not_zero() {
        assert_eq!(
            Period::from_text("0ms").unwrap_err().to_string(),
            "`0ms` is no time at all; use a longer time, `1ms` at least"
        );
    }

    #[test]
    fn a_duration_is_written_in_one_unit() {
        for text in ["0s", "500ms", "1500ms", "90s", "5m", "36h", "365d"] {
            assert_eq!(write(parse(text).unwrap()), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(millis in 0..=LONGEST_MS) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&write(duration)), Ok(duration));
        }
    }
}

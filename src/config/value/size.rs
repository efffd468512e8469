//! Sizes in bytes: `512B`, `64KiB`, `1MiB`.
//!
//! Owns their one spelling. Decimal units are refused: half of those who write `64KB` mean 65,536.

use serde_json::Value;

use crate::config::{
    form,
    text::{BadValue, FromText},
};

/// A size between `MIN` and `MAX` bytes.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Size<const MIN: usize, const MAX: usize>(pub(in crate::config) usize);

impl<const MIN: usize, const MAX: usize> FromText for Size<MIN, MAX> {
    const KIND: &'static str = "a size";
    const EXAMPLE: &'static str = "\"64KiB\"";

    fn text_form() -> Value {
        form::pattern(&pattern())
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        let bytes = parse(text)?;
        if (MIN..=MAX).contains(&bytes) {
            return Ok(Self(bytes));
        }
        let complaint = if bytes < MIN {
            "is too small"
        } else {
            "is too large"
        };
        let suggestion = format!("use `{}` to `{}`", write(MIN), write(MAX));
        Err(BadValue::new(text, complaint, suggestion))
    }
}

/// Writes a size as it is read.
pub(in crate::config) fn write(bytes: usize) -> String {
    let (unit, factor) = UNITS
        .iter()
        .find(|(_, factor)| bytes != 0 && bytes.is_multiple_of(*factor))
        .unwrap_or(&("B", 1));
    format!("{}{unit}", bytes / factor)
}

fn parse(text: &str) -> Result<usize, BadValue> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(end);
    if digits.is_empty() {
        return Err(not_a_size(text));
    }
    let Some((_, factor)) = UNITS.iter().find(|(known, _)| *known == unit) else {
        return Err(match meant(unit) {
            Some(unit) => BadValue::new(
                text,
                "has no known unit",
                format!("did you mean `{digits}{unit}`?"),
            ),
            None => not_a_size(text),
        });
    };
    Ok(digits
        .parse::<usize>()
        .unwrap_or(usize::MAX)
        .saturating_mul(*factor))
}

/// Without the bounds.
pub(super) fn pattern() -> String {
    let units: Vec<_> = UNITS.iter().map(|(unit, _)| *unit).collect();
    format!("[0-9]+({})", units.join("|"))
}

fn not_a_size(text: &str) -> BadValue {
    let suggestion = "use a whole number with `B`, `KiB`, `MiB` or `GiB`, such as `64KiB`";
    BadValue::new(text, "is not a size", suggestion)
}

fn meant(unit: &str) -> Option<&'static str> {
    match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some("B"),
        "k" | "kb" | "kib" => Some("KiB"),
        "m" | "mb" | "mib" => Some("MiB"),
        "g" | "gb" | "gib" => Some("GiB"),
        _ => None,
    }
}

const UNITS: &[(&str, usize)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuses(text: &str, expected: &str) {
        let bad = Size::<8, 65_536>::from_text(text).unwrap_err();
        assert_eq!(bad.to_string(), expected);
    }

    #[test]
    fn numbers_with_units_are_sizes() {
        for (text, bytes) in [
            ("8B", 8),
            ("2KiB", 2_048),
            ("1MiB", 1_048_576),
            ("1025B", 1_025),
        ] {
            assert_eq!(parse(text), Ok(bytes));
            assert_eq!(write(bytes), text);
        }
        assert_eq!(write(0), "0B");
    }

    #[test]
    fn anything_else_is_not() {
        refuses("64KB", "`64KB` has no known unit; did you mean `64KiB`?");
        refuses("64", "`64` has no known unit; did you mean `64B`?");
        refuses("7B", "`7B` is too small; use `8B` to `64KiB`");
        refuses(
            "99999999999999999999GiB",
            "`99999999999999999999GiB` is too large; use `8B` to `64KiB`",
        );
        refuses(
            "big",
            "`big` is not a size; use a whole number with `B`, `KiB`, `MiB` or `GiB`, such as `64KiB`",
        );
    }
}

//! Amounts of memory: a size, or a share of what the machine has.

use serde_json::Value;

use super::{
    number::{PERCENT, Percent},
    size,
};
use crate::config::{
    MemoryBound, form,
    text::{BadValue, FromText},
};

impl FromText for MemoryBound {
    const KIND: &'static str = "an amount of memory";
    const EXAMPLE: &'static str = "\"1GiB\" or \"50%\"";

    fn text_form() -> Value {
        form::pattern(&format!("{}|{PERCENT}", size::pattern()))
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        if text.ends_with('%') {
            return Percent::from_text(text).map(|share| Self::Share(share.0));
        }
        // None at all would let nobody be slow for a moment.
        match size::Size::<0, MOST>::from_text(text)?.0 {
            0 => Ok(Self::Size(0)),
            size if size < LEAST => {
                let suggestion = format!(
                    "use `{}` at least, or `0B` for no bound",
                    size::write(LEAST)
                );
                Err(BadValue::new(text, "is too small", suggestion))
            }
            size => Ok(Self::Size(size)),
        }
    }
}

/// Writes an amount as it is read.
pub(in crate::config) fn write(bound: MemoryBound) -> String {
    match bound {
        MemoryBound::Share(percent) => format!("{percent}%"),
        MemoryBound::Size(size) => size::write(size),
    }
}

const LEAST: usize = 1024 * 1024;
const MOST: usize = 1 << 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_a_size_or_a_share() {
        let read = |text| MemoryBound::from_text(text).map_err(|bad| bad.to_string());
        assert_eq!(read("50%"), Ok(MemoryBound::Share(50)));
        assert_eq!(read("1GiB"), Ok(MemoryBound::Size(1 << 30)));
        assert_eq!(read("0B"), Ok(MemoryBound::Size(0)));
        for text in ["101%", "1KiB", "half", "1GB"] {
            assert!(read(text).is_err(), "{text}");
        }
        for text in ["50%", "1GiB", "0B"] {
            assert_eq!(write(read(text).unwrap()), text);
        }
    }

    #[test]
    fn a_bound_is_worked_out_of_what_there_is() {
        assert_eq!(MemoryBound::Share(50).of(Some(1000)), Some(500));
        assert_eq!(MemoryBound::Share(50).of(None), None);
        assert_eq!(MemoryBound::Share(0).of(Some(1000)), None);
        assert_eq!(MemoryBound::Size(7).of(None), Some(7));
        assert_eq!(MemoryBound::Size(0).of(Some(1000)), None);
        assert_eq!(MemoryBound::Share(100).of(Some(u64::MAX)), Some(u64::MAX));
    }
}

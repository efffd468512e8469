//! One line of the journal: `crc32 json`, the sum as eight hexadecimal digits over the bytes of the JSON.
//!
//! Owns the form of a line; must not know what an entry means. A line that stands alone, with a sum of its own,
//! beats one document for the whole state: damage costs the line it is in, and an entry is added by writing
//! its bytes only. JSON has no line break inside, because serde_json escapes it.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::JournalError;

/// The first line of a journal.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// Version of the format.
    pub(super) journal: u32,
}

impl Header {
    /// What this program writes.
    pub(super) const CURRENT: Self = Self { journal: 1 };
}

/// `value` as a line, line break included.
pub(super) fn encode(value: &impl Serialize) -> Result<Vec<u8>, JournalError> {
    let json = serde_json::to_vec(value).map_err(JournalError::Encode)?;
    let mut line = format!("{:08x} ", crc32fast::hash(&json)).into_bytes();
    line.extend_from_slice(&json);
    line.push(b'\n');
    Ok(line)
}

/// The value of a line without its line break.
pub(super) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, Flaw> {
    let (sum, json) = line.split_at_checked(SUM_DIGITS).ok_or(Flaw::Form)?;
    let json = json.strip_prefix(b" ").ok_or(Flaw::Form)?;
    // `from_str_radix` alone would take `+` and upper case, which are damage, too.
    let lower_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let sum = str::from_utf8(sum)
        .ok()
        .filter(|sum| sum.bytes().all(|byte| lower_hex(&byte)))
        .and_then(|sum| u32::from_str_radix(sum, 16).ok())
        .ok_or(Flaw::Form)?;
    if crc32fast::hash(json) != sum {
        return Err(Flaw::Sum);
    }
    serde_json::from_slice(json).map_err(|error| Flaw::Meaning(error.to_string()))
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    /// Not a sum, a space and a text.
    #[error("it is not an entry")]
    Form,
    /// The sum is another.
    #[error("its checksum does not match")]
    Sum,
    /// The sum is right, but the text says nothing that is known.
    #[error("its meaning is not known: {0}")]
    Meaning(String),
    /// No line break at the end: the process or the machine stopped while writing.
    #[error("it is unfinished")]
    Unfinished,
}

/// Digits of a CRC-32.
const SUM_DIGITS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let line = encode(&Header::CURRENT).unwrap();
        assert_eq!(decode(&line[..line.len() - 1]), Ok(Header::CURRENT));
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let line = encode(&Header::CURRENT).unwrap();
        for byte in 0..line.len() - 1 {
            for bit in 0..8 {
                let mut flipped = line[..line.len() - 1].to_vec();
                flipped[byte] ^= 1 << bit;
                assert!(decode::<Header>(&flipped).is_err(), "byte {byte} bit {bit}");
            }
        }
    }

    #[test]
    fn a_known_form_with_an_unknown_meaning_is_told_apart() {
        let line = encode(&"surprise").unwrap();
        assert!(matches!(
            decode::<Header>(&line[..line.len() - 1]),
            Err(Flaw::Meaning(_))
        ));
    }
}

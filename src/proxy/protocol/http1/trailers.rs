//! Reads a trailer section. What may stand in one is another matter, and the same for all protocols.

use bytes::Bytes;
use http::HeaderMap;

use super::{broken::Malformed, head::Lines, response_head::field};

/// The fields of a trailer section, its empty line included; more than `max` are malformed.
pub(super) fn trailers(section: &Bytes, max: usize) -> Result<HeaderMap, Malformed> {
    let mut trailers = HeaderMap::new();
    for line in Lines(section) {
        let line = line.map_err(|_| Malformed)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = field(section, line)?;
        trailers.append(name, value);
        if trailers.len() > max {
            return Err(Malformed);
        }
    }
    Ok(trailers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_read_to_its_empty_line() {
        let read = trailers(&Bytes::from_static(b"X-Sum: 1\r\nx-sum:2\r\n\r\nA: b"), 2).unwrap();
        let values: Vec<_> = read.get_all("x-sum").iter().collect();
        assert_eq!(values, ["1", "2"]);
        assert_eq!(read.len(), 2);
        let three = Bytes::from_static(b"A: 1\r\nA: 2\r\nB: 3\r\n\r\n");
        assert!(trailers(&three, 2).is_err() && trailers(&three, 3).is_ok());
        for odd in ["bad name: 1\r\n\r\n", "a: b\nc: d\r\n\r\n", "none\r\n\r\n"] {
            assert!(trailers(&Bytes::from(odd), 9).is_err(), "{odd:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = trailers(&bytes.into(), 9);
        }
    }
}

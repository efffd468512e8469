//! Follows a chunked body to its end, strictly, without copying it (RFC 9112 section 7.1).
//!
//! Owns the knowledge of where a chunked message ends and whether two parsers would agree on it. The guard
//! walks over a client's body as it comes; bodies are taken apart by [`Walker::next_piece`].

use super::head::is_token;

/// Where in the body the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Walker {
    at: At,
    /// Bytes so far that are no data: of the present size line, or of all trailer lines.
    line: usize,
    /// Bytes of extensions so far.
    extensions: usize,
}

/// What the next bytes of a body are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// So many bytes of framing; what follows has not come yet.
    Framing(usize),
    /// So many bytes of data.
    Data(usize),
    /// The trailer section, perhaps an empty one; to be walked on.
    Trailers,
    /// Not what the grammar allows.
    Malformed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Size { value: u64, digits: u8 },
    Extension { size: u64 },
    SizeLf { size: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    Trailer,
    TrailerLf,
    EndLf,
}

/// What a walk over some bytes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// All of them belong to the body, which goes on.
    More,
    /// The body ended after so many of them.
    Ended(usize),
    /// The byte at this place is not what the grammar allows there.
    Malformed(usize),
}

impl Walker {
    /// Stands before the first chunk.
    pub(super) const fn new() -> Self {
        Self {
            at: At::Size {
                value: 0,
                digits: 0,
            },
            line: 0,
            extensions: 0,
        }
    }

    /// Walks over `bytes`.
    pub(super) fn walk(&mut self, bytes: &[u8]) -> Step {
        let mut place = 0;
        while place < bytes.len() {
            if let At::Data { left } = self.at {
                let here = usize::try_from(left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len() - place);
                place += here;
                let left = left - here as u64;
                self.at = if left == 0 {
                    At::DataCr
                } else {
                    At::Data { left }
                };
                continue;
            }
            if self.at == At::EndLf && bytes[place] == b'\n' {
                return Step::Ended(place + 1);
            }
            match self.next(bytes[place]) {
                Some(at) => self.at = at,
                None => return Step::Malformed(place),
            }
            place += 1;
        }
        Step::More
    }

    /// What the first of `bytes`, which are not empty, are. All of a piece is to be taken before the next is asked
    /// for.
    pub(super) fn next_piece(&mut self, bytes: &[u8]) -> Piece {
        for (place, byte) in bytes.iter().enumerate() {
            match self.at {
                At::Data { left } if place == 0 => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    self.at = match left - here as u64 {
                        0 => At::DataCr,
                        left => At::Data { left },
                    };
                    return Piece::Data(here);
                }
                At::TrailerStart if place == 0 => return Piece::Trailers,
                At::Data { .. } | At::TrailerStart => return Piece::Framing(place),
                At::Size { .. }
                | At::Extension { .. }
                | At::SizeLf { .. }
                | At::DataCr
                | At::DataLf
                | At::TrailerName
                | At::Trailer
                | At::TrailerLf
                | At::EndLf => match self.next(*byte) {
                    Some(at) => self.at = at,
                    None => return Piece::Malformed,
                },
            }
        }
        Piece::Framing(bytes.len())
    }

    fn next(&mut self, byte: u8) -> Option<At> {
        self.line += 1;
        if self.line > MAX_LINE {
            return None;
        }
        match (self.at, byte) {
            (At::Size { value, digits }, _) if byte.is_ascii_hexdigit() => {
                // 15 digits cannot overflow, and no chunk is longer.
                let digit = u64::from((byte as char).to_digit(16)?);
                (digits < MAX_DIGITS).then_some(At::Size {
                    value: value << 4 | digit,
                    digits: digits + 1,
                })
            }
            (At::Size { digits: 0, .. }, _) => None,
            (At::Size { value, .. }, b'\r') => Some(At::SizeLf { size: value }),
            // To be ignored (RFC 9112 section 7.1.1), but there is an end to patience.
            (At::Size { value, .. }, b';') => Some(At::Extension { size: value }),
            (At::Extension { size }, b'\r') => Some(At::SizeLf { size }),
            (At::Extension { size }, _) if is_text(byte) => {
                self.extensions += 1;
                (self.extensions <= MAX_EXTENSIONS).then_some(At::Extension { size })
            }
            (At::SizeLf { size }, b'\n') => {
                self.line = 0;
                Some(if size == 0 {
                    At::TrailerStart
                } else {
                    At::Data { left: size }
                })
            }
            (At::DataCr, b'\r') => Some(At::DataLf),
            (At::DataLf, b'\n') => {
                self.line = 0;
                Some(At::Size {
                    value: 0,
                    digits: 0,
                })
            }
            (At::TrailerStart, b'\r') => Some(At::EndLf),
            (At::TrailerStart, _) if is_token(byte) => Some(At::TrailerName),
            (At::TrailerName, b':') => Some(At::Trailer),
            (At::TrailerName, _) if is_token(byte) => Some(At::TrailerName),
            (At::Trailer, b'\r') => Some(At::TrailerLf),
            (At::Trailer, _) if is_text(byte) => Some(At::Trailer),
            (At::TrailerLf, b'\n') => Some(At::TrailerStart),
            _ => None,
        }
    }
}

const fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Digits of a chunk size.
const MAX_DIGITS: u8 = 15;
/// Bytes of a size line with its extension, or of all trailer lines together.
const MAX_LINE: usize = 8 * 1024;
/// Bytes of all extensions of a body together.
const MAX_EXTENSIONS: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(bytes: &[u8]) -> Step {
        let whole = Walker::new().walk(bytes);
        // However the bytes are split over reads, the verdict is the same.
        let mut walker = Walker::new();
        let mut split = Step::More;
        for (place, byte) in bytes.iter().enumerate() {
            split = match walker.walk(&[*byte]) {
                Step::More => continue,
                Step::Ended(_) => Step::Ended(place + 1),
                Step::Malformed(_) => Step::Malformed(place),
            };
            break;
        }
        assert_eq!(whole, split);
        whole
    }

    #[test]
    fn a_body_is_followed_to_its_end_and_no_further() {
        assert_eq!(walk(b"0\r\n\r\nGET"), Step::Ended(5));
        assert_eq!(walk(b"5\r\nhello\r\n0\r\n\r\n"), Step::Ended(15));
        assert_eq!(walk(b"A\r\n0123456789\r\n00\r\n\r\n"), Step::Ended(21));
        assert_eq!(walk(b"0;last=1\r\nx: y\r\nz: 1\r\n\r\n!"), Step::Ended(24));
        assert_eq!(walk(b"5;a=\"b\"\r\nhello\r\n0\r\n\r\n!"), Step::Ended(21));
        assert_eq!(walk(b"5\r\nhel"), Step::More);
    }

    #[test]
    fn what_parsers_read_differently_is_malformed() {
        for body in [
            &b"+5\r\nhello\r\n"[..],
            b" 5\r\nhello\r\n",
            b"5 \r\nhello\r\n",
            b"0x5\r\nhello\r\n",
            b"5_0\r\n",
            b"5\nhello\r\n",
            b"5\r\nhello\n0\r\n",
            b"5\r\nhelloworld",
            b"\r\n",
            b"5 ;a=b\r\nhello\r\n",
            b"5;a=b\nhello\r\n",
            b"5;a=\"\r\n\"\r\nhello\r\n",
            b"FFFFFFFFFFFFFFFF\r\n",
            b"0\r\n: no name\r\n",
            b"0\r\n folded\r\n",
            b"0\r\na: nul\0\r\n",
            b"0\r\na : b\r\n",
            b"0\r\nno colon\r\n",
            b"0;\n\r\n",
        ] {
            assert!(
                matches!(walk(body), Step::Malformed(_)),
                "{body:?}: {:?}",
                walk(body)
            );
        }
    }

    #[test]
    fn trailers_and_extensions_are_bounded() {
        let trailers = [b"0\r\n".to_vec(), b"x: y\r\n".repeat(MAX_LINE)].concat();
        let extensions = b"1;ab=c\r\nx\r\n".repeat(MAX_EXTENSIONS / 4 + 1);
        for body in [trailers, extensions] {
            assert!(matches!(Walker::new().walk(&body), Step::Malformed(_)));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            walk(&bytes);
        }
    }
}

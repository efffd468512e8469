//! The opening handshake of a WebSocket (RFC 6455 section 1.3), where cutover is a party to it.

use std::hash::{BuildHasher as _, RandomState};

use sha1::{Digest as _, Sha1};

/// What a client asks with, to be sure that whoever answers has understood the question.
#[derive(Debug)]
pub struct Key(String);

impl Key {
    /// A new one. It is no secret, only unlikely to be in anybody's cache.
    #[must_use]
    pub fn random() -> Self {
        // The standard library's hasher is seeded by the system's random source.
        let random = RandomState::new();
        let mut bytes = [0; 16];
        for (half, eight) in (0_u8..).zip(bytes.chunks_exact_mut(8)) {
            eight.copy_from_slice(&random.hash_one(half).to_be_bytes());
        }
        Self(base64(&bytes))
    }

    /// As it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the answer to it.
    #[must_use]
    pub fn is_answered_by(&self, accept: &[u8]) -> bool {
        accept_key(&self.0).as_bytes() == accept
    }
}

/// The answer to a key.
#[must_use]
pub fn accept_key(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64(&hash.finalize())
}

/// Standard base64 with padding (RFC 4648).
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    bytes.chunks(3).fold(String::new(), |mut text, chunk| {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let six = group >> (18 - 6 * place) & 0x3F;
            text.push(if place > chunk.len() {
                '='
            } else {
                digit(six as u8)
            });
        }
        text
    })
}

fn digit(six: u8) -> char {
    char::from(match six {
        0..=25 => b'A' + six,
        26..=51 => b'a' + (six - 26),
        52..=61 => b'0' + (six - 52),
        62 => b'+',
        _ => b'/',
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_answered_as_the_standard_says() {
        assert_eq!(
            accept_key("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        let key = Key::random();
        assert_eq!(key.as_str().len(), 24);
        assert!(key.is_answered_by(accept_key(key.as_str()).as_bytes()));
        assert!(!key.is_answered_by(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_ne!(key.as_str(), Key::random().as_str());
    }

    #[test]
    fn base64_is_padded() {
        assert_eq!(base64(b"a"), "YQ==");
        assert_eq!(base64(b"ab"), "YWI=");
        assert_eq!(base64(b"abc"), "YWJj");
        assert_eq!(base64(b""), "");
    }
}

//! Every request has an id: the client's if it is sound, or one of ours.

use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
};

use http::HeaderValue;

/// Makes ids: a random half for the worker and a counting half, both in hexadecimal.
#[derive(Debug)]
pub(crate) struct RequestIds {
    /// The worker's half, written out, and room for the other.
    text: [u8; 32],
    next: Cell<u64>,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        // The standard library's hasher is seeded by the system's random source.
        let random = RandomState::new();
        let mut text = [0; 32];
        write_hex(random.hash_one(0), &mut text[..16]);
        Self {
            text,
            next: Cell::new(random.hash_one(1)),
        }
    }

    /// The id that the request came with, if it is short and plain, or a new one.
    pub(crate) fn accept_or_make(&self, sent: Option<&HeaderValue>) -> HeaderValue {
        match sent {
            Some(id) if is_sound(id) => id.clone(),
            Some(_) | None => self.make(),
        }
    }

    /// A new id.
    pub(crate) fn make(&self) -> HeaderValue {
        let count = self.next.get();
        self.next.set(count.wrapping_add(1));
        let mut text = self.text;
        write_hex(count, &mut text[16..]);
        // Hexadecimal digits are always a sound field value.
        HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }
}

fn write_hex(number: u64, text: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

fn is_sound(id: &HeaderValue) -> bool {
    (1..=MAX_LENGTH).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

/// Longest id that is accepted from outside.
const MAX_LENGTH: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_id_is_kept_and_any_other_replaced() {
        let ids = RequestIds::new();
        let keep = HeaderValue::from_static("abc-1");
        assert_eq!(ids.accept_or_make(Some(&keep)), keep);
        for bad in ["", "with space", &"x".repeat(129)] {
            let bad = HeaderValue::from_str(bad).unwrap();
            assert_eq!(ids.accept_or_make(Some(&bad)).len(), 32);
        }
    }

    #[test]
    fn no_id_is_made_twice() {
        let ids = RequestIds::new();
        assert_ne!(ids.accept_or_make(None), ids.accept_or_make(None));
    }
}

//! Elements of DER (X.690), one after the other.
//!
//! Owns tags and lengths; must not know what an element means.

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// Class, form and number, in one byte; longer tags do not occur in certificates.
    pub(super) tag: u8,
    /// What it holds.
    pub(super) content: &'a [u8],
    /// All of it, tag and length included.
    pub(super) whole: &'a [u8],
}

/// Elements that are read in turn. What cannot be read ends them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The content of the next element, which must have this tag.
    pub(super) fn content_of(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next()
            .filter(|element| element.tag == tag)
            .map(|element| element.content)
    }

    /// Passes over the next element if it has this tag.
    pub(super) fn skip_if(&mut self, tag: u8) {
        if self.0.first() == Some(&tag) {
            self.next();
        }
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let all = std::mem::take(&mut self.0);
        let (tag, rest) = all.split_first()?;
        let (length, rest) = length(rest)?;
        let content = rest.get(..length)?;
        if tag & LONG_TAG == LONG_TAG {
            return None;
        }
        self.0 = &rest[length..];
        Some(Element {
            tag: *tag,
            content,
            whole: &all[..all.len() - self.0.len()],
        })
    }
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return Some((usize::from(*first), rest));
    }
    // One to four bytes of length follow; 0x80 alone would be a length that is not known, which DER forbids.
    let count = usize::from(first & 0x7F);
    if !(1..=4).contains(&count) {
        return None;
    }
    let (digits, rest) = rest.split_at_checked(count)?;
    let length = digits
        .iter()
        .fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
    Some((length, rest))
}

const LONG_TAG: u8 = 0x1F;

/// Tags by name.
pub(super) mod tag {
    pub(in super::super) const BOOLEAN: u8 = 0x01;
    pub(in super::super) const INTEGER: u8 = 0x02;
    pub(in super::super) const OCTET_STRING: u8 = 0x04;
    pub(in super::super) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(in super::super) const UTF8_STRING: u8 = 0x0C;
    pub(in super::super) const PRINTABLE_STRING: u8 = 0x13;
    pub(in super::super) const IA5_STRING: u8 = 0x16;
    pub(in super::super) const UTC_TIME: u8 = 0x17;
    pub(in super::super) const GENERALIZED_TIME: u8 = 0x18;
    pub(in super::super) const BMP_STRING: u8 = 0x1E;
    pub(in super::super) const SEQUENCE: u8 = 0x30;
    pub(in super::super) const SET: u8 = 0x31;
    /// `[0]` of a certificate's fields.
    pub(in super::super) const VERSION: u8 = 0xA0;
    /// `[3]` of a certificate's fields.
    pub(in super::super) const EXTENSIONS: u8 = 0xA3;
    /// `[2]` of a general name.
    pub(in super::super) const DNS_NAME: u8 = 0x82;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_may_be_short_or_long() {
        let long: Vec<u8> = [&[0x04, 0x82, 0x01, 0x00][..], &[7; 256]].concat();
        let mut reader = Reader::new(&long);
        assert_eq!(reader.content_of(0x04).map(<[u8]>::len), Some(256));
        assert_eq!(reader.next(), None);
        let two = [0x02, 0x01, 0x05, 0x30, 0x00];
        let whole: Vec<_> = Reader::new(&two).map(|it| it.whole).collect();
        assert_eq!(whole, [&two[..3], &two[3..]]);
    }

    #[test]
    fn what_is_not_der_ends_the_elements() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 0x80, 0x00, 0x00],
            &[0x30, 0x85, 0, 0, 0, 0, 1, 9],
            &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 1],
            &[0x30, 0x02, 0x01],
            &[0x1F, 0x01, 0x01],
        ] {
            assert_eq!(Reader::new(bytes).next(), None, "{bytes:?}");
        }
    }
}

//! A subject as one line of text (RFC 4514), safe to stand in a header field.
//!
//! Owns the escaping: what comes out is graphic ASCII and spaces, whatever a certificate authority signed. So a name
//! cannot end a line, and two different names never read the same.

use std::{borrow::Cow, fmt::Write as _};

use super::der::{Element, Reader, tag};

/// Writes a sequence of relative names, the last one first, as RFC 4514 wants it.
pub(super) fn written(sequence: &[u8]) -> Option<String> {
    let mut relative: Vec<_> = Reader::new(sequence).collect();
    let read: usize = relative.iter().map(|it| it.whole.len()).sum();
    if read != sequence.len() {
        return None;
    }
    relative.reverse();
    let mut text = String::new();
    for (place, set) in relative.into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        if set.tag != tag::SET {
            return None;
        }
        for (place, attribute) in Reader::new(set.content).enumerate() {
            if place > 0 {
                text.push('+');
            }
            write_attribute(attribute, &mut text)?;
        }
    }
    Some(text)
}

fn write_attribute(attribute: Element<'_>, text: &mut String) -> Option<()> {
    let mut parts = Reader::new(attribute.content);
    let kind = parts.content_of(tag::OBJECT_IDENTIFIER)?;
    let value = parts.next()?;
    let name = NAMES.iter().find(|(oid, _)| *oid == kind);
    match name {
        Some((_, name)) => text.push_str(name),
        None => write_dotted(kind, text),
    }
    text.push('=');
    match (name, readable(value)) {
        (Some(_), Some(value)) => write_escaped(&value, text),
        // Of other kinds nobody could say what the text is.
        _ => {
            text.push('#');
            for byte in value.whole {
                write_hex(*byte, text);
            }
        }
    }
    Some(())
}

/// The text of a value in UTF-8, if it is of a kind that has one.
fn readable(value: Element<'_>) -> Option<Cow<'_, [u8]>> {
    match value.tag {
        tag::UTF8_STRING | tag::PRINTABLE_STRING | tag::IA5_STRING => Some(value.content.into()),
        tag::BMP_STRING if value.content.len().is_multiple_of(2) => {
            let units = value.content.chunks_exact(2);
            let units: Vec<_> = units
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect();
            let text = String::from_utf16(&units).ok()?;
            Some(text.into_bytes().into())
        }
        _ => None,
    }
}

/// Escapes what has a meaning, what would be lost at either end, and everything that is not graphic ASCII.
fn write_escaped(value: &[u8], text: &mut String) {
    let last = value.len().saturating_sub(1);
    for (place, byte) in value.iter().enumerate() {
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' | b'=' => {
                text.push('\\');
                text.push(char::from(*byte));
            }
            b'#' if place == 0 => text.push_str("\\#"),
            b' ' if place == 0 || place == last => text.push_str("\\ "),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => {
                text.push('\\');
                write_hex(*byte, text);
            }
        }
    }
}

fn write_hex(byte: u8, text: &mut String) {
    // Writing to a text does not fail.
    let _ = write!(text, "{byte:02X}");
}

/// `1.2.840`; a part that is too large to be one is cut to what fits.
fn write_dotted(oid: &[u8], text: &mut String) {
    let mut part = 0_u64;
    let mut is_first = true;
    for byte in oid {
        part = part << 7 | u64::from(byte & 0x7F);
        if byte & 0x80 != 0 {
            continue;
        }
        if is_first {
            let root = (part / 40).min(2);
            let _ = write!(text, "{root}.{}", part - root * 40);
        } else {
            let _ = write!(text, ".{part}");
        }
        is_first = false;
        part = 0;
    }
}

/// Attributes that have a name: those of RFC 4514 section 3, and two that certificates often have.
const NAMES: [(&[u8], &str); 11] = [
    (&[0x55, 0x04, 0x03], "CN"),
    (&[0x55, 0x04, 0x05], "serialNumber"),
    (&[0x55, 0x04, 0x06], "C"),
    (&[0x55, 0x04, 0x07], "L"),
    (&[0x55, 0x04, 0x08], "ST"),
    (&[0x55, 0x04, 0x09], "STREET"),
    (&[0x55, 0x04, 0x0A], "O"),
    (&[0x55, 0x04, 0x0B], "OU"),
    (DOMAIN_COMPONENT, "DC"),
    (USER_ID, "UID"),
    (EMAIL_ADDRESS, "emailAddress"),
];
/// 0.9.2342.19200300.100.1.25
const DOMAIN_COMPONENT: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 0x01, 0x19];
/// 0.9.2342.19200300.100.1.1
const USER_ID: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 0x01, 0x01];
/// 1.2.840.113549.1.9.1
const EMAIL_ADDRESS: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x01];

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        [&[tag, length][..], content].concat()
    }

    /// One relative name of attributes, each of kind, tag and value.
    fn relative(attributes: &[(&[u8], u8, &[u8])]) -> Vec<u8> {
        let attributes = attributes.iter().flat_map(|(kind, tag, value)| {
            let parts = [element(tag::OBJECT_IDENTIFIER, kind), element(*tag, value)];
            element(tag::SEQUENCE, &parts.concat())
        });
        element(tag::SET, &attributes.collect::<Vec<_>>())
    }

    const CN: &[u8] = &[0x55, 0x04, 0x03];
    const O: &[u8] = &[0x55, 0x04, 0x0A];

    #[test]
    fn the_last_name_comes_first_and_names_of_one_level_are_joined() {
        let name = [
            relative(&[(O, tag::PRINTABLE_STRING, b"Shop Ltd")]),
            relative(&[
                (CN, tag::UTF8_STRING, b"till 1"),
                (USER_ID, tag::UTF8_STRING, b"7"),
            ]),
        ];
        let text = written(&name.concat());
        assert_eq!(text.as_deref(), Some("CN=till 1+UID=7,O=Shop Ltd"));
        assert_eq!(written(&[]).as_deref(), Some(""));
    }

    #[test]
    fn no_value_can_end_a_line_or_pass_for_another_name() {
        let of = |value: &[u8]| written(&relative(&[(CN, tag::UTF8_STRING, value)])).unwrap();
        assert_eq!(of(b"a\r\nX-Admin: 1"), "CN=a\\0D\\0AX-Admin: 1");
        assert_eq!(of(b"a,O=Shop"), "CN=a\\,O\\=Shop");
        assert_eq!(of(b"a+CN=b\\"), "CN=a\\+CN\\=b\\\\");
        assert_eq!(of(b" #a "), "CN=\\ #a\\ ");
        assert_eq!(of(b"#a"), "CN=\\#a");
        assert_eq!(of("Zo\u{eb}".as_bytes()), "CN=Zo\\C3\\AB");
        assert_eq!(of(b"a\0b\x7F"), "CN=a\\00b\\7F");
    }

    #[test]
    fn what_has_no_name_or_no_known_text_is_written_in_hexadecimal() {
        let odd = relative(&[(&[0x2A, 0x03, 0x88, 0x37], tag::UTF8_STRING, b"x")]);
        assert_eq!(written(&odd).as_deref(), Some("1.2.3.1079=#0C0178"));
        let teletex = relative(&[(CN, 0x14, b"\xE9")]);
        assert_eq!(written(&teletex).as_deref(), Some("CN=#1401E9"));
        let bmp = relative(&[(CN, tag::BMP_STRING, b"\x00a\x01\x0D")]);
        assert_eq!(written(&bmp).as_deref(), Some("CN=a\\C4\\8D"));
        let half = relative(&[(CN, tag::BMP_STRING, b"\x00a\x01")]);
        assert_eq!(written(&half).as_deref(), Some("CN=#1E03006101"));
    }

    #[test]
    fn a_name_that_is_no_sequence_of_sets_is_none() {
        assert_eq!(written(&[0x31, 0x05, 0x00]), None);
        assert_eq!(written(&element(tag::SEQUENCE, &[])), None);
        assert_eq!(
            written(&element(tag::SET, &element(tag::SEQUENCE, &[]))),
            None
        );
    }
}

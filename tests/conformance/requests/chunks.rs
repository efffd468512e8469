//! The chunks of a body: sizes in hexadecimal digits, and CR LF where it belongs.

use crate::case::{Case, Step, chunks};

const CHUNKS: &str = "RFC 9112 7.1";
const EXTENSIONS: &str = "RFC 9112 7.1.1";
const MALFORMED: &str = "malformed request body";

pub(super) fn cases() -> Vec<Case> {
    [sizes(), line_ends(), extensions(), sound(), ends()].concat()
}

fn malformed(rfc: &'static str, name: &'static str, body: &str) -> Case {
    let smuggled = "GET /{c}/smuggled HTTP/1.1\r\nHost: {c}\r\n\r\n";
    Case::new(name, rfc, chunks(&(body.to_owned() + smuggled))).refused(400, MALFORMED)
}

fn sizes() -> Vec<Case> {
    [
        ("a size with a plus", "+5\r\nhello\r\n0\r\n\r\n"),
        ("a size with a minus", "-5\r\nhello\r\n0\r\n\r\n"),
        ("a size behind a space", " 5\r\nhello\r\n0\r\n\r\n"),
        ("a size behind a tab", "\t5\r\nhello\r\n0\r\n\r\n"),
        ("a size before a space", "5 \r\nhello\r\n0\r\n\r\n"),
        ("a size with a space in it", "0 5\r\nhello\r\n0\r\n\r\n"),
        ("a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"),
        ("a size with an underscore", "0_5\r\nhello\r\n0\r\n\r\n"),
        ("a size with a point", "5.0\r\nhello\r\n0\r\n\r\n"),
        ("a size in quotes", "\"5\"\r\nhello\r\n0\r\n\r\n"),
        ("a size with a letter beyond f", "5g\r\nhello\r\n0\r\n\r\n"),
        (
            "a size in digits of another script",
            "\u{ff15}\r\nhello\r\n0\r\n\r\n",
        ),
        ("a size behind NUL", "\u{0}5\r\nhello\r\n0\r\n\r\n"),
        ("no size", "\r\nhello\r\n0\r\n\r\n"),
        ("no last size", "5\r\nhello\r\n\r\n\r\n"),
        (
            "a size of 64 bits",
            "FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        ),
        (
            "a size of more than 64 bits",
            "10000000000000005\r\nhello\r\n0\r\n\r\n",
        ),
        (
            "a size with many leading zeros",
            "00000000000000000000000000000005\r\nhello\r\n0\r\n\r\n",
        ),
        (
            "a last size with many zeros",
            "5\r\nhello\r\n00000000000000000000000000000000\r\n\r\n",
        ),
        ("a list of sizes", "5,5\r\nhello\r\n0\r\n\r\n"),
    ]
    .map(|(name, body)| malformed(CHUNKS, name, body))
    .into()
}

fn line_ends() -> Vec<Case> {
    [
        ("a size that ends in a bare LF", "5\nhello\r\n0\r\n\r\n"),
        ("a size that ends in a bare CR", "5\rhello\r\n0\r\n\r\n"),
        ("a size that ends in CR CR LF", "5\r\r\nhello\r\n0\r\n\r\n"),
        ("a size that ends in LF CR", "5\n\rhello\r\n0\r\n\r\n"),
        ("data that end in a bare LF", "5\r\nhello\n0\r\n\r\n"),
        ("data that end in a bare CR", "5\r\nhello\r0\r\n\r\n"),
        ("data that end in nothing", "5\r\nhello0\r\n\r\n"),
        ("data that end in other bytes", "5\r\nhelloXX0\r\n\r\n"),
        (
            "data that are longer than their size",
            "5\r\nhello!\r\n0\r\n\r\n",
        ),
        (
            "data that are shorter than their size",
            "5\r\nhell\r\n0\r\n\r\n",
        ),
        (
            "data of two sizes",
            "5\r\nhello\r\n5\r\nhello\r\n5\r\n0\r\n\r\n",
        ),
        (
            "a last size that ends in a bare LF",
            "5\r\nhello\r\n0\n\r\n",
        ),
        ("a last line that is a bare LF", "5\r\nhello\r\n0\r\n\n"),
        ("a last line that is CR CR LF", "5\r\nhello\r\n0\r\n\r\r\n"),
        ("a body of bare LFs", "5\nhello\n0\n\n"),
    ]
    .map(|(name, body)| malformed(CHUNKS, name, body))
    .into()
}

fn extensions() -> Vec<Case> {
    let sound =
        |name, body: &str| Case::new(name, EXTENSIONS, chunks(body)).passes("POST /{c}", "hello");
    let long = |length: usize| format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(length));
    let many = format!("{}0\r\n\r\n", "1;a=b\r\nx\r\n".repeat(8000));
    vec![
        sound("an extension", "5;a\r\nhello\r\n0\r\n\r\n"),
        sound(
            "an extension with a value",
            "5;a=b;c=d\r\nhello\r\n0\r\n\r\n",
        ),
        sound(
            "an extension with a quoted value",
            "5;a=\"b;c\\\"\"\r\nhello\r\n0\r\n\r\n",
        ),
        sound("an extension with spaces", "5; a = b\r\nhello\r\n0\r\n\r\n"),
        sound(
            "an extension of the last size",
            "5\r\nhello\r\n0;a=b\r\n\r\n",
        ),
        sound("an extension of some length", &long(1000)),
        malformed(EXTENSIONS, "an extension that is too long", &long(20_000)),
        malformed(EXTENSIONS, "extensions that are too long together", &many),
        malformed(
            EXTENSIONS,
            "an extension behind a space",
            "5 ;a=b\r\nhello\r\n0\r\n\r\n",
        ),
        malformed(
            EXTENSIONS,
            "an extension that ends in a bare LF",
            "5;a=b\nhello\r\n0\r\n\r\n",
        ),
        malformed(
            EXTENSIONS,
            "an extension with a bare LF in it",
            "5;a=b\n0\r\n\r\nhello\r\n0\r\n\r\n",
        ),
        malformed(
            EXTENSIONS,
            "an extension with a bare CR in it",
            "5;a=b\rc\r\nhello\r\n0\r\n\r\n",
        ),
        malformed(
            EXTENSIONS,
            "an extension with a quoted CR LF",
            "5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n",
        ),
        malformed(
            EXTENSIONS,
            "an extension with NUL in it",
            "5;a=\0\r\nhello\r\n0\r\n\r\n",
        ),
    ]
}

fn sound() -> Vec<Case> {
    let sound = |name, body: &str, decoded: &str| {
        Case::new(name, CHUNKS, chunks(body)).passes("POST /{c}", decoded)
    };
    let tiny = "1\r\nx\r\n".repeat(200) + "0\r\n\r\n";
    let large = format!("{:X}\r\n{}\r\n0\r\n\r\n", 100_000, "y".repeat(100_000));
    vec![
        sound(
            "several chunks",
            "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n",
            "hello world",
        ),
        sound(
            "a size in capitals",
            "A\r\n0123456789\r\n0\r\n\r\n",
            "0123456789",
        ),
        sound(
            "a size in small letters",
            "a\r\n0123456789\r\n0\r\n\r\n",
            "0123456789",
        ),
        sound(
            "a size with a few leading zeros",
            "0005\r\nhello\r\n000\r\n\r\n",
            "hello",
        ),
        sound(
            "data that look like a last chunk",
            "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n",
            "\r\n0\r\n\r\n",
        ),
        sound("many tiny chunks", &tiny, &"x".repeat(200)),
        sound("a large chunk", &large, &"y".repeat(100_000)),
    ]
}

fn ends() -> Vec<Case> {
    let cut = |name, body: &str| {
        Case::new(name, "RFC 9112 8", chunks(body))
            .then(Step::HalfClose)
            .refused(400, MALFORMED)
    };
    vec![
        cut("an end before the first size", ""),
        cut("an end within a size", "5"),
        cut("an end within a chunk", "5\r\nhel"),
        cut("an end between chunks", "5\r\nhello\r\n"),
        cut("an end before the last line", "5\r\nhello\r\n0\r\n"),
    ]
}

//! What a request head may say (RFC 9113 section 8), and what of it could be read otherwise in HTTP/1.

use crate::{
    cases::{
        Case,
        Reaches::{AtMostOnce, Nothing, Once},
        Sees::{Answer, Farewell, Reset},
        case, only, open, run, with,
    },
    support::frames::{
        END_HEADERS, END_STREAM, Frame, HEADERS, PROTOCOL_ERROR, data, get, headers, hpack_bytes,
        request,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn a_head_says_what_it_must_and_no_more() {
    run(PSEUDO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_field_smuggles_a_line_into_http_1() {
    run(FIELDS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_as_long_as_it_was_said_to_be() {
    run(LENGTHS).await;
}

const PSEUDO: &[Case] = &[
    case(
        ("8.3", "a pseudo-field after a field"),
        |path| {
            only(&[
                (":method", "GET"),
                (":scheme", "http"),
                ("x-early", "1"),
                (":authority", "a"),
                (":path", path),
            ])
        },
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3", "a pseudo-field that nobody knows"),
        |path| {
            only(&[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", path),
                (":what", "1"),
            ])
        },
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3", "a pseudo-field of responses"),
        |path| {
            only(&[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", path),
                (":status", "200"),
            ])
        },
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3.1", "no method"),
        |path| only(&[(":scheme", "http"), (":authority", "a"), (":path", path)]),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3.1", "no scheme"),
        |path| only(&[(":method", "GET"), (":authority", "a"), (":path", path)]),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3.1", "no path"),
        |_| only(&[(":method", "GET"), (":scheme", "http"), (":authority", "a")]),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3.1", "an empty path"),
        |_| only(&get("")),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3.1", "a path twice"),
        |path| {
            let mut all = get(path);
            all.push((":path", path));
            only(&all)
        },
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3.1", "a path that does not begin with a slash"),
        |path| only(&get(&path[1..])),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3.1", "a whole URI in place of a path"),
        |path| only(&get(&format!("http://other.test{path}"))),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3.1", "a path with a space"),
        |path| only(&get(&format!("{path} HTTP/1.1"))),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3.1", "a path with line breaks"),
        |path| only(&get(&format!("{path} HTTP/1.1\r\nsmuggled: 1\r\n\r\n"))),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3.1", "a path with a control character"),
        |path| only(&get(&format!("{path}\0"))),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3.1", "a path that is not ASCII"),
        |path| only(&get(&format!("{path}\u{e4}"))),
        (Answer(400), Nothing),
    ),
    case(
        ("8.3.1", "a fragment, which is not sent on"),
        |path| only(&get(&format!("{path}#smuggled\u{20}"))),
        (Answer(200), Once),
    ),
    case(
        ("8.3.1", "an asterisk for anything but OPTIONS"),
        |_| only(&get("*")),
        (Answer(400), Nothing),
    ),
    case(
        ("8.3.1", "an asterisk for OPTIONS"),
        |_| only(&request("OPTIONS", "*")),
        (Answer(200), Nothing),
    ),
    case(
        ("8.3.1", "a scheme that leads elsewhere"),
        |path| {
            only(&[
                (":method", "GET"),
                (":scheme", "ftp"),
                (":authority", "a"),
                (":path", path),
            ])
        },
        (Answer(400), Nothing),
    ),
    case(
        ("8.3.1", "the scheme of a client behind TLS"),
        |path| {
            only(&[
                (":method", "GET"),
                (":scheme", "https"),
                (":authority", "a"),
                (":path", path),
            ])
        },
        (Answer(200), Once),
    ),
    case(
        ("8.3.1", "an authority that Host contradicts"),
        |path| with(path, &[("host", "other.test")]),
        (Answer(400), Nothing),
    ),
    case(
        (
            "8.3.1",
            "an authority that Host repeats in another spelling",
        ),
        |path| with(path, &[("host", "SHOP.test")]),
        (Answer(200), Once),
    ),
    case(
        ("8.3.1", "Host alone"),
        |path| {
            only(&[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", path),
                ("host", "a"),
            ])
        },
        (Answer(200), Once),
    ),
    case(
        ("8.3.1", "Host twice"),
        |path| with(path, &[("host", "shop.test"), ("host", "shop.test")]),
        (Answer(400), Nothing),
    ),
    case(
        ("8.3.1", "neither authority nor Host"),
        |path| only(&[(":method", "GET"), (":scheme", "http"), (":path", path)]),
        (Answer(400), Nothing),
    ),
    case(
        ("8.3.1", "an authority with a user"),
        |path| {
            only(&[
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "me@a"),
                (":path", path),
            ])
        },
        (Answer(400), Nothing),
    ),
    case(
        ("8.3.1", "an authority with line breaks"),
        |path| {
            let authority = "a\r\nsmuggled: 1";
            only(&[
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", authority),
                (":path", path),
            ])
        },
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3.1", "a method that is no token"),
        |path| only(&request("GE T", path)),
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.3.1", "a method with line breaks"),
        |path| only(&request("GET / HTTP/1.1\r\nsmuggled: 1\r\n\r\nGET", path)),
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.5", "CONNECT to anywhere"),
        |_| only(&[(":method", "CONNECT"), (":authority", "a:443")]),
        (Answer(405), Nothing),
    ),
    case(
        ("8.5", "CONNECT with a path and no protocol"),
        |path| only(&request("CONNECT", path)),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("RFC 8441 4", "CONNECT by a protocol that nobody speaks"),
        |path| {
            let mut all = request("CONNECT", path);
            all.push((":protocol", "connect-udp"));
            vec![headers(1, 0, &all)]
        },
        (Answer(501), Nothing),
    ),
    case(
        ("RFC 8441 4", "a protocol without CONNECT"),
        |path| {
            let mut all = get(path);
            all.push((":protocol", "websocket"));
            only(&all)
        },
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.1", "a pseudo-field in trailers, which is not passed on"),
        |path| {
            vec![
                open(path, &[]),
                headers(1, END_STREAM, &[(":path", "/smuggled\r\n")]),
            ]
        },
        (Answer(200), Once),
    ),
];

const FIELDS: &[Case] = &[
    case(
        ("8.2.1", "a name in upper case"),
        |path| with(path, &[("X-Upper", "1")]),
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.2.1", "a name with a space"),
        |path| with(path, &[("x y", "1")]),
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.2.1", "a name with a colon and a line break"),
        |path| with(path, &[("x: 1\r\nsmuggled", "1")]),
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.2.1", "a name of nothing"),
        |path| with(path, &[("", "1")]),
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.2.1", "a value with a line break"),
        |path| with(path, &[("x", "1\r\nsmuggled: 1")]),
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.2.1", "a value with a bare line feed"),
        |path| with(path, &[("x", "1\nsmuggled: 1")]),
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.2.1", "a value with a NUL"),
        |path| with(path, &[("x", "1\0")]),
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.2.1", "a value that begins with a space"),
        |path| with(path, &[("x", " 1")]),
        (Answer(400), Nothing),
    ),
    case(
        ("8.2.1", "a value that ends with a tab"),
        |path| with(path, &[("x", "1\t")]),
        (Answer(400), Nothing),
    ),
    case(
        ("10.3", "a length spelt with an underscore"),
        |path| with(path, &[("content_length", "5")]),
        (Answer(400), Nothing),
    ),
    case(
        ("10.3", "a coding spelt with an underscore"),
        |path| with(path, &[("transfer_encoding", "chunked")]),
        (Answer(400), Nothing),
    ),
    case(
        ("8.2.1", "a value of nothing"),
        |path| with(path, &[("x", "")]),
        (Answer(200), Once),
    ),
    case(
        ("8.2.1", "a value that is not ASCII"),
        |path| {
            let fields = get(path);
            let all = fields
                .iter()
                .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let block = hpack_bytes(all.chain([(&b"x"[..], &b"\xfc"[..])]));
            vec![Frame::new(HEADERS, END_STREAM | END_HEADERS, 1, block)]
        },
        (Answer(200), Once),
    ),
    case(
        ("8.2.2", "Connection"),
        |path| with(path, &[("connection", "close")]),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.2.2", "Keep-Alive"),
        |path| with(path, &[("keep-alive", "timeout=5")]),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.2.2", "Proxy-Connection"),
        |path| with(path, &[("proxy-connection", "keep-alive")]),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.2.2", "Transfer-Encoding"),
        |path| {
            vec![
                open(path, &[("transfer-encoding", "chunked")]),
                data(1, END_STREAM, *b"0\r\n\r\n"),
            ]
        },
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.2.2", "Upgrade"),
        |path| with(path, &[("upgrade", "websocket")]),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.2.2", "TE of anything but trailers"),
        |path| with(path, &[("te", "gzip")]),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.2.2", "TE of trailers"),
        |path| with(path, &[("te", "trailers")]),
        (Answer(200), Once),
    ),
    case(
        ("8.2.3", "cookies in pieces"),
        |path| with(path, &[("cookie", "a=1"), ("cookie", "b=2")]),
        (Answer(200), Once),
    ),
    case(
        ("RFC 9110 10.1.1", "an expectation that nobody can meet"),
        |path| with(path, &[("expect", "200-ok")]),
        (Answer(417), Nothing),
    ),
    case(
        ("6.5.2", "more fields than the listener takes"),
        |path| with(path, &[("x", "1"); 101]),
        (Answer(431), Nothing),
    ),
    case(
        ("6.5.2", "a head larger than the listener takes"),
        |path| {
            let fields: Vec<_> = std::iter::repeat_n(("x", LONG), 17).collect();
            let block = crate::support::frames::hpack(&[get(path), fields].concat());
            let (first, rest) = block.split_at(16_000);
            let mut all = vec![Frame::new(HEADERS, END_STREAM, 1, first)];
            let last = rest.chunks(16_000).count() - 1;
            all.extend(rest.chunks(16_000).enumerate().map(|(place, piece)| {
                let flags = if place == last { END_HEADERS } else { 0 };
                Frame::new(crate::support::frames::CONTINUATION, flags, 1, piece)
            }));
            all
        },
        (Answer(431), Nothing),
    ),
];

const LENGTHS: &[Case] = &[
    case(
        ("8.1.1", "less DATA than was said"),
        |path| {
            vec![
                open(path, &[("content-length", "5")]),
                data(1, END_STREAM, *b"1234"),
            ]
        },
        (Reset(PROTOCOL_ERROR), AtMostOnce),
    ),
    case(
        ("8.1.1", "more DATA than was said"),
        |path| {
            vec![
                open(path, &[("content-length", "5")]),
                data(1, END_STREAM, *b"123456"),
            ]
        },
        (Reset(PROTOCOL_ERROR), AtMostOnce),
    ),
    case(
        ("8.1.1", "DATA was said, and there is none"),
        |path| with(path, &[("content-length", "5")]),
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.1.1", "no DATA was said, and there is none"),
        |path| with(path, &[("content-length", "0")]),
        (Answer(200), Once),
    ),
    case(
        ("8.1.1", "trailers before all DATA has come"),
        |path| {
            vec![
                open(path, &[("content-length", "5")]),
                data(1, 0, *b"123"),
                headers(1, END_STREAM, &[("x-sum", "1")]),
            ]
        },
        (Reset(PROTOCOL_ERROR), AtMostOnce),
    ),
    case(
        ("8.1.1", "two lengths that differ"),
        |path| {
            vec![open(
                path,
                &[("content-length", "5"), ("content-length", "6")],
            )]
        },
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.1.1", "two lengths that agree"),
        |path| {
            vec![
                open(path, &[("content-length", "5"), ("content-length", "5")]),
                data(1, END_STREAM, *b"12345"),
            ]
        },
        (Answer(400), Nothing),
    ),
    case(
        ("8.1.1", "a length with a sign"),
        |path| {
            vec![
                open(path, &[("content-length", "+5")]),
                data(1, END_STREAM, *b"12345"),
            ]
        },
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.1.1", "a length that no number holds"),
        |path| vec![open(path, &[("content-length", "99999999999999999999")])],
        (Reset(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("8.1.1", "a body that no length was said of"),
        |path| {
            vec![
                open(path, &[]),
                data(1, 0, *b"12345"),
                data(1, END_STREAM, []),
            ]
        },
        (Answer(200), Once),
    ),
];

/// With 17 of these a head is larger than 64 KiB.
const LONG: &str = {
    const BYTES: [u8; 4000] = [b'y'; 4000];
    match std::str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => "",
    }
};

//! Headers of both versions, whole, cut at every byte, and broken.

use proptest::prelude::*;

use super::*;

fn introduction(source: &str, destination: &str) -> Introduction {
    Introduction {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [V2_SIGNATURE, &[command, family], &length, body].concat()
}

/// Read whole, with more behind it, and incomplete at every byte before its end.
#[track_caller]
fn reads(header: &[u8], introduced: Option<Introduction>) {
    let whole = Reading::Header(header.len(), introduced);
    assert_eq!(read(header), whole);
    assert_eq!(read(&[header, b"GET / HTTP/1.1\r\n"].concat()), whole);
    for length in 0..header.len() {
        assert_eq!(read(&header[..length]), Reading::Incomplete, "{length}");
    }
}

#[track_caller]
fn malformed(header: &[u8]) {
    let reading = read(header);
    assert!(
        matches!(reading, Reading::Malformed(_)),
        "{header:?}: {reading:?}"
    );
}

#[test]
fn a_line_is_read() {
    let four = introduction("203.0.113.9:4711", "192.0.2.1:443");
    reads(b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n", Some(four));
    let six = introduction("[2001:db8::9]:65535", "[::1]:0");
    reads(b"PROXY TCP6 2001:db8::9 ::1 65535 0\r\n", Some(six));
    reads(b"PROXY UNKNOWN\r\n", None);
    reads(b"PROXY UNKNOWN whatever this is\r\n", None);
    let long = [&b"PROXY UNKNOWN "[..], &b"x".repeat(91), b"\r\n"].concat();
    assert_eq!(long.len(), V1_LIMIT);
    reads(&long, None);
}

#[test]
fn a_malformed_line_is_refused() {
    for line in [
        "GET / HTTP/1.1\r\n",
        "proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2  1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n",
        "PROXY TCP4 1.1.1.01 2.2.2.2 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY \r\n",
        "PROXY UNKNOWNX\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 \u{e9} 2\r\n",
    ] {
        malformed(line.as_bytes());
    }
    malformed(b"PROXY TCP4 \xff\r\n");
    malformed(&[&b"PROXY UNKNOWN "[..], &b"x".repeat(92), b"\r\n"].concat());
    malformed(&[&b"PROXY "[..], &b"x".repeat(200)].concat());
    // At the first byte that no header has.
    malformed(b"G");
    malformed(b"\x16\x03\x01");
    malformed(b"PROXYX");
}

#[test]
fn a_binary_header_is_read() {
    let four = [203, 0, 113, 9, 192, 0, 2, 1, 0x12, 0x67, 0x01, 0xbb];
    let expected = introduction("203.0.113.9:4711", "192.0.2.1:443");
    reads(&v2(0x21, 0x11, &four), Some(expected));
    reads(&v2(0x21, 0x12, &four), Some(expected));
    let extended = [&four[..], b"\x04\x00\x03abc", &[0; 400]].concat();
    reads(&v2(0x21, 0x11, &extended), Some(expected));
    let mut six = [0; 36];
    six[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    (six[15], six[31], six[33], six[35]) = (9, 1, 80, 81);
    let expected = introduction("[2001:db8::9]:80", "[::1]:81");
    reads(&v2(0x21, 0x21, &six), Some(expected));
    // Those that introduce nobody.
    reads(&v2(0x20, 0x00, b""), None);
    reads(&v2(0x20, 0x11, &four), None);
    reads(&v2(0x20, 0x11, b"xy"), None);
    reads(&v2(0x21, 0x00, b"anything"), None);
    reads(&v2(0x21, 0x31, &[b'/'; 216]), None);
    reads(
        &v2(0x21, 0x11, &[1; V2_LIMIT - V2_FIXED]),
        Some(introduction("1.1.1.1:257", "1.1.1.1:257")),
    );
}

#[test]
fn a_malformed_binary_header_is_refused() {
    for (command, family) in [
        (0x11, 0x11),
        (0x22, 0x11),
        (0x2f, 0x11),
        (0x21, 0x13),
        (0x21, 0x41),
        (0x21, 0x01),
    ] {
        malformed(&v2(command, family, &[0; 36]));
    }
    malformed(&v2(0x21, 0x11, &[0; 11]));
    malformed(&v2(0x21, 0x21, &[0; 35]));
    malformed(&v2(0x21, 0x31, &[0; 215]));
    malformed(&v2(0x21, 0x11, &[0; V2_LIMIT - V2_FIXED + 1]));
    malformed(&v2(0x20, 0x00, &[0; 65535]));
    malformed(b"\r\n\r\n\0\r\nQUIX");
    malformed(b"\r\nGET");
    // As soon as it shows.
    malformed(&v2(0x31, 0x11, &[0; 12])[..13]);
    malformed(&v2(0x21, 0x55, &[0; 12])[..14]);
    malformed(&v2(0x21, 0x11, &[0; 8])[..16]);
}

#[test]
fn probes_introduce_nobody() {
    assert_eq!(write(ProxyVersion::V1, None), b"PROXY UNKNOWN\r\n");
    reads(&write(ProxyVersion::V1, None), None);
    reads(&write(ProxyVersion::V2, None), None);
}

#[test]
fn two_families_become_one() {
    let mixed = introduction("[::ffff:203.0.113.9]:1", "[2001:db8::1]:2");
    let line = b"PROXY TCP6 ::ffff:203.0.113.9 2001:db8::1 1 2\r\n";
    assert_eq!(write(ProxyVersion::V1, Some(mixed)), line);
    let mapped = introduction("[::ffff:203.0.113.9]:1", "192.0.2.1:2");
    let line = b"PROXY TCP4 203.0.113.9 192.0.2.1 1 2\r\n";
    assert_eq!(write(ProxyVersion::V1, Some(mapped)), line);
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(four: bool, source: [u8; 16], destination: [u8; 16], ports: (u16, u16)) {
        let ip = |bytes: [u8; 16]| match four {
            true => IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]),
            // A plain IPv6 address, not one that stands for an IPv4 one.
            false => IpAddr::from([&[0x20][..], &bytes[1..]].concat().try_into().map_or([0; 16], |it: [u8; 16]| it)),
        };
        let sent = Introduction {
            source: SocketAddr::new(ip(source), ports.0),
            destination: SocketAddr::new(ip(destination), ports.1),
        };
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            let header = write(version, Some(sent));
            prop_assert_eq!(read(&header), Reading::Header(header.len(), Some(sent)));
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic_and_within_the_bound(start in 0..4_usize, rest: Vec<u8>) {
        let start: &[u8] = [&b""[..], V1_SIGNATURE, V2_SIGNATURE, b"PROXY TCP4 "][start];
        let bytes = [start, &rest].concat();
        if let Reading::Header(length, _) = read(&bytes) {
            prop_assert!(length <= bytes.len() && length <= V2_LIMIT);
            prop_assert_eq!(read(&bytes[..length - 1]), Reading::Incomplete);
        }
    }
}

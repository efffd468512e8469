//! Any bytes as the start of a connection.

use super::*;

/// However a header comes, it is read in one way, within its bound; and what it says can be written and read again.
pub(crate) fn introductions(bytes: &[u8]) {
    let whole = read(bytes);
    for length in 0..bytes.len() {
        let part = read(&bytes[..length]);
        // What was told once is not taken back; what is not known yet may become anything.
        assert!(
            part == whole || part == Reading::Incomplete,
            "{length}: {part:?}, then {whole:?}"
        );
        if let Reading::Header(end, _) = whole {
            assert_eq!(
                part == Reading::Incomplete,
                length < end,
                "{length} of {end}"
            );
        }
    }
    match whole {
        Reading::Header(end, introduced) => {
            assert!(end <= bytes.len().min(V2_LIMIT));
            for version in [ProxyVersion::V1, ProxyVersion::V2] {
                is_read_again(version, introduced);
            }
        }
        Reading::Incomplete => assert!(bytes.len() < V2_LIMIT, "{} bytes are held", bytes.len()),
        Reading::Malformed(_) => {}
    }
}

fn is_read_again(version: ProxyVersion, introduced: Option<Introduction>) {
    let written = write(version, introduced);
    let Reading::Header(end, again) = read(&written) else {
        panic!("{introduced:?} is written as {written:?}");
    };
    assert_eq!(end, written.len());
    // An address may be written in the other family, but it stays the same one.
    let ends = |it: Introduction| {
        [it.source, it.destination].map(|end| (end.ip().to_canonical(), end.port()))
    };
    assert_eq!(again.map(ends), introduced.map(ends));
}

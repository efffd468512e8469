//! Any text as a path.

use super::*;

/// Normalising is done once and for all and never leads out of the root; what is ambiguous by its letters is found; what
/// is settled is beyond doubt.
pub(crate) fn paths(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else {
        return;
    };
    let spelling = Spelling::of(path);
    let normal = spelling.normal();
    is_normal(&normal);
    assert_eq!(Spelling::of(&normal).normal(), normal, "normalised twice");
    if is_plain(path) {
        assert_eq!((&*normal, spelling.ambiguity()), (path, None));
        assert_eq!(spelling.other_readings().count(), 0);
    }
    for reading in spelling.other_readings() {
        assert!(reading.starts_with('/') || reading == "*", "{reading:?}");
    }
    if let Some(odd) = oddity(path) {
        assert!(spelling.ambiguity().is_some(), "{odd}");
    }
    if let Some(settled) = spelling.settled() {
        is_normal(&settled);
        let again = Spelling::of(&settled);
        assert_eq!(again.ambiguity(), None, "{settled:?}");
        assert_eq!(again.settled(), Some(settled));
    }
}

/// As routes are compared with it: absolute, of what a path may have, without a segment that leads elsewhere.
fn is_normal(path: &str) {
    assert!(
        path.bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'?')),
        "{path:?}"
    );
    if path == "*" {
        return;
    }
    assert!(path.starts_with('/') && !path.contains("//"), "{path:?}");
    assert!(
        path.split('/')
            .all(|segment| !matches!(segment, "." | "..")),
        "{path:?}"
    );
}

/// What a look at the letters alone finds, without a walk along the path.
fn oddity(path: &str) -> Option<&'static str> {
    let lower = path.to_ascii_lowercase();
    let broken = lower.split('%').skip(1).any(|after| {
        let digits = after.as_bytes().first_chunk::<2>();
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let depth = lower
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "."))
        .try_fold(0_usize, |depth, segment| {
            if segment == ".." {
                depth.checked_sub(1)
            } else {
                Some(depth + 1)
            }
        });
    [
        (broken, "broken escape"),
        (
            ["%2f", "%5c", "\\", "%00", "%c0%af", "%c0%ae"]
                .iter()
                .any(|odd| lower.contains(odd)),
            "letters",
        ),
        (
            path.bytes().any(|byte| !byte.is_ascii_graphic()),
            "no letter of a path",
        ),
        (
            !path.starts_with('/') && path != "*",
            "no slash at the beginning",
        ),
        (
            lower
                .split('/')
                .any(|segment| segment.contains("%2e") && is_dots(&segment.replace("%2e", "."))),
            "escaped dots",
        ),
        (
            lower.split('/').any(|segment| segment.starts_with("..;")),
            "dots with parameters",
        ),
        (depth.is_none(), "above the root"),
    ]
    .into_iter()
    .find_map(|(is_so, what)| is_so.then_some(what))
}

//! Readings and judgements, by the letter of RFC 3986 and by what servers are known to do.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn judged(path: &str, normal: &str, ambiguity: Option<Ambiguity>) {
    let spelling = Spelling::of(path);
    assert_eq!(spelling.normal(), normal, "{path}");
    assert_eq!(spelling.ambiguity(), ambiguity, "{path}");
    if is_plain(path) {
        assert_eq!((path, None), (normal, ambiguity), "{path} is plain");
    }
}

#[test]
fn a_plain_path_is_read_as_it_stands() {
    for path in [
        "/",
        "/a",
        "/a/",
        "/a/b.c/d..e/f...",
        "/~user/a-b_c!$&'()*+,=:@",
        "*",
    ] {
        assert!(is_plain(path), "{path}");
        judged(path, path, None);
        assert_eq!(Spelling::of(path).other_readings().count(), 0, "{path}");
    }
    for path in [
        "//", "/.", "/a//b", "/a/.b", "/a%20", "/a;b", "/a\\b", "/a b", "/\u{e9}", "/[",
    ] {
        assert!(!is_plain(path), "{path}");
    }
}

#[test]
fn escapes_have_one_spelling() {
    judged("/%61%50i/%7Euser", "/aPi/~user", None);
    judged("/caf%c3%a9", "/caf%C3%A9", None);
    judged("/a%3ab%40", "/a:b@", None);
    judged("/{x}|[y]", "/%7Bx%7D%7C%5By%5D", None);
    judged("/%7bx%7d", "/%7Bx%7D", None);
    judged("/100%25", "/100%25", None);
    judged("/%252e%252E/", "/%252e%252E/", None);
    judged("/.well-known/%2ehidden", "/.well-known/.hidden", None);
}

#[test]
fn dots_and_doubled_slashes_are_resolved() {
    judged("/a/./b", "/a/b", None);
    judged("/a/b/../c", "/a/c", None);
    judged("/a/b/..", "/a/", None);
    judged("/a/b/.", "/a/b/", None);
    judged("/a/b/../..", "/", None);
    judged("//a///b//", "/a/b/", None);
    judged("//", "/", None);
    judged("/mid/content=5/../6", "/mid/6", None);
    judged("/a//../b", "/b", None);
    let readings: Vec<_> = Spelling::of("/a//../b").other_readings().collect();
    assert_eq!(readings, ["/a//../b", "/a/../b", "/a/b", "/a/b"]);
}

#[test]
fn what_can_be_read_in_two_ways_is_ambiguous() {
    use Ambiguity as A;
    judged("/a%2Fb", "/a%2Fb", Some(A::EncodedSlash));
    judged("/a%2fb", "/a%2Fb", Some(A::EncodedSlash));
    judged("/a\\b", "/a%5Cb", Some(A::Backslash));
    judged("/a%5cb", "/a%5Cb", Some(A::Backslash));
    judged("/a%00b", "/a%00b", Some(A::Nul));
    judged("/a/%2e%2E/b", "/b", Some(A::EncodedDots));
    judged("/a/.%2e/b", "/b", Some(A::EncodedDots));
    judged("/a/%2e./b", "/b", Some(A::EncodedDots));
    judged("/a/%2e/b", "/a/b", Some(A::EncodedDots));
    judged("/a/..;/b", "/a/..;/b", Some(A::DotParameters));
    judged("/a/.;x=1/b", "/a/.;x=1/b", Some(A::DotParameters));
    judged("/a/..%3Bx/b", "/a/..%3Bx/b", Some(A::DotParameters));
    judged("/a%", "/a%25", Some(A::BrokenEscape));
    judged("/a%4", "/a%254", Some(A::BrokenEscape));
    judged("/a%zz", "/a%25zz", Some(A::BrokenEscape));
    judged("/%u002e", "/%25u002e", Some(A::BrokenEscape));
    judged("/%c0%ae%c0%ae/", "/%C0%AE%C0%AE/", Some(A::Overlong));
    judged("/%e0%80%af", "/%E0%80%AF", Some(A::Overlong));
    judged("/..", "/", Some(A::AboveRoot));
    judged("/a/../../b", "/b", Some(A::AboveRoot));
    judged("/a b", "/a%20b", Some(A::Character));
    judged("a", "/a", Some(A::Character));
    judged("", "/", Some(A::Character));
    // One that cannot be repaired outweighs one that can.
    judged("/a%2f%00", "/a%2F%00", Some(A::Nul));
}

#[test]
fn parameters_are_not_ambiguous_by_themselves() {
    judged("/a;v=1/b", "/a;v=1/b", None);
    let readings: Vec<_> = Spelling::of("/a;v=1/b%3Bc").other_readings().collect();
    assert!(
        readings.iter().all(|reading| reading == "/a/b"),
        "{readings:?}"
    );
    assert!(!readings.is_empty());
}

#[test]
fn what_is_settled_is_the_most_liberal_reading() {
    let settled = |path| Spelling::of(path).settled();
    let is = |text: &str| Some(text.to_owned());
    assert_eq!(settled("/a%2F..%2Fb"), is("/b"));
    assert_eq!(settled("/a\\..\\b"), is("/b"));
    assert_eq!(settled("/a/..;x/b;v=1"), is("/b;v=1"));
    assert_eq!(settled("/../b"), is("/b"));
    assert_eq!(settled("/a%20b%2fc"), is("/a%20b/c"));
    for path in ["/%00", "/%", "/%c0%ae", "/ "] {
        assert_eq!(settled(path), None, "{path}");
    }
}

/// Pieces of which odd paths are made.
fn path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/".to_owned()),
        Just(".".to_owned()),
        Just("..".to_owned()),
        Just("%2e".to_owned()),
        Just("%2F".to_owned()),
        Just("%5c".to_owned()),
        Just("\\".to_owned()),
        Just(";".to_owned()),
        Just("%3b".to_owned()),
        Just("%00".to_owned()),
        Just("%25".to_owned()),
        Just("%".to_owned()),
        "[a-c]",
        "%[0-9a-fA-F]{2}",
        "[ -~]",
        "\\PC",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| format!("/{}", pieces.concat()))
}

/// The spelling with every unreserved character escaped or not, and dot segments put in that change nothing.
fn respelt(path: &str, choices: &[bool]) -> String {
    let mut choices = choices.iter().cycle();
    let mut out = String::new();
    for char in path.chars() {
        let is_unreserved = char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '~');
        match (char, choices.next()) {
            (_, Some(true)) if is_unreserved => out += &format!("%{:02x}", u32::from(char)),
            ('/', Some(true)) => out += "/./",
            _ => out.push(char),
        }
    }
    out
}

proptest! {
    #[test]
    fn any_text_is_judged_without_panic(path in "\\PC{0,40}") {
        let spelling = Spelling::of(&path);
        let _ = (spelling.normal(), spelling.settled(), spelling.other_readings().count());
        let _ = is_plain(&path);
    }

    #[test]
    fn normalising_twice_changes_nothing(path in path()) {
        let spelling = Spelling::of(&path);
        let normal = spelling.normal();
        let again = Spelling::of(&normal);
        prop_assert_eq!(&again.normal(), &normal);
        prop_assert!(!again.unresolved, "{}", normal);
    }

    #[test]
    fn what_is_settled_is_beyond_doubt(path in path()) {
        if let Some(settled) = Spelling::of(&path).settled() {
            let again = Spelling::of(&settled);
            prop_assert_eq!(again.ambiguity(), None, "{}", &settled);
            prop_assert_eq!(again.settled(), Some(settled));
        }
    }

    #[test]
    fn a_plain_path_is_its_own_normal_form(path in "[/a-c.%;~+]{0,12}") {
        let path = format!("/{path}");
        if is_plain(&path) {
            let spelling = Spelling::of(&path);
            prop_assert_eq!(spelling.normal(), path.as_str());
            prop_assert_eq!(spelling.ambiguity(), None);
            prop_assert_eq!(spelling.other_readings().count(), 0);
        }
    }

    #[test]
    fn equivalent_spellings_have_one_normal_form(
        path in "(/[a-z~{}:@]{1,3}){1,5}/?",
        choices in prop::collection::vec(any::<bool>(), 1..20),
    ) {
        let other = respelt(&path, &choices);
        let (one, two) = (Spelling::of(&path), Spelling::of(&other));
        prop_assert_eq!(one.normal(), two.normal(), "{} and {}", path, other);
        prop_assert_eq!(two.ambiguity(), None);
    }
}

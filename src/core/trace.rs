//! `traceparent` (W3C Trace Context): which are sound, and how a new one is written.
//!
//! Owns the syntax; must not draw the numbers.

/// The trace id in a sound `traceparent`; `None` if it is not sound.
#[must_use]
pub fn trace_id(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value)
        .ok()
        .filter(|text| text.is_ascii())?;
    let (known, further) = text.split_at_checked(LENGTH)?;
    let bytes = known.as_bytes();
    let dashes = [2, 35, 52].map(|place| bytes[place]) == [b'-'; 3];
    let (version, trace, parent, flags) =
        (&known[..2], &known[3..35], &known[36..52], &known[53..]);
    let all_hex = [version, trace, parent, flags].into_iter().all(is_hex);
    let is_some = |id: &str| id.bytes().any(|byte| byte != b'0');
    // Later versions may say more, after another dash; the first one may not.
    let end = match version {
        "00" => further.is_empty(),
        "ff" => false,
        _ => further.is_empty() || further.starts_with('-'),
    };
    (dashes && all_hex && is_some(trace) && is_some(parent) && end).then_some(trace)
}

/// Writes one. `trace` and `parent` must be drawn at random. It is marked as sampled: endpoints that follow their
/// caller would record nothing otherwise.
#[must_use]
pub fn write(trace: [u64; 2], parent: u64) -> String {
    // All zeros mean no id.
    let [high, low] = trace;
    let (low, parent) = (low.max(1), parent.max(1));
    format!("00-{high:016x}{low:016x}-{parent:016x}-01")
}

fn is_hex(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.bytes().all(is_digit)
}

/// Bytes of a `traceparent` of the first version.
const LENGTH: usize = 55;

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_sound_one_names_its_trace() {
        let id = Some("4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace_id(SOUND.as_bytes()), id);
        let later = format!("cc{}", &SOUND[2..]);
        assert_eq!(trace_id(later.as_bytes()), id);
        assert_eq!(trace_id(format!("{later}-more").as_bytes()), id);
    }

    #[test]
    fn others_are_not_sound() {
        let with = |place: usize, text: &str| {
            let mut bytes = SOUND.as_bytes().to_vec();
            bytes.splice(place..place + text.len(), text.bytes());
            bytes
        };
        for value in [
            with(0, "ff"),
            with(0, "0A"),
            with(2, "_"),
            with(3, &"0".repeat(32)),
            with(3, "4B"),
            with(36, &"0".repeat(16)),
            with(53, "0g"),
            with(54, "\u{0}"),
            SOUND.as_bytes()[..54].to_vec(),
            format!("{SOUND}-more").into_bytes(),
            format!("cc{}x", &SOUND[2..]).into_bytes(),
            vec![0xC3; 55],
            Vec::new(),
            format!("0\u{e9}{}", &SOUND[3..]).into_bytes(),
            format!("{}\u{e9}{}", &SOUND[..34], &SOUND[36..]).into_bytes(),
        ] {
            assert_eq!(
                trace_id(&value),
                None,
                "{}",
                String::from_utf8_lossy(&value)
            );
        }
    }

    #[test]
    fn what_is_written_is_sound() {
        assert_eq!(
            write([1, 2], 3),
            "00-00000000000000010000000000000002-0000000000000003-01"
        );
        assert!(trace_id(write([0, 0], 0).as_bytes()).is_some());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_judged_without_panic(value: Vec<u8>) {
            let _ = trace_id(&value);
        }
    }
}

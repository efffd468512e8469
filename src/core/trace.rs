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

/// What a sound `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The trace.
    pub trace: u128,
    /// The span of whoever sent it.
    pub parent: u64,
    /// Whether the sender records it, and thinks that others should.
    pub is_sampled: bool,
}

impl Context {
    /// Reads a `traceparent`; `None` if it is not sound.
    #[must_use]
    pub fn of(value: &[u8]) -> Option<Self> {
        let trace = trace_id(value)?;
        let text = std::str::from_utf8(value).ok()?;
        let flags = u8::from_str_radix(text.get(53..55)?, 16).ok()?;
        Some(Self {
            trace: u128::from_str_radix(trace, 16).ok()?,
            parent: u64::from_str_radix(text.get(36..52)?, 16).ok()?,
            is_sampled: flags & 1 == 1,
        })
    }
}

/// Writes one. `trace` and `parent` must be drawn at random, and not be zero, which means that there is none. Endpoints
/// that follow their caller record nothing unless it is marked as sampled.
#[must_use]
pub fn write(context: Context) -> String {
    let Context {
        trace,
        parent,
        is_sampled,
    } = context;
    format!("00-{trace:032x}-{parent:016x}-{:02x}", u8::from(is_sampled))
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
            write(Context {
                trace: (1 << 64) | 2,
                parent: 3,
                is_sampled: true,
            }),
            "00-00000000000000010000000000000002-0000000000000003-01"
        );
        for sound in [
            SOUND,
            "00-00000000000000000000000000000001-8000000000000000-00",
        ] {
            let context = Context::of(sound.as_bytes()).unwrap();
            assert_eq!(write(context), sound);
        }
        assert_eq!(Context::of(b"00-1"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_judged_without_panic(value: Vec<u8>) {
            assert_eq!(trace_id(&value).is_some(), Context::of(&value).is_some());
        }
    }
}

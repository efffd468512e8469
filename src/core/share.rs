//! Shares of traffic, and which request falls into one.
//!
//! Owns the arithmetic of a gradual switch: a share, the point at which a request stands, and the sequence that hands
//! out points so evenly that a share is held exactly. Chance would be simpler; one per cent of five hundred requests
//! would then be anything from one to ten, and a counter that all workers share would be a shared cache line. Here each
//! worker adds up the share for itself and begins at a place of its own: it is never a whole request off, and all
//! workers together are off by half a request each at most.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A share of traffic in parts per ten thousand; written as `12.5%`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

impl Share {
    /// Nothing of it.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const WHOLE: Self = Self(WHOLE);

    /// So many parts per ten thousand; more than all is all.
    #[must_use]
    pub const fn of_parts(parts: u16) -> Self {
        Self(if parts > WHOLE { WHOLE } else { parts })
    }

    /// Parts per ten thousand.
    #[must_use]
    pub const fn parts(self) -> u16 {
        self.0
    }

    /// Whether what stands at `point` falls into the share. It falls into every larger one, too.
    #[must_use]
    pub const fn takes(self, point: Point) -> bool {
        (point.0 as u64) < self.end()
    }

    /// The first place beyond the share on a circle of 2^32.
    const fn end(self) -> u64 {
        ((self.0 as u64) << 32) / WHOLE as u64
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match (rest, rest % 10) {
            (0, _) => write!(f, "{whole}%"),
            (_, 0) => write!(f, "{whole}.{}%", rest / 10),
            _ => write!(f, "{whole}.{rest:02}%"),
        }
    }
}

/// A text that is no share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a share is written as `1%` or `12.5%`, from `0%` to `100%` with two decimals at most")]
pub struct NotAShare;

impl FromStr for Share {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Self, NotAShare> {
        let number = text.strip_suffix('%').ok_or(NotAShare)?;
        let (whole, decimals) = match number.split_once('.') {
            Some((whole, decimals)) if (1..=2).contains(&decimals.len()) => (whole, decimals),
            Some(_) => return Err(NotAShare),
            None => (number, "0"),
        };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || whole.len() > 3 {
            return Err(NotAShare);
        }
        let whole: u16 = whole.parse().map_err(|_| NotAShare)?;
        let scale = if decimals.len() == 1 { 10 } else { 1 };
        let decimals: u16 = decimals.parse().map_err(|_| NotAShare)?;
        let parts = u32::from(whole) * 100 + u32::from(decimals * scale);
        match u16::try_from(parts) {
            Ok(parts) if parts <= WHOLE => Ok(Self(parts)),
            Ok(_) | Err(_) => Err(NotAShare),
        }
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Share {
    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a share of the traffic, such as `12.5%`",
            "type": "string",
            "pattern": r"^([0-9]{1,2}(\.[0-9]{1,2})?|100(\.0{1,2})?)%$"
        })
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where a request, a client or a session stands on the circle that shares are parts of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point(u32);

impl Point {
    /// Where `key` stands; the same in every process and on every worker. `salt` parts what must not go together.
    ///
    /// FNV-1a with the last mixing step of SplitMix64: whoever chooses keys may choose a side, which is no harm.
    #[must_use]
    pub fn of(salt: [&str; 2], key: &[u8]) -> Self {
        let [one, other] = salt.map(|part| part.bytes().chain([0]));
        let bytes = one.chain(other).chain(key.iter().copied());
        let mut hash = bytes.fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        // The upper half is all that is wanted.
        Self((hash >> 32) as u32)
    }
}

/// One worker's points: so even that a share is held to within one request, whatever it is and however it changes.
///
/// It adds up the share of each request. What stands in the sum decides, as a point would: a request is taken exactly
/// when the sum passes a whole one.
#[derive(Clone, Debug)]
pub struct Sequence(u32);

impl Sequence {
    /// That of one of `workers` workers. They begin evenly spread between two requests, so that what all of them are
    /// off by is about nothing, also while few requests have come.
    #[must_use]
    pub fn of_worker(worker: usize, workers: usize) -> Self {
        let (worker, workers) = (worker as u64, workers.max(1) as u64);
        // Workers are at most a few hundred, so nothing overflows.
        Self((((2 * worker + 1) << 32) / (2 * workers)) as u32)
    }

    /// The next request's point, where this is the share.
    pub fn next(&mut self, share: Share) -> Point {
        let point = Point(!self.0);
        // The circle is what is left of a longer number.
        self.0 = (u64::from(self.0) + share.end()) as u32;
        point
    }
}

/// Parts of the whole.
const WHOLE: u16 = 10_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn percent(text: &str) -> Share {
        text.parse().unwrap()
    }

    #[test]
    fn a_share_is_read_as_it_is_written() {
        for parts in 0..=WHOLE {
            let share = Share::of_parts(parts);
            assert_eq!(share.to_string().parse(), Ok(share));
        }
        assert_eq!(percent("12.5%"), Share::of_parts(1_250));
        assert_eq!(percent("0.05%"), Share::of_parts(5));
        for text in [
            "", "%", "1", "-1%", "+1%", "100.01%", "1.%", ".5%", "1.234%", "1 %", "1e1%", "0x1%",
            "101%", "99999%", "１%",
        ] {
            assert_eq!(text.parse::<Share>(), Err(NotAShare), "{text}");
        }
    }

    #[test]
    fn nothing_takes_nobody_and_all_takes_everybody() {
        for point in [Point(0), Point(u32::MAX)] {
            assert!(!Share::NONE.takes(point) && Share::WHOLE.takes(point));
        }
    }

    #[test]
    fn keys_spread_evenly_and_salts_part_them() {
        let taken = |salt: &str, share: Share| -> Vec<u32> {
            (0..20_000_u32)
                .filter(|key| share.takes(Point::of([salt, "green"], &key.to_be_bytes())))
                .collect()
        };
        for share in ["1%", "10%", "50%"] {
            let share = percent(share);
            let expected = 20_000 * usize::from(share.parts()) / 10_000;
            let count = taken("shop", share).len();
            assert!(count.abs_diff(expected) < 250, "{share}: {count}");
        }
        let (one, other) = (taken("shop", percent("10%")), taken("cart", percent("10%")));
        let both = one.iter().filter(|key| other.contains(key)).count();
        assert!((100..320).contains(&both), "{both}");
    }

    proptest! {
        #[test]
        fn a_worker_is_never_a_whole_request_off(
            parts in 0..=WHOLE,
            worker in 0..8_usize,
            requests in 1..3_000_u32,
        ) {
            let share = Share::of_parts(parts);
            let mut sequence = Sequence::of_worker(worker, 8);
            let mut taken = 0;
            for request in 1..=requests {
                taken += u32::from(share.takes(sequence.next(share)));
                let due = f64::from(request) * f64::from(parts) / 10_000.0;
                prop_assert!((f64::from(taken) - due).abs() < 1.001, "{taken} of {due}");
            }
        }

        #[test]
        fn all_workers_together_are_off_by_half_a_request_each(
            parts in 0..=WHOLE,
            requests in prop::collection::vec(0..400_u32, 1..9),
        ) {
            let share = Share::of_parts(parts);
            let workers = requests.len();
            let mut taken = 0_u32;
            for (worker, requests) in requests.iter().enumerate() {
                let mut sequence = Sequence::of_worker(worker, workers);
                taken += (0..*requests).filter(|_| share.takes(sequence.next(share))).count() as u32;
            }
            let due = f64::from(requests.iter().sum::<u32>()) * f64::from(parts) / 10_000.0;
            prop_assert!((f64::from(taken) - due).abs() <= workers as f64 / 2.0 + 0.01, "{taken} of {due}");
        }

        #[test]
        fn a_share_that_changes_is_held_over_its_sum(parts in prop::collection::vec(0..=WHOLE, 1..500)) {
            let mut sequence = Sequence::of_worker(0, 2);
            let (mut taken, mut due) = (0_u32, 0.0);
            for parts in parts {
                let share = Share::of_parts(parts);
                taken += u32::from(share.takes(sequence.next(share)));
                due += f64::from(parts) / 10_000.0;
                prop_assert!((f64::from(taken) - due).abs() < 1.001, "{taken} of {due}");
            }
        }

        #[test]
        fn who_is_in_a_share_is_in_every_larger_one(key in any::<u64>(), one in 0..=WHOLE, other in 0..=WHOLE) {
            let point = Point::of(["shop", "green"], &key.to_be_bytes());
            let (small, large) = (Share::of_parts(one.min(other)), Share::of_parts(one.max(other)));
            prop_assert!(!small.takes(point) || large.takes(point));
        }
    }
}

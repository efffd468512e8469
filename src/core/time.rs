//! Times as values: `core` is told what time it is, it never looks.

use std::{
    borrow::Cow,
    fmt,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The present moment on both clocks, read once at the edge.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For deadlines and durations.
    pub instant: Instant,
    /// For people and the journal.
    pub wall: Timestamp,
}

/// `wait` after `instant`. A wait beyond what the clock can hold, which a file may ask for, becomes a year.
#[must_use]
pub fn after(instant: Instant, wait: Duration) -> Instant {
    instant
        .checked_add(wait)
        .or_else(|| instant.checked_add(YEAR))
        .unwrap_or(instant)
}

/// Wall-clock time in milliseconds since 1970-01-01 UTC; written as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// `wait` later.
    #[must_use]
    pub fn plus(self, wait: Duration) -> Self {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// The time from `earlier` to this; nothing if this is not later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        // A clock before 1970 reads as 1970: an odd date in a receipt beats a refused switch.
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3339 has four digits for the year; humantime refuses what lies beyond.
        let time = UNIX_EPOCH + Duration::from_millis(self.0.min(MAX_MILLIS));
        humantime::format_rfc3339_millis(time).fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_rfc3339(&text)
            .map(Self::from)
            .map_err(serde::de::Error::custom)
    }
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// 9999-12-31T23:59:59.999Z.
const MAX_MILLIS: u64 = 253_402_300_799_999;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do; the rest is arithmetic"
    )]
    pub(in crate::core) fn any_instant() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_timestamp_is_written_and_read_as_rfc_3339() {
        let time = Timestamp::from_millis(1_700_000_000_123);
        let text = serde_json::to_string(&time).unwrap();
        assert_eq!(text, "\"2023-11-14T22:13:20.123Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), time);
    }

    #[test]
    fn the_far_future_does_not_panic() {
        assert_eq!(
            Timestamp::from_millis(u64::MAX).to_string(),
            "9999-12-31T23:59:59.999Z"
        );
    }
}

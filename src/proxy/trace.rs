//! The trace that a request belongs to (W3C Trace Context): passed on, or begun here.
//!
//! Owns the two fields and the numbers of new traces; what is sound, `core::trace` says. cutover adds no span of its own,
//! so a sound `traceparent` goes on as it came.

use std::{
    cell::Cell,
    hash::{BuildHasher as _, RandomState},
};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::core::trace::{trace_id, write};

/// Draws the numbers of new traces.
#[derive(Debug, Default)]
pub(crate) struct TraceIds {
    /// The standard library's hasher is seeded by the system's random source.
    random: RandomState,
    drawn: Cell<u64>,
}

impl TraceIds {
    /// Begins a trace for a request that has none.
    pub(crate) fn begin(&self, headers: &mut HeaderMap) {
        let fresh = write([self.draw(), self.draw()], self.draw());
        // Hexadecimal digits and dashes are always a sound field value.
        if let Ok(value) = HeaderValue::from_str(&fresh) {
            headers.remove(TRACESTATE);
            headers.insert(TRACEPARENT, value);
        }
    }

    fn draw(&self) -> u64 {
        let drawn = self.drawn.get();
        self.drawn.set(drawn.wrapping_add(1));
        self.random.hash_one(drawn)
    }
}

/// The `traceparent`, if it is the only one and sound.
pub(crate) fn sound(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let first = values
        .next()
        .filter(|value| trace_id(value.as_bytes()).is_some());
    first.filter(|_| values.next().is_none())
}

/// Removes the trace; `tracestate` means nothing without it.
pub(crate) fn remove(headers: &mut HeaderMap) {
    headers.remove(TRACEPARENT);
    headers.remove(TRACESTATE);
}

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_trace_begins_twice() {
        let ids = TraceIds::default();
        let begun: std::collections::HashSet<_> = (0..100)
            .map(|_| {
                let mut headers = HeaderMap::new();
                headers.insert(TRACESTATE, HeaderValue::from_static("a=1"));
                ids.begin(&mut headers);
                assert!(!headers.contains_key(TRACESTATE));
                let value = sound(&headers).unwrap();
                trace_id(value.as_bytes()).unwrap().to_owned()
            })
            .collect();
        assert_eq!(begun.len(), 100);
    }
}

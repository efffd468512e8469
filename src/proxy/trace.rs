//! The trace that a request belongs to (W3C Trace Context): passed on, gone on with, or begun here.
//!
//! Owns the two fields, the numbers of new traces and spans, and which requests have a span; what is sound, `core::trace`
//! says. A request without a span of cutover's keeps a sound `traceparent` as it came.

use std::{
    cell::{Cell, RefCell},
    hash::{BuildHasher as _, RandomState},
};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::headers::Belief;
use crate::{
    core::{
        share::{Sequence, Share},
        trace::{Context, trace_id, write},
    },
    telemetry::spans::{Span, Spans},
};

/// Draws the numbers of new traces and spans, and says who has one.
#[derive(Debug)]
pub(crate) struct Traces {
    /// The standard library's hasher is seeded by the system's random source.
    random: RandomState,
    drawn: Cell<u64>,
    sampling: Option<Sampling>,
}

/// Which requests have a span, where they do not come with one.
#[derive(Debug)]
struct Sampling {
    share: Share,
    sequence: RefCell<Sequence>,
}

impl Traces {
    /// Those of one of `workers` workers; `spans` is whom they are told to, if anybody.
    pub(crate) fn new(spans: Option<&Spans>, (worker, workers): (usize, usize)) -> Self {
        Self {
            random: RandomState::new(),
            drawn: Cell::new(0),
            sampling: spans.map(|spans| Sampling {
                share: spans.sample(),
                sequence: RefCell::new(Sequence::of_worker(worker, workers)),
            }),
        }
    }

    /// The span of a request that is to have one; its endpoint will find itself below it. `told` is whether the trace that
    /// it came with is believed; whoever is believed decides also whether it is sampled.
    pub(crate) fn span(&self, headers: &mut HeaderMap, told: Belief) -> Option<Box<Span>> {
        let sampling = self.sampling.as_ref()?;
        let sent = match told {
            Belief::Believed => sound(headers).and_then(|it| Context::of(it.as_bytes())),
            Belief::Doubted => None,
        };
        if !sent.map_or_else(|| sampling.takes(), |sent| sent.is_sampled) {
            return None;
        }
        let span = Span {
            trace: sent.map_or_else(|| self.draw_trace(), |sent| sent.trace),
            id: self.draw(),
            parent: sent.map(|sent| sent.parent),
        };
        if sent.is_none() {
            headers.remove(TRACESTATE);
        }
        let context = Context {
            trace: span.trace,
            parent: span.id,
            is_sampled: true,
        };
        headers.insert(TRACEPARENT, field(context));
        Some(Box::new(span))
    }

    /// Begins a trace for a request that has none. Where cutover has spans of its own, it has decided that this is not
    /// one of them; where it has not, nobody before the endpoint has decided.
    pub(crate) fn begin(&self, headers: &mut HeaderMap) {
        let context = Context {
            trace: self.draw_trace(),
            parent: self.draw(),
            is_sampled: self.sampling.is_none(),
        };
        headers.remove(TRACESTATE);
        headers.insert(TRACEPARENT, field(context));
    }

    fn draw_trace(&self) -> u128 {
        (u128::from(self.draw()) << 64) | u128::from(self.draw())
    }

    /// Never zero, which means none.
    fn draw(&self) -> u64 {
        let drawn = self.drawn.get();
        self.drawn.set(drawn.wrapping_add(1));
        self.random.hash_one(drawn).max(1)
    }
}

impl Sampling {
    fn takes(&self) -> bool {
        let point = self.sequence.borrow_mut().next(self.share);
        self.share.takes(point)
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

fn field(context: Context) -> HeaderValue {
    // Hexadecimal digits and dashes are always a sound field value.
    HeaderValue::try_from(write(context)).unwrap_or_else(|_| HeaderValue::from_static("-"))
}

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn traces(sample: Option<&str>) -> Traces {
        Traces {
            sampling: sample.map(|share| Sampling {
                share: share.parse().unwrap(),
                sequence: RefCell::new(Sequence::of_worker(0, 1)),
            }),
            ..Traces::new(None, (0, 1))
        }
    }

    fn sent(parent: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static(parent));
        headers.insert(TRACESTATE, HeaderValue::from_static("a=1"));
        headers
    }

    #[test]
    fn no_trace_begins_twice() {
        let ids = traces(None);
        let begun: std::collections::HashSet<_> = (0..100)
            .map(|_| {
                let mut headers = HeaderMap::new();
                headers.insert(TRACESTATE, HeaderValue::from_static("a=1"));
                ids.begin(&mut headers);
                assert!(!headers.contains_key(TRACESTATE));
                let value = sound(&headers).unwrap();
                assert!(Context::of(value.as_bytes()).unwrap().is_sampled);
                trace_id(value.as_bytes()).unwrap().to_owned()
            })
            .collect();
        assert_eq!(begun.len(), 100);
    }

    #[test]
    fn a_sampled_trace_goes_on_and_its_endpoint_is_below_the_span() {
        let mut headers = sent(SENT);
        let span = *traces(Some("0%"))
            .span(&mut headers, Belief::Believed)
            .unwrap();
        let told = Context::of(sound(&headers).unwrap().as_bytes()).unwrap();
        assert_eq!(span.trace, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(span.parent, Some(0x00f0_67aa_0ba9_02b7));
        assert_eq!((told.trace, told.parent), (span.trace, span.id));
        assert!(told.is_sampled && headers.contains_key(TRACESTATE));
    }

    #[test]
    fn who_is_not_believed_begins_anew_and_who_is_not_sampled_passes() {
        let mut headers = sent(SENT);
        let span = traces(Some("100%"))
            .span(&mut headers, Belief::Doubted)
            .unwrap();
        assert_eq!(span.parent, None);
        assert!(!headers.contains_key(TRACESTATE));
        let mut headers = sent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
        let before = headers.clone();
        let all = traces(Some("100%"));
        assert_eq!(all.span(&mut headers, Belief::Believed), None);
        assert_eq!(headers, before);
        assert_eq!(traces(None).span(&mut headers, Belief::Believed), None);
    }

    #[test]
    fn a_share_of_the_others_is_sampled_exactly() {
        let some = traces(Some("12.5%"));
        let spans =
            (0..800).filter(|_| some.span(&mut HeaderMap::new(), Belief::Doubted).is_some());
        assert_eq!(spans.count(), 100);
        let mut headers = HeaderMap::new();
        some.begin(&mut headers);
        let begun = Context::of(sound(&headers).unwrap().as_bytes()).unwrap();
        assert!(!begun.is_sampled, "the decision is told");
    }
}

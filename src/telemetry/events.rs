//! What was told lately, for whoever watches: `GET /v1/events` reads it.
//!
//! Owns a ring of the newest notices and their numbers; must not wait for readers. Each reader remembers how far it
//! has read, so that one that is slow loses events and is told how many, and never holds up the control plane or
//! another reader.

use std::{
    collections::VecDeque,
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;
use tokio::sync::watch;

use super::notice::kind;
use crate::core::{ids::ServiceName, notice::Notice, time::Timestamp};

/// The newest notices.
#[derive(Debug)]
pub struct Events {
    /// Tells the events of this process from those of the one before.
    boot: u64,
    // Taken for each notice, of which there are few, and for each look of a reader.
    ring: Mutex<VecDeque<Arc<Event>>>,
    newest: watch::Sender<u64>,
}

/// One notice as it was told.
#[derive(Debug)]
pub struct Event {
    /// Its number.
    pub id: EventId,
    /// The kind of the notice.
    pub kind: &'static str,
    /// The services it is about.
    pub services: Vec<ServiceName>,
    /// A JSON object: when, the sentence, the fields of the notice.
    pub data: String,
}

/// The number of an event: which process told it, and how many it had told by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    boot: u64,
    number: u64,
}

/// What a reader finds.
#[derive(Debug)]
pub struct Found {
    /// Events in order.
    pub events: Vec<Arc<Event>>,
    /// How far this is; to be asked for next.
    pub upto: EventId,
    /// Events that came after the reader's last and are forgotten already; `None` if the last one was told by
    /// another process, so that nobody knows.
    pub missed: Option<u64>,
}

/// The JSON of an event.
#[derive(Serialize)]
struct Data<'a> {
    at: Timestamp,
    kind: &'static str,
    text: String,
    #[serde(flatten)]
    notice: &'a Notice,
}

impl Events {
    /// None so far, in a process that began at `boot`.
    #[must_use]
    pub fn new(boot: Timestamp) -> Self {
        Self {
            boot: boot.millis(),
            ring: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }

    /// Adds one. What is about no service is for everybody.
    pub fn add(&self, notice: &Notice, at: Timestamp) {
        let (kind, text) = (kind(notice), notice.to_string());
        let data = Data {
            at,
            kind,
            text,
            notice,
        };
        // Nothing in a notice can fail to be written; if it did, an empty object still says that there was one.
        let data = serde_json::to_string(&data).unwrap_or_else(|_| "{}".to_owned());
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *self.newest.borrow() + 1;
        let event = Event {
            id: self.id(number),
            kind,
            services: notice.services().into_iter().cloned().collect(),
            data,
        };
        ring.push_back(Arc::new(event));
        if ring.len() > EVENTS_LIMIT {
            ring.pop_front();
        }
        // Under the lock, so that numbers and places in the ring go together.
        self.newest.send_replace(number);
    }

    /// Everything since `last`.
    #[must_use]
    pub fn since(&self, last: EventId) -> Found {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = *self.newest.borrow();
        let oldest = newest - ring.len() as u64;
        let known = last.boot == self.boot && last.number <= newest;
        let from = if known {
            last.number.max(oldest)
        } else {
            oldest
        };
        let skipped = usize::try_from(from - oldest).unwrap_or(usize::MAX);
        Found {
            events: ring.iter().skip(skipped).cloned().collect(),
            upto: self.id(newest),
            missed: known.then(|| oldest.saturating_sub(last.number)),
        }
    }

    /// The event told last, from which a reader begins who wants none of the past.
    #[must_use]
    pub fn newest(&self) -> EventId {
        self.id(*self.newest.borrow())
    }

    /// The one that lies `count` before the newest.
    #[must_use]
    pub fn before(&self, count: u64) -> EventId {
        self.id(self.newest.borrow().saturating_sub(count))
    }

    /// Wakes when there is another.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    const fn id(&self, number: u64) -> EventId {
        EventId {
            boot: self.boot,
            number,
        }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.boot, self.number)
    }
}

/// A text is no event's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the number of an event")]
pub struct NotAnEvent;

impl FromStr for EventId {
    type Err = NotAnEvent;

    fn from_str(text: &str) -> Result<Self, NotAnEvent> {
        let (boot, number) = text.split_once('-').ok_or(NotAnEvent)?;
        Ok(Self {
            boot: u64::from_str_radix(boot, 16).map_err(|_| NotAnEvent)?,
            number: number.parse().map_err(|_| NotAnEvent)?,
        })
    }
}

/// Events remembered; older ones are in the log.
pub const EVENTS_LIMIT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(count: u64) -> Events {
        let events = Events::new(Timestamp::from_millis(7));
        for number in 0..count {
            let error = number.to_string();
            events.add(
                &Notice::JournalFailed { error },
                Timestamp::from_millis(number),
            );
        }
        events
    }

    #[test]
    fn a_reader_finds_what_came_after_its_last_and_nothing_twice() {
        let events = told(3);
        let found = events.since("7-1".parse().unwrap());
        let ids: Vec<_> = found.events.iter().map(|it| it.id.to_string()).collect();
        assert_eq!(
            (ids, found.missed),
            (vec!["7-2".to_owned(), "7-3".to_owned()], Some(0))
        );
        assert!(events.since(found.upto).events.is_empty());
        assert_eq!(events.since(events.before(1)).events.len(), 1);
        assert!(events.since(events.newest()).events.is_empty());
    }

    #[test]
    fn what_is_forgotten_is_counted_and_what_another_process_told_is_not() {
        let events = told(EVENTS_LIMIT as u64 + 10);
        let found = events.since("7-4".parse().unwrap());
        assert_eq!((found.events.len(), found.missed), (EVENTS_LIMIT, Some(6)));
        let found = events.since("6-4".parse().unwrap());
        assert_eq!((found.events.len(), found.missed), (EVENTS_LIMIT, None));
        // A number that was never given: nothing is believed of it.
        let found = events.since("7-99999".parse().unwrap());
        assert_eq!((found.events.len(), found.missed), (EVENTS_LIMIT, None));
    }

    #[test]
    fn an_event_says_when_and_what_in_words_and_in_fields() {
        let events = told(1);
        let found = events.since(events.before(1));
        let data: serde_json::Value = serde_json::from_str(&found.events[0].data).unwrap();
        let expected = serde_json::json!({
            "at": "1970-01-01T00:00:00.000Z",
            "text": "the journal was not written: 0",
            "kind": "journal_failed",
            "error": "0",
        });
        assert_eq!((found.events[0].kind, data), ("journal_failed", expected));
    }

    #[test]
    fn what_is_no_number_is_not_read_as_one() {
        for text in [
            "",
            "-",
            "7",
            "7-",
            "-1",
            "g-1",
            "7-x",
            "7--1",
            "7-1-1",
            "99999999999999999-1",
        ] {
            assert_eq!(text.parse::<EventId>(), Err(NotAnEvent), "{text}");
        }
    }
}

//! A stream of server-sent events, read one by one
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>).
//!
//! Owns the bytes of an event that has not ended; must not know what events mean. cutover writes one line of data an
//! event and ends lines with a line feed, which is all that is read here.

use http_body_util::BodyExt;
use hyper::body::Incoming;

/// See the module.
#[derive(Debug)]
pub(super) struct EventStream {
    body: Incoming,
    unread: Vec<u8>,
}

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StreamEvent {
    /// Its number, to go on after.
    pub(super) id: Option<String>,
    /// Its kind.
    pub(super) kind: String,
    /// JSON.
    pub(super) data: String,
}

impl EventStream {
    pub(super) const fn new(body: Incoming) -> Self {
        Self {
            body,
            unread: Vec::new(),
        }
    }

    /// The next event; `None` if the stream has ended, broken off, or makes no sense.
    pub(super) async fn next(&mut self) -> Option<StreamEvent> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.unread, b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                if let Some(event) = parse(&String::from_utf8_lossy(&block)) {
                    return Some(event);
                }
                continue;
            }
            if self.unread.len() > EVENT_LIMIT {
                return None;
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.unread.extend_from_slice(&data);
            }
        }
    }
}

/// `None` for a comment, which only says that the stream is alive.
fn parse(block: &str) -> Option<StreamEvent> {
    let mut event = StreamEvent::default();
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match field {
            "id" => event.id = Some(value),
            "event" => event.kind = value,
            "data" => event.data = value,
            _ => {}
        }
    }
    (!event.data.is_empty()).then_some(event)
}

/// Bytes of one event; a notice has some hundred, a state of ten thousand services some twenty million.
const EVENT_LIMIT: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_and_a_comment_is_none() {
        let event = parse("id: 7-1\nevent: switched\ndata: {\"a\":\": \"}\n\n").unwrap();
        let expected = StreamEvent {
            id: Some("7-1".to_owned()),
            kind: "switched".to_owned(),
            data: "{\"a\":\": \"}".to_owned(),
        };
        assert_eq!(event, expected);
        assert_eq!(parse(":\n\n"), None);
        assert_eq!(parse("retry: 3\n\n"), None);
    }
}

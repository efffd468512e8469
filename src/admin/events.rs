//! `GET /v1/events`: notices as they happen, and on request the state once a second (server-sent events,
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! Owns one stream's view of the past: which event it had last.
//! A stream that falls behind is told how many events it missed, rather than being waited for.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{FromRequestParts, Query, State, rejection::QueryRejection},
    http::{StatusCode, request::Parts},
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, StreamExt, stream};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Interval, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{
    call_error::CallError,
    context::Context,
    problem::BAD_REQUEST,
    pulse::Watcher,
    sheet::{Answers, Sheet, Takes},
};
use crate::telemetry::events::{EVENTS_LIMIT, EventId, Events};

/// What of it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only notices about this service, and those about none.
    service: Option<String>,
    /// So many notices of the past to begin with.
    #[schemars(range(max = 1024))]
    recent: Option<u64>,
    /// The state once a second.
    #[serde(default)]
    pulse: bool,
}

/// The stream.
pub(super) async fn stream_all(
    State(context): State<Context>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    LastEvent(last): LastEvent,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, CallError> {
    let Ok(Query(wanted)) = wanted else {
        return Err(CallError::Query {
            parameter: "service",
            expected: "a name; besides it there are `recent`, a number, and `pulse`, true or false",
        });
    };
    let last = beginning(&context.events, &wanted, last)?;
    let seat = Arc::clone(&context.streams).try_acquire_owned();
    let watching = Watching {
        newer: context.events.watch(),
        beat: beat(),
        closing: context.closing.clone(),
        watcher: wanted.pulse.then(|| Watcher::new(&context.pulses)),
        seat: seat.map_err(|_| CallError::Overloaded)?,
        context,
        wanted,
        last,
        is_first: true,
    };
    let events = stream::unfold(watching, |mut watching| async move {
        let events = watching.next().await?;
        Some((
            stream::iter(events.into_iter().map(Ok::<_, Infallible>)),
            watching,
        ))
    });
    Ok(Sse::new(events.flatten()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// After which event the stream begins.
fn beginning(
    events: &Events,
    wanted: &Wanted,
    last: Option<EventId>,
) -> Result<EventId, CallError> {
    if let Some(last) = last {
        return Ok(last);
    }
    match wanted.recent {
        None => Ok(events.newest()),
        Some(count) if count <= EVENTS_LIMIT as u64 => Ok(events.before(count)),
        Some(_) => Err(CallError::Query {
            parameter: "recent",
            expected: "a number up to 1024",
        }),
    }
}

/// The event after which a stream goes on.
#[derive(Debug)]
pub(super) struct LastEvent(Option<EventId>);

impl<S: Sync> FromRequestParts<S> for LastEvent {
    type Rejection = CallError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, CallError> {
        let Some(last) = parts.headers.get(LAST_EVENT_ID) else {
            return Ok(Self(None));
        };
        let last = last.to_str().ok().and_then(|it| it.parse().ok());
        last.map(|it| Self(Some(it))).ok_or(CallError::Header {
            header: "Last-Event-ID",
            expected: "the `id` of an event of this stream",
        })
    }
}

impl Takes for LastEvent {
    fn takes(sheet: &mut Sheet<'_>) {
        let schema = json!({ "type": "string", "pattern": "^[0-9a-f]{1,16}-[0-9]{1,19}$" });
        let told = "the `id` of the event after which the stream is to go on";
        sheet.parameter("header", "Last-Event-ID", told, schema);
        sheet.problems(&[BAD_REQUEST]);
    }
}

impl<S> Answers for Sse<S> {
    fn answers(sheet: &mut Sheet<'_>) {
        let told = "events as they happen (server-sent events)";
        let content = ("text/event-stream", json!({ "type": "string" }));
        sheet.answer(StatusCode::OK, told, content);
    }
}

/// One stream.
#[derive(Debug)]
struct Watching {
    context: Context,
    wanted: Wanted,
    last: EventId,
    newer: watch::Receiver<u64>,
    beat: Interval,
    closing: CancellationToken,
    /// There, where the state is wanted.
    watcher: Option<Watcher>,
    is_first: bool,
    #[expect(dead_code, reason = "held for as long as the stream lasts")]
    seat: OwnedSemaphorePermit,
}

impl Watching {
    /// What is to be sent next; nothing more when the process stops.
    async fn next(&mut self) -> Option<Vec<Event>> {
        if std::mem::take(&mut self.is_first) {
            return Some(self.notices());
        }
        tokio::select! {
            () = self.closing.cancelled() => None,
            newer = self.newer.changed() => newer.ok().map(|()| self.notices()),
            _ = self.beat.tick(), if self.wanted.pulse => self.pulse().await,
        }
    }

    fn notices(&mut self) -> Vec<Event> {
        let found = self.context.events.since(self.last);
        self.last = found.upto;
        let gap = match found.missed {
            Some(0) => None,
            missed => Some(missed.map_or_else(|| "null".to_owned(), |it| it.to_string())),
        };
        let gap = gap.map(|missed| {
            Event::default()
                .event("gap")
                .data(format!("{{\"missed\":{missed}}}"))
        });
        let told = found.events.into_iter().filter(|event| {
            let about = &event.services;
            let wanted = self.wanted.service.as_deref();
            wanted.is_none_or(|it| about.is_empty() || about.iter().any(|name| name.as_str() == it))
        });
        let told = told.map(|it| {
            let event = Event::default().id(it.id.to_string()).event(it.kind);
            event.data(&it.data)
        });
        gap.into_iter().chain(told).collect()
    }

    /// What has changed since the last pulse.
    async fn pulse(&mut self) -> Option<Vec<Event>> {
        let service = self.wanted.service.as_deref();
        let texts = self.watcher.as_mut()?.next(&self.context, service).await?;
        let events = texts.into_iter();
        Some(
            events
                .map(|text| Event::default().event("pulse").data(text))
                .collect(),
        )
    }
}

fn beat() -> Interval {
    let mut beat = interval(PULSE);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}

/// Between two pulses.
const PULSE: Duration = Duration::from_secs(1);
/// Between two bytes of a stream on which nothing happens, so that whoever watches and whoever is in between know
/// that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const LAST_EVENT_ID: &str = "last-event-id";

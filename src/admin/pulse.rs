//! The state once a second, for everybody who watches it.
//!
//! Owns the last reading of all services, as the text that is sent, and since when each of them looks as it does. It is one
//! reading, however many watch: with ten thousand services it costs a tenth of a second, and a reading for each stream
//! would let a few open pages keep the controller busy. Nobody who does not watch pays for it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

use super::{context::Context, wire::ServicePulse};
use crate::core::ids::{ByColour, ServiceName};

/// What is known of all services.
#[derive(Debug, Default)]
pub(super) struct Pulses {
    // Held while somebody reads the state, so that whoever comes meanwhile finds it read.
    reading: Mutex<Reading>,
    // `SeqCst`, because it is rarely touched and the strongest order needs no argument.
    watchers: AtomicUsize,
}

#[derive(Debug, Default)]
struct Reading {
    at: Option<Instant>,
    beat: u64,
    services: BTreeMap<ServiceName, Known>,
}

#[derive(Debug)]
struct Known {
    /// Since which beat it looks like this.
    since: u64,
    json: Arc<str>,
}

/// One who watches, and what that one was told.
#[derive(Debug)]
pub(super) struct Watcher {
    pulses: Arc<Pulses>,
    /// The beat of what was told last of each service.
    told: BTreeMap<ServiceName, u64>,
}

impl Watcher {
    pub(super) fn new(pulses: &Arc<Pulses>) -> Self {
        pulses.watchers.fetch_add(1, SeqCst);
        Self {
            pulses: Arc::clone(pulses),
            told: BTreeMap::new(),
        }
    }

    /// What has changed since the last time, of `service` or of all: the JSON of pulses, one at least, each with a bounded
    /// number of services. `None` when the process stops.
    pub(super) async fn next(
        &mut self,
        context: &Context,
        service: Option<&str>,
    ) -> Option<Vec<String>> {
        let pulses = Arc::clone(&self.pulses);
        let mut reading = pulses.reading.lock().await;
        if reading.is_old() {
            reading.refresh(context).await?;
        }
        let is_wanted = |name: &ServiceName| service.is_none_or(|it| it == name.as_str());
        let mut changed = Vec::new();
        for (name, known) in &reading.services {
            if is_wanted(name) && self.told.get(name) != Some(&known.since) {
                changed.push(Arc::clone(&known.json));
                self.told.insert(name.clone(), known.since);
            }
        }
        let mut removed = Vec::new();
        self.told.retain(|name, _| {
            let is_there = reading.services.contains_key(name);
            if !is_there {
                removed.push(name.clone());
            }
            is_there
        });
        drop(reading);
        Some(texts(&changed, &removed))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let was_last = self.pulses.watchers.fetch_sub(1, SeqCst) == 1;
        // If somebody reads just now, another has come.
        if was_last && let Ok(mut reading) = self.pulses.reading.try_lock() {
            *reading = Reading {
                beat: reading.beat,
                ..Reading::default()
            };
        }
    }
}

impl Reading {
    fn is_old(&self) -> bool {
        self.at.is_none_or(|at| at.elapsed() >= FRESH)
    }

    async fn refresh(&mut self, context: &Context) -> Option<()> {
        let views = context.handle.services().await.ok()?;
        let mut traffic = context.metrics.traffic();
        self.beat += 1;
        let mut services = BTreeMap::new();
        for view in views {
            let name = view.service.clone();
            let mut of = |colour| traffic.remove(&(name.clone(), colour));
            let traffic = ByColour::from_fn(|colour| of(colour).unwrap_or_default());
            let json = serde_json::to_string(&ServicePulse { view, traffic });
            // Nothing in a view can fail to be written.
            let json = json.unwrap_or_else(|_| "{}".to_owned());
            let known = self.services.remove(&name);
            let known = known.filter(|known| *known.json == *json);
            let known = known.unwrap_or_else(|| Known {
                since: self.beat,
                json: json.into(),
            });
            services.insert(name, known);
        }
        self.services = services;
        self.at = Some(Instant::now());
        Some(())
    }
}

/// The JSON of [`Pulse`](super::wire::Pulse)s of services whose own is there already.
fn texts(changed: &[Arc<str>], removed: &[ServiceName]) -> Vec<String> {
    let removed = serde_json::to_string(removed).unwrap_or_else(|_| "[]".to_owned());
    let text = |services: &[Arc<str>], removed: &str| {
        let services = services.join(",");
        format!("{{\"services\":[{services}],\"removed\":{removed}}}")
    };
    let mut pieces = changed.chunks(SERVICES_AT_ONCE);
    let first = text(pieces.next().unwrap_or_default(), &removed);
    let rest = pieces.map(|piece| text(piece, "[]"));
    std::iter::once(first).chain(rest).collect()
}

/// For how long a reading is good enough for others: at most two are made in a second.
const FRESH: Duration = Duration::from_millis(500);
/// Services in one pulse; further ones come in the next, at once, so that nobody has to take megabytes in one piece.
const SERVICES_AT_ONCE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::wire::Pulse;

    #[test]
    fn many_changes_come_in_pieces_and_none_is_one_pulse_still() {
        let services: Vec<_> = (0..2 * SERVICES_AT_ONCE + 1)
            .map(|it| it.to_string().into())
            .collect();
        let removed = [ServiceName::new("gone")];
        let lengths: Vec<_> = texts(&services, &removed)
            .iter()
            .map(|text| {
                let value: serde_json::Value = serde_json::from_str(text).unwrap();
                let length = |key| value[key].as_array().map(Vec::len);
                (length("services").unwrap(), length("removed").unwrap())
            })
            .collect();
        let piece = SERVICES_AT_ONCE;
        assert_eq!(lengths, [(piece, 1), (piece, 0), (1, 0)]);
        let nothing = texts(&[], &[]);
        let pulse: Pulse = serde_json::from_str(&nothing[0]).unwrap();
        assert!(nothing.len() == 1 && pulse.services.is_empty() && pulse.removed.is_empty());
    }
}

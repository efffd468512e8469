//! What was measured: by figure and proxy, a value for each round, or for each slice of one.

use std::{collections::BTreeMap, fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::{machine, peer::Peer};

/// All samples of a run.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) machine: String,
    pub(crate) versions: BTreeMap<String, String>,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    samples: BTreeMap<String, BTreeMap<String, Vec<f64>>>,
    /// Requests that were not answered as they should have been.
    pub(crate) failed: BTreeMap<String, u64>,
    /// What could not be measured here, and why.
    #[serde(default)]
    lacking: BTreeMap<String, String>,
}

impl Figures {
    /// Of this machine, and nothing yet.
    pub(crate) fn of(rounds: usize, seconds: f64) -> Self {
        Self {
            machine: machine::describe(),
            rounds,
            seconds,
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, figure: &str, peer: Peer, value: f64) {
        if !value.is_finite() {
            eprintln!("{figure}: nothing came of {}", peer.title());
            return;
        }
        let of_figure = self.samples.entry(figure.to_owned()).or_default();
        of_figure
            .entry(peer.key().to_owned())
            .or_default()
            .push(value);
    }

    pub(crate) fn fails(&mut self, count: u64, figure: &str, peer: Peer) {
        if count > 0 {
            eprintln!("{figure}: {count} requests to {} failed", peer.title());
            *self
                .failed
                .entry(format!("{} {figure}", peer.title()))
                .or_default() += count;
        }
    }

    pub(crate) fn lacks(&mut self, figure: &str, why: &str) {
        self.lacking.insert(figure.to_owned(), why.to_owned());
    }

    /// Why there is no such figure.
    pub(crate) fn lacking(&self, figure: &str) -> Option<&str> {
        self.lacking.get(figure).map(String::as_str)
    }

    pub(crate) fn median(&self, figure: &str, peer: Peer) -> Option<f64> {
        let mut sorted = self.samples.get(figure)?.get(peer.key())?.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let upper = *sorted.get(middle)?;
        let is_odd = sorted.len() % 2 == 1;
        Some(if is_odd {
            upper
        } else {
            f64::midpoint(sorted[middle - 1], upper)
        })
    }

    /// cutover's median as a multiple of another's.
    pub(crate) fn ratio(&self, figure: &str, peer: Peer) -> Option<f64> {
        Some(self.median(figure, Peer::Cutover)? / self.median(figure, peer)?)
    }

    pub(crate) fn read(file: &Path) -> Self {
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
    }

    pub(crate) fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let text = serde_json::to_string_pretty(self).unwrap();
        fs::write(folder.join("figures.json"), text).unwrap();
    }
}

//! Ends of shifts that the journal could not take when they came about.
//!
//! Owns the trying again. An abort does not wait for the disk, so the journal may still say that the shift goes on; a restart would
//! believe it. Must not hold anything up. To leave it to the receipt at the end of the drain would be simpler, and a
//! WebSocket may drain for hours.

use super::{
    event::{Effect, Entry},
    ids::{ServiceName, Tenure},
    operation::Journaling,
    shift::RETRY,
    state::{State, Turn},
    time::after,
};

impl State {
    /// Tries again in a while to write down that this shift is over. A later one of the service takes its place: the
    /// end of that is the end of this, too.
    pub(super) fn writes_late(&mut self, service: ServiceName, tenure: Tenure, turn: &Turn) {
        let at = after(turn.now.instant, RETRY);
        let late = self.late.entry(service).or_insert((tenure, at));
        *late = (tenure.max(late.0), at);
    }

    /// Tries to write down what is due.
    pub(super) fn write_late(&mut self, turn: &mut Turn) {
        let due = self
            .late
            .iter()
            .filter(|(_, (_, at))| *at <= turn.now.instant);
        let due: Vec<_> = due
            .map(|(service, (tenure, _))| (service.clone(), *tenure))
            .collect();
        for (service, tenure) in due {
            self.late.remove(&service);
            let standing = self.standings.get(&service);
            let mut history = standing.iter().flat_map(|it| &it.history);
            // As it stands by now; one that is forgotten was followed by many, and those were written.
            let Some(receipt) = history.find(|it| it.tenure == tenure).cloned() else {
                continue;
            };
            let op = self.operations.own_op();
            let journaling = Journaling::Late(service, tenure);
            self.operations.journaling.insert(op, journaling);
            let receipt = Box::new(receipt);
            turn.does(Effect::Journal(op, Entry::Settled { receipt }));
        }
    }
}

//! The gates of one kind, and what the edge is asked for each of them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    inquiry::{CheckQuestion, Manner, Question, Target},
    spec::{CheckScope, CheckSpec},
    verdict::{GateKind, GateVerdict, Verdict},
};
use crate::core::{
    ids::{Colour, ServiceName},
    standing::Served,
    state::State,
};

/// The gates of one kind with what is to be asked, and how long the answers may take.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) gates: Vec<GateVerdict>,
    pub(super) questions: Vec<Question>,
    pub(super) longest: Duration,
}

impl State {
    /// The gates of one kind of all targets, and what is to be asked for each.
    pub(super) fn round(&self, kind: GateKind, targets: &BTreeMap<ServiceName, Colour>) -> Round {
        let mut round = Round::default();
        for (service, &colour) in targets {
            let Some(served) = self.services.get(service) else {
                continue;
            };
            match kind {
                GateKind::MinReady => {}
                GateKind::Check => round.checks(service, served, colour),
            }
        }
        round
    }
}

impl Round {
    fn checks(&mut self, service: &ServiceName, served: &Served, colour: Colour) {
        for check in &served.spec.switch.gates.checks {
            let question = check_question(served, colour, check);
            self.longest = self
                .longest
                .saturating_add(check.longest(question.targets.len()));
            self.gates.push(GateVerdict {
                gate: GateKind::Check,
                name: Some(check.name.clone()),
                service: service.clone(),
                colour,
                verdict: Verdict::Waiting,
                why: None,
                endpoints: Vec::new(),
            });
            self.questions.push(Question::Check(question));
        }
    }
}

/// A check of a pool as it is now.
pub(super) fn check_question(
    served: &Served,
    colour: Colour,
    check: &Arc<CheckSpec>,
) -> CheckQuestion {
    let ready = served.pools[colour].endpoints().iter();
    let ready = ready.filter(|it| it.is_ready());
    let targets = ready.map(|it| Target {
        addr: it.addr.clone(),
        resolved: Arc::clone(&it.resolved),
    });
    CheckQuestion {
        check: Arc::clone(check),
        targets: match check.on {
            CheckScope::One => targets.take(1).collect(),
            CheckScope::Every => targets.collect(),
        },
        manner: Manner {
            protocol: served.spec.protocol,
            introduces: served.spec.connections.introduces,
            tls: served.spec.upstream_tls[colour].clone(),
        },
    }
}

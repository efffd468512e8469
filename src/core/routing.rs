//! Where a request leads, however its host and path are spelt.
//!
//! Owns the decision what becomes of a path that could be read in more than one way: it leads to a service only if
//! every reading does, or if the services concerned take the risk. Must not look at pools or health. The obvious
//! design routes by one reading and hopes that the endpoint's is the same; where it is not, a client chooses
//! its service by spelling.

use super::{
    host,
    ids::ServiceSlot,
    route::RouteTable,
    service::AmbiguousPath,
    spelling::{Ambiguity, Spelling, is_plain},
};

/// Where a request leads, and with which path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lead {
    /// To this service, with the path as it was sent.
    AsSent(ServiceSlot),
    /// To this service, with this path instead.
    Respelt(ServiceSlot, String),
    /// Nowhere.
    Nowhere,
    /// It is refused. Of the services that its readings lead to: the one that says so.
    Refused(Option<ServiceSlot>, Unclear),
}

/// What is unclear about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// Its host.
    Host,
    /// Its path.
    Path(Ambiguity),
}

impl Unclear {
    /// Constant words for the client and the access log.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Host => "malformed host",
            Self::Path(ambiguity) => ambiguity.cause(),
        }
    }
}

impl RouteTable {
    /// Decides where `host` and `path`, as sent, lead. `policy` tells what a service says of ambiguous paths.
    pub fn lead(
        &self,
        host: &str,
        path: &str,
        policy: impl Fn(ServiceSlot) -> AmbiguousPath,
    ) -> Lead {
        let Some(host) = host::canonical(host) else {
            return Lead::Refused(None, Unclear::Host);
        };
        if is_plain(path) {
            let found = self.find(&host, path);
            return found.map_or(Lead::Nowhere, Lead::AsSent);
        }
        self.lead_unplain(&host, path, policy)
    }

    // Apart, so that the usual way through `lead` is short.
    #[inline(never)]
    fn lead_unplain(
        &self,
        host: &str,
        path: &str,
        policy: impl Fn(ServiceSlot) -> AmbiguousPath,
    ) -> Lead {
        let spelling = Spelling::of(path);
        let readings = Readings::of(self, host, &spelling);
        let Some(ambiguity) = readings.ambiguity else {
            return readings.found.map_or(Lead::Nowhere, Lead::AsSent);
        };
        let services = readings.found.into_iter().chain(readings.others);
        let Some((policy, strictest)) = services.map(|slot| (policy(slot), slot)).max() else {
            return Lead::Nowhere;
        };
        match policy {
            AmbiguousPath::Forward => readings.found.map_or(Lead::Nowhere, Lead::AsSent),
            AmbiguousPath::Normalise => self
                .settle(host, &spelling)
                .unwrap_or(Lead::Refused(Some(strictest), Unclear::Path(ambiguity))),
            AmbiguousPath::Reject => Lead::Refused(Some(strictest), Unclear::Path(ambiguity)),
        }
    }

    /// Where the settled path leads; `None` if even that could be read in more than one way.
    fn settle(&self, host: &str, spelling: &Spelling) -> Option<Lead> {
        let settled = spelling.settled()?;
        let readings = Readings::of(self, host, &Spelling::of(&settled));
        if readings.ambiguity.is_some() {
            return None;
        }
        let respelt = |slot| Lead::Respelt(slot, settled);
        Some(readings.found.map_or(Lead::Nowhere, respelt))
    }
}

/// Where the readings of one path lead.
#[derive(Debug)]
struct Readings {
    /// By the normal form.
    found: Option<ServiceSlot>,
    /// By others.
    others: Vec<ServiceSlot>,
    ambiguity: Option<Ambiguity>,
}

impl Readings {
    fn of(routes: &RouteTable, host: &str, spelling: &Spelling) -> Self {
        let found = routes.find(host, &spelling.normal());
        let mut readings = Self {
            found,
            others: Vec::new(),
            ambiguity: spelling.ambiguity(),
        };
        for other in spelling.other_readings() {
            let other = routes.find(host, &other);
            if other != found {
                readings.others.extend(other);
                readings.ambiguity = readings.ambiguity.or(Some(Ambiguity::Services));
            }
        }
        readings
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod readers;
#[cfg(test)]
mod tests;

//! What may be a label: the services and endpoints that exist now.
//!
//! Owns the judgement whether a series may stay; must not count. Labels stay bounded by the file and by what
//! operators register, whatever was named since the process started.

use std::collections::{HashMap, HashSet};

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};

use crate::core::{ids::ServiceName, view::ServiceView};

/// The services of one reading of the state.
pub(super) fn services_in(views: &[ServiceView]) -> HashSet<&ServiceName> {
    views.iter().map(|view| &view.service).collect()
}

/// The services and endpoints of one reading of the state.
pub(super) struct Named<'a> {
    services: HashSet<&'a str>,
    endpoints: HashSet<[&'a str; 3]>,
}

impl<'a> Named<'a> {
    /// Those of these views.
    pub(super) fn of(views: &'a [ServiceView]) -> Self {
        let mut named = Self {
            services: HashSet::new(),
            endpoints: HashSet::new(),
        };
        for view in views {
            let service = view.service.as_str();
            named.services.insert(service);
            for (colour, pool) in view.pools.iter() {
                let addrs = pool.endpoints.iter().map(|endpoint| endpoint.addr.as_str());
                let keys = addrs.map(|addr| [service, colour.as_str(), addr]);
                named.endpoints.extend(keys);
            }
        }
        named
    }

    /// Removes the series of anything else.
    pub(super) fn prune<T: MetricVecBuilder>(&self, vec: &MetricVec<T>) {
        for family in vec.collect() {
            for metric in family.get_metric() {
                let pairs = metric.get_label().iter();
                let labels = pairs.map(|pair| (pair.name(), pair.value())).collect();
                if !self.knows(&labels) {
                    // An error says that another scrape was faster.
                    let _ = vec.remove(&labels);
                }
            }
        }
    }

    fn knows(&self, labels: &HashMap<&str, &str>) -> bool {
        let label = |name| labels.get(name).copied().unwrap_or_default();
        let service = label("service");
        if labels.contains_key("endpoint") {
            let key = [service, label("colour"), label("endpoint")];
            return self.endpoints.contains(&key);
        }
        service.is_empty() || self.services.contains(service)
    }
}

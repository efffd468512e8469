//! The configuration file: from text to a value that cannot be wrong.
//!
//! `load` reads it from the disk, `tree` walks the TOML, `text` and `value` know how each kind of value is
//! written, `raw`
//! is what was typed, `environment` what stands in for it, `validate` judges it, `form` and `key` say of each key what may stand there and what it means, `schema` and `reference` tell that to others, `judge` gathers everything that is wrong with it at once, `error`
//! is how that is told, `effective` shows what came of it. Must not act on it.

mod effective;
pub mod environment;
pub mod error;
mod form;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod judge;
mod key;
mod limits;
pub mod load;
mod peers;
mod raw;
pub mod reference;
pub mod schema;
pub mod secrets;
mod suggest;
mod text;
pub mod tls;
mod tree;
mod validate;
mod value;

pub use self::{
    error::{Problem, Problems},
    limits::{BodyRate, Http2, ListenerLimits, MemoryBound, Upgrades},
    peers::{ClientFrom, Networks, PeerPolicy, TracePolicy},
    text::BadValue,
    value::{
        addr::parse_endpoint,
        duration::{parse_duration, parse_period},
    },
};

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use self::tls::ListenerTls;
use crate::core::{
    ids::{GroupName, ListenerName, ServiceName},
    service::ServiceSpec,
    share::Share,
};

/// A whole file, validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `[process]`
    pub process: ProcessConfig,
    /// `[admin]`
    pub admin: AdminConfig,
    /// `[metrics]`
    pub metrics: Option<MetricsConfig>,
    /// `[traces]`
    pub traces: Option<TracesConfig>,
    /// `[listener.*]`, by name.
    pub listeners: Vec<ListenerConfig>,
    /// `[service.*]`, by name.
    pub services: Vec<Arc<ServiceSpec>>,
    /// `[group.*]`, by name.
    pub groups: Vec<GroupConfig>,
}

impl Config {
    /// Has services that are equal to those of `other` be the very same, so that whoever holds both holds them once, and
    /// whoever compares them looks at pointers.
    pub fn share_services(&mut self, other: &Self) {
        let mut known = other.services.iter().peekable();
        // Both are in the order of names.
        for service in &mut self.services {
            while known.next_if(|it| it.name < service.name).is_some() {}
            if let Some(same) = known.next_if(|it| *it == service) {
                *service = Arc::clone(same);
            }
        }
    }
}

/// What concerns the process as a whole. Read once: a change needs a restart, and a reload says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessConfig {
    /// Data-plane threads; already counted out, at least 1.
    pub workers: usize,
    /// Folder of the journal.
    pub state: Option<PathBuf>,
    /// File of the key that cookies of sessions are sealed with; one is made in `state` where there is none.
    pub affinity_key_file: Option<PathBuf>,
    /// How long `/readyz` fails before draining begins.
    pub shutdown_delay: Duration,
    /// How long draining may last.
    pub shutdown_deadline: Duration,
    /// What buffers of connections may hold.
    pub max_buffered: MemoryBound,
    /// Where a line for each request goes.
    pub access_log: AccessLogTarget,
    /// How that line looks.
    pub access_log_format: AccessLogFormat,
    /// How log lines look.
    pub log_format: LogFormat,
    /// How often host names are resolved again.
    pub resolve_interval: Duration,
}

/// Where a line for each request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// Nowhere.
    Off,
    /// To standard output.
    Stdout,
    /// To the end of this file.
    File(PathBuf),
}

/// How a line for a request looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// One JSON object a line.
    Json,
    /// The common log format of NCSA httpd, followed by cutover's fields as `name=value`.
    Common,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// The admin side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminConfig {
    /// Where it listens.
    pub listen: AdminAddr,
    /// File of bearer tokens; there unless `listen` is a loopback address or a Unix socket.
    pub token_file: Option<PathBuf>,
}

/// Where the admin side listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAddr {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// `/metrics`, `/livez` and `/readyz` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Where.
    pub listen: SocketAddr,
}

/// Spans of requests, for a collector of traces. Read once, as `[process]` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracesConfig {
    /// Its URL, as given.
    pub collector: String,
    /// Its `host:port`.
    pub address: String,
    /// How many of the requests have a span that do not belong to a sampled trace already.
    pub sample: Share,
}

/// Services that are switched as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// Its name.
    pub name: GroupName,
    /// Its services; never empty.
    pub services: BTreeSet<ServiceName>,
}

/// One listener of the data plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Its name.
    pub name: ListenerName,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its bounds.
    pub limits: ListenerLimits,
    /// Whom it believes.
    pub peers: PeerPolicy,
    /// Its TLS; `None` for one in the clear.
    pub tls: Option<ListenerTls>,
    /// Where requests are redirected to, instead of being forwarded: `https` on this port.
    pub redirect_https: Option<u16>,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(services: &[(&str, u16)]) -> Config {
        let mut text = "[listener.web]\nlisten = \"127.0.0.1:0\"\n".to_owned();
        for (name, port) in services {
            text += &format!(
                "[service.{name}]\nroutes = [\"{name}/\"]\nblue.endpoints = [\"127.0.0.1:{port}\"]\n"
            );
        }
        let source = load::Source::new(Path::new("cutover.toml"), text);
        load::parse(&source, 1).unwrap().config
    }

    #[test]
    fn equal_services_are_shared_and_no_other_is_touched() {
        let older = config(&[("b", 1), ("c", 1), ("d", 1), ("f", 1)]);
        let fresh = config(&[("a", 1), ("b", 1), ("c", 2), ("e", 1), ("f", 1)]);
        let mut newer = fresh.clone();
        newer.share_services(&older);
        assert_eq!(newer, fresh);
        let shared = newer.services.iter().filter(|service| {
            let mut known = older.services.iter();
            known.any(|it| Arc::ptr_eq(it, service))
        });
        let shared: Vec<_> = shared.map(|it| it.name.as_str()).collect();
        assert_eq!(shared, ["b", "f"]);
    }
}

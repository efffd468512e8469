//! The file as it was typed: which keys there are and what may stand at each.
//!
//! Owns the names of keys and the type of each value; a value that is wrong by itself (`interval = "soon"`)
//! never gets past here. What is said of a key here, its default
//! included, is what the schema and the reference say of it; a test compares it with what `validate` makes of a file that
//! leaves the key out. Must not act on defaults, nor know what two keys mean for each other: that is `validate`'s.

mod listener;
mod pool;
mod probe;
mod process;
mod service;
mod session;
mod switch;

pub(super) use self::{
    listener::{RawCertificate, RawListener, RawListenerTls},
    pool::{RawEndpoint, RawPool, RawUpstreamTls},
    probe::{RawPassive, RawProbe},
    process::{RawAdmin, RawMetrics, RawProcess, RawTraces},
    service::{RawConnections, RawService, RawTimeouts},
    session::{RawAffinity, RawPreview},
    switch::{RawCheck, RawHook, RawSwitch},
};
use crate::config::{
    key::{REQUIRED, SECTION},
    tree::{Later, List, Named, table},
};

table! {
    /// The whole file.
    RawConfig {
        /// the process as a whole; read once: a change needs a restart, and a reload says so
        process: RawProcess = SECTION,
        /// the admin side
        admin: RawAdmin = SECTION,
        /// `/metrics`, `/livez` and `/readyz` alone, on an address of their own
        metrics: RawMetrics = SECTION,
        /// spans of requests for a collector; only in a binary with the feature `otel`
        traces: RawTraces = SECTION,
        /// where clients connect; at least one
        listener: Named<RawListener, LISTENERS_LIMIT> = REQUIRED,
        /// named things with a blue and a green pool each
        service: Later<Named<RawService, SERVICES_LIMIT>> = SECTION,
        /// services that are switched as one: the gates of all of them, one publish, one barrier, or nothing
        group: Named<RawGroup, GROUPS_LIMIT> = SECTION,
    }
}

table! {
    /// `[group.NAME]`
    RawGroup {
        /// names of services; a service may be in several groups
        services: List<String, SERVICES_LIMIT> = REQUIRED,
    }
}

/// Services in one file.
pub(super) const SERVICES_LIMIT: usize = 10_000;
/// Groups in one file.
pub(super) const GROUPS_LIMIT: usize = 1024;
/// Listeners in one file.
pub(super) const LISTENERS_LIMIT: usize = 256;
/// Certificates of one listener.
pub(super) const CERTIFICATES_LIMIT: usize = 1024;
/// Networks in one list.
pub(super) const NETWORKS_LIMIT: usize = 256;
/// Routes of one service.
pub(super) const ROUTES_LIMIT: usize = 256;
/// Data-plane threads.
pub(super) const WORKERS_LIMIT: u32 = 256;
/// Open connections of one listener.
pub(super) const CONNECTIONS_LIMIT: u32 = 1_048_576;
/// Requests on one connection.
pub(super) const REQUESTS_LIMIT: u32 = 1_000_000_000;
/// Bytes a second that a client may be asked for.
pub(super) const RATE_LIMIT: usize = 1 << 30;
/// Hooks of one service.
pub(super) const HOOKS_LIMIT: usize = 32;
/// Checks of one service.
pub(super) const CHECKS_LIMIT: usize = 32;
/// Protocols that one listener passes.
pub(super) const UPGRADES_LIMIT: usize = 16;
/// Bytes of a request's body.
pub(super) const BODY_LIMIT: usize = 1 << 40;

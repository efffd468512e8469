//! Requests beside the live traffic: those that reach the standby because they ask for it, and copies of live ones.
//!
//! Owns what such requests are and the counters of their claims, which are apart from those of tenures: no drain waits
//! for them, no receipt tells of them, and nothing that happens to them changes what a switch does.

use std::{fmt, path::PathBuf, sync::Arc};

use http::HeaderName;

use super::{
    ids::{ByColour, ListenerName, ServiceName, Tenure},
    in_flight::TenureCounter,
};

/// On whose account a request is in a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Traffic {
    /// It is the service's traffic.
    Live,
    /// It asks for the standby.
    Preview,
    /// It is a copy of a live one, whose answer is compared and dropped.
    Mirror,
}

impl Traffic {
    /// All sorts.
    pub const ALL: [Self; 3] = [Self::Live, Self::Preview, Self::Mirror];
}

/// How a request asks for the standby: by any of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreviewSpec {
    /// By a field of this name.
    pub header: Option<HeaderName>,
    /// By a cookie of this name.
    pub cookie: Option<String>,
    /// By this host, lower case, without port.
    pub host: Option<String>,
    /// By coming in here.
    pub listener: Option<ListenerName>,
    /// Where the value stands that field and cookie must have.
    pub secret_file: Option<PathBuf>,
    /// The value itself, as it was read last; any value will do without a file.
    pub secret: Option<SecretDigest>,
}

/// SHA-256 of a secret: of one length, and nothing that could be told by accident.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretDigest(pub [u8; 32]);

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

/// A counter of one sort of such requests, for each colour.
pub(super) fn counters(service: &ServiceName, workers: usize) -> ByColour<Arc<TenureCounter>> {
    // No tenure has this number: they begin with 1.
    let counter = |colour| TenureCounter::new(service.clone(), colour, Tenure(0), workers);
    ByColour::from_fn(|colour| Arc::new(counter(colour)))
}

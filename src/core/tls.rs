//! What the file says of TLS towards endpoints, and of files with certificates.
//!
//! Owns values alone; must not read a file: what stands in them is `tls`'s to know. Two pools with equal values share
//! what is made of them, so these are ordered and compared.

use std::path::PathBuf;

use super::ids::ListenerName;

/// A certificate with the key that belongs to it, as files in PEM.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateFiles {
    /// The certificate, followed by those that lead to its authority.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// TLS towards the endpoints of one pool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpstreamTls {
    /// Whom endpoints are believed by.
    pub trust: Trust,
    /// The name that an endpoint's certificate must be issued for; the host of its address where not given.
    pub server_name: Option<String>,
    /// What cutover proves itself with, if it is asked to.
    pub certificate: Option<CertificateFiles>,
}

/// Whom endpoints are believed by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trust {
    /// The authorities that this machine trusts.
    System,
    /// Those in this file.
    Authorities(PathBuf),
    /// Anybody is believed: `verify = false`.
    Anybody,
}

/// A certificate that a listener shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInUse {
    /// The listener.
    pub listener: ListenerName,
    /// Its file.
    pub certificate: String,
    /// Until when it holds, in seconds since 1970.
    pub expires_at: i64,
}

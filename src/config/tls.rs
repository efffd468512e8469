//! `[listener.NAME.tls]`: what a listener proves itself with, and what it asks of its clients.

use std::path::PathBuf;

use http::HeaderName;

use super::Http2;
use crate::core::tls::CertificateFiles;

/// TLS of one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTls {
    /// Certificates in the order of the file; never empty. The first is shown to whoever asks for a name that none
    /// of them has.
    pub certificates: Vec<CertificateFiles>,
    /// Whether and how clients prove who they are.
    pub clients: Option<ClientAuth>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// Whether HTTP/2 is offered.
    pub http2: Http2,
}

/// How clients prove who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// Whose certificates are believed.
    pub ca: PathBuf,
    /// Whether they must.
    pub mode: ClientAuthMode,
    /// The field that tells endpoints the subject of the client's certificate.
    pub subject_header: HeaderName,
    /// The field that tells endpoints its fingerprint.
    pub fingerprint_header: HeaderName,
}

/// Whether clients must prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthMode {
    /// Without a certificate there is no connection.
    Required,
    /// A client may do without; a certificate that it shows must be good.
    Offered,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

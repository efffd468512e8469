//! What handshakes with endpoints go by.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::SingleCertAndKey,
};

use super::{
    authorities::Authorities,
    fault::{Fault, Flaw, Role},
    keyring::Keyring,
};
use crate::core::tls::{Trust, UpstreamTls};

/// The terms of handshakes with the endpoints of a pool.
pub(super) fn config(
    tls: &UpstreamTls,
    ring: &Keyring,
    provider: &Arc<CryptoProvider>,
) -> Result<ClientConfig, Fault> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::System(error.to_string()))?;
    let missing = |path: &std::path::Path| {
        let flaw = Flaw::Unusable("it was not read".to_owned());
        Fault::new(Role::Authorities, path, flaw)
    };
    let roots = |authorities: &Arc<Authorities>| Arc::clone(&authorities.roots);
    let builder = match &tls.trust {
        Trust::System => {
            let system = ring.system().map(roots);
            let none = || Fault::System("they were not read".to_owned());
            builder.with_root_certificates(system.ok_or_else(none)?)
        }
        Trust::Authorities(ca) => {
            let authorities = ring.authorities(ca).map(roots);
            builder.with_root_certificates(authorities.ok_or_else(|| missing(ca))?)
        }
        Trust::Anybody => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(Arc::clone(provider)))),
    };
    let pair = tls.certificate.as_ref().and_then(|of| ring.pair(of));
    // What is offered by ALPN, each connection says itself.
    let config = match pair {
        Some(pair) => {
            let certified = Arc::clone(&pair.certified);
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
        }
        None => builder.with_no_client_auth(),
    };
    Ok(config)
}

/// Believes any certificate, though only of a peer that holds its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

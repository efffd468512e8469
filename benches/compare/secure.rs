//! The certificate that every proxy shows, and clients that believe it.
//!
//! One curve and TLS 1.3 for all, so that everybody computes the same.

use std::{fs, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    client::{Resumption, Tls12Resumption},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::CertificateDer,
    version::TLS13,
};
use tokio_rustls::TlsConnector;

/// What clients know.
pub(crate) struct Secure {
    authority: CertificateDer<'static>,
}

impl Secure {
    /// Writes `shop.pem` and `shop.key` into the folder, and both in one as HAProxy wants them.
    pub(crate) fn new(folder: &Path) -> Self {
        let names = vec!["shop.example.com".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        fs::write(folder.join("shop.pem"), &cert).unwrap();
        fs::write(folder.join("shop.key"), &key).unwrap();
        fs::write(folder.join("both.pem"), cert + &key).unwrap();
        Self {
            authority: made.cert.der().clone(),
        }
    }

    /// A client whose handshakes are all full.
    pub(crate) fn full(&self) -> TlsConnector {
        self.client(Resumption::disabled())
    }

    /// A client of its own memory, whose handshakes are resumed from the second on.
    pub(crate) fn resuming(&self) -> TlsConnector {
        let memory = Resumption::in_memory_sessions(8);
        self.client(memory.tls12_resumption(Tls12Resumption::Disabled))
    }

    fn client(&self, resumption: Resumption) -> TlsConnector {
        let mut authorities = RootCertStore::empty();
        authorities.add(self.authority.clone()).unwrap();
        let provider = CryptoProvider {
            kx_groups: vec![aws_lc_rs::kx_group::X25519],
            ..aws_lc_rs::default_provider()
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(authorities)
            .with_no_client_auth();
        config.resumption = resumption;
        TlsConnector::from(Arc::new(config))
    }
}

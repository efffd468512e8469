//! Certificates that others are believed by.

use std::{path::Path, sync::Arc};

use rustls::RootCertStore;
use sha2::{Digest, Sha256};

use super::{
    fault::{Fault, Flaw, Role},
    file::Files,
    pair::chain,
};

/// Certificates that others are believed by; never empty.
#[derive(Debug)]
pub(super) struct Authorities {
    pub(super) roots: Arc<RootCertStore>,
    digest: [u8; 32],
}

impl Authorities {
    /// Those of a file, of which each must be sound.
    pub(super) fn read(files: &Files, path: &Path) -> Result<Self, Fault> {
        let bad = |flaw| Fault::new(Role::Authorities, path, flaw);
        let content = files.get(Role::Authorities, path)?;
        let mut roots = RootCertStore::empty();
        for authority in chain(&content.bytes).map_err(bad)? {
            roots
                .add(authority)
                .map_err(|_| bad(Flaw::BadCertificate))?;
        }
        Ok(Self {
            roots: Arc::new(roots),
            digest: Sha256::digest(&content.bytes).into(),
        })
    }

    /// Those that this machine trusts. One that cannot be used is passed over, as every other program here does.
    pub(super) fn of_the_system() -> Result<Self, Fault> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let mut digest = Sha256::new();
        for authority in &found.certs {
            digest.update(authority);
        }
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let why = match found.errors.first() {
                Some(error) => error.to_string(),
                None => "none was found".to_owned(),
            };
            return Err(Fault::System(why));
        }
        Ok(Self {
            roots: Arc::new(roots),
            digest: digest.finalize().into(),
        })
    }

    /// Whether both were read from the same bytes.
    pub(super) fn are(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// Stands for all of them: equal if they are.
    pub(super) const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

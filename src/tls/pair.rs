//! A certificate with its key: read, found to belong together, and fit to be shown.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use sha2::{Digest, Sha256};

use super::{
    fault::{Fault, Flaw, Role},
    file::{Files, Readers},
    x509::Certificate,
};
use crate::core::tls::CertificateFiles;

/// A certificate with its key.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) about: Certificate,
    key_readers: Readers,
    /// Of both files.
    digest: [u8; 32],
}

impl Pair {
    pub(super) fn read(
        files: &Files,
        of: &CertificateFiles,
        provider: &CryptoProvider,
    ) -> Result<Self, Fault> {
        let cert = files.get(Role::Certificate, &of.cert)?;
        let key = files.get(Role::Key, &of.key)?;
        let bad = |flaw| Fault::new(Role::Certificate, &of.cert, flaw);
        let chain = chain(&cert.bytes).map_err(bad)?;
        let about = chain.first().and_then(|leaf| Certificate::read(leaf));
        let about = about.ok_or_else(|| bad(Flaw::BadCertificate))?;
        let bad_key = |flaw| Fault::new(Role::Key, &of.key, flaw);
        let signing = provider
            .key_provider
            .load_private_key(private_key(&key.bytes).map_err(bad_key)?)
            .map_err(|_| bad_key(Flaw::UnknownKey))?;
        let certified = CertifiedKey::new(chain, signing);
        match certified.keys_match() {
            Ok(()) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(bad_key(Flaw::Mismatch(of.cert.clone())));
            }
            Err(error) => return Err(bad(Flaw::Unusable(error.to_string()))),
        }
        let digest = Sha256::new()
            .chain_update(&cert.bytes)
            .chain_update(&key.bytes);
        Ok(Self {
            certified: Arc::new(certified),
            about,
            key_readers: key.readers,
            digest: digest.finalize().into(),
        })
    }

    /// Whether both were read from the same bytes.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// What is odd about it at the time `now`, each with the file concerned.
    pub(super) fn remarks<'a>(&self, of: &'a CertificateFiles, now: i64) -> Vec<Remark<'a>> {
        let mut remarks = Vec::new();
        let (begins, ends) = (self.about.not_before, self.about.not_after);
        let cert = of.cert.display();
        let mut remark = |path: &'a Path, text: String, suggestion| {
            remarks.push(Remark {
                path,
                text,
                suggestion,
            });
        };
        if now >= ends {
            let text = format!("certificate `{cert}` expired on {}", date(ends));
            remark(&of.cert, text, "renew it; clients refuse it");
        } else if now < begins {
            let text = format!("certificate `{cert}` is not valid before {}", date(begins));
            remark(
                &of.cert,
                text,
                "clients refuse it until then; see to the clock",
            );
        } else if ends - now < SOON.min((ends - begins) / SOON_SHARE) {
            let text = format!("certificate `{cert}` expires on {}", date(ends));
            remark(&of.cert, text, "renew it");
        }
        let readers = match self.key_readers {
            Readers::Nobody => None,
            Readers::Group => Some("its group"),
            Readers::Everybody => Some("every user of this machine"),
        };
        if let Some(readers) = readers {
            let text = format!("key `{}` can be read by {readers}", of.key.display());
            remark(&of.key, text, "take that right away: `chmod 600`");
        }
        remarks
    }
}

/// Something odd about a file.
#[derive(Debug)]
pub(super) struct Remark<'a> {
    pub(super) path: &'a Path,
    pub(super) text: String,
    pub(super) suggestion: &'static str,
}

/// The certificates of a file, in their order.
pub(super) fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Flaw> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = read.map_err(|_| Flaw::BadPem)?;
    if chain.is_empty() {
        return Err(Flaw::NoCertificate);
    }
    Ok(chain)
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, Flaw> {
    use rustls::pki_types::pem::Error;
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) => Ok(key),
        Err(Error::NoItemsFound) if memchr::memmem::find(pem, ENCRYPTED).is_some() => {
            Err(Flaw::Encrypted)
        }
        Err(Error::NoItemsFound) => Err(Flaw::NoKey),
        Err(_) => Err(Flaw::BadPem),
    }
}

/// A day and time in UTC, for people.
fn date(seconds: i64) -> String {
    // Before 1970 nobody had a certificate.
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

const ENCRYPTED: &[u8] = b"BEGIN ENCRYPTED PRIVATE KEY";
/// When a certificate expires soon: in two weeks, which is half of what the usual ones of 90 days have left when they
/// are renewed,
const SOON: i64 = 14 * 24 * 3600;
/// or in a sixth of the time it is valid, if that is less.
const SOON_SHARE: i64 = 6;

//! A certificate authority of a test's own, and what it issues.
//!
//! Owns keys and certificates alone; who uses them is in `secure.rs`.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SignatureAlgorithm,
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer},
};

/// Somebody who issues certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a certificate is to be like.
pub(crate) struct Wish<'a> {
    names: &'a [&'a str],
    subject: &'a str,
    kind: &'static SignatureAlgorithm,
    /// Days from now.
    begins: i64,
    ends: i64,
}

/// A certificate and its key.
pub(crate) struct Issued {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: KeyPair,
    pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn issues(&self, wish: &Wish<'_>) -> Issued {
        let names = wish.names.iter().map(|name| (*name).to_owned());
        let mut params = CertificateParams::new(names.collect::<Vec<_>>()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        if !wish.subject.is_empty() {
            let subject = wish.subject;
            params.distinguished_name.push(DnType::CommonName, subject);
        }
        params.not_before = in_days(wish.begins).into();
        params.not_after = in_days(wish.ends).into();
        let key = KeyPair::generate_for(wish.kind).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key,
        }
    }

    /// One for hosts of these names, as usual.
    pub(crate) fn for_hosts(&self, names: &[&str]) -> Issued {
        self.issues(&Wish::hosts(names))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Writes its own certificate.
    pub(crate) fn write(&self, path: &Path) {
        fs::write(path, self.pem()).unwrap();
    }

    /// What believes it.
    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Arc::new(roots)
    }
}

impl<'a> Wish<'a> {
    pub(crate) const fn hosts(names: &'a [&'a str]) -> Self {
        Self {
            names,
            subject: "",
            kind: &PKCS_ECDSA_P256_SHA256,
            begins: -1,
            ends: 90,
        }
    }

    pub(crate) const fn person(subject: &'a str) -> Self {
        Self {
            subject,
            ..Self::hosts(&[])
        }
    }

    pub(crate) const fn with_key(self, kind: &'static SignatureAlgorithm) -> Self {
        Self { kind, ..self }
    }

    /// Days from now.
    pub(crate) const fn valid(self, begins: i64, ends: i64) -> Self {
        Self {
            begins,
            ends,
            ..self
        }
    }
}

impl Issued {
    /// Writes `NAME.pem` and `NAME.key`, which nobody else can read.
    pub(crate) fn write(&self, folder: &Path, name: &str) {
        self.write_key(folder, name);
        fs::write(folder.join(format!("{name}.pem")), &self.pem).unwrap();
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn write_key(&self, folder: &Path, name: &str) {
        write_secret(
            &folder.join(format!("{name}.key")),
            &self.key.serialize_pem(),
        );
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    /// The key as an older form names it: what PKCS#8 wraps, without the wrapping.
    pub(crate) fn unwrapped_key(&self, label: &str) -> String {
        // version, algorithm, and then the key itself as an octet string, the last of the three or nearly so.
        let der = self.key.serialize_der();
        let (_, mut rest) = element(&der);
        for _ in 0..2 {
            rest = &rest[element(rest).0..];
        }
        let (_, inner) = element(rest);
        format!(
            "-----BEGIN {label}-----\n{}-----END {label}-----\n",
            base64(inner)
        )
    }
}

/// Writes what only its owner may read.
pub(crate) fn write_secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The length of the first element, and what it holds.
fn element(der: &[u8]) -> (usize, &[u8]) {
    let (head, length) = match der[1] {
        short @ 0..0x80 => (2, usize::from(short)),
        long => {
            let digits = &der[2..2 + usize::from(long & 0x7F)];
            let length = digits.iter().fold(0, |sum, it| sum << 8 | usize::from(*it));
            (2 + digits.len(), length)
        }
    };
    (head + length, &der[head..head + length])
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (place, three) in bytes.chunks(3).enumerate() {
        if place > 0 && place % 16 == 0 {
            text.push('\n');
        }
        let bits = three
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for digit in 0..4 {
            if digit > three.len() {
                text.push('=');
            } else {
                let six = bits >> (18 - 6 * digit) & 0x3F;
                text.push(char::from(DIGITS[six as usize]));
            }
        }
    }
    text.push('\n');
    text
}

#[expect(
    clippy::disallowed_methods,
    reason = "certificates are issued for the days around this one"
)]
fn in_days(days: i64) -> SystemTime {
    let time = Duration::from_secs(24 * 3600 * days.unsigned_abs());
    let now = SystemTime::now();
    if days < 0 { now - time } else { now + time }
}

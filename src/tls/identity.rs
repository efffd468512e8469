//! Who a client has proved to be, as endpoints are told.
//!
//! Owns the form of what is told: a name by RFC 4514 and a fingerprint, both without anything that could end a line or
//! begin another field.

use std::fmt::Write as _;

use http::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use super::{acceptor::ClientFields, x509::Certificate};

/// Who a client has proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    fields: Vec<(HeaderName, HeaderValue)>,
    expires_at: i64,
}

impl Identity {
    /// Of a certificate in DER that was verified; `None` if it cannot be told, because it cannot be read or its name
    /// is too long.
    #[must_use]
    pub fn of(certificate: &[u8], told_by: &ClientFields) -> Option<Self> {
        let about = Certificate::read(certificate)?;
        if about.subject.len() > SUBJECT_LIMIT {
            return None;
        }
        let mut fields = Vec::with_capacity(2);
        // A certificate without a name says who its bearer is in ways that only its fingerprint stands for.
        if !about.subject.is_empty() {
            let subject = HeaderValue::from_str(&about.subject).ok()?;
            fields.push((told_by.subject.clone(), subject));
        }
        let fingerprint = HeaderValue::from_str(&fingerprint(certificate)).ok()?;
        fields.push((told_by.fingerprint.clone(), fingerprint));
        Some(Self {
            fields,
            expires_at: about.not_after,
        })
    }

    /// What endpoints are told.
    #[must_use]
    pub fn fields(&self) -> &[(HeaderName, HeaderValue)] {
        &self.fields
    }

    /// Until when the certificate holds, in seconds since 1970.
    #[must_use]
    pub const fn expires_at(&self) -> i64 {
        self.expires_at
    }
}

/// SHA-256 in hexadecimal.
fn fingerprint(certificate: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(certificate) {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Bytes of a name as it is told; real ones have a tenth of it.
const SUBJECT_LIMIT: usize = 4096;

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn identity(subject: &[(DnType, &str)]) -> Option<Identity> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let told_by = ClientFields {
            subject: HeaderName::from_static("x-subject"),
            fingerprint: HeaderName::from_static("x-sha256"),
        };
        Identity::of(certificate.der(), &told_by)
    }

    #[test]
    fn a_name_and_a_fingerprint_are_told() {
        let told = identity(&[
            (DnType::OrganizationName, "Shop\r\nX-Admin: 1"),
            (DnType::CommonName, "till"),
        ]);
        let told = told.unwrap();
        let [(_, subject), (_, fingerprint)] = told.fields() else {
            panic!("{told:?}");
        };
        assert_eq!(subject, "CN=till,O=Shop\\0D\\0AX-Admin: 1");
        let hex = fingerprint.to_str().unwrap();
        assert!(hex.len() == 64 && hex.bytes().all(|it| it.is_ascii_hexdigit()));
    }

    #[test]
    fn a_certificate_without_a_name_is_told_by_its_fingerprint_alone() {
        let told = identity(&[]).unwrap();
        assert_eq!(told.fields().len(), 1);
        assert_eq!(told.fields()[0].0, "x-sha256");
    }

    #[test]
    fn a_name_that_fits_no_field_is_nobody() {
        assert_eq!(identity(&[(DnType::CommonName, &"x".repeat(5000))]), None);
    }
}

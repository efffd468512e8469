//! What cutover must know of a certificate besides what rustls proves of it: until when it holds, for which hosts it
//! was issued, and whom it names.
//!
//! Owns reading those few fields; must not verify anything. rustls tells none of them, and a whole X.509 parser with
//! its dozen crates would be a lot of code in front of three fields. Every length is checked, nothing recurses, and
//! what cannot be read is `None`.

mod der;
mod subject;
mod time;

use der::{Element, Reader, tag};

/// The fields of one certificate that cutover looks at (RFC 5280 section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    /// Whom it names, by RFC 4514, in graphic ASCII and spaces. Empty if nobody.
    pub(super) subject: String,
    /// From when it holds, in seconds since 1970.
    pub(super) not_before: i64,
    /// Until when it holds.
    pub(super) not_after: i64,
    /// The DNS names it was issued for, in lower case; `*.example.com` among them.
    pub(super) names: Vec<String>,
}

impl Certificate {
    /// Reads a certificate in DER.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let mut certificate = Reader::new(Reader::new(der).content_of(tag::SEQUENCE)?);
        let mut fields = Reader::new(certificate.content_of(tag::SEQUENCE)?);
        fields.skip_if(tag::VERSION);
        fields.content_of(tag::INTEGER)?;
        // The algorithm of the signature, and the issuer.
        fields.content_of(tag::SEQUENCE)?;
        fields.content_of(tag::SEQUENCE)?;
        let mut validity = Reader::new(fields.content_of(tag::SEQUENCE)?);
        let not_before = time::seconds(validity.next()?)?;
        let not_after = time::seconds(validity.next()?)?;
        let subject = subject::written(fields.content_of(tag::SEQUENCE)?)?;
        // The public key.
        fields.content_of(tag::SEQUENCE)?;
        let mut names = Vec::new();
        for element in fields {
            if element.tag == tag::EXTENSIONS {
                names = alternative_names(element)?;
            }
        }
        Some(Self {
            subject,
            not_before,
            not_after,
            names,
        })
    }
}

/// The DNS names among the subject's alternative names (RFC 5280 section 4.2.1.6).
fn alternative_names(extensions: Element<'_>) -> Option<Vec<String>> {
    let extensions = Reader::new(Reader::new(extensions.content).content_of(tag::SEQUENCE)?);
    for extension in extensions {
        let mut extension = Reader::new(extension.content);
        if extension.content_of(tag::OBJECT_IDENTIFIER)? != SUBJECT_ALT_NAME {
            continue;
        }
        extension.skip_if(tag::BOOLEAN);
        let names = extension.content_of(tag::OCTET_STRING)?;
        let names = Reader::new(Reader::new(names).content_of(tag::SEQUENCE)?);
        let mut found = Vec::new();
        for name in names {
            if name.tag == tag::DNS_NAME && name.content.is_ascii() {
                let name = String::from_utf8_lossy(name.content);
                found.push(name.to_ascii_lowercase());
            }
        }
        return Some(found);
    }
    Some(Vec::new())
}

/// 2.5.29.17
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1D, 0x11];

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn issued(params: CertificateParams) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn params() -> CertificateParams {
        let names = ["Shop.example.com", "*.shop.example.com", "10.0.0.1"];
        let mut params = CertificateParams::new(names.map(str::to_owned)).unwrap();
        params.not_before = rcgen::date_time_ymd(1999, 12, 31);
        params.not_after = rcgen::date_time_ymd(2051, 2, 28);
        params.distinguished_name.push(DnType::CommonName, "shop");
        params
    }

    #[test]
    fn names_times_and_subject_are_read() {
        let read = Certificate::read(&issued(params())).unwrap();
        assert_eq!(read.names, ["shop.example.com", "*.shop.example.com"]);
        assert!(read.subject.contains("CN=shop"), "{}", read.subject);
        assert_eq!(
            (read.not_before, read.not_after),
            (946_598_400, 2_561_155_200)
        );
    }

    #[test]
    fn a_certificate_that_is_cut_off_is_none() {
        let whole = issued(params());
        for length in 0..whole.len() {
            assert_eq!(Certificate::read(&whole[..length]), None, "{length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_bytes_are_the_subject_is_graphic(
            place in 0..600_usize, byte in 0..=255_u8, cut in 0..600_usize
        ) {
            let mut bytes = issued(params());
            let (place, cut) = (place % bytes.len(), cut % bytes.len());
            bytes[place] = byte;
            for bytes in [&bytes[..], &bytes[..cut], &bytes[cut..]] {
                if let Some(read) = Certificate::read(bytes) {
                    proptest::prop_assert!(read.subject.bytes().all(|it| (b' '..=b'~').contains(&it)));
                }
            }
        }
    }
}

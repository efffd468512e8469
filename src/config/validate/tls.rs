//! `[listener.*.tls]` and `upstream_tls`: what is proved by which files, and to whom.
//!
//! Owns what the keys mean together; what stands in the files is looked at by `tls`, not here.

use http::HeaderName;

use crate::{
    config::{
        Http2,
        judge::{At, Judge},
        raw::{RawCertificate, RawListenerTls, RawUpstreamTls},
        tls::{ClientAuth, ClientAuthMode, ListenerTls, TlsVersion},
        tree::{Field, Given},
        value::{flag::Flag, path::FilePath, tls::OwnField},
    },
    core::tls::{CertificateFiles, Trust, UpstreamTls},
};

/// The TLS of one listener, if it has any.
pub(super) fn listener(
    name: &str,
    raw: Field<RawListenerTls>,
    http2: Http2,
    judge: &mut Judge<'_>,
) -> Option<ListenerTls> {
    let Field::Given(Given { at, value: raw }) = raw else {
        return None;
    };
    let (at, is_none) = match &raw.certificates {
        Field::Given(list) => (list.at, list.value.items.is_empty() && list.value.is_whole),
        Field::Missing => (at, true),
        Field::Bad => (at, false),
    };
    if is_none {
        judge.error(
            at,
            format!("listener `{name}` has TLS and no certificate"),
            "add one such as `certificates = [{ cert = \"shop.pem\", key = \"shop.key\" }]`",
        );
    }
    let certificates = raw.certificates.value().map(|list| list.items);
    let certificates = certificates.unwrap_or_default().into_iter();
    let clients = Clients {
        ca: raw.client_ca,
        mode: raw.client_auth,
        subject_header: raw.client_subject_header,
        fingerprint_header: raw.client_fingerprint_header,
    };
    Some(ListenerTls {
        certificates: certificates
            .filter_map(|it| certificate(it, judge))
            .collect(),
        clients: clients.judged(name, judge),
        min_version: raw.min_version.or(TlsVersion::Tls12),
        http2,
    })
}

fn certificate(raw: Given<RawCertificate>, judge: &mut Judge<'_>) -> Option<CertificateFiles> {
    let Given { at, value: raw } = raw;
    for (file, is_missing) in [
        ("cert", raw.cert.is_missing()),
        ("key", raw.key.is_missing()),
    ] {
        if is_missing {
            let text = format!("a certificate has no `{file}`");
            judge.error(
                at,
                text,
                "name both files: `{ cert = \"shop.pem\", key = \"shop.key\" }`",
            );
        }
    }
    let (cert, key) = (judge.named_file(raw.cert), judge.named_file(raw.key));
    Some(CertificateFiles {
        cert: cert?,
        key: key?,
    })
}

/// The keys of `[listener.NAME.tls]` that concern clients.
struct Clients {
    ca: Field<FilePath>,
    mode: Field<ClientAuthMode>,
    subject_header: Field<OwnField>,
    fingerprint_header: Field<OwnField>,
}

impl Clients {
    fn judged(self, name: &str, judge: &mut Judge<'_>) -> Option<ClientAuth> {
        if self.ca.is_missing() {
            self.needs_ca(name, judge);
            return None;
        }
        let at = place(&self.fingerprint_header).or(place(&self.subject_header));
        let subject_header = own_field(self.subject_header, SUBJECT_HEADER);
        let fingerprint_header = own_field(self.fingerprint_header, FINGERPRINT_HEADER);
        if subject_header == fingerprint_header {
            let text = format!("listener `{name}` tells two things by field `{subject_header}`");
            judge.error(at.unwrap_or_default(), text, "name two fields");
        }
        Some(ClientAuth {
            ca: judge.named_file(self.ca)?,
            mode: self.mode.or(ClientAuthMode::Required),
            subject_header,
            fingerprint_header,
        })
    }

    fn needs_ca(&self, name: &str, judge: &mut Judge<'_>) {
        for (key, at) in [
            ("client_auth", place(&self.mode)),
            ("client_subject_header", place(&self.subject_header)),
            ("client_fingerprint_header", place(&self.fingerprint_header)),
        ] {
            if let Some(at) = at {
                let text = format!("listener `{name}` has `{key}` and no `client_ca`");
                let suggestion =
                    "name the file of the authorities that clients are believed by, or remove it";
                judge.error(at, text, suggestion);
            }
        }
    }
}

/// TLS towards the endpoints of a service or of one of its pools, as `what` calls it.
pub(super) fn upstream(
    what: &str,
    raw: Field<RawUpstreamTls>,
    judge: &mut Judge<'_>,
) -> Option<UpstreamTls> {
    let Field::Given(Given { at, value: raw }) = raw else {
        return None;
    };
    let ca_at = place(&raw.ca);
    let verify_at = place(&raw.verify);
    let trust = match (raw.verify.or(Flag(true)).0, judge.named_file(raw.ca)) {
        (true, Some(ca)) => Trust::Authorities(ca),
        (true, None) => Trust::System,
        (false, ca) => {
            let at_verify = verify_at.unwrap_or(at);
            if let Some(at) = ca_at.filter(|_| ca.is_some()) {
                let text = format!("{what} has `ca` and verifies nothing by it");
                judge.error(at, text, "remove `verify = false`, or remove `ca`");
            }
            let text = format!("{what} believes any certificate of its endpoints");
            let suggestion =
                "anybody on the way can read and change what passes; name a `ca` instead";
            judge.warn(at_verify, text, suggestion);
            Trust::Anybody
        }
    };
    for (file, is_missing, other) in [
        ("cert", raw.cert.is_missing(), place(&raw.key)),
        ("key", raw.key.is_missing(), place(&raw.cert)),
    ] {
        if let Some(at) = other.filter(|_| is_missing) {
            let text =
                format!("the certificate that {what} shows to its endpoints has no `{file}`");
            judge.error(at, text, "name both `cert` and `key`, or neither");
        }
    }
    let (cert, key) = (judge.named_file(raw.cert), judge.named_file(raw.key));
    Some(UpstreamTls {
        trust,
        server_name: raw.server_name.value().map(|name| name.0),
        certificate: cert
            .zip(key)
            .map(|(cert, key)| CertificateFiles { cert, key }),
    })
}

fn place<T>(field: &Field<T>) -> Option<At> {
    field.given().map(|given| given.at)
}

fn own_field(raw: Field<OwnField>, default: &'static str) -> HeaderName {
    raw.value()
        .map_or_else(|| HeaderName::from_static(default), |field| field.0)
}

const SUBJECT_HEADER: &str = "x-client-cert-subject";
const FINGERPRINT_HEADER: &str = "x-client-cert-sha256";

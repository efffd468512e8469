//! Values of the TLS keys.

use http::{HeaderName, header};
use serde_json::Value;

use super::{
    addr::{canonical_host, host_pattern},
    http::one_of,
};
use crate::config::{
    form,
    text::{BadValue, Choice, FromText},
    tls::{ClientAuthMode, TlsVersion},
};

impl Choice for ClientAuthMode {
    const KIND: &'static str = "a way to authenticate clients";
    const EXAMPLE: &'static str = "\"required\"";
    const ALL: &'static [(&'static str, Self)] =
        &[("required", Self::Required), ("offered", Self::Offered)];
}

impl Choice for TlsVersion {
    const KIND: &'static str = "a version of TLS";
    const EXAMPLE: &'static str = "\"1.2\"";
    const ALL: &'static [(&'static str, Self)] = &[("1.2", Self::Tls12), ("1.3", Self::Tls13)];
}

/// A name that a certificate is issued for: a host or an IP address, without port.
#[derive(Clone, Debug)]
pub(in crate::config) struct ServerNameText(pub(in crate::config) String);

impl FromText for ServerNameText {
    const KIND: &'static str = "a name";
    const EXAMPLE: &'static str = "\"api.internal\"";

    fn text_form() -> Value {
        form::pattern(&host_pattern())
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        let host = canonical_host(text).map_err(|bad| bad.into_value(text))?;
        let name = host.written();
        // An IPv6 address stands in brackets only where a port may follow.
        Ok(Self(name.trim_matches(['[', ']']).to_owned()))
    }
}

/// The name of a field that cutover alone may set.
#[derive(Clone, Debug)]
pub(in crate::config) struct OwnField(pub(in crate::config) HeaderName);

impl FromText for OwnField {
    const KIND: &'static str = "the name of a header field";
    const EXAMPLE: &'static str = "\"X-Client-Cert-Subject\"";

    fn text_form() -> Value {
        let taken = one_of(TAKEN.iter());
        let forwarded = form::any_case("x-forwarded-");
        form::pattern_without(
            "[!#$%&'*+.^`|~0-9A-Za-z-]+",
            &format!("{taken}|^{forwarded}"),
        )
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        match HeaderName::from_bytes(text.as_bytes()) {
            Ok(name) if TAKEN.contains(&name) || name.as_str().starts_with("x-forwarded-") => {
                Err(BadValue::new(
                    text,
                    "has a meaning of its own",
                    "use a name that nothing else uses, such as `X-Client-Cert-Subject`",
                ))
            }
            // Many applications cannot tell `_` from `-`.
            Ok(name) if !name.as_str().contains('_') => Ok(Self(name)),
            Ok(_) | Err(_) => Err(BadValue::new(
                text,
                "is no name of a header field",
                "use letters, digits and `-`",
            )),
        }
    }
}

/// Fields that frame a message, say where it goes, or are set by cutover otherwise.
const TAKEN: [HeaderName; 16] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::HOST,
    header::VIA,
    header::FORWARDED,
    header::AUTHORIZATION,
    header::COOKIE,
    header::CONTENT_TYPE,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_name_has_no_port_and_no_brackets() {
        let name = |text| ServerNameText::from_text(text).map(|it| it.0).ok();
        assert_eq!(name("API.internal"), Some("api.internal".to_owned()));
        assert_eq!(name("10.0.0.1"), Some("10.0.0.1".to_owned()));
        assert_eq!(name("[::1]"), Some("::1".to_owned()));
        assert_eq!(name("api.internal:443"), None);
        assert_eq!(name("*.internal"), None);
    }

    #[test]
    fn a_field_of_cutovers_own_is_nobody_elses() {
        let field = |text| OwnField::from_text(text).map(|it| it.0).ok();
        assert_eq!(
            field("X-Cert").as_ref().map(HeaderName::as_str),
            Some("x-cert")
        );
        for text in [
            "Host",
            "X-Forwarded-For",
            "x_cert",
            "x cert",
            "",
            "Connection",
        ] {
            assert_eq!(field(text), None, "{text}");
        }
    }
}

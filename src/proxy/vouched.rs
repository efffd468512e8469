//! Fields that only cutover may set: what a listener has found out of a client by its certificate.
//!
//! Owns that they come from nobody else. Many applications cannot tell `X-Client` from `X_Client`, so whatever could be
//! read as one of them goes, too. Where no listener asks for certificates there are none, and nothing is looked for.

use http::{HeaderMap, HeaderName};

use crate::tls::Identity;

/// Takes `fields` away, whoever sent them, and sets those that tell who the client has proved to be.
pub(crate) fn vouch(headers: &mut HeaderMap, fields: &[HeaderName], identity: Option<&Identity>) {
    if fields.is_empty() {
        return;
    }
    keep_out(headers, fields);
    for (name, value) in identity.into_iter().flat_map(Identity::fields) {
        // A connection may have outlived the file that named it.
        if fields.contains(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
}

/// Takes `fields` away, from a head or from what stands behind a body.
pub(crate) fn keep_out(headers: &mut HeaderMap, fields: &[HeaderName]) {
    let sent = headers.keys().filter(|name| is_taken_for(name, fields));
    let sent: Vec<_> = sent.cloned().collect();
    for name in sent {
        headers.remove(name);
    }
}

fn is_taken_for(name: &HeaderName, fields: &[HeaderName]) -> bool {
    let plain = |byte: u8| if byte == b'_' { b'-' } else { byte };
    fields.iter().any(|field| {
        let (name, field) = (name.as_str().bytes(), field.as_str().bytes());
        name.len() == field.len() && name.map(plain).eq(field)
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const SUBJECT: HeaderName = HeaderName::from_static("x-client-cert-subject");

    fn sent() -> HeaderMap {
        let mut headers = HeaderMap::new();
        for name in [
            "x-client-cert-subject",
            "x_client-cert_subject",
            "x-client-cert",
            "x-client-cert-subject2",
        ] {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static("CN=admin"),
            );
        }
        headers.append(SUBJECT, HeaderValue::from_static("CN=again"));
        headers
    }

    #[test]
    fn what_could_be_read_as_the_field_goes_and_nothing_else() {
        let mut headers = sent();
        vouch(&mut headers, &[SUBJECT], None);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["x-client-cert", "x-client-cert-subject2"]);
    }

    #[test]
    fn without_a_listener_that_asks_nothing_is_touched() {
        let mut headers = sent();
        vouch(&mut headers, &[], None);
        assert_eq!(headers, sent());
    }
}

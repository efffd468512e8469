//! Requests that ask for the standby.
//!
//! Owns how they are told from others, and that what lets them in goes no further: where a secret is asked for, field and
//! cookie are taken out of the request, right or wrong. Must not choose a pool. A secret is compared by its digest, in
//! constant time, so that answering takes no longer for one that begins rightly.

use http::{HeaderMap, HeaderValue, header::COOKIE};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::desk::RouteKey;
use crate::core::{beside::PreviewSpec, host};

/// Whether a request asks for the standby.
pub(crate) fn asks(spec: &PreviewSpec, key: RouteKey<'_>) -> bool {
    let by_listener = spec.listener.as_ref() == Some(key.listener_name);
    by_listener
        || by_host(spec, key.host)
        || by_field(spec, key.whose.headers)
        || by_cookie(spec, key.whose.headers)
}

fn by_host(spec: &PreviewSpec, host: &str) -> bool {
    let wanted = spec.host.as_deref();
    wanted.is_some_and(|wanted| host::canonical(host).as_deref() == Some(wanted))
}

fn by_field(spec: &PreviewSpec, headers: &HeaderMap) -> bool {
    let Some(name) = &spec.header else {
        return false;
    };
    let mut values = headers.get_all(name).iter();
    values.any(|value| lets_in(spec, value.as_bytes()))
}

fn by_cookie(spec: &PreviewSpec, headers: &HeaderMap) -> bool {
    let Some(name) = &spec.cookie else {
        return false;
    };
    let mut fields = headers.get_all(COOKIE).iter();
    fields.any(|field| {
        pairs(field).any(|pair| value_of(pair, name).is_some_and(|it| lets_in(spec, it)))
    })
}

fn lets_in(spec: &PreviewSpec, value: &[u8]) -> bool {
    match (&spec.secret, &spec.secret_file) {
        (Some(secret), _) => {
            let digest = Sha256::digest(value.trim_ascii());
            bool::from(digest.as_slice().ct_eq(&secret.0))
        }
        // It was not read: nobody is let in.
        (None, Some(_)) => false,
        (None, None) => true,
    }
}

/// Takes out of a request what may have carried the secret.
pub(crate) fn withhold(spec: &PreviewSpec, headers: &mut HeaderMap) {
    if spec.secret_file.is_none() {
        return;
    }
    if let Some(name) = &spec.header {
        headers.remove(name);
    }
    let Some(name) = &spec.cookie else {
        return;
    };
    let carries = |field: &HeaderValue| pairs(field).any(|pair| value_of(pair, name).is_some());
    if !headers.get_all(COOKIE).iter().any(carries) {
        return;
    }
    let fields: Vec<_> = headers.get_all(COOKIE).iter().cloned().collect();
    headers.remove(COOKIE);
    for field in fields {
        let kept = pairs(&field).filter(|pair| value_of(pair, name).is_none());
        let kept: Vec<_> = kept
            .map(<[u8]>::trim_ascii)
            .filter(|it| !it.is_empty())
            .collect();
        if let (false, Ok(field)) = (
            kept.is_empty(),
            HeaderValue::from_bytes(&kept.join(&b"; "[..])),
        ) {
            headers.append(COOKIE, field);
        }
    }
}

fn pairs(field: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    field.as_bytes().split(|byte| *byte == b';')
}

/// The value of a cookie of this name.
fn value_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let at = pair.iter().position(|byte| *byte == b'=')?;
    let (found, value) = pair.split_at(at);
    let value = value.get(1..).unwrap_or_default();
    (found.trim_ascii() == name.as_bytes()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::beside::SecretDigest;

    const SECRET: &str = "0123456789abcdef";

    fn spec(secret: bool) -> PreviewSpec {
        PreviewSpec {
            header: Some("x-preview".parse().unwrap()),
            cookie: Some("preview".to_owned()),
            secret_file: secret.then(|| "secret".into()),
            secret: secret.then(|| SecretDigest(Sha256::digest(SECRET).into())),
            ..PreviewSpec::default()
        }
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn lets(spec: &PreviewSpec, fields: &[(&'static str, &str)]) -> bool {
        let headers = headers(fields);
        by_field(spec, &headers) || by_cookie(spec, &headers)
    }

    #[test]
    fn any_value_will_do_or_the_secret_alone() {
        let (open, closed) = (spec(false), spec(true));
        for (fields, by_open, by_closed) in [
            (&[][..], false, false),
            (&[("x-preview", "1")], true, false),
            (&[("x-preview", SECRET)], true, true),
            (&[("x-preview", "0123456789abcdeF")], true, false),
            (&[("x-preview", "no"), ("x-preview", SECRET)], true, true),
            (&[("cookie", "a=b; preview=0123456789abcdef")], true, true),
            (&[("cookie", "preview=0123456789abcde")], true, false),
            (&[("cookie", "a=preview; previews=1")], false, false),
            (
                &[("cookie", "a"), ("cookie", "preview=0123456789abcdef")],
                true,
                true,
            ),
        ] {
            assert_eq!(
                (lets(&open, fields), lets(&closed, fields)),
                (by_open, by_closed),
                "{fields:?}"
            );
        }
        let unread = PreviewSpec {
            secret: None,
            ..closed
        };
        assert!(!lets(&unread, &[("x-preview", SECRET)]));
    }

    #[test]
    fn what_may_have_been_the_secret_goes_no_further() {
        let fields = [
            ("x-preview", "wrong"),
            ("cookie", "a=1; preview=x; b=2"),
            ("cookie", "preview=y"),
        ];
        let mut open = headers(&fields);
        withhold(&spec(false), &mut open);
        assert_eq!(open, headers(&fields));
        let mut closed = headers(&fields);
        withhold(&spec(true), &mut closed);
        assert_eq!(closed, headers(&[("cookie", "a=1; b=2")]));
        assert!(!format!("{:?}", spec(true)).contains("0123"));
    }
}

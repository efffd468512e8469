//! What endpoints are told of a request besides what the client said: who asked, for which host, and by which way.
//!
//! Owns those fields and how they are written. They are kept beside the client's own until the request is sent: to put
//! each of them into a map, only to read it out again, was a twelfth of what a small request costs.

use http::{HeaderMap, HeaderName, HeaderValue, header::VIA};

use super::headers::{
    VIA_ENTRY, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_REQUEST_ID,
};

/// See the module. A head that it is told with has none of the fields but `Via`, which it continues.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forwarded<'a> {
    /// Who asked, and by which proxies: `X-Forwarded-For`.
    pub(crate) client: &'a HeaderValue,
    /// The protocol that the client spoke: `X-Forwarded-Proto`.
    pub(crate) proto: &'a HeaderValue,
    /// The host that the client named: `X-Forwarded-Host`.
    pub(crate) asked_host: Option<&'a HeaderValue>,
    /// The request's id.
    pub(crate) id: &'a HeaderValue,
}

impl<'a> Forwarded<'a> {
    /// Every field, in the order in which they are sent.
    pub(crate) fn fields(self) -> impl Iterator<Item = (&'static HeaderName, &'a HeaderValue)> {
        let host = self.asked_host.map(|host| (&X_FORWARDED_HOST, host));
        host.into_iter().chain([
            (&X_FORWARDED_FOR, self.client),
            (&X_FORWARDED_PROTO, self.proto),
            (&ID, self.id),
            (&VIA, &VIA_ENTRY),
        ])
    }

    /// Puts them among those of `headers`, for whoever needs all in one.
    pub(crate) fn add_to(self, headers: &mut HeaderMap) {
        for (name, value) in self.fields() {
            headers.append(name, value.clone());
        }
    }
}

static ID: HeaderName = X_REQUEST_ID;

//! A request kept aside, to be sent once more if the first time is lost.
//!
//! Owns the copy; whether it may be used is `outbound`'s to say. It has no body: a request with one is never sent twice.

use http::{HeaderMap, Method, Request, Uri};

use super::upload::RequestBody;

/// What a request looks like before its body.
pub(crate) struct Spare {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Spare {
    pub(crate) fn of(request: &Request<RequestBody>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        }
    }

    pub(crate) fn into_request(self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::Empty);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        request
    }
}

//! Any lines as a request that came over HTTP/2.

use http::{HeaderName, HeaderValue, Method, Request, Uri, header};

use super::head;
use crate::{
    config::ListenerLimits,
    proxy::{
        fuzzing::{Passed, are_forwarded},
        headers::Belief,
        protocol::{Verdict, http1::fuzzing::is_one_request},
    },
};

/// What passes is one request over HTTP/1, too: no field and no path of it can smuggle a line. The first line is method
/// and target, the others are fields.
pub(crate) fn translation(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = lines.next().and_then(request);
    let Some(mut request) = first else {
        return;
    };
    for (name, value) in lines.filter_map(field) {
        // h2 refuses the whole request for one of these.
        if !OF_ONE_CONNECTION.contains(&name.as_str())
            && (name != header::TE || value == "trailers")
        {
            request.headers_mut().append(name, value);
        }
    }
    if head::judge(&mut request, &ListenerLimits::default()) != Verdict::Plain {
        return;
    }
    let cookies = request.headers().get_all(header::COOKIE);
    assert!(cookies.iter().count() <= 1);
    let length = request.headers().get(header::CONTENT_LENGTH).cloned();
    let (parts, ()) = request.into_parts();
    // A body whose length is not told is sent in chunks.
    let framings = if length.is_none() {
        &[false, true][..]
    } else {
        &[false]
    };
    for (belief, chunked) in [Belief::Doubted, Belief::Believed]
        .into_iter()
        .flat_map(|it| framings.iter().map(move |chunked| (it, *chunked)))
    {
        let passed = Passed {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            chunked,
            upgrades: false,
        };
        let head = passed.forwarded(belief);
        assert!(head.headers.contains_key(header::HOST));
        are_forwarded(&parts.headers, &head.headers, belief);
        is_one_request(&head, !chunked && length.as_ref().is_none_or(is_zero));
    }
}

fn request(line: &[u8]) -> Option<Request<()>> {
    let place = line.iter().position(|byte| *byte == b' ')?;
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(&line[..place]).ok()?;
    *request.uri_mut() = Uri::try_from(&line[place + 1..]).ok()?;
    Some(request)
}

fn field(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let place = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..place]).ok()?;
    Some((name, HeaderValue::from_bytes(&line[place + 1..]).ok()?))
}

fn is_zero(length: &HeaderValue) -> bool {
    length.as_bytes().iter().all(|digit| *digit == b'0')
}

/// RFC 9113 section 8.2.2.
const OF_ONE_CONNECTION: [&str; 5] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

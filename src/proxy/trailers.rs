//! Fields behind a body.
//!
//! Owns what may not stand there (RFC 9110 section 6.5.1): whoever merges trailers into the fields of a message would
//! be told afterwards how to frame or route it, whom to trust, or what a proxy in between has seen.

use http::{HeaderMap, HeaderName, header};

/// Takes away what may not stand in a trailer.
pub(crate) fn tidy(trailers: &mut HeaderMap) {
    for name in &OUT_OF_PLACE {
        trailers.remove(name);
    }
    let family = trailers
        .keys()
        .filter(|name| name.as_str().starts_with(FAMILY));
    let family: Vec<HeaderName> = family.cloned().collect();
    for name in family {
        trailers.remove(name);
    }
}

/// What the names of fields begin with that speak of the way here.
const FAMILY: &str = "x-forwarded-";

static OUT_OF_PLACE: [HeaderName; 42] = [
    // Framing, and what is of one connection only.
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    // What some applications are told of in the same letters as of those that frame.
    HeaderName::from_static("content_length"),
    HeaderName::from_static("transfer_encoding"),
    // Routing.
    header::EXPECT,
    header::HOST,
    header::MAX_FORWARDS,
    // Who asks, and who says so.
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::SET_COOKIE,
    header::WWW_AUTHENTICATE,
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    // What the request or the answer is to be taken for.
    header::AGE,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::EXPIRES,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::LOCATION,
    header::PRAGMA,
    header::RANGE,
    header::RETRY_AFTER,
    header::VARY,
    header::WARNING,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_before_the_body_is_taken_away_and_the_rest_stays() {
        let mut trailers = HeaderMap::new();
        for name in &OUT_OF_PLACE {
            trailers.append(name, "1".parse().unwrap());
            trailers.append(name, "2".parse().unwrap());
        }
        for name in ["x-forwarded-for", "x-forwarded-user"] {
            trailers.insert(name, "1".parse().unwrap());
        }
        for name in ["x-sum", "grpc-status", "grpc-message", "etag", "digest"] {
            trailers.insert(name, "1".parse().unwrap());
        }
        tidy(&mut trailers);
        let mut left: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(
            left,
            ["digest", "etag", "grpc-message", "grpc-status", "x-sum"]
        );
    }
}

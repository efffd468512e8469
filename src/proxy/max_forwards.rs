//! How far an `OPTIONS` request may still go (RFC 9110 section 7.6.2).
//!
//! Owns counting down. `TRACE`, the other method that is counted, is refused before it comes here; for all others the
//! field means nothing, and passes as it is.

use http::{HeaderMap, HeaderValue, Method, Request, header::MAX_FORWARDS};

use super::{error::ProxyError, protocol::http1::HeadRefusal};

/// Counts a request down by the hop that cutover is; an error is what it is to be answered with.
pub(crate) fn count_down<B>(request: &mut Request<B>) -> Result<(), ProxyError> {
    if *request.method() != Method::OPTIONS {
        return Ok(());
    }
    match left(request.headers())? {
        None => Ok(()),
        Some(0) => Err(ProxyError::NoHopLeft),
        Some(hops) => {
            let hops = HeaderValue::from(hops - 1);
            request.headers_mut().insert(MAX_FORWARDS, hops);
            Ok(())
        }
    }
}

/// Hops that are left; more than can be counted are as many as can.
fn left(headers: &HeaderMap) -> Result<Option<u32>, ProxyError> {
    let mut values = headers.get_all(MAX_FORWARDS).iter();
    match (values.next().map(HeaderValue::as_bytes), values.next()) {
        (None, _) => Ok(None),
        (Some(digits), None) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            let add = |hops: u32, digit: &u8| {
                hops.saturating_mul(10)
                    .saturating_add(u32::from(digit - b'0'))
            };
            Ok(Some(digits.iter().fold(0, add)))
        }
        (Some(_), _) => Err(ProxyError::Refused(HeadRefusal::Malformed(
            "malformed max-forwards field",
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(method: &str, values: &[&str]) -> Result<Vec<String>, ProxyError> {
        let mut request = Request::builder().method(method);
        for value in values {
            request = request.header(MAX_FORWARDS, *value);
        }
        let mut request = request.body(()).unwrap();
        count_down(&mut request)?;
        let left = request.headers().get_all(MAX_FORWARDS).iter();
        Ok(left
            .map(|value| value.to_str().unwrap().to_owned())
            .collect())
    }

    #[test]
    fn hops_of_options_are_counted_down_to_none() {
        assert_eq!(counted("OPTIONS", &[]), Ok(vec![]));
        assert_eq!(counted("OPTIONS", &["10"]), Ok(vec!["9".to_owned()]));
        assert_eq!(counted("OPTIONS", &["001"]), Ok(vec!["0".to_owned()]));
        assert_eq!(counted("OPTIONS", &["0"]), Err(ProxyError::NoHopLeft));
        let most = "9".repeat(40);
        assert_eq!(
            counted("OPTIONS", &[&most]),
            Ok(vec![(u32::MAX - 1).to_string()])
        );
    }

    #[test]
    fn what_is_no_number_of_hops_is_refused() {
        for values in [&[""][..], &["-1"], &["1, 1"], &["1", "1"], &["many"]] {
            let refused = counted("OPTIONS", values);
            assert!(matches!(refused, Err(ProxyError::Refused(_))), "{values:?}");
        }
    }

    #[test]
    fn hops_of_other_methods_are_not_counted() {
        assert_eq!(
            counted("GET", &["0", "x"]),
            Ok(vec!["0".to_owned(), "x".to_owned()])
        );
    }
}

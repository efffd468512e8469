//! Any bytes as what a client sends.

use std::sync::Arc;

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::super::{
    body_reader,
    chunk::{Step, Walker},
    head::{self, Framing, Judged},
    input::{Input, Phase},
    request_head,
    request_writer::write_head,
};
use crate::{
    config::ListenerLimits,
    fuzzing::pieces,
    proxy::{
        fuzzing::{Passed, are_forwarded},
        headers::Belief,
        outbound::{Head, Outgoing},
    },
};

/// What passes is the beginning of what came, however it came; each head in it means one thing to the parser behind the
/// guard; and what an endpoint is sent for it is that one request again.
pub(crate) fn requests(bytes: &[u8]) {
    let limits = Arc::new(ListenerLimits {
        max_header_count: 24,
        max_header_size: 2048,
        ..ListenerLimits::default()
    });
    let whole = passed(&limits, &[bytes]);
    let by_one: Vec<_> = bytes.chunks(1).collect();
    for reads in [pieces(bytes), by_one] {
        let split = passed(&limits, &reads);
        assert_eq!(
            (split.own, split.heads),
            (whole.own, whole.heads),
            "cut into {} reads",
            reads.len()
        );
    }
    are_whole_messages(&bytes[..whole.own], &limits);
}

/// What the guard lets through.
struct Through {
    /// Bytes of what came; what stands for a refused head is not of them.
    own: usize,
    heads: u64,
}

/// Feeds `reads` as a socket would.
fn passed(limits: &Arc<ListenerLimits>, reads: &[&[u8]]) -> Through {
    let mut input = Input::new(Arc::clone(limits));
    let (mut passed, mut came) = (Vec::new(), Vec::new());
    for read in reads {
        came.extend_from_slice(read);
        if input.held.is_empty() {
            let length = input.judge(read);
            passed.extend_from_slice(&read[..length]);
        } else {
            input.held.extend_from_slice(read);
        }
        if matches!(input.phase, Phase::Head) && input.searched < input.held.len() {
            input.judge_held();
        }
        assert!(
            !matches!(input.phase, Phase::Head) || input.searched == input.held.len(),
            "judged for ever"
        );
        assert!(
            !matches!(input.phase, Phase::Head)
                || input.held.len() < limits.max_header_size + MAX_BLANK
        );
        passed.append(&mut input.judged);
    }
    let (own, heads) = match input.refusal {
        // What stands in its place begins like many a request.
        Some(_) => (own_of_refused(&passed), input.heads - 1),
        None => (passed.len(), input.heads),
    };
    assert!(
        came.starts_with(&passed[..own]),
        "something else passed than came"
    );
    Through { own, heads }
}

/// Where the replacement of the refused head begins.
fn own_of_refused(passed: &[u8]) -> usize {
    const BEGINS: &[u8] = b"GET / HTTP/1.1\r\nHost: refused\r\n";
    memchr::memmem::rfind(passed, BEGINS)
        .unwrap_or_else(|| panic!("refused, and nothing stands for it: {passed:?}"))
}

/// Walks along messages that passed, by the framing that their heads say.
fn are_whole_messages(mut rest: &[u8], limits: &ListenerLimits) {
    loop {
        while let Some(after) = rest.strip_prefix(b"\r\n") {
            rest = after;
        }
        if rest.is_empty() {
            return;
        }
        let Some(Ok(Judged {
            length, framing, ..
        })) = head::judge(rest, limits)
        else {
            panic!("no head passed in parts: {rest:?}");
        };
        let (head, body) = rest.split_at(length);
        means_one_thing(head, framing);
        rest = match framing {
            Framing::None => body,
            Framing::Upgrade => return,
            Framing::Length(length) => body
                .get(usize::try_from(length).unwrap_or(usize::MAX)..)
                .unwrap_or_default(),
            Framing::Chunked => match Walker::new().walk(body) {
                Step::Ended(end) => &body[end..],
                Step::More => b"",
                Step::Malformed(place) => panic!("{place} of {body:?}"),
            },
        };
    }
}

/// Two parsers read what the guard read, nothing is framed twice, and the request survives being forwarded.
fn means_one_thing(text: &[u8], framing: Framing) {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut fields);
    let end = parsed.parse(text);
    assert!(
        end.is_ok_and(|end| end.is_complete() && end.unwrap() == text.len()),
        "{end:?}: {text:?}"
    );
    let method = Method::from_bytes(parsed.method.unwrap_or_default().as_bytes());
    let uri = Uri::try_from(parsed.path.unwrap_or_default());
    let (Ok(method), Ok(uri)) = (method, uri) else {
        panic!("what passed cannot be held: {text:?}");
    };
    let headers: HeaderMap = parsed.headers.iter().map(field).collect();
    is_read_alike(text, framing, (&method, &uri, &headers));
    let lengths: Vec<_> = headers.get_all("content-length").iter().collect();
    let codings: Vec<_> = headers.get_all("transfer-encoding").iter().collect();
    match (framing, lengths.as_slice(), codings.as_slice()) {
        (Framing::None | Framing::Upgrade, [], []) => {}
        (Framing::None | Framing::Upgrade, [length], []) => assert_eq!(number(length), Some(0)),
        (Framing::Length(said), [length], []) => assert_eq!(number(length), Some(said)),
        (Framing::Chunked, [], [coding]) => {
            assert!(coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
        }
        _ => panic!("{framing:?} by {lengths:?} and {codings:?}"),
    }
    for belief in [Belief::Doubted, Belief::Believed] {
        let (method, uri, headers) = (method.clone(), uri.clone(), headers.clone());
        let passed = Passed {
            method,
            uri,
            headers: headers.clone(),
            chunked: framing == Framing::Chunked,
            upgrades: framing == Framing::Upgrade,
        };
        let head = passed.forwarded(belief);
        are_forwarded(&headers, &head.headers, belief);
        is_one_request(
            &head,
            framing != Framing::Chunked && !matches!(framing, Framing::Length(_)),
        );
    }
}

/// What a request is made of for the service is what another parser reads.
fn is_read_alike(text: &[u8], framing: Framing, read: (&Method, &Uri, &HeaderMap)) {
    let mut buf = BytesMut::from(text);
    let Some(Ok(head)) = request_head::take(&mut buf) else {
        panic!("what passed cannot be read: {text:?}");
    };
    assert!(buf.is_empty(), "{buf:?} is left of {text:?}");
    let request = head.request;
    assert_eq!((request.method(), request.uri(), request.headers()), read);
    let followed = match framing {
        Framing::None | Framing::Upgrade => body_reader::Framing::Length(0),
        Framing::Length(length) => body_reader::Framing::Length(length),
        Framing::Chunked => body_reader::Framing::Chunked,
    };
    assert_eq!(head.framing, followed, "{text:?}");
}

fn field(field: &httparse::Header<'_>) -> (HeaderName, HeaderValue) {
    let (name, value) = (
        HeaderName::from_bytes(field.name.as_bytes()),
        HeaderValue::from_bytes(field.value),
    );
    match (name, value) {
        (Ok(name), Ok(value)) => (name, value),
        odd => panic!("{odd:?}"),
    }
}

fn number(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.parse().ok()
}

/// What is written for an endpoint is read there as this request and no other.
pub(in crate::proxy) fn is_one_request(head: &Head, bodiless: bool) {
    let mut text = Vec::new();
    write_head(&mut text, Outgoing::from(head), bodiless);
    let (limits, shown) = (ListenerLimits::default(), String::from_utf8_lossy(&text));
    let Some(Ok(Judged {
        length, framing, ..
    })) = head::judge(&text, &limits)
    else {
        panic!("{:?}: {shown}", head::judge(&text, &limits));
    };
    assert_eq!(length, text.len(), "{shown}");
    assert_eq!(
        bodiless,
        matches!(framing, Framing::None | Framing::Upgrade),
        "{framing:?}: {shown}"
    );
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut fields);
    assert!(
        parsed.parse(&text).is_ok_and(|end| end.is_complete()),
        "{shown}"
    );
    assert_eq!(parsed.method, Some(head.method.as_str()), "{shown}");
    let target = head.uri.path_and_query().map_or("/", |it| it.as_str());
    let read = parsed.path.unwrap_or_default();
    assert!(
        read == target || read.strip_prefix('/') == Some(target),
        "{read} for {target}"
    );
    let again: HeaderMap = parsed.headers.iter().map(field).collect();
    let mut sent = head.headers.clone();
    if let (Some(added), None) = (again.get("content-length"), sent.get("content-length")) {
        sent.insert("content-length", added.clone());
    }
    assert_eq!(again, sent, "{shown}");
}

/// Bytes of empty lines that may stand before a head.
const MAX_BLANK: usize = 16;

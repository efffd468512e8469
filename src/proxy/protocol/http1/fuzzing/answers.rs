//! Any bytes as what an endpoint sends.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use http::{HeaderMap, Response, header};
use tokio::io::{AsyncRead, ReadBuf};

use super::super::{
    broken::Broken,
    response_reader::{Came, ResponseReader},
};
use crate::{
    fuzzing::pieces,
    proxy::{fuzzing::no_hop_is_left, headers},
};

/// However an answer comes, it is the same one; it has one framing, and keeps to it; and no field of the connection that
/// it came by goes on.
pub(crate) fn answers(bytes: &[u8]) {
    let by_one: Vec<_> = bytes.chunks(1).collect();
    for bodiless in [false, true] {
        let whole = Answer::read(vec![bytes], bodiless);
        for reads in [pieces(bytes), by_one.clone()] {
            let number = reads.len();
            assert_eq!(Answer::read(reads, bodiless), whole, "in {number} reads");
        }
        if let Some(head) = &whole.head {
            is_framed_once(head, &whole, bodiless);
            goes_on(head.headers().clone());
        }
    }
}

/// What came of an endpoint's bytes.
#[derive(Debug, Default)]
struct Answer {
    head: Option<Response<()>>,
    data: Vec<u8>,
    trailers: Option<HeaderMap>,
    broken: Option<Broken>,
    /// Whether the connection would be used again.
    reusable: bool,
}

impl PartialEq for Answer {
    fn eq(&self, other: &Self) -> bool {
        let head = |it: &Self| {
            let head = it.head.as_ref()?;
            Some((head.status(), head.version(), head.headers().clone()))
        };
        head(self) == head(other)
            && (&self.data, &self.trailers, self.broken)
                == (&other.data, &other.trailers, other.broken)
    }
}

impl Answer {
    fn read(reads: Vec<&[u8]>, bodiless: bool) -> Self {
        let mut reader = ResponseReader::new();
        reader.expect();
        let mut socket = pin!(Reads(reads));
        let mut cx = Context::from_waker(Waker::noop());
        let mut answer = Self::default();
        while answer.head.is_none() {
            match now(reader.poll_head(socket.as_mut(), &mut cx, bodiless)) {
                Ok(Came::Continue) => {}
                Ok(Came::Head(head)) => answer.head = Some(head),
                Err(broken) => {
                    answer.broken = Some(broken);
                    return answer;
                }
            }
        }
        while let Some(frame) = now(reader.poll_frame(socket.as_mut(), &mut cx)) {
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) => answer.data.extend_from_slice(&data),
                Ok(Err(frame)) => answer.trailers = frame.into_trailers().ok(),
                Err(broken) => {
                    answer.broken = Some(broken);
                    break;
                }
            }
        }
        answer.reusable = reader.is_reusable();
        answer
    }
}

/// A socket that always has something, or its end.
fn now<T>(polled: Poll<T>) -> T {
    match polled {
        Poll::Ready(ready) => ready,
        Poll::Pending => panic!("waits, though there is no more to come"),
    }
}

/// What each read brings.
struct Reads<'a>(Vec<&'a [u8]>);

impl AsyncRead for Reads<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if let Some(read) = self.0.first().copied() {
            let here = read.len().min(buf.remaining());
            buf.put_slice(&read[..here]);
            if here == read.len() {
                self.0.remove(0);
            } else {
                self.0[0] = &read[here..];
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn is_framed_once(head: &Response<()>, answer: &Answer, bodiless: bool) {
    let lengths: Vec<_> = head
        .headers()
        .get_all(header::CONTENT_LENGTH)
        .iter()
        .collect();
    let codings: Vec<_> = head
        .headers()
        .get_all(header::TRANSFER_ENCODING)
        .iter()
        .collect();
    assert!(
        lengths.len() + codings.len() <= 1,
        "{lengths:?} {codings:?}"
    );
    let status = head.status().as_u16();
    if bodiless || status < 200 || matches!(status, 204 | 304) {
        assert!(
            answer.data.is_empty() && answer.broken.is_none(),
            "{answer:?}"
        );
    } else if let [length] = lengths.as_slice() {
        let said: usize = length
            .to_str()
            .ok()
            .and_then(|it| it.parse().ok())
            .unwrap_or(usize::MAX);
        // Either all of it or an error: never a short success.
        assert_eq!(
            answer.broken.is_none(),
            answer.data.len() == said,
            "{said}: {answer:?}"
        );
    }
    assert!(!answer.reusable || answer.broken.is_none());
}

fn goes_on(mut headers: HeaderMap) {
    if headers::rewrite_response(&mut headers).is_err() {
        panic!("what was read as one framing is refused as two: {headers:?}");
    }
    for name in ["transfer-encoding", "connection", "te", "upgrade"] {
        assert!(!headers.contains_key(name), "{name}");
    }
    no_hop_is_left(&headers);
}

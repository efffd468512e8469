//! What is written for whom.

use std::task::Waker;

use http_body_util::{Empty, Full, StreamBody, combinators::UnsyncBoxBody};

use super::*;

type AnyBody = UnsyncBoxBody<Bytes, std::io::Error>;

const ASKER: Asker = Asker {
    wants_head: false,
    is_old: false,
    persists: true,
    takes_trailers: true,
};

fn whole(text: &'static str) -> AnyBody {
    use http_body_util::BodyExt as _;
    Full::from(text).map_err(|it| match it {}).boxed_unsync()
}

/// A body whose length nobody knows.
fn frames(frames: Vec<Frame<Bytes>>) -> AnyBody {
    use http_body_util::BodyExt as _;
    let frames = frames.into_iter().map(Ok);
    StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

fn nothing() -> AnyBody {
    use http_body_util::BodyExt as _;
    Empty::new().map_err(|it| match it {}).boxed_unsync()
}

/// What is written of an answer with these fields, whether it is whole, and whether the connection lasts.
fn written(
    (status, fields): (u16, &[(&str, &str)]),
    body: AnyBody,
    asker: Asker,
) -> (String, bool, bool) {
    let mut builder = Response::builder().status(status).header("date", "now");
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    let (mut writer, mut asker) = (ResponseWriter::new(), asker);
    let mut body = writer.begin(builder.body(body).unwrap(), &mut asker);
    let mut cx = Context::from_waker(Waker::noop());
    let (mut out, mut is_whole) = (Vec::new(), body.is_none());
    while let Some(some) = &mut body {
        let frame = match Pin::new(some).poll_frame(&mut cx) {
            Poll::Ready(frame) => frame.map(Result::unwrap),
            Poll::Pending => panic!("a body that waits"),
        };
        let more = frame.is_some_and(|frame| writer.place(frame));
        if !more {
            is_whole = writer.end().is_ok();
            body = None;
        }
        let flushed = writer.poll_flush(Pin::new(&mut out), &mut cx);
        assert!(matches!(flushed, Poll::Ready(Ok(()))));
    }
    let flushed = writer.poll_flush(Pin::new(&mut out), &mut cx);
    assert!(matches!(flushed, Poll::Ready(Ok(()))));
    let text = String::from_utf8(out).unwrap();
    (text.replace("date: now\r\n", ""), is_whole, asker.persists)
}

#[track_caller]
fn writes(answer: (u16, &[(&str, &str)]), body: AnyBody, asker: Asker, expected: &str) {
    let (text, is_whole, persists) = written(answer, body, asker);
    assert_eq!(text, expected);
    assert!(is_whole, "{text}");
    let ends = text.contains("connection: close") || (asker.is_old && !asker.persists);
    assert_eq!(persists, !ends, "{text}");
}

#[test]
fn the_length_is_said_where_it_is_known() {
    let ok = "HTTP/1.1 200 OK\r\n";
    writes(
        (200, &[]),
        whole("abc"),
        ASKER,
        &format!("{ok}content-length: 3\r\n\r\nabc"),
    );
    writes(
        (200, &[("content-length", "003")]),
        whole("abc"),
        ASKER,
        &format!("{ok}content-length: 003\r\n\r\nabc"),
    );
    writes(
        (200, &[]),
        nothing(),
        ASKER,
        &format!("{ok}content-length: 0\r\n\r\n"),
    );
    let known = frames(vec![Frame::data(Bytes::from_static(b"abc"))]);
    writes(
        (200, &[("content-length", "3")]),
        known,
        ASKER,
        &format!("{ok}content-length: 3\r\n\r\nabc"),
    );
    // Whoever reads goes by the field; it must not say what does not come.
    writes(
        (200, &[("content-length", "9")]),
        whole("abc"),
        ASKER,
        &format!("{ok}content-length: 3\r\n\r\nabc"),
    );
}

#[test]
fn what_is_of_unknown_length_comes_in_chunks_or_until_the_end() {
    let body = || {
        let large = Bytes::from(vec![b'x'; COPIED + 1]);
        let pieces = [Bytes::from_static(b"ab"), Bytes::new(), large];
        frames(pieces.map(Frame::data).into())
    };
    let large = "x".repeat(COPIED + 1);
    let chunks = format!("2\r\nab\r\n401\r\n{large}\r\n0\r\n\r\n");
    writes(
        (200, &[]),
        body(),
        ASKER,
        &format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"),
    );
    let old = Asker {
        is_old: true,
        ..ASKER
    };
    writes(
        (200, &[]),
        body(),
        old,
        &format!("HTTP/1.0 200 OK\r\nconnection: close\r\n\r\nab{large}"),
    );
    writes(
        (200, &[]),
        whole("a"),
        old,
        "HTTP/1.0 200 OK\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\na",
    );
}

#[test]
fn what_has_no_content_has_none_whatever_its_fields_say() {
    let head = Asker {
        wants_head: true,
        ..ASKER
    };
    let length: &[_] = &[("content-length", "9")];
    writes(
        (200, length),
        nothing(),
        head,
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
    );
    writes((200, &[]), whole("abc"), head, "HTTP/1.1 200 OK\r\n\r\n");
    writes(
        (304, length),
        nothing(),
        ASKER,
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
    );
    writes(
        (204, length),
        nothing(),
        ASKER,
        "HTTP/1.1 204 No Content\r\n\r\n",
    );
    writes(
        (101, &[("connection", "upgrade"), ("upgrade", "websocket")]),
        nothing(),
        ASKER,
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    );
}

#[test]
fn either_side_ends_the_connection() {
    let last = Asker {
        persists: false,
        ..ASKER
    };
    let closed = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    writes((200, &[]), nothing(), last, closed);
    writes((200, &[("connection", "Close")]), nothing(), ASKER, closed);
}

#[test]
fn trailers_pass_that_were_announced_to_whoever_takes_them() {
    let trailers = || {
        let mut trailers = HeaderMap::new();
        for name in ["x-sum", "x-other"] {
            trailers.insert(name, HeaderValue::from_static("1"));
        }
        frames(vec![
            Frame::data(Bytes::from_static(b"a")),
            Frame::trailers(trailers),
        ])
    };
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: X-Sum, x-late\r\n\r\n1\r\na\r\n0\r\n";
    let announced: &[_] = &[("trailer", "X-Sum, x-late")];
    writes(
        (200, announced),
        trailers(),
        ASKER,
        &format!("{head}x-sum: 1\r\n\r\n"),
    );
    let refuses = Asker {
        takes_trailers: false,
        ..ASKER
    };
    writes(
        (200, announced),
        trailers(),
        refuses,
        &format!("{head}\r\n"),
    );
    writes(
        (200, &[]),
        trailers(),
        ASKER,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    );
}

#[test]
fn an_answer_that_ends_early_is_not_whole() {
    let body = || frames(vec![Frame::data(Bytes::from_static(b"abc"))]);
    let (text, is_whole, _) = written((200, &[("content-length", "4")]), body(), ASKER);
    assert!(text.ends_with("\r\n\r\nabc") && !is_whole, "{text}");
    let (text, is_whole, _) = written((200, &[("content-length", "2")]), body(), ASKER);
    assert!(text.ends_with("\r\n\r\nab") && is_whole, "{text}");
}

#[test]
fn reasons_pass_and_dates_are_added() {
    let mut response = Response::builder().status(299).body(nothing()).unwrap();
    let reason = ReasonPhrase::from_static(b"Odd");
    response.extensions_mut().insert(reason);
    let mut writer = ResponseWriter::new();
    assert!(writer.begin(response, &mut ASKER.clone()).is_none());
    let text = String::from_utf8(writer.outbox.text().clone()).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 299 Odd\r\ncontent-length: 0\r\ndate: "),
        "{text}"
    );
}

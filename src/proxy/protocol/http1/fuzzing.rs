//! Any bytes as what a client or an endpoint says over HTTP/1.

mod answers;
mod requests;

use super::chunk::{Piece, Step, Walker};
use crate::fuzzing::pieces;

pub(in crate::proxy) use self::requests::is_one_request;
pub(crate) use self::{answers::answers, requests::requests};

/// A chunked body has one end however it comes, and the data in it are those that a plain decoder finds.
pub(crate) fn chunks(bytes: &[u8]) {
    let whole = Walker::new().walk(bytes);
    let by_one: Vec<_> = bytes.chunks(1).collect();
    for reads in [pieces(bytes), by_one] {
        assert_eq!(walked(&reads), whole);
        let (data, step) = taken_apart(&reads);
        assert_eq!(step, whole);
        if let Step::Ended(end) = whole {
            assert_eq!(decoded(&bytes[..end]).as_ref(), Some(&data));
        }
    }
}

fn walked(reads: &[&[u8]]) -> Step {
    let (mut walker, mut before) = (Walker::new(), 0);
    for read in reads {
        match walker.walk(read) {
            Step::More => before += read.len(),
            Step::Ended(here) => return Step::Ended(before + here),
            Step::Malformed(here) => return Step::Malformed(before + here),
        }
    }
    Step::More
}

/// As an endpoint's body is read: the data, and where it ended or went wrong.
fn taken_apart(reads: &[&[u8]]) -> (Vec<u8>, Step) {
    let (mut walker, mut data, mut before) = (Walker::new(), Vec::new(), 0);
    let mut in_trailers = false;
    for read in reads {
        let mut rest = *read;
        while !rest.is_empty() && !in_trailers {
            match walker.next_piece(rest) {
                Piece::Framing(length) => rest = &rest[length..],
                Piece::Data(length) => {
                    data.extend_from_slice(&rest[..length]);
                    rest = &rest[length..];
                }
                Piece::Trailers => in_trailers = true,
                // It does not say where: the walk over the same bytes does.
                Piece::Malformed => return (data, walked(reads)),
            }
        }
        let gone = before + read.len() - rest.len();
        match walker_if(in_trailers, &mut walker, rest) {
            Step::More => {}
            Step::Ended(here) => return (data, Step::Ended(gone + here)),
            Step::Malformed(here) => return (data, Step::Malformed(gone + here)),
        }
        before += read.len();
    }
    (data, Step::More)
}

fn walker_if(in_trailers: bool, walker: &mut Walker, rest: &[u8]) -> Step {
    if in_trailers {
        walker.walk(rest)
    } else {
        Step::More
    }
}

/// The data of a whole body, by splitting lines: what any other server would do.
fn decoded(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let (line, rest) = line(body)?;
        let digits = line.split(|byte| *byte == b';').next()?;
        let size = usize::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
        if size == 0 {
            return trailers_end(rest).then_some(data);
        }
        data.extend_from_slice(rest.get(..size)?);
        body = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

/// Whether the trailer section ends where the bytes do.
fn trailers_end(mut rest: &[u8]) -> bool {
    loop {
        match line(rest) {
            Some((b"", rest)) => return rest.is_empty(),
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
}

fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[..end], &bytes[end + 2..]))
}

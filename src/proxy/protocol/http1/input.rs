//! The guard of a client's socket: no byte of a request head is read by anybody before it was judged.
//!
//! Owns what a connection's input may be; must not answer. A refused head is replaced by a plain one, and the
//! service, called for it in its turn, answers with the refusal: so the answers to earlier, pipelined requests
//! keep their order, and every answer is made in one place.

use std::sync::Arc;

use tokio::io::ReadBuf;

use super::{
    chunk::{Step, Walker},
    head::{self, Framing, Judged},
    refusal::HeadRefusal,
};
use crate::{
    config::{Http2, ListenerLimits},
    proxy::protocol::http2::{Preface, preface},
};

#[derive(Debug)]
pub(super) struct Input {
    pub(super) phase: Phase,
    limits: Arc<ListenerLimits>,
    /// Heads let through, the replacement of a refused one included.
    pub(super) heads: u64,
    /// Whether the last of them asks for the end of the connection.
    pub(super) last: bool,
    pub(super) refusal: Option<HeadRefusal>,
    /// Bytes read that may not go on yet: a part of a head, or what came after an upgrade request.
    /// `max_header_size` and one read are its bound.
    pub(super) held: Vec<u8>,
    /// Of those held, how many were searched for the end of the head.
    pub(super) searched: usize,
    /// Judged bytes that did not fit into the reader's buffer, and how many of them went on.
    pub(super) judged: Vec<u8>,
    gone: usize,
}

#[derive(Debug)]
pub(super) enum Phase {
    Head,
    Length(u64),
    Chunked(Walker),
    Upgrading,
    /// From the first byte on: all that comes is held.
    Http2,
    Refused,
    Broken,
}

impl Input {
    pub(super) const fn new(limits: Arc<ListenerLimits>) -> Self {
        Self {
            phase: Phase::Head,
            limits,
            heads: 0,
            last: false,
            refusal: None,
            held: Vec::new(),
            searched: 0,
            judged: Vec::new(),
            gone: 0,
        }
    }

    /// Whether nothing is there that could go on.
    pub(super) const fn is_waiting(&self) -> bool {
        self.held.is_empty() && self.judged.is_empty()
    }

    /// Judges `bytes`, which follow everything judged before, and says how many of them may go on. The rest
    /// is held or, after a refusal, dropped.
    pub(super) fn judge(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match &mut self.phase {
                Phase::Head => match self.judge_head(rest) {
                    Some(length) => at += length,
                    None => break,
                },
                Phase::Length(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= here as u64;
                    at += here;
                    if *left == 0 {
                        self.phase = Phase::Head;
                    }
                }
                Phase::Chunked(walker) => match walker.walk(rest) {
                    Step::More => at = bytes.len(),
                    Step::Ended(length) => {
                        at += length;
                        self.phase = Phase::Head;
                    }
                    Step::Malformed(place) => {
                        at += place;
                        self.phase = Phase::Broken;
                    }
                },
                Phase::Upgrading | Phase::Http2 => {
                    self.held.extend_from_slice(rest);
                    break;
                }
                Phase::Refused | Phase::Broken => break,
            }
        }
        at
    }

    /// Judges the head at the start of `bytes`; `None` if it may not go on, or not yet.
    fn judge_head(&mut self, bytes: &[u8]) -> Option<usize> {
        // RFC 9112 section 2.2 asks for leniency about empty lines before a request line; whoever reads the head skips them.
        let lines = bytes.chunks_exact(2).take_while(|pair| *pair == b"\r\n");
        let blank = 2 * lines.count();
        if blank > 2 * MAX_EMPTY_LINES {
            self.refuse(HeadRefusal::Malformed("too many empty lines"), &[]);
            return None;
        }
        let searched = self.searched.saturating_sub(blank);
        let head = &bytes[blank..];
        let is_new = searched == 0
            || head::shows_more(head, searched)
            || preface(&head[..searched]) == Preface::Part;
        match is_new.then(|| head::judge(head, &self.limits)).flatten() {
            Some(Ok(Judged {
                length,
                framing,
                last,
            })) => {
                self.heads += 1;
                self.last = last;
                self.searched = 0;
                self.phase = match framing {
                    Framing::None => Phase::Head,
                    Framing::Upgrade => Phase::Upgrading,
                    Framing::Length(length) => Phase::Length(length),
                    Framing::Chunked => Phase::Chunked(Walker::new()),
                };
                Some(blank + length)
            }
            // The preface of HTTP/2 is made so that it is refused here.
            Some(Err(HeadRefusal::Version)) if self.may_turn_to_http2(bytes) => None,
            Some(Err(refusal)) => {
                let length = head::end(head, 0).unwrap_or(head.len());
                self.refuse(refusal, &head[..length]);
                None
            }
            None if bytes.len() >= self.limits.max_header_size => {
                self.refuse(head::refusal_of_endless(head), &[]);
                None
            }
            None => {
                self.held = bytes.to_vec();
                self.searched = bytes.len();
                None
            }
        }
    }

    /// Whether the connection begins with the preface of HTTP/2, or may yet; if so, `bytes` are held.
    fn may_turn_to_http2(&mut self, bytes: &[u8]) -> bool {
        if self.heads > 0 || self.limits.http2 == Http2::Refused {
            return false;
        }
        match preface(bytes) {
            Preface::Other => return false,
            // The empty line in its middle ends no head. Judged again before more has come, it would be for ever.
            Preface::Part => self.searched = bytes.len(),
            Preface::Whole => self.phase = Phase::Http2,
        }
        self.held = bytes.to_vec();
        true
    }

    /// Puts the replacement in the place of `head`, which is empty if it is not known whole.
    pub(super) fn refuse(&mut self, refusal: HeadRefusal, head: &[u8]) {
        if self.refusal.is_none() {
            self.refusal = Some(refusal);
            self.heads += 1;
            self.phase = Phase::Refused;
            self.held = Vec::new();
            self.judged.extend_from_slice(REPLACEMENT);
            self.judged.extend(head::fields_for_answer(head));
            self.judged.extend_from_slice(b"\r\n");
        }
    }

    /// Hands on what was judged before; false if there is nothing.
    pub(super) fn hand_on(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let left = &self.judged[self.gone..];
        let here = left.len().min(buf.remaining());
        buf.put_slice(&left[..here]);
        self.gone += here;
        if self.gone == self.judged.len() {
            self.judged = Vec::new();
            self.gone = 0;
        }
        here > 0
    }

    /// Judges what is held, after an upgrade that did not happen or when more of a head has come.
    pub(super) fn judge_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        let length = self.judge(&held);
        self.judged.splice(0..0, held[..length].iter().copied());
    }
}

/// Empty lines before a request line.
const MAX_EMPTY_LINES: usize = 8;
/// What is read in place of a refused head, but for the fields kept and the empty line.
const REPLACEMENT: &[u8] = b"GET / HTTP/1.1\r\nHost: refused\r\n";

#[cfg(test)]
mod tests {
    use super::{super::wire::Wire, *};
    use crate::proxy::protocol::Verdict;
    use std::rc::Rc;

    fn wire() -> Rc<Wire> {
        speaking(Http2::Spoken)
    }

    fn speaking(http2: Http2) -> Rc<Wire> {
        Wire::new(Arc::new(ListenerLimits {
            max_header_count: 8,
            max_header_size: 256,
            http2,
            ..ListenerLimits::default()
        }))
    }

    /// Feeds `pieces` as reads of their own and returns what went on.
    fn fed(wire: &Wire, pieces: &[&[u8]]) -> Vec<u8> {
        let mut input = wire.input().borrow_mut();
        let mut out = Vec::new();
        for piece in pieces {
            if input.held.is_empty() {
                let length = input.judge(piece);
                out.extend_from_slice(&piece[..length]);
            } else {
                input.held.extend_from_slice(piece);
                input.judge_held();
            }
            // Or the connection would judge it again and again.
            let is_judged = input.searched == input.held.len();
            assert!(is_judged || !matches!(input.phase, Phase::Head));
            out.append(&mut input.judged);
        }
        out
    }

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn pipelined_requests_pass_as_they_came_however_they_are_split() {
        let post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
        let chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        let all = [GET, post, chunked, GET].concat();
        for size in 1..all.len() {
            let wire = wire();
            let pieces: Vec<_> = all.chunks(size).collect();
            assert_eq!(fed(&wire, &pieces), all, "pieces of {size}");
            assert_eq!(wire.input().borrow().heads, 4);
        }
    }

    #[test]
    fn a_refused_head_is_replaced_and_nothing_after_it_passes() {
        let wire = wire();
        let bad = b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
        assert_eq!(
            fed(&wire, &[GET, bad, GET]),
            [GET, REPLACEMENT, b"\r\n"].concat()
        );
        assert_eq!(wire.verdict(), Verdict::Plain);
        assert_eq!(
            wire.verdict(),
            Verdict::Refused(HeadRefusal::Malformed("repeated host field"))
        );
    }

    #[test]
    fn a_replacement_keeps_what_says_how_to_answer() {
        let bad = b"GET / HTTP/1.1\r\nX-Request-ID: a1\r\nexpect: x\r\nAccept:text/json\r\nAccept: b\r\n\r\n";
        let kept = b"accept:text/json\r\nx-request-id: a1\r\n\r\n";
        assert_eq!(fed(&wire(), &[bad]), [REPLACEMENT, kept].concat());
        let odd = b"GET / HTTP/1.1\r\nX-Request-Id: a\xff\r\nAccept: a\0\r\n\r\n";
        assert_eq!(fed(&wire(), &[odd]), [REPLACEMENT, b"\r\n"].concat());
    }

    #[test]
    fn a_head_without_end_is_refused_at_its_bound() {
        let wire = wire();
        let mut sent = b"GET / HTTP/1.1\r\nHost: a\r\nx: ".to_vec();
        let dripping: Vec<&[u8]> = std::iter::repeat_n(&b"y"[..], 300).collect();
        let mut pieces = vec![sent.as_slice()];
        pieces.extend(dripping);
        assert_eq!(fed(&wire, &pieces), [REPLACEMENT, b"\r\n"].concat());
        assert_eq!(wire.verdict(), Verdict::Refused(HeadRefusal::TooLarge));
        sent.clear();
    }

    #[test]
    fn bytes_after_an_upgrade_request_wait_for_the_decision() {
        let wire = wire();
        let upgrade =
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
        assert_eq!(fed(&wire, &[upgrade, b"\x81\x00"]), upgrade);
        assert_eq!(wire.input().borrow().held, b"\x81\x00");
    }

    #[test]
    fn an_upgrade_that_does_not_happen_leaves_http() {
        let wire = wire();
        let upgrade =
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
        fed(&wire, &[&[&upgrade[..], GET].concat()]);
        assert_eq!(wire.verdict(), Verdict::Upgrade);
        assert!(wire.stays_http());
        wire.input().borrow_mut().judge_held();
        assert_eq!(wire.input().borrow().judged, GET);
    }

    #[test]
    fn the_preface_of_http_2_turns_a_new_connection_however_it_is_split() {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let all = [preface, &[0, 0, 0, 4, 0, 0, 0, 0, 0][..]].concat();
        for size in 1..all.len() {
            let wire = wire();
            let pieces: Vec<_> = all.chunks(size).collect();
            assert_eq!(fed(&wire, &pieces), b"", "pieces of {size}");
            assert!(wire.speaks_http2(), "pieces of {size}");
            assert_eq!(wire.input().borrow().held, all);
        }
        for (wire, pieces) in [
            (speaking(Http2::Refused), &[&all[..]][..]),
            (wire(), &[GET, &all]),
            (wire(), &[b"\r\n", &all]),
            (wire(), &[b"PRI * HTTP/2.0\r\n\r\n", GET]),
        ] {
            let passed = fed(&wire, pieces);
            assert!(
                passed.ends_with(&[REPLACEMENT, b"\r\n"].concat()),
                "{pieces:?}"
            );
            assert!(!wire.speaks_http2());
        }
    }

    proptest::proptest! {
        #[test]
        fn what_passes_is_a_prefix_of_what_came_and_perhaps_the_replacement(
            pieces in proptest::collection::vec(proptest::collection::vec(0..=255_u8, 0..40), 0..20)
        ) {
            let wire = wire();
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let all = pieces.concat();
            let passed = fed(&wire, &pieces);
            let replaced = memchr::memmem::find(&passed, REPLACEMENT);
            let own = &passed[..replaced.unwrap_or(passed.len())];
            proptest::prop_assert!(all.starts_with(own));
        }
    }
}

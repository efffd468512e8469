//! The frames in a connection's bytes, one direction of it, as they pass (RFC 9113 section 4.1).
//!
//! Owns where each frame begins and ends; must not hold a byte of its payload. h2 judges payloads, states and windows;
//! what it leaves open is how many frames that carry nothing may come, and for that their heads are enough.

/// Follows one direction.
#[derive(Debug)]
pub(super) struct Frames {
    head: [u8; HEAD],
    /// Bytes of the next head that have come.
    have: usize,
    /// Bytes of the present payload that are still to come.
    left: usize,
    /// Bytes before the first frame that are still to come.
    ahead: usize,
}

/// The head of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) length: usize,
    pub(super) kind: Kind,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Priority,
    Reset,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// To be ignored (RFC 9113 section 5.5).
    Unknown,
}

impl Frames {
    /// Begins to follow what comes after the first `ahead` bytes.
    pub(super) const fn after(ahead: usize) -> Self {
        Self {
            head: [0; HEAD],
            have: 0,
            left: 0,
            ahead,
        }
    }

    /// Follows `bytes`, and tells of each frame that begins in them.
    pub(super) fn follow<E>(
        &mut self,
        mut bytes: &[u8],
        mut begins: impl FnMut(Frame) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            let skipped = (self.ahead + self.left).min(bytes.len());
            if skipped > 0 {
                // Never both: the bytes ahead come before every frame.
                let ahead = self.ahead.min(skipped);
                self.ahead -= ahead;
                self.left -= skipped - ahead;
                bytes = &bytes[skipped..];
                continue;
            }
            let wanted = (HEAD - self.have).min(bytes.len());
            self.head[self.have..self.have + wanted].copy_from_slice(&bytes[..wanted]);
            self.have += wanted;
            bytes = &bytes[wanted..];
            if self.have == HEAD {
                let frame = Frame::read(self.head);
                self.have = 0;
                self.left = frame.length;
                begins(frame)?;
            }
        }
        Ok(())
    }

    /// Whether a payload has begun and not ended.
    pub(super) const fn is_within(&self) -> bool {
        self.left > 0
    }

    /// Whether a whole frame has just ended, or none has begun.
    pub(super) const fn is_between(&self) -> bool {
        self.ahead == 0 && self.left == 0 && self.have == 0
    }
}

impl Frame {
    const fn read(head: [u8; HEAD]) -> Self {
        let [l2, l1, l0, kind, flags, s3, s2, s1, s0] = head;
        Self {
            length: u32::from_be_bytes([0, l2, l1, l0]) as usize,
            kind: Kind::read(kind),
            flags,
            // The first bit is reserved and means nothing.
            stream: u32::from_be_bytes([s3 & 0x7f, s2, s1, s0]),
        }
    }

    /// Whether the sender has nothing more to say on the stream.
    pub(super) const fn ends_stream(&self) -> bool {
        matches!(self.kind, Kind::Data | Kind::Headers) && self.flags & 0x1 != 0
    }

    /// Whether no `CONTINUATION` follows.
    pub(super) const fn ends_head(&self) -> bool {
        self.flags & 0x4 != 0
    }

    /// Whether it acknowledges a frame of the other side.
    pub(super) const fn is_ack(&self) -> bool {
        matches!(self.kind, Kind::Settings | Kind::Ping) && self.flags & 0x1 != 0
    }

    /// Whether its length is one that its kind may have (RFC 9113 section 6).
    pub(super) const fn fits(&self) -> bool {
        match self.kind {
            Kind::Priority => self.length == 5,
            Kind::Reset | Kind::WindowUpdate => self.length == 4,
            Kind::Settings if self.is_ack() => self.length == 0,
            Kind::Settings => self.length.is_multiple_of(6),
            Kind::Ping => self.length == 8,
            Kind::GoAway => self.length >= 8,
            Kind::Data | Kind::Headers | Kind::PushPromise | Kind::Continuation | Kind::Unknown => {
                true
            }
        }
    }
}

impl Kind {
    const fn read(byte: u8) -> Self {
        match byte {
            0 => Self::Data,
            1 => Self::Headers,
            2 => Self::Priority,
            3 => Self::Reset,
            4 => Self::Settings,
            5 => Self::PushPromise,
            6 => Self::Ping,
            7 => Self::GoAway,
            8 => Self::WindowUpdate,
            9 => Self::Continuation,
            _ => Self::Unknown,
        }
    }
}

/// Bytes of a frame before its payload.
const HEAD: usize = 9;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn frame(length: u8, kind: u8, flags: u8, stream: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, length, kind, flags, 0x80, 0, 0, stream];
        bytes.extend(vec![0xaa; length.into()]);
        bytes
    }

    #[test]
    fn frames_are_found_however_they_are_split() {
        let all = [
            b"PREFACE".to_vec(),
            frame(6, 4, 0, 0),
            frame(0, 4, 1, 0),
            frame(20, 1, 5, 3),
            frame(200, 0, 1, 3),
            frame(3, 99, 0xff, 0),
        ]
        .concat();
        let kinds = [
            (Kind::Settings, 6, 0),
            (Kind::Settings, 0, 0),
            (Kind::Headers, 20, 3),
            (Kind::Data, 200, 3),
            (Kind::Unknown, 3, 0),
        ];
        for size in 1..=all.len() {
            let mut frames = Frames::after(7);
            let mut seen = Vec::new();
            for piece in all.chunks(size) {
                let _ = frames.follow(piece, |frame| {
                    seen.push((frame.kind, frame.length, frame.stream));
                    Ok::<_, Infallible>(())
                });
            }
            assert_eq!(seen, kinds, "pieces of {size}");
            assert!(frames.is_between());
        }
    }

    #[test]
    fn lengths_are_judged_by_kind() {
        let fits = |length, kind, flags| {
            Frame::read(frame(length, kind, flags, 0)[..9].try_into().unwrap()).fits()
        };
        for (length, kind, flags, expected) in [
            (5, 2, 0, true),
            (4, 2, 0, false),
            (4, 3, 0, true),
            (5, 3, 0, false),
            (12, 4, 0, true),
            (7, 4, 0, false),
            (0, 4, 1, true),
            (6, 4, 1, false),
            (8, 6, 0, true),
            (7, 6, 1, false),
            (7, 7, 0, false),
            (30, 7, 0, true),
            (4, 8, 0, true),
            (3, 8, 0, false),
            (0, 0, 0, true),
        ] {
            assert_eq!(fits(length, kind, flags), expected, "{kind} of {length}");
        }
    }
}

//! What the guard of an HTTP/2 connection knows, and tells those who look after the connection.

use std::{
    cell::{Cell, RefCell},
    io::IoSlice,
};

use super::{
    budget::{Budget, Spent},
    frames::{Frame, Frames, Kind},
    limits::TURN_BYTES,
    preface::PREFACE,
};
use crate::proxy::clock::Tick;

/// See the module.
#[derive(Debug)]
pub(super) struct Wire {
    came: RefCell<Came>,
    went: RefCell<Frames>,
    /// Whether the client took bytes since somebody asked.
    written: Cell<bool>,
    /// Whether the client will send no more.
    ended: Cell<bool>,
    /// Bytes read since the task had its last turn.
    turn: Cell<usize>,
    broken: Cell<Option<Broken>>,
}

/// What has come from the client.
#[derive(Debug)]
struct Came {
    frames: Frames,
    budget: Budget,
    /// Whether the last frame was a part of a head, and whether another part has to follow.
    head: Head,
    last_stream: u32,
    streams: u64,
    /// Whether the client has said how it wants to be spoken to, which is its first word.
    greeted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// The last frame was none.
    None,
    /// It was the last part of one.
    Last,
    /// It was a part of one, and not the last.
    Part,
}

/// Why the connection is broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The first frame is no `SETTINGS` (RFC 9113 section 3.4), of which h2 takes no notice.
    Greeting,
    /// A frame has a length that its kind cannot have.
    FrameSize,
    /// Too many frames that carry nothing.
    Spent(Spent),
}

impl Wire {
    pub(super) const fn new() -> Self {
        Self {
            came: RefCell::new(Came {
                frames: Frames::after(PREFACE.len()),
                budget: Budget::new(),
                head: Head::None,
                last_stream: 0,
                streams: 0,
                greeted: false,
            }),
            went: RefCell::new(Frames::after(0)),
            written: Cell::new(false),
            ended: Cell::new(false),
            turn: Cell::new(0),
            broken: Cell::new(None),
        }
    }

    /// Judges bytes that have come; after what it breaks off, it wants no more.
    pub(super) fn judge(&self, bytes: &[u8], now: Tick) -> Result<(), Broken> {
        if bytes.is_empty() {
            self.ended.set(true);
        }
        self.turn.set(self.turn.get() + bytes.len());
        let Came {
            frames,
            budget,
            head,
            last_stream,
            streams,
            greeted,
        } = &mut *self.came.borrow_mut();
        let judged = frames.follow(bytes, |frame| {
            if !frame.fits() {
                return Err(Broken::FrameSize);
            }
            let greets = frame.kind == Kind::Settings && !frame.is_ack();
            if !std::mem::replace(greeted, true) && !greets {
                return Err(Broken::Greeting);
            }
            *head = Head::of(&frame);
            if frame.kind == Kind::Headers && frame.stream > *last_stream {
                *last_stream = frame.stream;
                *streams += 1;
            }
            budget.came(&frame, now).map_err(Broken::Spent)
        });
        judged.inspect_err(|broken| self.broken.set(Some(*broken)))
    }

    /// Why the connection was broken off here, if it was.
    pub(super) const fn broken(&self) -> Option<Broken> {
        self.broken.get()
    }

    /// Notes that the first `length` bytes of these were taken.
    pub(super) fn wrote(&self, slices: &[IoSlice<'_>], length: usize) {
        self.written.set(self.written.get() || length > 0);
        let mut left = length;
        let mut went = self.went.borrow_mut();
        let budget = &mut self.came.borrow_mut().budget;
        for slice in slices {
            let here = left.min(slice.len());
            left -= here;
            let _ = went.follow(&slice[..here], |frame| {
                budget.went(&frame);
                Ok::<_, std::convert::Infallible>(())
            });
        }
    }

    /// Whether what was written ends with a whole frame.
    pub(super) fn is_between_frames(&self) -> bool {
        self.went.borrow().is_between()
    }

    /// The last stream that the client began.
    pub(super) fn last_stream(&self) -> u32 {
        self.came.borrow().last_stream
    }

    /// How many it began.
    pub(super) fn streams(&self) -> u64 {
        self.came.borrow().streams
    }

    /// Whether a head has begun and not ended.
    pub(super) fn is_reading_head(&self) -> bool {
        let came = self.came.borrow();
        match came.head {
            Head::None => false,
            Head::Last => came.frames.is_within(),
            Head::Part => true,
        }
    }

    /// Whether the client has taken bytes since this was asked last.
    pub(super) const fn take_written(&self) -> bool {
        self.written.replace(false)
    }

    /// Whether the client has said that it will send no more.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// The task has its turn.
    pub(super) fn begins_turn(&self) {
        self.turn.set(0);
    }

    /// Whether it is the others' turn.
    pub(super) const fn is_turn_over(&self) -> bool {
        self.turn.get() >= TURN_BYTES
    }
}

impl Head {
    const fn of(frame: &Frame) -> Self {
        match frame.kind {
            Kind::Headers | Kind::Continuation if frame.ends_head() => Self::Last,
            Kind::Headers | Kind::Continuation => Self::Part,
            Kind::Data
            | Kind::Priority
            | Kind::Reset
            | Kind::Settings
            | Kind::PushPromise
            | Kind::Ping
            | Kind::GoAway
            | Kind::WindowUpdate
            | Kind::Unknown => Self::None,
        }
    }
}

impl Broken {
    /// The error code that the client is told (RFC 9113 section 7).
    pub(super) const fn code(self) -> h2::Reason {
        match self {
            Self::Greeting => h2::Reason::PROTOCOL_ERROR,
            Self::FrameSize => h2::Reason::FRAME_SIZE_ERROR,
            Self::Spent(_) => h2::Reason::ENHANCE_YOUR_CALM,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: u8, kind: u8, flags: u8, stream: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, length, kind, flags, 0, 0, 0, stream];
        bytes.extend(vec![0; length.into()]);
        bytes
    }

    #[test]
    fn a_head_is_being_read_from_its_first_byte_to_its_last() {
        let wire = Wire::new();
        wire.judge(PREFACE, Tick::ZERO).unwrap();
        assert!(!wire.is_reading_head());
        wire.judge(&frame(0, 4, 0, 0), Tick::ZERO).unwrap();
        let head = frame(10, 1, 0, 1);
        wire.judge(&head[..12], Tick::ZERO).unwrap();
        assert!(wire.is_reading_head());
        wire.judge(&head[12..], Tick::ZERO).unwrap();
        assert!(wire.is_reading_head(), "its end has not come");
        let end = frame(3, 9, 4, 1);
        wire.judge(&end[..10], Tick::ZERO).unwrap();
        assert!(wire.is_reading_head());
        wire.judge(&end[10..], Tick::ZERO).unwrap();
        assert!(!wire.is_reading_head());
        assert_eq!((wire.streams(), wire.last_stream()), (1, 1));
        wire.judge(&frame(3, 1, 5, 1), Tick::ZERO).unwrap();
        assert_eq!(wire.streams(), 1, "trailers begin no stream");
    }

    #[test]
    fn what_was_written_is_followed_through_slices() {
        let wire = Wire::new();
        let data = frame(10, 0, 1, 1);
        let slices = [IoSlice::new(&data[..9]), IoSlice::new(&data[9..])];
        wire.wrote(&slices, 12);
        assert!(!wire.is_between_frames());
        wire.wrote(&[IoSlice::new(&data[12..])], 7);
        assert!(wire.is_between_frames());
        assert!(wire.take_written());
        assert!(!wire.take_written());
    }
}

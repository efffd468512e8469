//! The body of a client's request, read by whoever wants it.
//!
//! Owns nothing but the way to the connection, and lets go of that as soon as the body has ended: by then another request
//! may be read.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{broken::Broken, intake::Intake};

/// See the module.
#[derive(Debug)]
pub(crate) struct ClientBody {
    intake: Option<Rc<RefCell<Intake>>>,
}

impl ClientBody {
    /// The body that `intake` is about to read.
    pub(super) fn new(intake: &Rc<RefCell<Intake>>) -> Self {
        Self {
            intake: Some(Rc::clone(intake)),
        }
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        let Some(intake) = &this.intake else {
            return Poll::Ready(None);
        };
        let mut reading = intake.borrow_mut();
        let polled = reading.poll_frame(cx);
        let is_read = reading.is_read();
        drop(reading);
        if is_read {
            this.intake = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.intake.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.intake {
            Some(intake) => intake.borrow().size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl Drop for ClientBody {
    fn drop(&mut self) {
        if let Some(intake) = &self.intake {
            intake.borrow_mut().body_is_dropped();
        }
    }
}

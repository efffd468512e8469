//! The one place where the control plane reads the time of day; `core` is told.

use std::time::{Instant, SystemTime};

use crate::core::time::Now;

/// The present moment on both clocks.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the edge that core is told the time by"
)]
pub(super) fn now() -> Now {
    Now {
        instant: Instant::now(),
        wall: SystemTime::now().into(),
    }
}

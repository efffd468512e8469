//! Work that makes much and leaves little, done by a thread that ends after it.
//!
//! Owns giving memory back. The allocator does that for a thread when it makes or frees something a while later, or ends;
//! what reading a large file has left behind stays for as long as whoever has read it does nothing else.

use std::{io, thread, time::Duration};

use tokio::sync::oneshot;

/// Does `work` on a thread of its own.
///
/// # Errors
/// The system refuses a thread, or the work panics.
pub async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    begin(work)?.await.map_err(|_| panicked())
}

/// The same for who is no task and may be kept waiting.
///
/// # Errors
/// See [`apart`].
pub fn wait_apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    begin(work)?.blocking_recv().map_err(|_| panicked())
}

fn begin<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (done, is_done) = oneshot::channel();
    let run = move || {
        // Whoever has waited for it may be gone.
        let _ = done.send(work());
        thread::sleep(LINGER);
    };
    thread::Builder::new().name("apart".to_owned()).spawn(run)?;
    Ok(is_done)
}

fn panicked() -> io::Error {
    io::Error::other("the thread ended unexpectedly")
}

/// How long the thread lasts after its work: longer than what it freed is kept for it to use again.
const LINGER: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_done_comes_back_and_a_panic_is_an_error() {
        let name = || thread::current().name().map(str::to_owned);
        assert_eq!(apart(name).await.unwrap().as_deref(), Some("apart"));
        assert!(apart(|| panic!("on purpose")).await.is_err());
    }

    #[test]
    fn who_is_no_task_can_wait_for_it() {
        assert_eq!(wait_apart(|| 5).unwrap(), 5);
    }
}

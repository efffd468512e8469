//! Waiting until whoever writes a file has finished.
//!
//! Owns the wait alone. What is still unfinished after it is judged as it is, told, and read again at its next change.

use std::time::Duration;

use tokio::time::sleep;

/// What `read` finds when it finds the same twice in a row, unless that is known.
pub(super) async fn settled<T: PartialEq, F: Future<Output = T>>(
    mut read: impl FnMut() -> F,
    is_known: impl Fn(&T) -> bool,
) -> Option<T> {
    let mut found = read().await;
    for _ in 0..SETTLE_TRIES {
        if is_known(&found) {
            return None;
        }
        sleep(SETTLE).await;
        let again = read().await;
        if again == found {
            break;
        }
        found = again;
    }
    (!is_known(&found)).then_some(found)
}

/// How long a content must stay the same before it is read.
const SETTLE: Duration = Duration::from_millis(30);
/// How often that is tried.
const SETTLE_TRIES: usize = 20;

//! The `Date` of an answer that has none (RFC 9110 section 6.6.1).

use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

thread_local! {
    /// The second that was written last, and how.
    static WRITTEN: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

/// Writes the present date.
pub(super) fn write(text: &mut Vec<u8>) {
    let now = now();
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    WRITTEN.with_borrow_mut(|(of, written)| {
        if *of != second || written.is_empty() {
            *written = httpdate::fmt_http_date(now);
            *of = second;
        }
        text.extend_from_slice(written.as_bytes());
    });
}

#[expect(
    clippy::disallowed_methods,
    reason = "the date is one of the wall clock, and asked for only where an endpoint has none"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_of_now() {
        let before = UNIX_EPOCH
            + (now().duration_since(UNIX_EPOCH).unwrap() - std::time::Duration::from_secs(1));
        let mut text = Vec::new();
        write(&mut text);
        write(&mut text);
        let (first, second) = text.split_at(text.len() / 2);
        for written in [first, second] {
            let read = httpdate::parse_http_date(std::str::from_utf8(written).unwrap()).unwrap();
            assert!(before <= read && read <= now(), "{read:?}");
        }
    }
}

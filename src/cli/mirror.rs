//! How a standby answers copies of live requests, in a sentence.

use std::time::Duration;

use crate::core::view::MirrorView;

/// One line.
pub(super) fn sentence(it: &MirrorView) -> String {
    let mut text = format!(
        "{} has answered {} of {} copies as the live pool did",
        it.colour, it.same, it.compared
    );
    let others = [
        (it.status_differs, "with another status"),
        (it.type_differs, "of another type"),
        (it.length_differs, "of another length"),
        (it.unanswered, "not at all"),
        (it.dropped, "not sent"),
    ];
    for (count, what) in others.iter().filter(|(count, _)| *count > 0) {
        text += &format!(", {count} {what}");
    }
    if it.compared > 0 {
        let time = |us| humantime::format_duration(Duration::from_micros(us));
        let (copy, live) = (time(it.copy_mean_us), time(it.live_mean_us));
        text += &format!("; in {copy} on average, the live pool in {live}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::Colour;

    #[test]
    fn only_what_has_happened_is_told() {
        let none = MirrorView {
            colour: Colour::Green,
            compared: 0,
            same: 0,
            status_differs: 0,
            type_differs: 0,
            length_differs: 0,
            unanswered: 0,
            without_live: 0,
            dropped: 0,
            live_mean_us: 0,
            copy_mean_us: 0,
        };
        assert_eq!(
            sentence(&none),
            "green has answered 0 of 0 copies as the live pool did"
        );
        let some = MirrorView {
            compared: 960,
            same: 953,
            status_differs: 7,
            dropped: 39,
            live_mean_us: 1840,
            copy_mean_us: 1910,
            ..none
        };
        assert_eq!(
            sentence(&some),
            "green has answered 953 of 960 copies as the live pool did, 7 with another status, 39 not sent; \
             in 1ms 910us on average, the live pool in 1ms 840us"
        );
    }
}

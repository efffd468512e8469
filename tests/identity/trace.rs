//! A sound trace is passed on as it came, one that is not sound is not, and a new one begins where the file says so.

use crate::asked::{Asked, UNTRUSTED, seen};

const SOUND: &str = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const STATE: &str = "tracestate: a=1,b=2";

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_trace_passes_and_is_logged() {
    let asked = Asked::start("", "").await;
    let answer = asked.ask(&[SOUND, STATE, "tracestate: c=3"]).await;
    assert_eq!(seen(&answer, "traceparent"), [&SOUND[13..]]);
    assert_eq!(seen(&answer, "tracestate"), ["a=1,b=2", "c=3"]);
    let log = asked.site.access_log(1).await;
    assert_eq!(log[0]["trace_id"], ID);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_is_not_sound_is_removed_with_its_state() {
    let asked = Asked::start("", "").await;
    for fields in [
        &[STATE][..],
        &["traceparent: 00-0-0-01", STATE],
        &["traceparent:", STATE],
        &[SOUND, SOUND, STATE],
        &[
            "traceparent: ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            STATE,
        ],
        &[
            "traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            STATE,
        ],
        &[
            "traceparent: 00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            STATE,
        ],
        &[
            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            STATE,
        ],
    ] {
        let answer = asked.ask(fields).await;
        assert_eq!(seen(&answer, "traceparent"), [""; 0], "{fields:?}");
        assert_eq!(seen(&answer, "tracestate"), [""; 0], "{fields:?}");
    }
    let log = asked.site.access_log(8).await;
    assert!(log.iter().all(|line| line["trace_id"].is_null()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_unless_the_file_says_so() {
    let asked = Asked::start("", "").await;
    assert_eq!(seen(&asked.ask(&[]).await, "traceparent"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_trace_begins_where_none_came_that_is_believed() {
    let asked = Asked::start("trace = \"create\"", "").await;
    let answer = asked.ask(&[SOUND, STATE]).await;
    assert_eq!(seen(&answer, "traceparent"), [&SOUND[13..]]);
    assert_eq!(seen(&answer, "tracestate"), ["a=1,b=2"]);
    let mut ids = vec![ID.to_owned()];
    for fields in [
        &[][..],
        &[STATE],
        &["traceparent: junk", STATE],
        &[SOUND, SOUND],
    ] {
        let answer = asked.ask(fields).await;
        let made = seen(&answer, "traceparent");
        assert_eq!((made.len(), made[0].len()), (1, 55), "{fields:?}");
        assert!(
            made[0].starts_with("00-") && made[0].ends_with("-01"),
            "{made:?}"
        );
        assert_eq!(seen(&answer, "tracestate"), [""; 0], "{fields:?}");
        ids.push(made[0][3..35].to_owned());
    }
    let log = asked.site.access_log(5).await;
    let logged: Vec<_> = log
        .iter()
        .map(|line| line["trace_id"].as_str().unwrap())
        .collect();
    assert_eq!(logged, ids);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_an_untrusted_peer_is_replaced() {
    let asked = Asked::start(&format!("{UNTRUSTED}\ntrace = \"create\""), "").await;
    let answer = asked.ask(&[SOUND, STATE]).await;
    let made = seen(&answer, "traceparent");
    assert!(made.len() == 1 && !made[0].contains(ID), "{made:?}");
    assert_eq!(seen(&answer, "tracestate"), [""; 0]);
    assert_eq!(
        asked.site.access_log(1).await[0]["trace_id"],
        made[0][3..35]
    );
}

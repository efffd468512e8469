//! What is told of services, for the tests of what is shown of them.

use crate::{
    admin::{
        rig,
        wire::{Pulse, ServicePulse},
    },
    cli::{
        feed::Fed,
        sight::{Link, Sight},
    },
    core::{
        ids::{ByColour, Colour, ServiceName},
        time::Timestamp,
        view::ServiceView,
    },
    telemetry::traffic::Traffic,
};

/// A minute and a half after the receipt of the rig.
pub(in crate::cli) const NOW: Timestamp = Timestamp::from_millis(1_700_000_090_000);

/// The service of the rig under another name.
pub(in crate::cli) fn service(name: &str) -> ServiceView {
    ServiceView {
        service: ServiceName::new(name),
        ..rig::view()
    }
}

/// A pulse with these services: each has answered so many requests in green, every tenth of them with an error.
pub(in crate::cli) fn pulse(
    services: impl IntoIterator<Item = ServiceView>,
    requests: u64,
) -> Box<Pulse> {
    let with_traffic = |view| ServicePulse {
        view,
        traffic: ByColour {
            blue: Traffic::default(),
            green: traffic(requests),
        },
    };
    Box::new(Pulse {
        services: services.into_iter().map(with_traffic).collect(),
        removed: Vec::new(),
    })
}

/// All but one of a hundred within a millisecond, the last within 25.
fn traffic(requests: u64) -> Traffic {
    let mut durations = vec![0; 19];
    let slow = requests / 50;
    durations[2] = requests - slow;
    durations[6] = slow;
    Traffic {
        requests,
        errors: requests / 10,
        durations,
    }
}

fn seconds(seconds: u64) -> Timestamp {
    NOW.plus(std::time::Duration::from_secs(seconds))
}

#[test]
fn rates_are_of_the_last_seconds_and_silence_counts() {
    let shop = ServiceName::new("shop");
    let mut sight = Sight::default();
    sight.take_in(Fed::Pulse(pulse([service("shop")], 1000)), NOW);
    assert_eq!(sight.rates(&shop), None, "one pulse is no rate");
    sight.take_in(Fed::Pulse(pulse([service("shop")], 1100)), seconds(1));
    let rate = sight.rates(&shop).unwrap()[Colour::Green];
    assert_eq!((rate.requests, rate.errors), (100.0, 10.0));
    assert_eq!(rate.p99_us, Some(25_000));
    for second in 2..=4 {
        let is_news = sight.take_in(Fed::Pulse(pulse([], 0)), seconds(second));
        assert!(!is_news, "nothing was told");
    }
    assert_eq!(sight.rates(&shop).unwrap()[Colour::Green].requests, 25.0);
    for second in 5..=9 {
        sight.take_in(Fed::Pulse(pulse([], 0)), seconds(second));
    }
    assert_eq!(sight.rates(&shop).unwrap()[Colour::Green].requests, 0.0);
    assert_eq!(sight.rates(&shop).unwrap()[Colour::Blue].p99_us, None);
}

#[test]
fn what_is_stale_is_so_since_it_was_lost_first() {
    let mut sight = Sight::default();
    sight.take_in(Fed::Pulse(pulse([service("shop"), service("api")], 5)), NOW);
    for second in 1..4 {
        sight.take_in(Fed::Lost("refused".to_owned()), seconds(second));
    }
    let since = seconds(1);
    let why = "refused".to_owned();
    assert_eq!(*sight.link(), Link::Lost { since, why });
    assert_eq!(sight.views().count(), 2, "the last that was known");
    sight.take_in(Fed::Pulse(pulse([service("api")], 0)), seconds(6));
    assert_eq!((sight.views().count(), sight.link()), (1, &Link::Up));
    assert_eq!(
        sight.rates(&ServiceName::new("api")),
        None,
        "counters began anew"
    );
}

//! The bounds of a listener: what the file says of them, and what two of them mean for each other.

use std::num::{NonZeroU64, NonZeroUsize};

use crate::config::{
    BodyRate, Http2, ListenerLimits, Upgrades,
    judge::Judge,
    limits::BODY_RATE_GRACE,
    raw::RawListener,
    tree::{Field, Given},
    value::flag::Flag,
};

/// The bounds of the listener `name`.
pub(super) fn limits(name: &str, raw: &RawListener, judge: &mut Judge<'_>) -> ListenerLimits {
    let default = ListenerLimits::default();
    let limits = ListenerLimits {
        header_read_timeout: given(&raw.header_read_timeout)
            .map_or(default.header_read_timeout, |it| it.0),
        keep_alive: given(&raw.keep_alive).map_or(default.keep_alive, |it| it.0),
        max_connections: given(&raw.max_connections)
            .map_or(default.max_connections, |it| it.0 as usize),
        max_connections_per_client: given(&raw.max_connections_per_client)
            .and_then(|it| NonZeroUsize::new(it.0 as usize)),
        max_requests_per_connection: given(&raw.max_requests_per_connection)
            .and_then(|it| NonZeroU64::new(u64::from(it.0))),
        max_header_count: given(&raw.max_header_count)
            .map_or(default.max_header_count, |it| it.0 as usize),
        max_header_size: given(&raw.max_header_size).map_or(default.max_header_size, |it| it.0),
        min_body_rate: min_body_rate(name, raw, judge),
        upgrades: given(&raw.upgrades).map_or(default.upgrades, |list| {
            Upgrades::new(list.items.iter().map(|it| it.value.0.clone()))
        }),
        http2: match given(&raw.http2) {
            Some(Flag(true)) => Http2::Spoken,
            Some(Flag(false)) => Http2::Refused,
            None => default.http2,
        },
    };
    never_reached(name, raw, &limits, judge);
    limits
}

fn min_body_rate(name: &str, raw: &RawListener, judge: &mut Judge<'_>) -> Option<BodyRate> {
    let bytes = given(&raw.min_body_rate).and_then(|it| NonZeroUsize::new(it.0));
    if let (None, Some(grace)) = (bytes, raw.body_rate_grace.given())
        && grace.value.0 != BODY_RATE_GRACE
        && !matches!(raw.min_body_rate, Field::Bad)
    {
        judge.warn(
            grace.at,
            format!("`body_rate_grace` of listener `{name}` means nothing without `min_body_rate`"),
            "add it, such as `min_body_rate = \"256B\"`, or remove this",
        );
    }
    Some(BodyRate {
        bytes: bytes?,
        grace: given(&raw.body_rate_grace).map_or(BODY_RATE_GRACE, |it| it.0),
    })
}

/// A bound that another one keeps from being reached is a slip.
fn never_reached(name: &str, raw: &RawListener, limits: &ListenerLimits, judge: &mut Judge<'_>) {
    let Some(Given { at, value }) = raw.max_connections_per_client.given() else {
        return;
    };
    if value.0 as usize > limits.max_connections {
        let (client, all) = (value.0, limits.max_connections);
        judge.warn(
            *at,
            format!(
                "`max_connections_per_client` of listener `{name}` is `{client}`, more than the \
                 `{all}` connections that it takes at all"
            ),
            "lower it, or raise `max_connections`",
        );
    }
}

fn given<T>(field: &Field<T>) -> Option<&T> {
    field.given().map(|given| &given.value)
}

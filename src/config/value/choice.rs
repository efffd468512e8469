//! Keys that take one of a few words.

use crate::{
    config::{AccessLogFormat, ClientFrom, LogFormat, TracePolicy, text::Choice},
    core::{
        affinity::AffinityMode,
        ids::Colour,
        proxy_header::ProxyVersion,
        service::{AmbiguousPath, BalanceKind, ForwardedPolicy, OnAllUnhealthy, UpstreamProtocol},
    },
};

/// `kind` of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum RawProbeKind {
    Tcp,
    Http,
    Grpc,
}

impl Choice for RawProbeKind {
    const KIND: &'static str = "a kind of probe";
    const EXAMPLE: &'static str = "\"tcp\"";
    const ALL: &'static [(&'static str, Self)] = &[
        ("tcp", Self::Tcp),
        ("http", Self::Http),
        ("grpc", Self::Grpc),
    ];
}

impl Choice for Colour {
    const KIND: &'static str = "a colour";
    const EXAMPLE: &'static str = "\"blue\"";
    const ALL: &'static [(&'static str, Self)] = &[("blue", Self::Blue), ("green", Self::Green)];
}

impl Choice for BalanceKind {
    const KIND: &'static str = "a balancing policy";
    const EXAMPLE: &'static str = "\"least_in_flight\"";
    const ALL: &'static [(&'static str, Self)] = &[
        ("least_in_flight", Self::LeastInFlight),
        ("round_robin", Self::RoundRobin),
        ("p2c", Self::P2c),
    ];
}

impl Choice for UpstreamProtocol {
    const KIND: &'static str = "a protocol";
    const EXAMPLE: &'static str = "\"http1\"";
    const ALL: &'static [(&'static str, Self)] = &[
        ("http1", Self::Http1),
        ("h2", Self::Http2),
        ("auto", Self::Auto),
    ];
}

impl Choice for OnAllUnhealthy {
    const KIND: &'static str = "a way to go on";
    const EXAMPLE: &'static str = "\"try\"";
    const ALL: &'static [(&'static str, Self)] = &[("try", Self::Try), ("reject", Self::Reject)];
}

impl Choice for AmbiguousPath {
    const KIND: &'static str = "a way to treat ambiguous paths";
    const EXAMPLE: &'static str = "\"reject\"";
    const ALL: &'static [(&'static str, Self)] = &[
        ("reject", Self::Reject),
        ("normalise", Self::Normalise),
        ("forward", Self::Forward),
    ];
}

impl Choice for AffinityMode {
    const KIND: &'static str = "a mode of affinity";
    const EXAMPLE: &'static str = "\"finish\"";
    const ALL: &'static [(&'static str, Self)] =
        &[("finish", Self::Finish), ("shift", Self::Shift)];
}

impl Choice for ForwardedPolicy {
    const KIND: &'static str = "a policy for `Forwarded`";
    const EXAMPLE: &'static str = "\"off\"";
    const ALL: &'static [(&'static str, Self)] = &[("off", Self::Off), ("on", Self::On)];
}

impl Choice for ClientFrom {
    const KIND: &'static str = "a field that names clients";
    const EXAMPLE: &'static str = "\"x-forwarded-for\"";
    const ALL: &'static [(&'static str, Self)] = &[
        ("auto", Self::Auto),
        ("x-forwarded-for", Self::XForwardedFor),
        ("forwarded", Self::Forwarded),
    ];
}

impl Choice for ProxyVersion {
    const KIND: &'static str = "a version of the PROXY protocol";
    const EXAMPLE: &'static str = "\"v2\"";
    const ALL: &'static [(&'static str, Self)] = &[("v1", Self::V1), ("v2", Self::V2)];
}

impl Choice for TracePolicy {
    const KIND: &'static str = "a policy for traces";
    const EXAMPLE: &'static str = "\"pass\"";
    const ALL: &'static [(&'static str, Self)] = &[("pass", Self::Pass), ("create", Self::Create)];
}

impl Choice for AccessLogFormat {
    const KIND: &'static str = "a format of the access log";
    const EXAMPLE: &'static str = "\"json\"";
    const ALL: &'static [(&'static str, Self)] = &[("json", Self::Json), ("common", Self::Common)];
}

impl Choice for LogFormat {
    const KIND: &'static str = "a format of the log";
    const EXAMPLE: &'static str = "\"text\"";
    const ALL: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_has_a_word() {
        let words = [
            BalanceKind::LeastInFlight,
            BalanceKind::RoundRobin,
            BalanceKind::P2c,
        ]
        .map(Choice::word);
        assert_eq!(words, ["least_in_flight", "round_robin", "p2c"]);
    }
}

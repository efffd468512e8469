//! The table: what is measured, and what cutover is held to.
//!
//! A value is the median of all rounds; of all slices of all rounds, where it is latency at a fixed rate; and one such
//! median by another, where it is fairness.

use crate::{figures::Figures, peer::Peer};

/// A line of the table.
pub(crate) struct Row {
    pub(crate) title: &'static str,
    /// The figure it tells.
    pub(crate) figure: &'static str,
    pub(crate) unit: Unit,
    pub(crate) bounds: &'static [Bound],
}

/// How a value is told.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Micros,
    Millis,
    Bytes,
    Mebibytes,
    Times,
}

/// A target.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// At most so many times what another takes.
    Of(Peer, f64),
    /// At most this.
    Most(f64),
    /// At least this.
    Least(f64),
}

impl Bound {
    pub(crate) fn is_met(self, figures: &Figures, figure: &str) -> Option<bool> {
        match self {
            Self::Of(peer, most) => figures.ratio(figure, peer).map(|it| it <= most),
            Self::Most(most) => figures.median(figure, Peer::Cutover).map(|it| it <= most),
            Self::Least(least) => figures.median(figure, Peer::Cutover).map(|it| it >= least),
        }
    }

    /// `≤ 0.88 × HAProxy: 0.81`.
    pub(crate) fn text(self, figures: &Figures, row: &Row) -> String {
        match self {
            Self::Of(peer, most) => {
                let ratio = figures.ratio(row.figure, peer);
                let ratio =
                    ratio.map_or_else(|| "not measured".to_owned(), |it| format!("{it:.2}"));
                format!("≤ {most:.2} × {}: {ratio}", peer.title())
            }
            Self::Most(most) => format!("≤ {}", row.unit.text(most)),
            Self::Least(least) => format!("≥ {}", row.unit.text(least)),
        }
    }
}

impl Unit {
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::Micros if value < 10.0 => format!("{value:.2} µs"),
            Self::Micros if value < 100.0 => format!("{value:.1} µs"),
            Self::Micros => format!("{value:.0} µs"),
            Self::Millis => format!("{value:.1} ms"),
            Self::Bytes => format!("{:.2} KiB", value / 1024.0),
            Self::Mebibytes => format!("{:.1} MiB", value / f64::from(1 << 20)),
            Self::Times => format!("{value:.2} ×"),
        }
    }
}

const fn row(
    title: &'static str,
    figure: &'static str,
    unit: Unit,
    bounds: &'static [Bound],
) -> Row {
    Row {
        title,
        figure,
        unit,
        bounds,
    }
}

use {
    Bound::{Least, Most, Of},
    Peer::{Envoy, Haproxy, Nginx, Relay},
    Unit::{Bytes, Mebibytes, Micros, Millis, Times},
};

pub(crate) const ROWS: &[Row] = &[
    row(
        "small HTTP/1.1, kept alive, 64 connections",
        "h1.cpu",
        Micros,
        &[Of(Nginx, 1.0), Of(Haproxy, 0.88), Of(Relay, 1.1)],
    ),
    row(
        "the same, 1,000 connections",
        "h1-1000.cpu",
        Micros,
        &[Of(Nginx, 1.0)],
    ),
    row(
        "responses of 1 MiB",
        "download.cpu",
        Micros,
        &[Of(Nginx, 0.6), Of(Relay, 0.75)],
    ),
    row(
        "uploads of 1 MiB",
        "upload.cpu",
        Micros,
        &[Of(Nginx, 0.6), Of(Relay, 0.75)],
    ),
    row(
        "a new connection for each request",
        "connect.cpu",
        Micros,
        &[Of(Nginx, 1.0)],
    ),
    row(
        "HTTP/2 from clients, 16 connections × 16 streams",
        "h2.cpu",
        Micros,
        &[Of(Nginx, 0.9), Of(Envoy, 0.5)],
    ),
    row("TLS 1.3, kept alive", "tls.cpu", Micros, &[Of(Nginx, 1.0)]),
    row(
        "TLS 1.3, a full handshake for each request",
        "tls-full.cpu",
        Micros,
        &[Of(Nginx, 1.0)],
    ),
    row(
        "TLS 1.3, a resumed handshake for each request",
        "tls-resumed.cpu",
        Micros,
        &[Of(Nginx, 1.0)],
    ),
    row(
        "gRPC, HTTP/2 on both sides",
        "grpc.cpu",
        Micros,
        &[Of(Envoy, 0.6)],
    ),
    row(
        "latency at a fixed rate, p50",
        "open.p50",
        Micros,
        &[Of(Nginx, 1.0)],
    ),
    row("the same, p99", "open.p99", Micros, &[Of(Nginx, 1.0)]),
    row("the same, p99.9", "open.p999", Micros, &[Of(Nginx, 1.1)]),
    row(
        "p99 at half that rate, everybody alike",
        "fair.alone",
        Micros,
        &[],
    ),
    row(
        "the same beside a connection with bursts of 32 streams",
        "fair.heavy",
        Times,
        &[Most(1.1)],
    ),
    row(
        "the same beside 96 clients that are slow",
        "fair.slow",
        Times,
        &[Most(1.1)],
    ),
    row(
        "the same beside a download without end",
        "fair.huge",
        Times,
        &[Most(1.1)],
    ),
    row(
        "memory of an idle connection, HTTP/1.1",
        "idle.clear",
        Bytes,
        &[Most(8192.0)],
    ),
    row("the same, TLS", "idle.secure", Bytes, &[Of(Haproxy, 1.0)]),
    row(
        "the same, HTTP/2",
        "idle.streams",
        Bytes,
        &[Of(Haproxy, 1.0)],
    ),
    row(
        "barrier of a switch under full load, p99",
        "switch.barrier",
        Micros,
        &[Most(1000.0)],
    ),
    row(
        "p99 latency, second after ÷ before a switch",
        "switch.after",
        Times,
        &[Most(1.05)],
    ),
    row(
        "10,000 services × 2 pools × 4 endpoints ÷ one",
        "growth.services",
        Times,
        &[Most(1.05)],
    ),
    row(
        "1,000 endpoints in a pool ÷ two",
        "growth.endpoints",
        Times,
        &[Most(1.1)],
    ),
    row(
        "memory with 10,000 services",
        "growth.memory",
        Mebibytes,
        &[Most(104_857_600.0)],
    ),
    row(
        "a switch with 10,000 services, call to answer",
        "growth.switch",
        Millis,
        &[Most(5.0)],
    ),
    row(
        "a reload with 10,000 services, one line changed",
        "growth.reload",
        Millis,
        &[Most(200.0)],
    ),
    row(
        "CPU time for a request, two workers ÷ one, on one core",
        "workers.cpu",
        Times,
        &[Most(1.05)],
    ),
    row(
        "requests a second, two workers ÷ one, a core each",
        "workers.rate",
        Times,
        &[Least(1.9)],
    ),
    row("start to first answer", "start", Millis, &[Most(50.0)]),
    row(
        "binary, stripped",
        "size",
        Mebibytes,
        &[Most(15.0 * 1_048_576.0)],
    ),
];

/// Rows whose figure is CPU time for a request: those of the chart.
pub(crate) fn costs() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(|it| it.figure.ends_with(".cpu"))
}

//! The kinds of work whose cost is CPU time for a request.

use crate::{
    door::Door,
    load::{Handshakes, Load},
    stage::{Ports, Stage},
    streams::{self, Kind},
    wire::{BIG, SMALL, UPLOAD},
};

/// What proxies do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    Small,
    Many,
    Download,
    Upload,
    Connect,
    Streams,
    Secure,
    Handshake,
    Resumed,
    Calls,
}

impl Work {
    pub(crate) const ALL: [Self; 10] = [
        Self::Small,
        Self::Many,
        Self::Download,
        Self::Upload,
        Self::Connect,
        Self::Streams,
        Self::Secure,
        Self::Handshake,
        Self::Resumed,
        Self::Calls,
    ];

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Small => "h1",
            Self::Many => "h1-1000",
            Self::Download => "download",
            Self::Upload => "upload",
            Self::Connect => "connect",
            Self::Streams => "h2",
            Self::Secure => "tls",
            Self::Handshake => "tls-full",
            Self::Resumed => "tls-resumed",
            Self::Calls => "grpc",
        }
    }

    pub(crate) fn is_secure(self) -> bool {
        matches!(self, Self::Secure | Self::Handshake | Self::Resumed)
    }

    /// Clients that do it until they are dropped.
    pub(crate) fn load(self, stage: &Stage, ports: &Ports) -> Load {
        let clear = Door::Clear(ports.h1);
        let secure = || Door::Secure(ports.secure, stage.secure.full());
        let resuming = || Door::Secure(ports.secure, stage.secure.resuming());
        let load = Load::default();
        match self {
            Self::Small => load.kept(64, &clear, SMALL),
            Self::Many => load.kept(1_000, &clear, SMALL),
            Self::Download => load.kept(16, &clear, BIG),
            Self::Upload => load.kept(16, &clear, &UPLOAD),
            Self::Connect => load.fresh(64, || clear.clone(), Handshakes::Any),
            Self::Streams => streams::load(ports.h2, Kind::Plain, 16, 16),
            Self::Secure => load.kept(64, &secure(), SMALL),
            Self::Handshake => load.fresh(32, secure, Handshakes::Any),
            Self::Resumed => load.fresh(32, resuming, Handshakes::Resumed),
            Self::Calls => streams::load(ports.calls, Kind::Call, 16, 16),
        }
    }
}

//! What every call is given: the way to the controller, the metrics, the tokens, and by which door it came.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use arc_swap::ArcSwap;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    pulse::Pulses,
    tokens::{self, Tokens, TokensError},
};
use crate::{
    control::handle::ControlHandle,
    telemetry::{events::Events, metrics::Metrics},
};

/// What every call is given. Cloning it is cheap.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) handle: ControlHandle,
    pub(super) metrics: Arc<Metrics>,
    pub(super) events: Arc<Events>,
    pub(super) pulses: Arc<Pulses>,
    /// Seats for streams of events, of which each lasts.
    pub(super) streams: Arc<Semaphore>,
    /// The process is stopping: what lasts is to end.
    pub(super) closing: CancellationToken,
    pub(super) keys: Keys,
    pub(super) door: Door,
    /// What `/openapi.json` answers, once somebody has asked for it: to make it takes longer than all else at a start.
    pub(super) document: Arc<OnceLock<Arc<Value>>>,
}

/// By which door a call comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// A Unix socket: the file's mode says who may come in, and no browser can.
    Unix,
    /// A loopback address: every process of the machine, browsers that were led astray included.
    Loopback,
    /// An address that other machines reach.
    Reachable,
}

/// Who may come in.
#[derive(Clone, Debug)]
pub(super) enum Keys {
    /// Everybody who finds the door.
    Open,
    /// Whoever has a token of this file.
    Tokens(Arc<TokenFile>),
}

/// A token file, as it was when it was last read without an error.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    tokens: ArcSwap<Tokens>,
}

impl Keys {
    /// The tokens of `file`, or an open door.
    pub(super) fn new(file: Option<PathBuf>) -> Result<Self, TokensError> {
        let Some(path) = file else {
            return Ok(Self::Open);
        };
        let tokens = ArcSwap::from_pointee(read(&path)?);
        Ok(Self::Tokens(Arc::new(TokenFile { path, tokens })))
    }

    /// Reads the file again, without taking what is in it for good yet.
    pub(super) fn read(&self) -> Result<Reread<'_>, TokensError> {
        Ok(Reread(match self {
            Self::Open => None,
            Self::Tokens(file) => Some((file, read(&file.path)?)),
        }))
    }
}

impl TokenFile {
    /// The tokens that count now.
    pub(super) fn tokens(&self) -> Arc<Tokens> {
        self.tokens.load_full()
    }
}

/// Tokens that were read and do not count yet.
#[derive(Debug)]
pub(super) struct Reread<'a>(Option<(&'a TokenFile, Tokens)>);

impl Reread<'_> {
    /// From now on these count, and no others.
    pub(super) fn count(self) {
        if let Some((file, tokens)) = self.0 {
            file.tokens.store(Arc::new(tokens));
        }
    }
}

fn read(path: &std::path::Path) -> Result<Tokens, TokensError> {
    let tokens = tokens::read(path)?;
    if tokens.readable_by_all() {
        tracing::warn!(file = %path.display(), "token file was readable by every user");
    }
    Ok(tokens)
}

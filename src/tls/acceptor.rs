//! What a listener answers handshakes with.
//!
//! Owns the place where that is published: a handshake loads one pointer, without a lock, and keeps what it found to
//! its end. So new certificates act for new handshakes and for nobody else.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;

/// What a listener answers handshakes with; replaced while it is in use.
#[derive(Debug)]
pub struct Acceptor(ArcSwap<ServerConfig>);

impl Acceptor {
    /// One that begins with this.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self(ArcSwap::new(config))
    }

    /// What a handshake that begins now goes by.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConfig> {
        self.0.load_full()
    }

    /// Handshakes that begin from now on go by this.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        self.0.store(config);
    }
}

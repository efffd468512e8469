//! TLS: what listeners prove themselves with, and what they ask of their clients.
//!
//! Owns everything that touches keys; must not accept or connect, which is `proxy`'s, nor decide when a file is
//! read, which is `control`'s. rustls with aws-lc-rs does the cryptography, and no other provider is linked: two of
//! them in one binary would leave the choice to whoever asks first.

mod acceptor;

pub use acceptor::Acceptor;

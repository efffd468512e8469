//! TLS: what listeners prove themselves with, what they ask of their clients, and how endpoints are believed.
//!
//! Owns everything that touches keys; must not accept or connect, which is `proxy`'s, nor decide when a file is read,
//! which is `control`'s. rustls with aws-lc-rs does the cryptography, and no other provider is linked: two of them in
//! one binary would leave the choice to whoever asks first.
//!
//! Files become a [`Material`], whole or not at all; a [`Vault`] puts it to use in the [`Acceptor`]s of listeners and
//! the [`Connectors`] of pools, which handshakes load without a lock.

mod acceptor;
pub mod alpn;
mod authorities;
mod cause;
mod client;
mod clock;
mod connector;
mod fault;
mod file;
mod identity;
mod judged;
mod keyring;
mod material;
mod pair;
mod resolver;
mod seal;
mod server;
mod vault;
mod x509;

pub use acceptor::{Acceptor, ClientFields, Terms};
pub use cause::{cause, distrust};
pub use clock::unix_seconds;
pub use connector::{Connector, Connectors};
pub use fault::{Fault, Flaw, Role};
pub use file::Sum;
pub use identity::Identity;
pub use judged::Judged;
pub use material::{Material, Renewal};
pub use seal::Seals;
pub use vault::Vault;

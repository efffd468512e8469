//! Why the admin side does not start, or does not take new tokens.

use std::{io, net::SocketAddr, path::PathBuf};

use super::tokens::TokensError;

/// Why the admin side does not start, or does not take new tokens.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Anybody who can reach the address could switch production.
    #[error(
        "the admin address `{0}` can be reached from other machines; set `admin.token_file`, or listen on a loopback address or a unix socket"
    )]
    OpenToAll(SocketAddr),
    /// The tokens could not be read.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// The address is not to be had.
    #[error("the {what} address `{addr}` could not be bound")]
    Bind {
        /// `admin` or `metrics`.
        what: &'static str,
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The socket file is not to be had.
    #[error("the admin socket `{}` could not be bound", path.display())]
    BindUnix {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody answers on the socket file already.
    #[error("the admin socket `{}` is in use by another process; choose another path or stop it", .0.display())]
    InUse(PathBuf),
    /// Something that is no socket has that name.
    #[error("`{}` is there already and is no socket; choose another path for the admin socket", .0.display())]
    NotASocket(PathBuf),
}

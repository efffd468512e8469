//! Why a handshake failed.
//!
//! Owns the way from an error of the transport to what rustls says; what follows from it, each side knows itself.

use std::io;

use rustls::Error;

/// What rustls says of a failed handshake; `None` if the connection itself failed.
#[must_use]
pub fn cause(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// Why the peer's certificate was not believed, if that is what failed.
#[must_use]
pub fn distrust(error: &io::Error) -> Option<String> {
    let Error::InvalidCertificate(why) = cause(error)? else {
        return None;
    };
    Some(why.to_string())
}

//! Why a file of certificates or keys is of no use, in the words that `check`, `serve` and a reload all print.

use std::path::{Path, PathBuf};

use crate::config::error::{Places, Problem};

/// Why something that TLS needs is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A file is not what it should be.
    #[error("{role} `{}` {flaw}", .path.display())]
    File {
        /// What it is for.
        role: Role,
        /// Where it lies.
        path: PathBuf,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// Endpoints are to be believed by the authorities of this machine, and it has none.
    #[error("this machine has no authorities that endpoints could be believed by: {0}")]
    System(String),
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A certificate, followed by those that lead to its authority.
    Certificate,
    /// Its private key.
    Key,
    /// Certificates that others are believed by.
    Authorities,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::Key => "key",
            Self::Authorities => "authorities",
        })
    }
}

/// What is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The operating system's reason.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// A pipe or a folder.
    #[error("is no regular file")]
    NotAFile,
    /// Larger than any such file needs to be.
    #[error("is larger than {} bytes", super::file::FILE_LIMIT)]
    TooLarge,
    /// Not one section.
    #[error("has no certificate in PEM")]
    NoCertificate,
    /// No end of a section, or no base64 in it.
    #[error("has a damaged section in PEM")]
    BadPem,
    /// Not X.509.
    #[error("is not a certificate that can be read")]
    BadCertificate,
    /// Not one section.
    #[error("has no private key in PEM")]
    NoKey,
    /// By a passphrase.
    #[error("is encrypted")]
    Encrypted,
    /// Neither RSA nor ECDSA nor Ed25519.
    #[error("is of a kind that is not supported")]
    UnknownKey,
    /// The key is another certificate's.
    #[error("does not belong to certificate `{}`", .0.display())]
    Mismatch(PathBuf),
    /// rustls' reason.
    #[error("cannot be used: {0}")]
    Unusable(String),
}

impl Fault {
    pub(super) fn new(role: Role, path: &Path, flaw: Flaw) -> Self {
        Self::File {
            role,
            path: path.to_owned(),
            flaw,
        }
    }

    /// The same at the place where the file is named.
    #[must_use]
    pub fn into_problem(self, places: &Places) -> Problem {
        match &self {
            Self::File { role, path, flaw } => {
                places.problem(path, self.to_string(), flaw.suggestion(*role))
            }
            Self::System(_) => {
                let suggestion = "name a file of authorities as `ca` of `upstream_tls`";
                places.problem(Path::new(""), self.to_string(), suggestion)
            }
        }
    }
}

impl Flaw {
    const fn suggestion(&self, role: Role) -> &'static str {
        match (self, role) {
            (Self::Unreadable(_), _) => "see to the path and to its permissions",
            (Self::NotAFile, _) => "name one that is",
            (Self::TooLarge, _) => "keep in it what is needed, and no more",
            (Self::NoCertificate | Self::BadPem | Self::BadCertificate, Role::Authorities) => {
                "name a file of `BEGIN CERTIFICATE` sections, one for each authority"
            }
            (Self::NoCertificate | Self::BadPem | Self::BadCertificate, _) => {
                "name a file of `BEGIN CERTIFICATE` sections: the certificate, then those that lead to its authority"
            }
            (Self::NoKey | Self::UnknownKey, _) => {
                "name a file with an RSA, ECDSA or Ed25519 key in PKCS#8, PKCS#1 or SEC1"
            }
            (Self::Encrypted, _) => {
                "decrypt it, such as with `openssl pkey`, and protect the file instead"
            }
            (Self::Mismatch(_), _) => "name the key that the certificate was issued for",
            (Self::Unusable(_), _) => "have it issued anew",
        }
    }
}

//! What can be wrong with the spelling of a path.

/// Why a path could be read in more than one way, or in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguity {
    /// `%` without two hexadecimal digits.
    BrokenEscape,
    /// `%00`, where a path may end for a reader in C.
    Nul,
    /// A character that no path has, or no slash at the beginning.
    Character,
    /// An ASCII character in more bytes than it needs (RFC 3629 section 3).
    Overlong,
    /// `%2F`.
    EncodedSlash,
    /// `\` or `%5C`.
    Backslash,
    /// A dot segment with an escape in it, such as `%2e%2e`.
    EncodedDots,
    /// A dot segment with parameters, such as `..;x`.
    DotParameters,
    /// More `..` than there are segments before them.
    AboveRoot,
    /// Its readings lead to different services.
    Services,
}

impl Ambiguity {
    /// Constant words for the client and the access log.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::BrokenEscape => "ambiguous path: broken escape",
            Self::Nul => "ambiguous path: encoded nul",
            Self::Character => "ambiguous path: unexpected character",
            Self::Overlong => "ambiguous path: overlong encoding",
            Self::EncodedSlash => "ambiguous path: encoded slash",
            Self::Backslash => "ambiguous path: backslash",
            Self::EncodedDots => "ambiguous path: encoded dot segment",
            Self::DotParameters => "ambiguous path: dot segment with parameters",
            Self::AboveRoot => "ambiguous path: above the root",
            Self::Services => "ambiguous path: spelt for two services",
        }
    }

    /// Whether the path stands for no other one that could be sent in its place.
    pub(super) const fn is_beyond_repair(self) -> bool {
        match self {
            Self::BrokenEscape | Self::Nul | Self::Character | Self::Overlong => true,
            Self::EncodedSlash
            | Self::Backslash
            | Self::EncodedDots
            | Self::DotParameters
            | Self::AboveRoot
            | Self::Services => false,
        }
    }
}

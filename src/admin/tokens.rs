//! Bearer tokens: the file they are in, what each may do, and finding the one that was presented.
//!
//! Owns the only copies of what proves a caller's right, as SHA-256 digests; the tokens themselves are
//! forgotten as soon as the file is read. Must not say more of a token than its name, neither in an error nor in
//! `Debug`. Digests are compared instead of texts because they have one length, so that the time a comparison
//! takes says nothing, not even how long a token is.

use std::{
    fmt, fs,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// Every token of a file.
pub struct Tokens {
    tokens: Vec<Token>,
    readable_by_all: bool,
}

/// What the bearer of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    View,
    /// Look and change.
    Operate,
}

/// Why a token file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// It could not be read.
    #[error("the token file `{}` could not be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a folder, a pipe, or the like.
    #[error("`{}` is not a regular file; name one as `admin.token_file`", .0.display())]
    NotAFile(PathBuf),
    /// It is larger than any token file is.
    #[error("the token file `{}` has more than {FILE_LIMIT} bytes; is it the right file?", .0.display())]
    TooLarge(PathBuf),
    /// It names no token, so nobody could come in.
    #[error("the token file `{}` names no token; add a line `NAME operate TOKEN`", .0.display())]
    Empty(PathBuf),
    /// Some of its lines are wrong; all of them are here.
    #[error("{}", lines(path, faults))]
    Lines {
        /// The file.
        path: PathBuf,
        /// Line number and what is wrong with the line.
        faults: Vec<(usize, LineFault)>,
    },
}

impl TokensError {
    /// Everything that is wrong, a line each, with its cause.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Read { source, .. } => vec![format!("{self}: {source}")],
            Self::NotAFile(_) | Self::TooLarge(_) | Self::Empty(_) | Self::Lines { .. } => {
                self.to_string().lines().map(str::to_owned).collect()
            }
        }
    }
}

/// What is wrong with one line of a token file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// Not three words.
    #[error("a line has three words: `NAME ROLE TOKEN`")]
    Words,
    /// Not a name.
    #[error(
        "a token's name has at most {NAME_LIMIT} letters, digits, or any of `.`, `_`, `-` and `@`"
    )]
    Name,
    /// Not a role. The word is not repeated: it may be the token, if the words are in the wrong order.
    #[error("the role, the second word, is `view` or `operate`")]
    Role,
    /// Guessable.
    #[error(
        "the token is shorter than {TOKEN_MIN} characters; make one with `openssl rand -hex 32`"
    )]
    Short,
    /// Not to be sent in a header.
    #[error(
        "the token is longer than {TOKEN_MAX} characters or has some that no header can carry; make one with `openssl rand -hex 32`"
    )]
    Unsendable,
    /// Two lines say whose it is.
    #[error("the token is that of an earlier line, too; each needs one of its own")]
    Twice,
}

/// Reads a token file. `serve` and `check` both come here, so that they say the same.
///
/// # Errors
/// [`TokensError`] with every faulty line; never with a token.
pub fn read(path: &Path) -> Result<Tokens, TokensError> {
    let failed = |source| TokensError::Read {
        path: path.to_owned(),
        source,
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    // Opening a pipe would wait for a writer, and the controller's thread with it.
    if !metadata.is_file() {
        return Err(TokensError::NotAFile(path.to_owned()));
    }
    let mode = metadata.permissions().mode();
    let file = fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    file.take(FILE_LIMIT + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > FILE_LIMIT {
        return Err(TokensError::TooLarge(path.to_owned()));
    }
    let tokens = parse(&text).map_err(|faults| TokensError::Lines {
        path: path.to_owned(),
        faults,
    })?;
    if tokens.is_empty() {
        return Err(TokensError::Empty(path.to_owned()));
    }
    Ok(Tokens {
        tokens,
        readable_by_all: mode & READABLE_BY_ALL != 0,
    })
}

impl Tokens {
    /// Name and role of the token that was presented. Takes the same time whichever it is, if any.
    #[must_use]
    pub fn find(&self, presented: &[u8]) -> Option<(&str, Role)> {
        let digest = Sha256::digest(presented);
        let mut found = u32::MAX;
        for (index, token) in (0_u32..).zip(&self.tokens) {
            found.conditional_assign(&index, digest.as_slice().ct_eq(&token.digest));
        }
        let token = self.tokens.get(usize::try_from(found).ok()?)?;
        Some((&token.name, token.role))
    }

    /// Whether every user of the machine may read the file; worth a warning.
    #[must_use]
    pub const fn readable_by_all(&self) -> bool {
        self.readable_by_all
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.tokens.iter().map(|token| (&token.name, token.role));
        f.debug_map().entries(names).finish()
    }
}

struct Token {
    name: String,
    role: Role,
    digest: [u8; 32],
}

fn parse(text: &str) -> Result<Vec<Token>, Vec<(usize, LineFault)>> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match token(line) {
            Ok(token) if tokens.iter().any(|it| it.digest == token.digest) => {
                faults.push((number, LineFault::Twice));
            }
            Ok(token) => tokens.push(token),
            Err(fault) => faults.push((number, fault)),
        }
    }
    if faults.is_empty() {
        Ok(tokens)
    } else {
        Err(faults)
    }
}

fn token(line: &str) -> Result<Token, LineFault> {
    let mut words = line.split_ascii_whitespace();
    let (Some(name), Some(role), Some(token), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(LineFault::Words);
    };
    let in_name = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    if name.len() > NAME_LIMIT || !name.chars().all(in_name) {
        return Err(LineFault::Name);
    }
    let role = match role {
        "view" => Role::View,
        "operate" => Role::Operate,
        _ => return Err(LineFault::Role),
    };
    if token.len() < TOKEN_MIN {
        return Err(LineFault::Short);
    }
    if token.len() > TOKEN_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(LineFault::Unsendable);
    }
    Ok(Token {
        name: name.to_owned(),
        role,
        digest: Sha256::digest(token).into(),
    })
}

fn lines(path: &Path, faults: &[(usize, LineFault)]) -> String {
    let line =
        |(number, fault): &(usize, LineFault)| format!("{}:{number}: {fault}", path.display());
    faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Bytes of a token file.
const FILE_LIMIT: u64 = 64 * 1024;
/// Characters of a token's name.
const NAME_LIMIT: usize = 64;
/// Characters of a token: 64 bits if they are hexadecimal digits.
const TOKEN_MIN: usize = 16;
/// Characters of a token; it travels in a header.
const TOKEN_MAX: usize = 512;
/// The read bit for others.
const READABLE_BY_ALL: u32 = 0o004;

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# who may do what\n\
        \n\
        alice operate 0123456789abcdef-alice\n  \
        grafana  view\t0123456789abcdef-grafana\n";

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn a_token_is_found_with_its_name_and_role() {
        let file = file(FILE);
        let tokens = read(file.path()).unwrap();
        let found = |token: &str| tokens.find(token.as_bytes());
        assert_eq!(
            found("0123456789abcdef-alice"),
            Some(("alice", Role::Operate))
        );
        assert_eq!(
            found("0123456789abcdef-grafana"),
            Some(("grafana", Role::View))
        );
        for wrong in ["", "alice", "0123456789abcdef", "0123456789abcdef-alice "] {
            assert_eq!(found(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn every_faulty_line_is_named_and_no_token() {
        let text = "alice operate\nbob write s3cret-s3cret-s3cret\ns3cret-s3cret-s3cret view dave\n\
            eve view s3cret-s3cret\nfay/x view s3cret-s3cret-s3cret\n\
            gil view s3cret-s3cret-s3cr\u{e9}t\nhal view s3cret-s3cret-s3cret\nida operate s3cret-s3cret-s3cret\n";
        let file = file(text);
        let error = read(file.path()).unwrap_err();
        let TokensError::Lines { faults, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(
            *faults,
            [
                (1, LineFault::Words),
                (2, LineFault::Role),
                (3, LineFault::Short),
                (4, LineFault::Short),
                (5, LineFault::Name),
                (6, LineFault::Unsendable),
                (8, LineFault::Twice),
            ]
        );
        let said = format!("{error} {error:?}");
        assert!(!said.contains("s3cret"), "{said}");
        assert!(said.contains(&format!("{}:2: ", file.path().display())));
    }

    #[test]
    fn an_empty_a_missing_and_a_huge_file_are_refused() {
        let empty = file("# nobody\n");
        assert!(matches!(read(empty.path()), Err(TokensError::Empty(_))));
        let huge = file(&"#\n".repeat(40_000));
        assert!(matches!(read(huge.path()), Err(TokensError::TooLarge(_))));
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(folder.path()), Err(TokensError::NotAFile(_))));
        let missing = folder.path().join("tokens");
        assert!(matches!(read(&missing), Err(TokensError::Read { .. })));
    }

    #[test]
    fn debug_names_no_digest_and_modes_are_told() {
        let file = file(FILE);
        let tokens = read(file.path()).unwrap();
        assert_eq!(
            format!("{tokens:?}"),
            "{\"alice\": Operate, \"grafana\": View}"
        );
        assert!(!tokens.readable_by_all());
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(file.path()).unwrap().readable_by_all());
    }
}

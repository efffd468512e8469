//! Seals: how a client proves which session it belongs to.
//!
//! Owns the key and the form of the cookie: colour, tenure and a code over both and the service (HMAC-SHA-256, of which
//! 128 bits are kept). Whoever has no key cannot choose a colour; whoever sends what was not sealed here is nobody, and no
//! error. Processes with the same key read each other's seals.
//!
//! ```text
//! g2a.0f1e2d3c4b5a69788796a5b4c3d2e1f0
//! | |  the code
//! | the tenure, in hexadecimal digits
//! g is green, b is blue
//! ```

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::OnceLock,
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac, rand};

use crate::core::{
    affinity::Session,
    ids::{Colour, ServiceName, Tenure},
};

/// The key, once there is one.
#[derive(Default)]
pub struct Seals(OnceLock<hmac::Key>);

impl fmt::Debug for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seals").finish_non_exhaustive()
    }
}

impl Seals {
    /// Whether there is a key.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.0.get().is_some()
    }

    /// Takes the key from a file: at least 32 bytes, white space at its ends left out.
    ///
    /// # Errors
    /// If it cannot be read, or is too short to be a secret.
    pub fn read(&self, file: &Path) -> io::Result<()> {
        let mut bytes = Vec::new();
        fs::File::open(file)?
            .take(KEY_LIMIT)
            .read_to_end(&mut bytes)?;
        let secret = bytes.trim_ascii();
        if secret.len() < KEY_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it has less than {KEY_BYTES} bytes"),
            ));
        }
        self.take(secret);
        Ok(())
    }

    /// Takes the key that is kept in `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// If it can neither be read nor made; then [`forget`](Self::forget) is the way.
    pub fn keep(&self, folder: &Path) -> io::Result<()> {
        let kept = folder.join(KEPT);
        match self.read(&kept) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            read => return read,
        }
        let made = folder.join(format!("{KEPT}.{}", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&made)?;
        file.write_all(hex(&random()?).as_bytes())?;
        file.sync_all()?;
        // Whoever is first makes it; the others read that.
        let linked = fs::hard_link(&made, &kept);
        let _ = fs::remove_file(&made);
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => self.read(&kept),
        }
    }

    /// Takes a key that nobody else will know, not even the next process.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn forget(&self) -> io::Result<()> {
        self.take(&random()?);
        Ok(())
    }

    fn take(&self, secret: &[u8]) {
        // The first one stays: cookies are sealed by it.
        let _ = self.0.set(hmac::Key::new(hmac::HMAC_SHA256, secret));
    }

    /// The session as a cookie's value.
    #[must_use]
    pub fn seal(&self, service: &ServiceName, session: Session) -> Option<String> {
        let code = self.code(service, session)?;
        let (letter, tenure) = (letter(session.colour), session.tenure.0);
        Some(format!(
            "{letter}{tenure:x}.{}",
            hex(&code.as_ref()[..CODE_BYTES])
        ))
    }

    /// The session that a value stands for, if it was sealed here for this service.
    #[must_use]
    pub fn open(&self, service: &ServiceName, value: &[u8]) -> Option<Session> {
        let (&letter, rest) = value.split_first()?;
        let dot = rest.iter().position(|byte| *byte == b'.')?;
        let (tenure, code) = (&rest[..dot], &rest[dot + 1..]);
        let session = Session {
            colour: colour(letter)?,
            tenure: Tenure(number(tenure)?),
        };
        let mut told = [0; CODE_BYTES];
        unhex(code, &mut told)?;
        let known = self.code(service, session)?;
        verify_slices_are_equal(&known.as_ref()[..CODE_BYTES], &told).ok()?;
        Some(session)
    }

    fn code(&self, service: &ServiceName, session: Session) -> Option<hmac::Tag> {
        let mut context = hmac::Context::with_key(self.0.get()?);
        context.update(b"cutover session 1\0");
        context.update(service.as_str().as_bytes());
        // No name has a zero in it.
        context.update(&[0, letter(session.colour) as u8]);
        context.update(&session.tenure.0.to_be_bytes());
        Some(context.sign())
    }
}

const fn letter(colour: Colour) -> char {
    match colour {
        Colour::Blue => 'b',
        Colour::Green => 'g',
    }
}

const fn colour(letter: u8) -> Option<Colour> {
    match letter {
        b'b' => Some(Colour::Blue),
        b'g' => Some(Colour::Green),
        _ => None,
    }
}

fn random() -> io::Result<[u8; KEY_BYTES]> {
    let mut bytes = [0; KEY_BYTES];
    rand::fill(&mut bytes).map_err(|_| io::Error::other("there is no randomness"))?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

fn unhex(text: &[u8], bytes: &mut [u8; CODE_BYTES]) -> Option<()> {
    if text.len() != 2 * CODE_BYTES {
        return None;
    }
    for (pair, byte) in text.chunks_exact(2).zip(bytes) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(())
}

fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    text.iter().try_fold(0, |number, byte| {
        Some(number << 4 | u64::from(digit(*byte)?))
    })
}

/// The file in the folder of the journal.
const KEPT: &str = "affinity.key";
const KEY_BYTES: usize = 32;
/// Bytes of a key file that are read.
const KEY_LIMIT: u64 = 4096;
/// Bytes of the code that are kept: what nobody guesses.
const CODE_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn seals(secret: u8) -> Seals {
        let seals = Seals::default();
        seals.take(&[secret; KEY_BYTES]);
        seals
    }

    fn session(colour: Colour, tenure: u64) -> Session {
        Session {
            colour,
            tenure: Tenure(tenure),
        }
    }

    #[test]
    fn a_session_is_opened_as_it_was_sealed_and_by_the_same_key_and_service_alone() {
        let (shop, cart) = (ServiceName::new("shop"), ServiceName::new("cart"));
        for session in [session(Colour::Green, 42), session(Colour::Blue, u64::MAX)] {
            let value = seals(1).seal(&shop, session).unwrap();
            assert_eq!(seals(1).open(&shop, value.as_bytes()), Some(session));
            assert_eq!(seals(2).open(&shop, value.as_bytes()), None);
            assert_eq!(seals(1).open(&cart, value.as_bytes()), None);
        }
        assert_eq!(Seals::default().seal(&shop, session(Colour::Blue, 1)), None);
    }

    #[test]
    fn every_changed_byte_is_noticed_and_nothing_odd_panics() {
        let (seals, shop) = (seals(1), ServiceName::new("shop"));
        let value = seals.seal(&shop, session(Colour::Green, 42)).unwrap();
        for at in 0..value.len() {
            for byte in [b'0', b'b', b'f', b'.', b'F', 0, 0xFF] {
                let mut forged = value.clone().into_bytes();
                if std::mem::replace(&mut forged[at], byte) != byte {
                    assert_eq!(seals.open(&shop, &forged), None, "{at} {byte}");
                }
            }
            assert_eq!(seals.open(&shop, &value.as_bytes()[..at]), None);
        }
        for odd in ["", "g", "g.", "g2a.", ".", "g11111111111111111.00", "x1.00"] {
            assert_eq!(seals.open(&shop, odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (Seals::default(), Seals::default());
        one.keep(folder.path()).unwrap();
        other.keep(folder.path()).unwrap();
        let shop = ServiceName::new("shop");
        let value = one.seal(&shop, session(Colour::Green, 2)).unwrap();
        assert!(other.open(&shop, value.as_bytes()).is_some());
        let file = folder.path().join(KEPT);
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::write(&file, "short").unwrap();
        assert!(Seals::default().keep(folder.path()).is_err());
        assert!(Seals::default().read(&folder.path().join("none")).is_err());
    }
}

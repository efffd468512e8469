//! Files of certificates and keys, read all at once.
//!
//! Owns the bounds of a file, and the sum by which is seen whether any of them has changed. Must not know what is in
//! them. All are read before any is judged, so that what was judged is what was summed up.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::File,
    io::{self, Read},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::fault::{Fault, Flaw, Role};

/// The content of each file that was asked for, or why there is none.
#[derive(Debug, Default)]
pub(super) struct Files(BTreeMap<PathBuf, Result<Content, Flaw>>);

/// The content of one file. Its text may be a key, so it is never shown.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) readers: Readers,
}

/// Who can read a file besides its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    Nobody,
    Group,
    Everybody,
}

/// Stands for the content of many files: equal if they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum([u8; 32]);

impl Files {
    /// Reads them.
    pub(super) fn read(paths: &BTreeSet<PathBuf>) -> Self {
        let read = |path: &PathBuf| (path.clone(), content(path));
        Self(paths.iter().map(read).collect())
    }

    /// One of them, which is wanted as this.
    pub(super) fn get(&self, role: Role, path: &Path) -> Result<&Content, Fault> {
        let missing = || Flaw::Unreadable("it was not asked for".to_owned());
        let content = self.0.get(path).map(Result::as_ref);
        match content {
            Some(Ok(content)) => Ok(content),
            Some(Err(flaw)) => Err(Fault::new(role, path, flaw.clone())),
            None => Err(Fault::new(role, path, missing())),
        }
    }

    /// What stands for all of it, those included that could not be read.
    pub(super) fn sum(&self) -> Sum {
        let mut sum = Sha256::new();
        for (path, content) in &self.0 {
            sum.update(path.as_os_str().as_encoded_bytes());
            let content = match content {
                Ok(content) => Sha256::digest(&content.bytes),
                Err(flaw) => Sha256::digest(flaw.to_string()),
            };
            sum.update(content);
        }
        Sum(sum.finalize().into())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.bytes.len())
    }
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

fn content(path: &Path) -> Result<Content, Flaw> {
    // Opening a pipe waits for a writer, so it is looked at first.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(Flaw::NotAFile);
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_LIMIT + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(Flaw::TooLarge);
    }
    let mode = metadata.permissions().mode();
    let readers = match (mode & 0o004 != 0, mode & 0o040 != 0) {
        (true, _) => Readers::Everybody,
        (false, true) => Readers::Group,
        (false, false) => Readers::Nobody,
    };
    Ok(Content { bytes, readers })
}

/// Bytes of one file; the authorities of a whole operating system are a quarter of it.
pub(super) const FILE_LIMIT: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_sum_changes_with_any_content_and_with_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let paths = BTreeSet::from([one.clone(), other.clone()]);
        let sum = || Files::read(&paths).sum();
        fs::write(&one, "a").unwrap();
        let without = sum();
        fs::write(&other, "b").unwrap();
        let with = sum();
        fs::write(&other, "b").unwrap();
        assert_eq!(sum(), with);
        assert_ne!(without, with);
        fs::write(&one, "c").unwrap();
        assert_ne!(sum(), with);
        fs::remove_file(&other).unwrap();
        fs::write(&one, "a").unwrap();
        assert_eq!(sum(), without);
    }

    #[test]
    fn what_cannot_be_a_pem_file_is_named_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        fs::write(&large, vec![b'x'; 1024 * 1024 + 1]).unwrap();
        let flaw = |path: &Path| content(path).err().map(|flaw| flaw.to_string());
        assert_eq!(flaw(folder.path()).as_deref(), Some("is no regular file"));
        assert_eq!(
            flaw(&large).as_deref(),
            Some("is larger than 1048576 bytes")
        );
        let missing = flaw(&folder.path().join("missing")).unwrap();
        assert!(
            missing.starts_with("cannot be read: No such file"),
            "{missing}"
        );
    }
}

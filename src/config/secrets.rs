//! Secrets that the file names files for.
//!
//! Owns reading them; only their digests are kept. They are read with the file, at every reload, so that a secret is
//! changed as everything else is. Must not say anything of what is in them.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::{error::Problems, load::Loaded};
use crate::core::beside::SecretDigest;

/// Reads every secret of a file that was judged.
///
/// # Errors
/// Each one that cannot be used, at its place.
pub fn fill(loaded: &mut Loaded) -> Result<(), Problems> {
    let mut problems = Vec::new();
    for service in &mut loaded.config.services {
        let preview = service.preview.as_ref();
        let Some(path) = preview.and_then(|it| it.secret_file.clone()) else {
            continue;
        };
        match read(&path) {
            Ok(secret) => {
                let service = Arc::make_mut(service);
                if let Some(preview) = &mut service.preview {
                    Arc::make_mut(preview).secret = Some(secret);
                }
            }
            Err(flaw) => problems.push(loaded.places.problem(
                &path,
                format!("the secret in `{}` cannot be used: {flaw}", path.display()),
                "write one line of 16 to 512 visible ASCII characters, such as `openssl rand -hex 32` makes",
            )),
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Problems(problems))
    }
}

fn read(path: &Path) -> Result<SecretDigest, Flaw> {
    // Opening a pipe would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(Flaw::NotAFile);
    }
    let mut text = String::new();
    File::open(path)?
        .take(FILE_LIMIT)
        .read_to_string(&mut text)?;
    let secret = text.trim();
    let visible = secret.bytes().all(|byte| byte.is_ascii_graphic());
    // A cookie cannot carry these as they are.
    let plain = visible && !secret.contains([';', ',', '"', '\\']);
    if !plain || !(SECRET_MIN..=SECRET_MAX).contains(&secret.len()) {
        return Err(Flaw::Form);
    }
    Ok(SecretDigest(Sha256::digest(secret.as_bytes()).into()))
}

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
enum Flaw {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is no regular file")]
    NotAFile,
    #[error("it has another form than secrets have")]
    Form,
}

/// Characters of a secret.
const SECRET_MIN: usize = 16;
const SECRET_MAX: usize = 512;
/// Bytes of its file that are looked at.
const FILE_LIMIT: u64 = 4096;

//! Paths of files. Relative ones are relative to the folder of the configuration file, wherever cutover was
//! started from.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::config::{
    AccessLogTarget, form,
    text::{BadValue, FromText},
};

/// A path as it was typed.
#[derive(Clone, Debug)]
pub(in crate::config) struct FilePath(PathBuf);

impl FilePath {
    /// The path, seen from the working folder.
    pub(in crate::config) fn seen_from(self, folder: &Path) -> PathBuf {
        folder.join(self.0)
    }
}

impl FromText for FilePath {
    const KIND: &'static str = "a path";
    const EXAMPLE: &'static str = "\"/var/lib/cutover\"";

    fn text_form() -> Value {
        form::pattern(r"[^\x00]+")
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        if text.is_empty() || text.contains('\0') {
            return Err(BadValue::new(
                text,
                "is not a path",
                "name one or remove the key",
            ));
        }
        Ok(Self(text.into()))
    }
}

impl FromText for AccessLogTarget {
    const KIND: &'static str = "a target of the access log";
    const EXAMPLE: &'static str = "\"stdout\"";

    fn text_form() -> Value {
        form::pattern(r"off|stdout|[^\x00]*[/.][^\x00]*")
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        match text {
            "off" => Ok(Self::Off),
            "stdout" => Ok(Self::Stdout),
            // `stdoud` is rather a slip than a file.
            word if !word.contains(['/', '.']) => Err(BadValue::new(
                word,
                "is neither `off` nor `stdout` nor a path",
                format!("write `./{word}` if a file of that name is meant"),
            )),
            path => FilePath::from_text(path).map(|path| Self::File(path.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_begins_at_the_folder_of_the_file() {
        let path = |text| {
            FilePath::from_text(text)
                .unwrap()
                .seen_from(Path::new("/etc/cutover"))
        };
        assert_eq!(path("state"), Path::new("/etc/cutover/state"));
        assert_eq!(path("/var/lib"), Path::new("/var/lib"));
    }

    #[test]
    fn a_word_is_not_taken_for_a_file() {
        assert_eq!(
            AccessLogTarget::from_text("stderr")
                .unwrap_err()
                .to_string(),
            "`stderr` is neither `off` nor `stdout` nor a path; write `./stderr` if a file of that name is meant"
        );
        assert_eq!(
            AccessLogTarget::from_text("a.log").unwrap(),
            AccessLogTarget::File("a.log".into())
        );
    }
}

//! What comes after the file: the commands, as they are to be typed for this one.
//!
//! Owns which of them need to be told where the file and the admin side are.

use std::path::Path;

use super::{
    CUSTOMARY,
    draft::{Draft, Key},
};
use crate::cli::advice::{Step, step};

/// `config` is what `check` and `serve` need to be told, with a space before it.
pub(super) fn steps(draft: &Draft, config: &str) -> Vec<Step> {
    let service = draft.value(Key::Service);
    let admin = match draft.value(Key::AdminListen) {
        usual if usual == USUAL_ADMIN => String::new(),
        socket if socket.starts_with("unix:") => format!(" --admin {}", word(&socket)),
        addr => format!(" --admin {}", word(&format!("http://{addr}"))),
    };
    vec![
        step(format!("cutover check{config}"), "is the file valid?"),
        step(format!("cutover serve{config}"), "runs the proxy"),
        step(
            format!("cutover status {service}{admin}"),
            "in another terminal: who is live, who is healthy",
        ),
        step(
            format!("cutover switch {service} green{admin}"),
            "makes green live, once it is healthy",
        ),
    ]
}

/// ` --config FILE`, where `check` and `serve` would take another file by themselves.
pub(super) fn config(path: &Path) -> String {
    let other = std::env::var_os("CUTOVER_CONFIG").is_some_and(|it| it != CUSTOMARY);
    match path == Path::new(CUSTOMARY) && !other {
        true => String::new(),
        false => format!(" --config {}", word(&path.display().to_string())),
    }
}

/// As a shell takes it for one word.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// Where commands ask if nothing is said.
const USUAL_ADMIN: &str = "127.0.0.1:9900";

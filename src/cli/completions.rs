//! `cutover completions SHELL`, and what the script asks of this program whenever Tab is pressed.
//!
//! Owns what may stand at a place that the command line does not know by itself: names of services, which only a running
//! cutover knows. Must not keep anybody waiting, and must never print an error into a line that is being typed. A script that
//! knows everything itself, the usual one, knows no services, and in some shells no values of arguments.

use std::{env, ffi::OsString, io::Write, time::Duration};

use clap::{Args, CommandFactory};
use clap_complete::{
    ArgValueCandidates, CompletionCandidate, Shell,
    env::{EnvCompleter, Shells},
};

use super::{
    Cli,
    args::{self, AdminUrl},
    client::{self, Client},
    exit::{Exit, Failure},
    output::Output,
    status,
};
use crate::{admin::wire::ServicesAnswer, core::ids::Colour};

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let name = self.shell.to_string();
        let shells = Shells::builtins();
        let Some(shell) = shells.completer(&name) else {
            let text = format!("there are no completions for `{name}`");
            return Err(Failure::Usage(text));
        };
        // Written to memory first: a reader that goes away is no error.
        let mut script = Vec::new();
        shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)?;
        if self.shell == Shell::Zsh {
            script.extend(ZSH_AT_ONCE.as_bytes());
        }
        output.verbatim(String::from_utf8_lossy(&script).trim())?;
        Ok(Exit::Done)
    }
}

/// Answers a shell that asks what may come next; says whether one did.
pub(super) fn answered() -> bool {
    let Some(name) = env::var_os(VARIABLE) else {
        return false;
    };
    let shells = Shells::builtins();
    if let Some(shell) = shells.completer(&name.to_string_lossy()) {
        // Nothing to say is an answer, too; and whoever has gone does not miss it.
        let answer = next(shell).unwrap_or_default();
        let _ = std::io::stdout().write_all(&answer);
    }
    true
}

fn next(shell: &dyn EnvCompleter) -> std::io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let folder = env::current_dir().ok();
    let words = words().into_iter().map(OsString::from).collect();
    shell.write_complete(&mut Cli::command(), words, folder.as_deref(), &mut answer)?;
    Ok(answer)
}

/// The line that is being typed.
fn words() -> Vec<String> {
    let words = env::args_os().skip_while(|it| it != "--").skip(1);
    words.map(|it| it.to_string_lossy().into_owned()).collect()
}

/// For an argument that names a service.
pub(super) fn services() -> ArgValueCandidates {
    ArgValueCandidates::new(|| known(&words()))
}

/// For the argument that is a service, or a colour after `--group`.
pub(super) fn services_or_colours() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let words = words();
        match value_of("--group", &words) {
            Some(_) => Colour::ALL
                .map(|it| CompletionCandidate::new(it.as_str()))
                .into(),
            None => known(&words),
        }
    })
}

/// The services of the cutover that the line is for; none where nobody answers soon.
fn known(words: &[String]) -> Vec<CompletionCandidate> {
    let told = |flag, variable| value_of(flag, words).or_else(|| env::var(variable).ok());
    let admin = told("--admin", "CUTOVER_ADMIN").map_or_else(AdminUrl::usual, |it| it.parse().ok());
    let token = told("--token-file", "CUTOVER_TOKEN_FILE").map(|it| args::token(it.into()));
    let (Some(url), Ok(token)) = (admin, token.transpose()) else {
        return Vec::new();
    };
    let client = Client {
        url,
        token,
        actor: None,
        key: None,
        timeout: PATIENCE,
    };
    let mut names = Vec::new();
    let asked = client::run(async {
        let answer = client.get(&status::path(None)).await?;
        for view in answer.parse::<ServicesAnswer>()?.services {
            let live = format!("{} is live", view.live);
            names.push(CompletionCandidate::new(view.service.as_str()).help(Some(live.into())));
        }
        Ok(Exit::Done)
    });
    asked.map_or_else(|_| Vec::new(), |_| names)
}

/// What a flag is given on a line, as `--flag value` or `--flag=value`.
fn value_of(flag: &str, words: &[String]) -> Option<String> {
    let at = words.iter().position(|it| {
        let rest = it.strip_prefix(flag);
        rest.is_some_and(|it| it.is_empty() || it.starts_with('='))
    })?;
    match words.get(at)?.split_once('=') {
        Some((_, value)) => Some(value.to_owned()),
        None => words.get(at + 1).cloned(),
    }
}

/// Under which name the program is found, and completed.
const PROGRAM: &str = "cutover";
/// Set by the scripts, to the name of the shell.
const VARIABLE: &str = "CUTOVER_COMPLETE";
/// Nobody waits longer for Tab.
const PATIENCE: Duration = Duration::from_millis(500);
/// A file in a folder of zsh's `fpath` is loaded when it is first needed, and should complete then, too.
const ZSH_AT_ONCE: &str = r#"
if [ "$funcstack[1]" = "_cutover" ]; then
    _clap_dynamic_completer_cutover "$@"
fi
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_found_in_both_forms() {
        let words = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
        for (line, expected) in [
            ("cutover status --admin unix:/a", Some("unix:/a")),
            ("cutover status --admin=unix:/a", Some("unix:/a")),
            ("cutover status --administer x", None),
            ("cutover status --admin", None),
        ] {
            let found = value_of("--admin", &words(line));
            assert_eq!(found.as_deref(), expected, "{line}");
        }
    }
}

//! `cutover init [FILE]`: a first configuration, commented, by flags or by asking.
//!
//! Owns where what is missing comes from. Knows no rule of the configuration: each draft goes through the
//! judgement of `check`, so that what is written is valid, and nothing is refused here that a file may say. It never
//! overwrites unless it is told to.

mod ask;
mod draft;
mod next;
mod target;
#[cfg(test)]
pub(super) mod tests;

use std::{
    io::{self, BufRead, IsTerminal},
    path::{Path, PathBuf},
};

use clap::Args;

use self::{
    draft::{Draft, Key, Told},
    target::Target,
};
use super::{
    check,
    exit::{Exit, Failure},
    output::{Output, plain},
};
use crate::config::{Problem, load::Source};

#[derive(Debug, Args)]
pub(super) struct Init {
    /// The file to write; `-` is standard output
    #[arg(env = "CUTOVER_CONFIG", default_value = CUSTOMARY)]
    file: PathBuf,
    /// Name of the service [default: shop]
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// A route, such as `shop.example.com/`; may be repeated [default: /]
    #[arg(long, value_name = "HOST/PREFIX")]
    routes: Vec<String>,
    /// An endpoint of the blue pool, which is live at first; may be repeated
    #[arg(long, value_name = "HOST:PORT")]
    blue: Vec<String>,
    /// An endpoint of the green pool; may be repeated
    #[arg(long, value_name = "HOST:PORT")]
    green: Vec<String>,
    /// Where clients connect to [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Path that a healthy endpoint answers with 2xx, or `tcp` [default: tcp]
    #[arg(long, value_name = "PATH|tcp")]
    probe: Option<String>,
    /// Folder of the journal, beside the file if it is not absolute [default: state]
    #[arg(long, value_name = "FOLDER")]
    state: Option<String>,
    /// Where operators ask: ADDR:PORT or `unix:/PATH` [default: 127.0.0.1:9900]
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<String>,
    /// Overwrite the file if there is one
    #[arg(long)]
    force: bool,
}

impl Init {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let stdin = io::stdin();
        let is_asked = stdin.is_terminal() && output.is_live();
        let mut lock = is_asked.then(|| stdin.lock());
        let input = lock.as_mut().map(|it| it as &mut dyn BufRead);
        self.by(input, output)
    }

    /// By flags, and by asking where somebody answers.
    fn by(self, input: Option<&mut dyn BufRead>, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let target = Target::of(&self.file, self.force)?;
        let mut draft = self.draft();
        let wrong = problems(&draft);
        for (key, text) in &wrong {
            let flag = key.map_or_else(String::new, |key| format!("{}: ", key.flag()));
            output.error(&plain(&format!("{flag}{text}")));
        }
        if !wrong.is_empty() {
            return Ok(Exit::Usage);
        }
        let missing = [Key::Blue, Key::Green]
            .into_iter()
            .find(|it| !draft.says(*it));
        match (missing, input) {
            (Some(_), Some(input)) => ask::ask(&mut draft, input, output)?,
            (Some(key), None) => return Err(missed(key)),
            (None, _) => {}
        }
        target.write(&draft, output)
    }

    fn draft(self) -> Draft {
        let mut draft = Draft::default();
        let one = |it: Option<String>| it.into_iter().collect();
        draft.say(Key::Service, one(self.service));
        draft.say(Key::Routes, self.routes);
        draft.say(Key::Blue, self.blue);
        draft.say(Key::Green, self.green);
        draft.say(Key::Listen, one(self.listen));
        draft.say(Key::Probe, one(self.probe));
        draft.say(Key::State, one(self.state));
        draft.say(Key::AdminListen, one(self.admin_listen));
        draft
    }
}

/// What is wrong with the file that would come of it, each with what it came by.
fn problems(draft: &Draft) -> Vec<(Option<Key>, String)> {
    let lines = draft.lines(&next::steps(draft, ""));
    let source = Source::new(Path::new(CUSTOMARY), joined(&lines));
    let told = |problem: Problem| {
        let line = problem.at.and_then(|at| lines.get(at.line - 1));
        let Some(key) = line.and_then(|line| line.key) else {
            return (None, problem.to_string());
        };
        // The place in a file that nobody has seen would not help.
        let parts = [Some(problem.text), problem.suggestion];
        (
            Some(key),
            parts.into_iter().flatten().collect::<Vec<_>>().join("; "),
        )
    };
    match check::judged(&source) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.into_iter().map(told).collect(),
    }
}

fn joined(lines: &[Told]) -> String {
    lines
        .iter()
        .map(|line| format!("{}\n", line.text))
        .collect()
}

fn missed(key: Key) -> Failure {
    let flag = key.flag();
    Failure::Usage(format!(
        "`{flag}` is missing; name an endpoint, such as `{flag} 127.0.0.1:3001`, or use a terminal, where `cutover init` asks"
    ))
}

/// Where `check` and `serve` look if nothing is said.
const CUSTOMARY: &str = "cutover.toml";

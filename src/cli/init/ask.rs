//! Questions to whoever sits at the terminal.
//!
//! Owns their words and their order. An answer is judged by the file that would come of it, so that it is refused in the
//! words of `check`, and only if `check` would refuse it.

use std::io::{BufRead, Read};

use super::{
    draft::{Draft, Key},
    problems,
};
use crate::{
    cli::{
        exit::Failure,
        output::{Output, plain},
    },
    terminal::Ink,
};

/// Asks for what has not been said. Enter takes the default.
pub(super) fn ask(
    draft: &mut Draft,
    input: &mut dyn BufRead,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    output.progress("Enter takes what is in brackets; Ctrl-C leaves everything as it is");
    for (key, question) in QUESTIONS {
        if draft.says(key) {
            continue;
        }
        loop {
            let default = Ink::Dim.paint(&format!("[{}]", draft.value(key)));
            output.question(&format!("{question} {default}: "));
            let answered = with(draft, key, &answer(input, output)?);
            let wrong = problems(&answered);
            if wrong.is_empty() {
                *draft = answered;
                break;
            }
            for (_, text) in wrong {
                output.error(&plain(&text));
            }
        }
    }
    Ok(())
}

/// The draft after this answer.
fn with(draft: &Draft, key: Key, answer: &str) -> Draft {
    let mut answered = draft.clone();
    let values = match (key.is_list(), answer.trim()) {
        (_, "") => draft.values(key),
        (true, several) => {
            let values = several.split([' ', '\t', ',']).filter(|it| !it.is_empty());
            values.map(str::to_owned).collect()
        }
        (false, one) => vec![one.to_owned()],
    };
    answered.say(key, values);
    answered
}

fn answer(input: &mut dyn BufRead, output: &mut Output<'_>) -> Result<String, Failure> {
    let mut line = Vec::new();
    let read = input.take(ANSWER_LIMIT).read_until(b'\n', &mut line);
    match read {
        // Ctrl-D.
        Ok(0) => {
            output.progress("");
            let text = "the questions were not answered to their end; nothing was written";
            Err(Failure::Usage(text.to_owned()))
        }
        Ok(_) => Ok(String::from_utf8_lossy(&line).into_owned()),
        Err(source) => Err(Failure::Unreadable {
            what: "standard input".to_owned(),
            source,
        }),
    }
}

/// What is asked for, in this order; the rest has defaults that suit most.
const QUESTIONS: [(Key, &str); 6] = [
    (Key::Service, "name of the service"),
    (Key::Routes, "its routes, HOST/PREFIX; / is everything"),
    (Key::Blue, "endpoints of blue, HOST:PORT; live at first"),
    (Key::Green, "endpoints of green, HOST:PORT"),
    (Key::Listen, "address for clients"),
    (Key::Probe, "probe: a path such as /healthz, or tcp"),
];

/// Bytes of an answer; a terminal takes no longer line.
const ANSWER_LIMIT: u64 = 4096;

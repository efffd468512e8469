//! What commands print: results to one stream, everything else to the other.
//!
//! The one place that writes, and the one that knows how wide a terminal is. `println!` would panic when a reader such as
//! `head` goes away.

use std::io::{self, Write};

use crate::{
    core::time::Timestamp,
    terminal::{Ink, Line, obedient, wrapped},
};

/// The two streams.
pub struct Output<'a> {
    results: &'a mut (dyn Write + Send),
    progress: &'a mut (dyn Write + Send),
    look: Look,
    format: Format,
    fleeting: bool,
}

/// Where results are looked at, and when.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns of the terminal that results are read on, if it is one.
    pub width: Option<usize>,
    /// Columns of the terminal that progress is read on, if it is one: then what is waited for is one line that changes.
    pub live: Option<usize>,
    /// Whether there are colours.
    pub coloured: bool,
    /// What time it is, to say how long ago something was.
    pub now: Timestamp,
}

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines: what the admin API answered, on one line.
    Json,
}

impl<'a> Output<'a> {
    /// Results go to `results`, progress and errors to `progress`.
    pub fn new(
        results: &'a mut (dyn Write + Send),
        progress: &'a mut (dyn Write + Send),
        look: Look,
    ) -> Self {
        Self {
            results,
            progress,
            look,
            format: Format::Text,
            fleeting: false,
        }
    }

    /// From now on, results are written so.
    pub(super) const fn format(&mut self, format: Format) {
        self.format = format;
    }

    pub(super) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    pub(super) const fn look(&self) -> &Look {
        &self.look
    }

    /// From now on it is so late.
    pub(super) const fn is_now(&mut self, now: Timestamp) {
        self.look.now = now;
    }

    pub(super) const fn is_live(&self) -> bool {
        self.look.live.is_some()
    }

    /// Writes a line, or several, of the result, in lines that fit; for machines as it is.
    pub(super) fn result(&mut self, text: &str) -> io::Result<()> {
        if self.is_json() {
            return self.verbatim(text);
        }
        let text = obedient(text);
        self.verbatim(&match self.look.width {
            Some(columns) => wrapped(&text, columns),
            None => text,
        })
    }

    /// Writes what is for machines, or comes from a library that knows terminals.
    pub(super) fn verbatim(&mut self, text: &str) -> io::Result<()> {
        self.forget();
        writeln!(self.results, "{text}")?;
        self.results.flush()
    }

    /// Writes a line, or several, beside the result. If it cannot be written, nobody looks.
    pub(super) fn progress(&mut self, text: &str) {
        let text = obedient(text);
        self.beside(&match self.look.live {
            Some(columns) => wrapped(&text, columns),
            None => text,
        });
    }

    /// Asks beside the result; the answer is typed behind the question.
    pub(super) fn question(&mut self, text: &str) {
        self.forget();
        let _ = write!(self.progress, "{}", obedient(text));
        let _ = self.progress.flush();
    }

    /// Writes beside the result what comes from a library that knows terminals.
    pub(super) fn beside(&mut self, text: &str) {
        self.forget();
        let _ = writeln!(self.progress, "{text}");
    }

    /// Writes an error.
    pub(super) fn error(&mut self, text: &str) {
        self.progress(&format!("{} {text}", Ink::Alarm.paint("error:")));
    }

    /// Shows what is being waited for: in the place of what was shown before on a terminal, else as a line. Machines
    /// are not told.
    pub(super) fn waiting(&mut self, mut line: Line) {
        if self.is_json() {
            return;
        }
        let Some(columns) = self.look.live else {
            return self.progress(&line.painted());
        };
        self.forget();
        line.truncate(columns.saturating_sub(1));
        let _ = write!(self.progress, "{}", line.painted());
        let _ = self.progress.flush();
        self.fleeting = true;
    }

    /// Takes away what is shown for as long as it is waited for.
    pub(super) fn forget(&mut self) {
        if std::mem::take(&mut self.fleeting) {
            let _ = write!(self.progress, "\r\x1b[2K");
        }
    }
}

/// Text of others, without what a terminal would take for orders, ink included.
pub(super) fn plain(text: &str) -> String {
    let seen = |c: char| {
        if c.is_control() && c != '\n' {
            '\u{fffd}'
        } else {
            c
        }
    };
    text.chars().map(seen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(live: Option<usize>) -> (String, String) {
        let look = Look {
            width: None,
            live,
            coloured: false,
            now: Timestamp::from_millis(0),
        };
        let (mut results, mut progress) = (Vec::new(), Vec::new());
        let mut output = Output::new(&mut results, &mut progress, look);
        output.waiting(Line::of(Ink::Plain, "waiting for gates"));
        output.waiting(Line::of(Ink::Plain, "draining"));
        output.result("done").unwrap();
        output.format(Format::Json);
        output.waiting(Line::of(Ink::Plain, "not told"));
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(results), text(progress))
    }

    #[test]
    fn on_a_terminal_what_is_waited_for_is_one_line_that_goes_away() {
        let erased = "\r\x1b[2K";
        let progress = format!("waiting for{erased}draining{erased}");
        assert_eq!(written(Some(12)), ("done\n".to_owned(), progress));
    }

    #[test]
    fn elsewhere_what_is_waited_for_is_a_line_each_time() {
        let progress = "waiting for gates\ndraining\n".to_owned();
        assert_eq!(written(None), ("done\n".to_owned(), progress));
    }
}

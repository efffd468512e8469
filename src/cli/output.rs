//! What commands print: results to one stream, everything else to the other.
//!
//! The one place that writes. `println!` would panic when a reader such as `head` goes away.

use std::io::{self, Write};

/// The two streams.
pub struct Output<'a> {
    results: &'a mut (dyn Write + Send),
    progress: &'a mut (dyn Write + Send),
    live: bool,
    format: Format,
    fleeting: bool,
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
    /// Results go to `results`, progress and errors to `progress`; if that one is `live`, a terminal, progress
    /// is one line that changes.
    pub fn new(
        results: &'a mut (dyn Write + Send),
        progress: &'a mut (dyn Write + Send),
        live: bool,
    ) -> Self {
        Self {
            results,
            progress,
            live,
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

    pub(super) const fn is_live(&self) -> bool {
        self.live
    }

    /// Writes a line, or several, of the result.
    pub(super) fn result(&mut self, text: &str) -> io::Result<()> {
        self.forget();
        writeln!(self.results, "{text}")?;
        self.results.flush()
    }

    /// Writes a line beside the result. If it cannot be written, nobody looks.
    pub(super) fn progress(&mut self, text: &str) {
        self.forget();
        let _ = writeln!(self.progress, "{text}");
    }

    /// Writes an error.
    pub(super) fn error(&mut self, text: &str) {
        self.progress(&format!("\x1b[1;31merror:\x1b[0m {text}"));
    }

    /// Shows what is being waited for: in the place of what was shown before on a terminal, else as a line.
    pub(super) fn waiting(&mut self, text: &str) {
        if !self.live {
            return self.progress(text);
        }
        let width = crossterm::terminal::size().map_or(WIDTH, |(columns, _)| columns.into());
        let text: String = text.chars().take(width.saturating_sub(1)).collect();
        self.forget();
        let _ = write!(self.progress, "{text}");
        let _ = self.progress.flush();
        self.fleeting = true;
    }

    fn forget(&mut self) {
        if std::mem::take(&mut self.fleeting) {
            let _ = write!(self.progress, "\r\x1b[2K");
        }
    }
}

/// Text of others, without what a terminal would take for orders.
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

/// Columns of a terminal that does not say how many it has.
const WIDTH: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(live: bool) -> (String, String) {
        let (mut results, mut progress) = (Vec::new(), Vec::new());
        let mut output = Output::new(&mut results, &mut progress, live);
        output.waiting("waiting for gates");
        output.waiting("draining");
        output.result("done").unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(results), text(progress))
    }

    #[test]
    fn on_a_terminal_what_is_waited_for_is_one_line_that_goes_away() {
        let erased = "\r\x1b[2K";
        let progress = format!("waiting for gates{erased}draining{erased}");
        assert_eq!(written(true), ("done\n".to_owned(), progress));
    }

    #[test]
    fn elsewhere_what_is_waited_for_is_a_line_each_time() {
        let progress = "waiting for gates\ndraining\n".to_owned();
        assert_eq!(written(false), ("done\n".to_owned(), progress));
    }

    #[test]
    fn text_of_others_keeps_its_lines_and_loses_its_orders() {
        assert_eq!(
            plain("a\x1b[2J\nb\u{9b}1m\r"),
            "a\u{fffd}[2J\nb\u{fffd}1m\u{fffd}"
        );
    }
}

//! Where log lines go: standard error, as text for people or as JSON lines.
//!
//! Owns the subscriber; must not word anything. Standard output stays free for results and the access log.

use std::io::IsTerminal;

use tracing::{Subscriber, warn};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::config::LogFormat;

/// Writes log lines to standard error from now on. The level is that of `CUTOVER_LOG` (such as `debug` or
/// `cutover=debug,hyper=info`), `info` without it. Does nothing if lines go somewhere already.
pub fn init(format: LogFormat) {
    let wish = std::env::var(FILTER_VARIABLE).unwrap_or_default();
    let colours = colours(
        std::io::stderr().is_terminal(),
        std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
    );
    let (filter, mistake) = filter(&wish);
    let subscriber = subscriber(format, colours, filter, std::io::stderr);
    // An error says that there is a subscriber already, which is then the right one.
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        return;
    }
    if let Some(error) = mistake {
        warn!(target: "cutover", variable = FILTER_VARIABLE, error, "log filter ignored");
    }
}

/// What [`init`] installs, but writing to `writer`: also for tests, and for who embeds cutover.
pub fn subscriber<W>(
    format: LogFormat,
    colours: bool,
    filter: EnvFilter,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(colours);
    match format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(
            builder
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .finish(),
        ),
    }
}

/// The filter that was wished for, or the default one and what was wrong with the wish.
fn filter(wish: &str) -> (EnvFilter, Option<String>) {
    if wish.trim().is_empty() {
        return (EnvFilter::new(DEFAULT_FILTER), None);
    }
    match EnvFilter::try_new(wish) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(DEFAULT_FILTER), Some(error.to_string())),
    }
}

/// Colours are for a terminal whose owner did not decline them (<https://no-color.org>).
const fn colours(terminal: bool, declined: bool) -> bool {
    terminal && !declined
}

const FILTER_VARIABLE: &str = "CUTOVER_LOG";
const DEFAULT_FILTER: &str = "info";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_may_be_called_twice() {
        init(LogFormat::Text);
        init(LogFormat::Json);
    }

    #[test]
    fn colours_need_a_terminal_and_consent() {
        assert!(colours(true, false));
        assert!(!colours(true, true));
        assert!(!colours(false, false));
    }

    #[test]
    fn a_broken_filter_is_told_and_replaced() {
        let (made, mistake) = filter("cutover=louder");
        assert_eq!(made.to_string(), "info");
        assert!(mistake.is_some());
        assert_eq!(filter("debug").0.to_string(), "debug");
        assert_eq!(filter(" ").0.to_string(), "info");
    }
}

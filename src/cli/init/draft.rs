//! The file that is to be written, from what is known of it.
//!
//! Owns the text and which line of it comes of which answer, so that what the configuration says about a line is told of
//! the flag or question that the line came by. Must not judge: `check` does. A text with comments in it is written by hand
//! here; a serializer would write none.

use std::{collections::BTreeMap, fmt::Write};

use crate::{cli::advice::Step, terminal::width};

/// What has been said, key by key, each value as it was typed; what has not been said has a default.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    said: BTreeMap<Key, Vec<String>>,
}

/// What a starter file may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Service,
    Routes,
    Blue,
    Green,
    Listen,
    Probe,
    State,
    AdminListen,
}

impl Key {
    pub(super) const fn flag(self) -> &'static str {
        match self {
            Self::Service => "--service",
            Self::Routes => "--routes",
            Self::Blue => "--blue",
            Self::Green => "--green",
            Self::Listen => "--listen",
            Self::Probe => "--probe",
            Self::State => "--state",
            Self::AdminListen => "--admin-listen",
        }
    }

    /// Whether there may be several values.
    pub(super) const fn is_list(self) -> bool {
        matches!(self, Self::Routes | Self::Blue | Self::Green)
    }

    /// Of these the first that is not taken by something else.
    const fn defaults(self) -> &'static [&'static str] {
        match self {
            Self::Service => &["shop"],
            Self::Routes => &["/"],
            Self::Blue => &["127.0.0.1:3001", "127.0.0.1:3003"],
            Self::Green => &["127.0.0.1:3002", "127.0.0.1:3004"],
            Self::Listen => &["127.0.0.1:8080", "127.0.0.1:8000", "127.0.0.1:8888"],
            Self::Probe => &["tcp"],
            Self::State => &["state"],
            Self::AdminListen => &["127.0.0.1:9900", "127.0.0.1:9909"],
        }
    }
}

impl Draft {
    /// Says it; nothing said is a default.
    pub(super) fn say(&mut self, key: Key, values: Vec<String>) {
        if !values.is_empty() {
            self.said.insert(key, values);
        }
    }

    pub(super) fn says(&self, key: Key) -> bool {
        self.said.contains_key(&key)
    }

    pub(super) fn values(&self, key: Key) -> Vec<String> {
        if let Some(said) = self.said.get(&key) {
            return said.clone();
        }
        let is_free = |it: &&&str| !self.said.values().flatten().any(|said| said == **it);
        let defaults = key.defaults();
        let chosen = defaults.iter().find(is_free).or(defaults.first());
        chosen.map(|it| (*it).to_owned()).into_iter().collect()
    }

    pub(super) fn value(&self, key: Key) -> String {
        self.values(key).into_iter().next().unwrap_or_default()
    }

    /// The file, with the commands that come next in its head.
    pub(super) fn lines(&self, next: &[Step]) -> Vec<Told> {
        let header = bare_or_quoted(&self.value(Key::Service));
        let mut lines = Lines::default();
        lines.head(next);
        lines.process(self);
        lines.service(&header, self);
        for (colour, key, comment) in [("blue", Key::Blue, BLUE), ("green", Key::Green, GREEN)] {
            lines.table(Key::Service, &format!("service.{header}.{colour}"));
            lines.comment(comment);
            lines.list(key, "endpoints", &self.values(key));
        }
        lines.probe(&header, &self.value(Key::Probe));
        lines.switch(&header);
        lines.0
    }
}

/// A line, and what it came by.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) key: Option<Key>,
    pub(super) text: String,
}

#[derive(Default)]
struct Lines(Vec<Told>);

impl Lines {
    fn head(&mut self, next: &[Step]) {
        self.comment(HEAD);
        let longest = next.iter().map(|it| width(&it.command)).max();
        for Step { command, what } in next {
            let gap = " ".repeat(longest.unwrap_or(0) - width(command));
            // A name with a line's end in it is refused, but not before the text is judged.
            let text = format!("  {command}{gap}  # {what}").replace(char::is_control, " ");
            self.comment(&text);
        }
        self.comment(FOOT);
    }

    fn process(&mut self, draft: &Draft) {
        self.table(Key::State, "process");
        self.comment(
            "The folder of the journal, beside this file: which colour is live survives a restart.",
        );
        self.value(Key::State, "state", &draft.value(Key::State));
        self.table(Key::AdminListen, "admin");
        self.comment(ADMIN);
        self.value(Key::AdminListen, "listen", &draft.value(Key::AdminListen));
        self.table(Key::Listen, "listener.web");
        self.comment("What clients use, from now on for ever; `0.0.0.0` and a port is for those on other machines, too.");
        self.value(Key::Listen, "listen", &draft.value(Key::Listen));
    }

    fn service(&mut self, header: &str, draft: &Draft) {
        self.table(Key::Service, &format!("service.{header}"));
        self.comment(ROUTES);
        self.list(Key::Routes, "routes", &draft.values(Key::Routes));
        self.comment(LIVE);
        self.plain("live = \"blue\"");
    }

    fn probe(&mut self, header: &str, probe: &str) {
        self.table(Key::Service, &format!("service.{header}.probe"));
        if probe == "tcp" {
            self.comment(PROBE_TCP);
            self.value(Key::Probe, "kind", "tcp");
        } else {
            self.comment("Healthy is who answers 2xx to this path of its own.");
            self.plain("kind = \"http\"");
            self.value(Key::Probe, "path", probe);
        }
        self.comment("Both pools are probed all the time, so that it is known whether the other one could take over.");
        self.plain("interval = \"1s\"");
    }

    fn switch(&mut self, header: &str) {
        self.table(Key::Service, &format!("service.{header}.switch"));
        self.comment("Endpoints of the other colour that must be ready; \"100%\" is all of them.");
        self.plain("min_ready = 1");
        self.comment(
            "How long a switch waits for that before it is refused, with nothing changed.",
        );
        self.plain("gate_timeout = \"30s\"");
        self.comment("How long old requests may take to finish on the old colour; what is left then is cut, and counted.");
        self.plain("drain_deadline = \"30s\"");
    }

    fn comment(&mut self, text: &str) {
        for line in text.lines() {
            self.plain(format!("# {line}").trim_end());
        }
    }

    fn plain(&mut self, text: &str) {
        self.push(None, text.to_owned());
    }

    fn table(&mut self, key: Key, name: &str) {
        self.plain("");
        self.push(Some(key), format!("[{name}]"));
    }

    fn value(&mut self, key: Key, name: &str, value: &str) {
        self.push(Some(key), format!("{name} = {}", quoted(value)));
    }

    fn list(&mut self, key: Key, name: &str, values: &[String]) {
        let values: Vec<_> = values.iter().map(|it| quoted(it)).collect();
        self.push(Some(key), format!("{name} = [{}]", values.join(", ")));
    }

    fn push(&mut self, key: Option<Key>, text: String) {
        self.0.push(Told { key, text });
    }
}

/// As TOML writes a string; what was typed cannot end it.
fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // Writing to a string cannot fail.
            c if c.is_control() => _ = write!(quoted, "\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn bare_or_quoted(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match !name.is_empty() && name.chars().all(is_bare) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

const HEAD: &str = "The configuration of cutover. Not every key is here; docs/configuration.md has the rest, each with its default.\n\n";
const FOOT: &str = "\n\
    A running cutover applies this file whenever it is saved. One that is not valid changes nothing.";
const ADMIN: &str = "\
    Where those commands ask, and where the operators' page is. Whoever reaches it may switch: for another address than a\n\
    loopback one, name a `token_file` here.";
const ROUTES: &str = "\
    Which requests are this service's: HOST/PREFIX, such as \"shop.example.com/\"; without a host, of any host.";
const LIVE: &str = "\
    The colour that gets them at first. Then that is `cutover switch`'s; this line acts again only when it is edited.";
const BLUE: &str = "One version of it: HOST:PORT of each of its endpoints.";
const GREEN: &str = "\
    The other version. Nothing need listen there before the first release; it gets requests after a switch.";
const PROBE_TCP: &str = "\
    Healthy is who accepts a connection. Better ask the application: `kind = \"http\"` and `path = \"/healthz\"`.";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        cli::init::next,
        config::{
            Config,
            load::{self, Source},
        },
    };

    fn text(draft: &Draft) -> String {
        let lines = draft.lines(&next::steps(draft, ""));
        lines.into_iter().map(|line| line.text + "\n").collect()
    }

    fn config(text: &str) -> Config {
        let source = Source::new(Path::new("cutover.toml"), text.to_owned());
        let loaded = load::parse(&source, 1).unwrap_or_else(|it| panic!("{it}\n{text}"));
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        loaded.config
    }

    #[test]
    fn what_is_written_without_being_asked_for_are_the_defaults() {
        for probe in ["tcp", "/healthz"] {
            let mut draft = Draft::default();
            draft.say(Key::Probe, vec![probe.to_owned()]);
            let whole = text(&draft);
            let told = [
                "live",
                "kind = \"tcp\"",
                "interval",
                "min_ready",
                "gate_timeout",
                "drain_deadline",
            ];
            let without: Vec<_> = whole
                .lines()
                .filter(|line| !told.iter().any(|it| line.starts_with(it)))
                .filter(|line| !line.contains("9900"))
                .collect();
            assert_eq!(config(&whole), config(&without.join("\n")), "{whole}");
        }
    }

    #[test]
    fn what_is_typed_stays_a_value() {
        assert_eq!(quoted("a\"\n\\\u{7f}é"), "\"a\\\"\\u000A\\\\\\u007Fé\"");
        let mut draft = Draft::default();
        draft.say(Key::Service, vec!["a.b\n[x]".to_owned()]);
        draft.say(Key::State, vec!["a\"\nb = 1".to_owned()]);
        let whole = text(&draft);
        assert!(!whole.lines().any(|it| it.starts_with("[x]")), "{whole}");
        assert!(!whole.lines().any(|it| it.starts_with('b')), "{whole}");
    }

    #[test]
    fn a_default_leaves_what_was_said_alone() {
        let mut draft = Draft::default();
        draft.say(
            Key::Blue,
            vec!["127.0.0.1:8080".to_owned(), "127.0.0.1:3002".to_owned()],
        );
        assert_eq!(draft.value(Key::Listen), "127.0.0.1:8000");
        assert_eq!(draft.value(Key::Green), "127.0.0.1:3004");
        config(&text(&draft));
    }

    #[test]
    fn lines_fit_an_editor() {
        for line in text(&Draft::default()).lines() {
            assert!(line.chars().count() <= 120, "{line}");
        }
    }
}

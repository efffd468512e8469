//! Variables of the environment that stand in for keys of the process: `CUTOVER_PROCESS_WORKERS` for `process.workers`.
//!
//! Owns their names, which are made of the tables of `raw`, and how one is laid over what the file says. Must not read the
//! environment: whoever starts the process does, and hands it in, so that a check can be given any. What a service or a
//! listener is belongs to the file alone: two places for it would be one too many.

use std::{collections::BTreeMap, ffi::OsString, sync::Arc};

use toml::de::DeValue;

use super::{
    judge::Judge,
    key::Key,
    raw::{RawAdmin, RawConfig, RawMetrics, RawProcess},
    suggest,
    tree::{Field, Given, Keyed, Node},
};

/// Those variables of an environment that concern the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(Arc<BTreeMap<String, OsString>>);

impl Environment {
    /// Keeps what begins like a variable of ours, such as `CUTOVER_ADMIN_...`, but for what Kubernetes tells every
    /// container of a service that happens to be called `cutover-admin`.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let named = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let kept = named.filter(|(name, value)| {
            let rest = TABLES
                .iter()
                .find_map(|table| name.strip_prefix(&*prefix(table.name)));
            rest.is_some_and(|rest| !is_of_kubernetes(rest, &value.to_string_lossy()))
        });
        Self(Arc::new(kept.collect()))
    }

    /// Lays them over what the file says. The keys that they stand for, such as `process.workers`.
    pub(super) fn lay_over(&self, raw: &mut RawConfig, judge: &mut Judge<'_>) -> Vec<String> {
        let mut laid = Vec::new();
        laid.extend(self.over("process", &mut raw.process, judge));
        laid.extend(self.over("admin", &mut raw.admin, judge));
        laid.extend(self.over("metrics", &mut raw.metrics, judge));
        laid
    }

    fn over<T: Keyed + Default>(
        &self,
        table: &str,
        raw: &mut Field<T>,
        judge: &mut Judge<'_>,
    ) -> Vec<String> {
        let (keys, prefix) = (T::keys(), prefix(table));
        let mut laid = Vec::new();
        for (variable, value) in self.0.iter() {
            let Some(rest) = variable.strip_prefix(&prefix) else {
                continue;
            };
            let at = judge.variable(variable);
            let Some(key) = keys.iter().find(|key| key.name.to_uppercase() == rest) else {
                unknown(rest, &prefix, &keys, judge);
                continue;
            };
            let Some(text) = value.to_str() else {
                let text = format!("the value of `{variable}` is not UTF-8 text");
                judge.error(at, text, "set it to text, or unset it");
                continue;
            };
            if raw.is_missing() {
                let value = T::default();
                *raw = Field::Given(Given { at, value });
            }
            // A table that is none has been reported.
            if let Field::Given(raw) = raw {
                let value = &value_of(text, key);
                let node = Node { at, value };
                judge.within(table, |judge| raw.value.put(key.name, node, judge));
                laid.push(format!("{table}.{}", key.name));
            }
        }
        laid
    }
}

/// The variables that there are, each with the key that it stands for.
pub(super) fn variables() -> impl Iterator<Item = (String, String)> {
    TABLES.iter().flat_map(|table| {
        let keys = (table.keys)().into_iter();
        keys.map(|key| {
            let variable = format!("{}{}", prefix(table.name), key.name.to_uppercase());
            (variable, format!("{}.{}", table.name, key.name))
        })
    })
}

fn prefix(table: &str) -> String {
    format!("CUTOVER_{}_", table.to_uppercase())
}

fn unknown(rest: &str, prefix: &str, keys: &[Key], judge: &mut Judge<'_>) {
    let variable = format!("{prefix}{rest}");
    let at = judge.variable(&variable);
    let names = || keys.iter().map(|key| key.name);
    let suggestion = match suggest::nearest(&rest.to_lowercase(), names()) {
        Some(name) => format!("did you mean `{prefix}{}`?", name.to_uppercase()),
        None => {
            let names: Vec<_> = names()
                .map(|name| format!("{prefix}{}", name.to_uppercase()))
                .collect();
            suggest::one_of(names.iter().map(String::as_str))
        }
    };
    judge.error(at, "this variable stands for no key".to_owned(), suggestion);
}

/// What a text is in the file: there, texts have quotes, and all else has none.
fn value_of<'a>(text: &'a str, key: &Key) -> DeValue<'a> {
    let as_text = || DeValue::String(text.into());
    if key.form["type"] == "string" {
        return as_text();
    }
    DeValue::parse(text).map_or_else(|_| as_text(), toml::Spanned::into_inner)
}

/// Whether it is one of those that Kubernetes, as Docker's links before it, makes of the names of services.
fn is_of_kubernetes(rest: &str, value: &str) -> bool {
    let ends = |end: &str| rest == end || rest.ends_with(&format!("_{end}"));
    let is_address = value.contains("://");
    let of_port = rest.split("PORT_").skip(1);
    let mut of_port = of_port.map(|after| after.starts_with(|it: char| it.is_ascii_digit()));
    ends("SERVICE_HOST")
        || ends("SERVICE_PORT")
        || rest.contains("SERVICE_PORT_")
        || ends("PORT") && is_address
        || of_port.any(|it| it)
}

struct Table {
    name: &'static str,
    keys: fn() -> Vec<Key>,
}

const TABLES: [Table; 3] = [
    Table {
        name: "process",
        keys: RawProcess::keys,
    },
    Table {
        name: "admin",
        keys: RawAdmin::keys,
    },
    Table {
        name: "metrics",
        keys: RawMetrics::keys,
    },
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{
        AdminAddr, Problems,
        load::{self, Loaded, Source},
    };

    fn under(variables: &[(&str, &str)], file: &str) -> Result<Loaded, Problems> {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        let text = format!("{file}\n[listener.web]\nlisten = \"127.0.0.1:80\"\n");
        let source = Source::new(Path::new("/etc/cutover/cutover.toml"), text);
        load::parse(&source.under(Environment::new(variables)), 1)
    }

    #[track_caller]
    fn refused(variables: &[(&str, &str)], file: &str, expected: &[&str]) {
        assert_eq!(under(variables, file).unwrap_err().lines(), expected);
    }

    #[test]
    fn a_variable_wins_over_the_file_and_says_so() {
        let variables = [
            ("CUTOVER_PROCESS_WORKERS", "3"),
            ("CUTOVER_PROCESS_STATE", "state"),
            ("CUTOVER_ADMIN_LISTEN", "unix:/run/a.sock"),
            ("CUTOVER_METRICS_LISTEN", "127.0.0.1:9902"),
            ("CUTOVER_ADMIN", "http://127.0.0.1:1"),
            ("HOME", "/root"),
        ];
        let loaded = under(
            &variables,
            "process = { workers = 2, log_format = \"json\" }",
        )
        .unwrap();
        let config = loaded.config;
        assert_eq!(config.process.workers, 3);
        assert_eq!(config.process.log_format, crate::config::LogFormat::Json);
        assert_eq!(
            config.process.state.as_deref(),
            Some(Path::new("/etc/cutover/state"))
        );
        assert_eq!(config.admin.listen, AdminAddr::Unix("/run/a.sock".into()));
        assert_eq!(config.metrics.unwrap().listen.port(), 9902);
        assert_eq!(
            loaded.from_environment,
            [
                "process.state",
                "process.workers",
                "admin.listen",
                "metrics.listen"
            ]
        );
        let shown = under(&variables, "").unwrap().config.redacted();
        assert_eq!(shown["process"]["workers"], 3);
    }

    #[test]
    fn what_is_wrong_names_the_variable() {
        refused(
            &[
                ("CUTOVER_PROCESS_WORKERS", "many"),
                ("CUTOVER_PROCESS_SHUTDOWN_DELAY", "5"),
            ],
            "",
            &[
                "CUTOVER_PROCESS_SHUTDOWN_DELAY: `5` in `process.shutdown_delay` has no unit; did you mean `5s`?",
                "CUTOVER_PROCESS_WORKERS: `process.workers` is the string `many`, not a whole number; write `0` to `256`, without quotes",
            ],
        );
        refused(
            &[("CUTOVER_ADMIN_LISTEN", "0.0.0.0:9900")],
            "",
            &[
                "CUTOVER_ADMIN_LISTEN: the admin side on `0.0.0.0:9900` can be reached from other machines, without a token; add `token_file`, or listen on a loopback address or a Unix socket",
            ],
        );
        refused(
            &[("CUTOVER_METRICS_LISTEN", "127.0.0.1:80")],
            "",
            &[
                "/etc/cutover/cutover.toml:3:10: listener `web` listens on `127.0.0.1:80`, as the metrics side does on `127.0.0.1:80` at `CUTOVER_METRICS_LISTEN`; give one of them another port",
            ],
        );
        // A mistake in the file stays one, whatever is laid over it.
        refused(
            &[("CUTOVER_PROCESS_WORKERS", "1")],
            "process = 1",
            &[
                "/etc/cutover/cutover.toml:1:11: `process` is the number `1`, not a table; put its keys under a `[...]` header",
            ],
        );
    }

    #[test]
    fn an_unknown_variable_is_an_error() {
        refused(
            &[
                ("CUTOVER_PROCESS_WORKER", "1"),
                ("CUTOVER_METRICS_PATH", "/"),
                ("CUTOVER_ADMIN_PORT", "9900"),
            ],
            "",
            &[
                "CUTOVER_PROCESS_WORKER: this variable stands for no key; did you mean `CUTOVER_PROCESS_WORKERS`?",
                "CUTOVER_ADMIN_PORT: this variable stands for no key; did you mean `CUTOVER_ADMIN_LISTEN`?",
                "CUTOVER_METRICS_PATH: this variable stands for no key; use `CUTOVER_METRICS_LISTEN`",
            ],
        );
    }

    #[test]
    fn what_kubernetes_says_of_a_service_is_not_meant() {
        let told = [
            ("CUTOVER_ADMIN_SERVICE_HOST", "10.0.0.1"),
            ("CUTOVER_ADMIN_SERVICE_PORT", "9900"),
            ("CUTOVER_ADMIN_SERVICE_PORT_HTTP", "9900"),
            ("CUTOVER_ADMIN_PORT", "tcp://10.0.0.1:9900"),
            ("CUTOVER_ADMIN_PORT_9900_TCP", "tcp://10.0.0.1:9900"),
            ("CUTOVER_ADMIN_PORT_9900_TCP_PROTO", "tcp"),
            ("CUTOVER_METRICS_EU_PORT_9901_TCP_ADDR", "10.0.0.1"),
            ("CUTOVER_METRICS_EU_SERVICE_HOST", "10.0.0.1"),
        ];
        assert_eq!(under(&told, "").unwrap().from_environment, [""; 0]);
        for (variable, _) in variables() {
            assert!(!is_of_kubernetes(&variable, "tcp://"), "{variable}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_no_text_is_an_error() {
        use std::os::unix::ffi::OsStringExt as _;

        let value = OsString::from_vec(vec![0xff]);
        let environment = Environment::new([("CUTOVER_PROCESS_STATE".into(), value)]);
        let text = "[listener.web]\nlisten = \"127.0.0.1:80\"\n".to_owned();
        let source = Source::new(Path::new("c"), text).under(environment);
        assert_eq!(
            load::parse(&source, 1).unwrap_err().to_string(),
            "CUTOVER_PROCESS_STATE: the value of `CUTOVER_PROCESS_STATE` is not UTF-8 text; set it to text, or unset it"
        );
    }
}

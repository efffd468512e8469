//! "Did you mean": the nearest of a list of known words.
//!
//! Owns the measure of nearness and the words that operators bring along from other proxies. Must not be asked
//! about long lists in a loop without need: one answer costs the length of both words per known word.

use super::judge::shown;

/// What to do about `typed`, which should have been one of `known`.
pub(super) fn instead_of<'k>(typed: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    match nearest(typed, known.clone()) {
        Some(word) => format!("did you mean `{}`?", shown(word)),
        None => one_of(known),
    }
}

/// The known word that `typed` was probably meant to be.
pub(super) fn nearest<'k>(
    typed: &str,
    known: impl Iterator<Item = &'k str> + Clone,
) -> Option<&'k str> {
    if typed.len() > TYPED_LIMIT {
        return None;
    }
    let typed = typed.to_lowercase().replace('-', "_");
    if let Some(word) = known.clone().find(|word| is_elsewhere(&typed, word)) {
        return Some(word);
    }
    let bound = typed.chars().count().div_ceil(3).min(3);
    known
        .map(|word| (strsim::osa_distance(&typed, word), word))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// What to do where one of `known` should stand.
pub(super) fn one_of<'k>(known: impl Iterator<Item = &'k str>) -> String {
    let words: Vec<_> = known
        .take(WORDS_LIMIT)
        .map(|word| format!("`{}`", shown(word)))
        .collect();
    match words.as_slice() {
        [] => "remove it".to_owned(),
        [only] => format!("use {only}"),
        [first @ .., last] => format!("use {} or {last}", first.join(", ")),
    }
}

/// Whether another proxy says `typed` where we say `word`.
fn is_elsewhere(typed: &str, word: &str) -> bool {
    ELSEWHERE
        .iter()
        .any(|(ours, theirs)| *ours == word && theirs.contains(&typed))
}

const ELSEWHERE: &[(&str, &[&str])] = &[
    (
        "endpoints",
        &[
            "backend",
            "backends",
            "server",
            "servers",
            "target",
            "targets",
            "upstream",
            "upstreams",
            "hosts",
            "nodes",
        ],
    ),
    (
        "probe",
        &[
            "health",
            "healthcheck",
            "health_check",
            "check",
            "liveness",
            "readiness",
        ],
    ),
    ("service", &["app", "cluster", "site", "vhost", "backend"]),
    ("listener", &["frontend", "entrypoint", "server"]),
    ("listen", &["bind", "address", "addr", "port"]),
    ("addr", &["address", "host", "url", "endpoint"]),
    ("live", &["active", "primary", "color", "colour"]),
    ("routes", &["hosts", "paths", "rules", "match", "domains"]),
    (
        "balance",
        &[
            "policy",
            "lb",
            "load_balancer",
            "load_balancing",
            "strategy",
        ],
    ),
    (
        "least_in_flight",
        &[
            "least_conn",
            "least_connections",
            "leastconn",
            "least_request",
        ],
    ),
    ("workers", &["threads", "worker_processes", "nbthread"]),
    ("drain_deadline", &["drain_timeout", "drain"]),
    ("response", &["read", "server"]),
    ("body_contains", &["body", "contains"]),
    ("expect", &["status", "expected", "expect_status"]),
    ("path", &["uri", "url"]),
    ("rise", &["healthy_threshold", "success_threshold"]),
    ("fall", &["unhealthy_threshold", "failure_threshold"]),
];

/// Longer words are not compared.
const TYPED_LIMIT: usize = 64;
/// Known words that a suggestion lists.
const WORDS_LIMIT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn suggests(typed: &str, known: &[&str], expected: &str) {
        assert_eq!(instead_of(typed, known.iter().copied()), expected);
    }

    #[test]
    fn a_near_word_is_suggested() {
        suggests("endpoint", &["endpoints"], "did you mean `endpoints`?");
        suggests("Endpoints", &["endpoints"], "did you mean `endpoints`?");
        suggests(
            "max-idle",
            &["min_ready", "max_idle"],
            "did you mean `max_idle`?",
        );
        suggests("fal", &["rise", "fall"], "did you mean `fall`?");
    }

    #[test]
    fn a_word_of_another_proxy_is_translated() {
        suggests("backends", &["endpoints"], "did you mean `endpoints`?");
        suggests(
            "health_check",
            &["routes", "probe"],
            "did you mean `probe`?",
        );
    }

    #[test]
    fn otherwise_the_known_words_are_listed() {
        suggests("red", &["blue", "green"], "use `blue` or `green`");
        suggests("x", &["a1", "b1", "c1"], "use `a1`, `b1` or `c1`");
        suggests("x", &["listen"], "use `listen`");
        suggests(&"x".repeat(1_000_000), &["listen"], "use `listen`");
    }
}

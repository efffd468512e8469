//! The promise: a file is judged whole, in the same words everywhere, and the examples in `config/` work.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use cutover::{
    config::{
        AccessLogTarget, AdminAddr, Config, Problems,
        load::{self, Loaded, Source},
    },
    core::service::{HostPolicy, ProbeKind},
};

#[test]
fn every_example_is_without_problem_or_warning() {
    let examples = files("config");
    assert!(examples.len() >= 6, "{examples:?}");
    for path in examples {
        let source = load::read(&path).unwrap();
        let loaded = load::parse(&source, CORES).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(Problems(loaded.warnings).to_string(), "");
    }
}

#[test]
fn every_bad_file_is_refused_in_these_words() {
    for path in files("tests/config/refused") {
        let problems = parse(&fs::read_to_string(&path).unwrap()).expect_err("it is bad");
        expect(&path, &problems);
    }
}

#[test]
fn every_odd_file_is_taken_with_these_warnings() {
    for path in files("tests/config/odd") {
        let loaded = parse(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|problems| panic!("{problems}"));
        expect(&path, &Problems(loaded.warnings));
    }
}

#[test]
fn the_full_example_shows_the_defaults() {
    let full = example("full").redacted();
    let minimal = example("minimal").redacted();
    for (table, optional) in [
        ("/process", &["state", "affinity_key_file"][..]),
        ("/admin", &["token_file"]),
        ("/listener/web", &["proxy_protocol", "trusted_proxies"]),
        ("/service/shop/passive", &[]),
        ("/service/shop/switch", &["check", "hook"]),
        ("/service/shop/timeouts", &[]),
        ("/service/shop/connections", &[]),
        ("/service/shop/probe", &["kind"]),
        (
            "/service/shop",
            &[
                "routes",
                "affinity",
                "send_proxy_protocol",
                "blue",
                "green",
                "probe",
                "switch",
                "preview",
            ],
        ),
    ] {
        let defaults = minimal.pointer(table).unwrap().as_object().unwrap();
        for (key, default) in defaults {
            if !optional.contains(&key.as_str()) {
                let shown = full.pointer(table).unwrap().get(key);
                assert_eq!(shown, Some(default), "`{key}` in {table}");
            }
        }
    }
}

#[test]
fn every_key_is_in_the_reference() {
    let reference = fs::read_to_string("docs/configuration.md").unwrap();
    let full = fs::read_to_string("config/full.toml").unwrap();
    for (key, line) in keys_of(&full) {
        assert!(
            reference.contains(&format!("| `{key}`")),
            "`{key}` (config/full.toml:{line}) is missing in docs/configuration.md"
        );
    }
}

#[test]
fn every_key_is_in_the_full_example() {
    let full = fs::read_to_string("config/full.toml").unwrap();
    let keys: Vec<_> = keys_of(&full).into_iter().map(|(key, _)| key).collect();
    let nonsense = "nonsense = 1\n\
        [process]\nnonsense = 1\n[admin]\nnonsense = 1\n[metrics]\nnonsense = 1\n\
        [listener.a]\nnonsense = 1\n[service.a]\nnonsense = 1\n[service.a.blue]\nnonsense = 1\n\
        [service.a.probe]\nnonsense = 1\n[service.a.passive]\nnonsense = 1\n\
        [service.a.switch]\nnonsense = 1\n[service.a.timeouts]\nnonsense = 1\n\
        [service.a.connections]\nnonsense = 1\n[service.a.preview]\nnonsense = 1\n\
        [service.a.affinity]\nnonsense = 1\n\
        [listener.a.tls]\nnonsense = 1\n[service.a.upstream_tls]\nnonsense = 1\n\
        [listener.b.tls]\ncertificates = [{ nonsense = 1 }]\n\
        [[service.b.switch.check]]\nnonsense = 1\n[group.a]\nnonsense = 1\n\
        [[service.b.switch.hook]]\nnonsense = 1\n";
    let tables = [
        "process",
        "admin",
        "metrics",
        "traces",
        "listener",
        "service",
        "blue",
        "green",
        "probe",
        "passive",
        "switch",
        "check",
        "hook",
        "group",
        "timeouts",
        "connections",
        "affinity",
        "preview",
        "tls",
        "upstream_tls",
    ];
    for problem in parse(nonsense).unwrap_err().0 {
        let listed = problem.suggestion.unwrap();
        if !problem.text.starts_with("unknown key `nonsense`") {
            continue;
        }
        // The suggestion lists every key of the table: "use `a`, `b` or `c`".
        for key in listed.split('`').skip(1).step_by(2) {
            let is_shown = tables.contains(&key) || keys.iter().any(|shown| shown == key);
            assert!(is_shown, "`{key}` is missing in config/full.toml");
        }
    }
}

#[test]
fn traces_want_a_collector_in_the_clear_and_a_binary_that_can_send_them() {
    let refused = |table: &str| parse(table).unwrap_err().to_string();
    let secure = refused("[traces]\ncollector = \"https://traces.test/v1/traces\"\n");
    assert!(secure.contains("spoken to in the clear only"), "{secure}");
    assert!(refused("[traces]\n").contains("has no `collector`"));
    let listener = "[listener.web]\nlisten = \"127.0.0.1:0\"\n";
    let right = parse(&format!(
        "[traces]\ncollector = \"http://127.0.0.1:4318/v1/traces\"\n{listener}"
    ));
    if cfg!(feature = "otel") {
        let traces = right.unwrap().config.traces.unwrap();
        assert_eq!(traces.address, "127.0.0.1:4318");
        assert_eq!(traces.sample.to_string(), "1%");
    } else {
        let told = right.unwrap_err().to_string();
        assert!(told.contains("build it with `--features otel`"), "{told}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cutover.toml");
    let missing = load::read(&path).unwrap_err().to_string();
    let reason = "the file cannot be read: No such file or directory (os error 2)";
    let cure = "name another with `--config`, or see to its permissions";
    assert_eq!(missing, format!("{}: {reason}; {cure}", path.display()));
    let no_file = load::read(folder.path()).unwrap_err().to_string();
    assert!(no_file.ends_with(": this is not a regular file; name one that is"));
    fs::write(&path, b"# \xC3\xA4\n# \xFF").unwrap();
    let binary = load::read(&path).unwrap_err().to_string();
    assert!(
        binary.ends_with(
            "cutover.toml:2:3: the file is not UTF-8 text from here on; save it as UTF-8"
        )
    );
    fs::write(&path, vec![b'#'; 8 * 1024 * 1024 + 1]).unwrap();
    let large = load::read(&path).unwrap_err().to_string();
    assert!(
        large.contains("the file is larger than 8388608 bytes"),
        "{large}"
    );
}

#[test]
fn the_digest_changes_with_the_text() {
    let source = |text: &str| Source::new(Path::new("c"), text.to_owned());
    assert_eq!(source("a").digest, source("a").digest);
    assert_ne!(source("a").digest, source("b").digest);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c");
    fs::write(&path, "a").unwrap();
    assert_eq!(load::read(&path).unwrap().digest, source("a").digest);
}

#[test]
fn relative_paths_begin_at_the_folder_of_the_file() {
    let text = "[process]\nstate = \"state\"\naccess_log = \"./access.log\"\n\
        [admin]\nlisten = \"unix:admin.sock\"\ntoken_file = \"/run/token\"\n";
    let text = format!("{text}{LISTENER}");
    let source = Source::new(Path::new("/etc/cutover/cutover.toml"), text);
    let config = load::parse(&source, CORES).unwrap().config;
    assert_eq!(config.process.state, Some("/etc/cutover/state".into()));
    let log = AccessLogTarget::File("/etc/cutover/./access.log".into());
    assert_eq!(config.process.access_log, log);
    let socket = AdminAddr::Unix("/etc/cutover/admin.sock".into());
    assert_eq!(config.admin.listen, socket);
    assert_eq!(config.admin.token_file, Some("/run/token".into()));
}

#[test]
fn empty_and_missing_tables_mean_the_same() {
    let empty = format!("[process]\n[admin]\n{LISTENER}");
    assert_eq!(good(&empty), good(LISTENER));
    let config = good(LISTENER);
    assert_eq!(config.process.workers, CORES);
    assert_eq!(config.metrics, None);
    let metrics = good(&format!("[metrics]\n{LISTENER}")).metrics.unwrap();
    assert_eq!(metrics.listen.to_string(), "0.0.0.0:9901");
}

#[test]
fn a_probe_is_of_the_kind_that_its_keys_are_of() {
    let kind = |probe: &str| {
        let service = service("a", "/", &format!("probe = {{ {probe} }}"));
        let config = good(&format!("{LISTENER}{service}"));
        match &config.services.first().unwrap().probe.kind {
            ProbeKind::Tcp => "tcp".to_owned(),
            ProbeKind::Http(http) => format!("http {} {:?}", http.path, http.expect),
            ProbeKind::Grpc(grpc) => format!("grpc `{}`", grpc.service),
        }
    };
    assert_eq!(kind(""), "tcp");
    assert_eq!(kind("interval = \"5s\""), "tcp");
    assert_eq!(kind("kind = \"http\""), "http / 200..=399");
    assert_eq!(kind("path = \"/up\", expect = 204"), "http /up 204..=204");
    assert_eq!(kind("expect = \"204\""), "http / 204..=204");
    assert_eq!(kind("host = \"shop\""), "http / 200..=399");
    assert_eq!(kind("kind = \"grpc\", host = \"shop\""), "grpc ``");
    let named = "grpc_service = \"shop.v1.Checkout\"";
    assert_eq!(kind(named), "grpc `shop.v1.Checkout`");
}

#[test]
fn a_short_interval_shortens_the_default_timeout() {
    let service = service("a", "/", "probe = { interval = \"200ms\" }");
    let config = good(&format!("{LISTENER}{service}"));
    let probe = &config.services.first().unwrap().probe;
    assert_eq!(probe.timeout, probe.interval);
}

#[test]
fn the_host_sent_upstream_is_one_of_three_things() {
    let host = |line: &str| {
        let service = service("a", "/", line);
        good(&format!("{LISTENER}{service}")).services[0]
            .host
            .clone()
    };
    assert_eq!(host(""), HostPolicy::Preserve);
    assert_eq!(host("host = \"preserve\""), HostPolicy::Preserve);
    assert_eq!(host("host = \"endpoint\""), HostPolicy::Endpoint);
    let literal = http::HeaderValue::from_static("shop.internal:80");
    assert_eq!(
        host("host = \"Shop.internal:80\""),
        HostPolicy::Literal(literal)
    );
}

#[test]
fn what_is_shown_of_a_file_holds_every_default_and_no_secret() {
    let text = format!(
        "[admin]\ntoken_file = \"/run/token\"\n{LISTENER}{}",
        service(
            "a",
            "/",
            "probe = { headers = { authorization = \"Bearer hunter2\" } }"
        )
    );
    let shown = good(&text).redacted();
    assert!(!shown.to_string().contains("hunter2"));
    for (pointer, value) in [
        ("/process/shutdown_deadline", "\"30s\""),
        ("/process/workers", "4"),
        ("/process/state", "null"),
        ("/admin/listen", "\"127.0.0.1:9900\""),
        ("/admin/token_file", "\"/run/token\""),
        ("/listener/web/max_header_size", "\"64KiB\""),
        ("/service/a/live", "\"blue\""),
        ("/service/a/listeners", "[\"web\"]"),
        (
            "/service/a/blue/endpoints",
            "[{\"addr\":\"10.0.0.1:80\",\"weight\":1}]",
        ),
        ("/service/a/probe/headers/authorization", "\"(hidden)\""),
        ("/service/a/probe/jitter", "\"10%\""),
        ("/service/a/switch/min_ready", "1"),
    ] {
        assert_eq!(
            shown.pointer(pointer).unwrap().to_string(),
            value,
            "{pointer}"
        );
    }
    assert_eq!(shown.pointer("/metrics"), None);
}

#[test]
fn an_open_admin_side_is_fine_with_a_token_and_on_loopback_without() {
    for admin in [
        "listen = \"0.0.0.0:9900\"\ntoken_file = \"t\"",
        "listen = \"127.0.0.2:9900\"",
        "listen = \"[::1]:9900\"",
        "listen = \"[::ffff:127.0.0.1]:9900\"",
        "listen = \"unix:/run/a.sock\"",
    ] {
        good(&format!("[admin]\n{admin}\n{LISTENER}"));
    }
}

const CORES: usize = 4;
const LISTENER: &str = "[listener.web]\nlisten = \"127.0.0.1:8080\"\n";

fn service(name: &str, route: &str, line: &str) -> String {
    format!(
        "[service.{name}]\nroutes = [\"{route}\"]\n{line}\n\
        blue.endpoints = [\"10.0.0.1:80\"]\ngreen.endpoints = [\"10.0.0.2:80\"]\n"
    )
}

fn parse(text: &str) -> Result<Loaded, Problems> {
    load::parse(
        &Source::new(Path::new("cutover.toml"), text.to_owned()),
        CORES,
    )
}

#[track_caller]
fn good(text: &str) -> Config {
    match parse(text) {
        Ok(loaded) => loaded.config,
        Err(problems) => panic!("{problems}\n{text}"),
    }
}

fn example(name: &str) -> Config {
    good(&fs::read_to_string(format!("config/{name}.toml")).unwrap())
}

/// Every `.toml` file of a folder, by name.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "toml"));
    files.sort();
    files
}

/// Each `key = ...` of a file, with its line.
fn keys_of(text: &str) -> Vec<(String, usize)> {
    let lines = text.lines().zip(1..);
    lines
        .filter(|(line, _)| !line.starts_with('#'))
        .filter_map(|(line, number)| Some((line.split_once(" = ")?.0.to_owned(), number)))
        .collect()
}

/// Compares with the text beside the file.
#[track_caller]
fn expect(path: &Path, problems: &Problems) {
    let expected = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
    assert_eq!(
        problems.to_string().lines().collect::<Vec<_>>(),
        expected.lines().collect::<Vec<_>>(),
        "{}",
        path.display()
    );
}

//! The proxies that are compared, and how each is started: `peers/` holds their configurations.
//!
//! Work is made equal: one worker, connections to endpoints kept, `X-Forwarded-For` and `X-Forwarded-Proto` set, no
//! access log, metrics as each has them by default.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    stage::{Ports, Stage},
    work::Work,
};

/// A proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Peer {
    Cutover,
    Nginx,
    Haproxy,
    /// HAProxy as a relay of bytes: the floor.
    Relay,
    Envoy,
    Caddy,
}

impl Peer {
    pub(crate) const ALL: [Self; 6] = [
        Self::Cutover,
        Self::Nginx,
        Self::Haproxy,
        Self::Relay,
        Self::Envoy,
        Self::Caddy,
    ];

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Cutover => "cutover",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Relay => "relay",
            Self::Envoy => "envoy",
            Self::Caddy => "caddy",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Cutover => "cutover",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Relay => "TCP relay",
            Self::Envoy => "Envoy",
            Self::Caddy => "Caddy",
        }
    }

    /// Where its binary is, if it is there.
    pub(crate) fn binary(self, cutover: &Path) -> Option<PathBuf> {
        let name = match self {
            Self::Cutover => return Some(cutover.to_owned()),
            Self::Relay => "haproxy",
            Self::Nginx | Self::Haproxy | Self::Envoy | Self::Caddy => self.key(),
        };
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .chain(["/usr/sbin".into()])
            .map(|folder| folder.join(name))
            .find(|it| it.is_file())
    }

    pub(crate) fn does(self, work: Work) -> bool {
        match self {
            Self::Cutover | Self::Nginx | Self::Haproxy | Self::Envoy => true,
            // It would open a connection to an endpoint each time, and does not know when a request is over.
            Self::Relay => {
                !work.is_secure() && !matches!(work, Work::Connect | Work::Streams | Work::Calls)
            }
            Self::Caddy => work != Work::Calls,
        }
    }

    /// Writes its configuration, and tells the command that it is started by.
    pub(crate) fn command(self, stage: &Stage, ports: &Ports) -> Command {
        let home = stage.home();
        let text = match self {
            Self::Cutover => include_str!("peers/cutover.toml"),
            Self::Nginx => include_str!("peers/nginx.conf"),
            Self::Haproxy => include_str!("peers/haproxy.cfg"),
            Self::Relay => include_str!("peers/relay.cfg"),
            Self::Envoy => include_str!("peers/envoy.yaml"),
            Self::Caddy => include_str!("peers/Caddyfile"),
        };
        let file = home.join(self.file());
        self.with(stage, &file, &ports.fill(&stage.fill(text)))
    }

    /// What it calls its configuration; one that it reads by the ending.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Cutover => "cutover.toml",
            Self::Nginx => "nginx.conf",
            Self::Haproxy => "haproxy.cfg",
            Self::Relay => "relay.cfg",
            Self::Envoy => "envoy.yaml",
            Self::Caddy => "Caddyfile",
        }
    }

    /// The same, with a configuration of its own.
    pub(crate) fn with(self, stage: &Stage, file: &Path, text: &str) -> Command {
        self.on(stage.cores.proxy(), stage, file, text)
    }

    /// The same, where the command line begins otherwise.
    pub(crate) fn on(
        self,
        mut words: Vec<String>,
        stage: &Stage,
        file: &Path,
        text: &str,
    ) -> Command {
        let home = file.parent().unwrap().display().to_string();
        let text = text.replace("{home}", &home);
        fs::write(file, text).unwrap();
        let file = file.display().to_string();
        let arguments: &[&str] = match self {
            Self::Cutover => &["serve", "--config", &file],
            Self::Nginx => &["-p", &home, "-c", &file],
            Self::Haproxy | Self::Relay => &["-f", &file],
            Self::Envoy => &[
                "-c",
                &file,
                "--concurrency",
                "1",
                "-l",
                "error",
                "--use-dynamic-base-id",
            ],
            Self::Caddy => &["run", "--adapter", "caddyfile", "--config", &file],
        };
        let binary = self.binary(&stage.cutover).unwrap();
        words.push(binary.display().to_string());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(arguments).current_dir(&home);
        let log = fs::File::create(Path::new(&home).join("log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        if self == Self::Caddy {
            command.env("GOMAXPROCS", "1").env("HOME", &home);
        }
        command
    }

    /// What it says of itself.
    pub(crate) fn version(self, cutover: &Path) -> String {
        let Some(binary) = self.binary(cutover) else {
            return String::new();
        };
        let argument = match self {
            Self::Nginx | Self::Haproxy | Self::Relay => "-v",
            Self::Cutover | Self::Envoy => "--version",
            Self::Caddy => "version",
        };
        let output = Command::new(binary).arg(argument).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let is_version =
            |it: &&str| it.contains('.') && it.contains(|it: char| it.is_ascii_digit());
        let words = text.split(|it: char| it.is_whitespace() || it == '/');
        let words = words.map(|it| it.trim_start_matches('v'));
        let found = words
            .into_iter()
            .find(|it| is_version(it) && it.starts_with(|it: char| it.is_ascii_digit()));
        found.unwrap_or("?").to_owned()
    }
}

//! Arguments that all commands of operators have.

use std::{fs, io::Read, net::Ipv6Addr, path::PathBuf, str::FromStr, time::Duration};

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};

use super::{
    client::Client,
    exit::Failure,
    output::{Format, Output},
};
use crate::{admin::ACTOR_LIMIT, core::ids::Colour};

/// Where and as whom to ask, and how to answer.
#[derive(Debug, Args)]
pub(super) struct ClientArgs {
    /// Where cutover's admin API is: `http://HOST:PORT` or `unix:/PATH`
    #[arg(
        long,
        value_name = "URL",
        env = "CUTOVER_ADMIN",
        default_value = USUAL_ADMIN
    )]
    admin: AdminUrl,
    /// File that holds the bearer token, and nothing else
    #[arg(long, value_name = "FILE", env = "CUTOVER_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Name to keep in history [default: the user's]
    #[arg(long, value_name = "NAME", env = "CUTOVER_ACTOR")]
    actor: Option<String>,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// How long to wait for an answer, such as `30s` [default: 20m for switches, else 10s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
}

impl ClientArgs {
    /// A client that waits for `timeout`, if nothing else was said.
    pub(super) fn client(
        self,
        timeout: Duration,
        output: &mut Output<'_>,
    ) -> Result<Client, Failure> {
        output.format(self.output);
        Ok(Client {
            url: self.admin,
            token: self.token_file.map(token).transpose()?,
            actor: actor(self.actor)?,
            key: None,
            timeout: self.timeout.unwrap_or(timeout),
        })
    }
}

/// Where the admin API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AdminUrl {
    /// `HOST:PORT`.
    Tcp(String),
    /// A Unix socket.
    Unix(PathBuf),
}

impl FromStr for AdminUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path.starts_with('/') {
                true => Ok(Self::Unix(path.into())),
                false => Err("a socket is written `unix:/PATH`".to_owned()),
            };
        }
        let Some(authority) = text.strip_prefix("http://") else {
            return Err("an admin address is `http://HOST:PORT` or `unix:/PATH`".to_owned());
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        match authority.rsplit_once(':') {
            Some((host, port)) if is_host(host) && port.parse::<u16>().is_ok_and(|it| it > 0) => {
                Ok(Self::Tcp(authority.to_owned()))
            }
            _ => Err("an admin address has a host and a port: `http://HOST:PORT`".to_owned()),
        }
    }
}

impl AdminUrl {
    /// Where it is if nothing is said.
    pub(super) fn usual() -> Option<Self> {
        USUAL_ADMIN.parse().ok()
    }
}

impl std::fmt::Display for AdminUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(authority) => write!(f, "http://{authority}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

fn is_host(host: &str) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    match bracketed {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|it| it.is_ascii_alphanumeric() || b".-_".contains(&it))
        }
    }
}

/// For an argument that is a colour, so that help and shells name both.
pub(super) fn colour() -> impl TypedValueParser<Value = Colour> {
    PossibleValuesParser::new(Colour::ALL.map(Colour::as_str))
        .try_map(|text| text.parse::<Colour>())
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration.min(TIMEOUT_LIMIT)),
        Ok(_) => Err("it must be longer than nothing".to_owned()),
        Err(_) => Err("a duration has a unit, such as `500ms`, `30s` or `5m`".to_owned()),
    }
}

/// What is in a client's token file.
pub(super) fn token(file: PathBuf) -> Result<String, Failure> {
    let mut text = String::new();
    fs::File::open(&file)
        .and_then(|opened| opened.take(TOKEN_FILE_LIMIT).read_to_string(&mut text))
        .map_err(|source| Failure::Unreadable {
            what: file.display().to_string(),
            source,
        })?;
    let token = text.trim();
    let is_token = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_graphic());
    if is_token(token) {
        return Ok(token.to_owned());
    }
    Err(Failure::Usage(format!(
        "`{}` is no token file for a client: it holds just the token, without name and role",
        file.display()
    )))
}

fn actor(named: Option<String>) -> Result<Option<String>, Failure> {
    let fits = |name: &String| {
        let length = name.chars().count();
        (1..=ACTOR_LIMIT).contains(&length) && !name.chars().any(char::is_control)
    };
    match named {
        Some(name) if fits(&name) => Ok(Some(name)),
        Some(_) => Err(Failure::Usage(format!(
            "the actor is a name of 1 to {ACTOR_LIMIT} printable characters"
        ))),
        None => Ok(std::env::var("USER").ok().filter(fits)),
    }
}

/// For an answer to a switch or rollback: by default gates and drain have 30 s each, and approval 10 minutes.
pub(super) const SWITCH_TIMEOUT: Duration = Duration::from_secs(20 * 60);
/// For an answer to anything else.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// Nobody waits for longer; clocks may not count it, either.
pub(super) const TIMEOUT_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
const USUAL_ADMIN: &str = "http://127.0.0.1:9900";
/// Bytes of a client's token file.
const TOKEN_FILE_LIMIT: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_url_is_tcp_or_a_socket() {
        for (text, expected) in [
            (
                "http://127.0.0.1:9900",
                AdminUrl::Tcp("127.0.0.1:9900".to_owned()),
            ),
            (
                "http://admin.example:80/",
                AdminUrl::Tcp("admin.example:80".to_owned()),
            ),
            ("http://[::1]:9900", AdminUrl::Tcp("[::1]:9900".to_owned())),
            ("unix:/run/a.sock", AdminUrl::Unix("/run/a.sock".into())),
            ("unix:///run/a.sock", AdminUrl::Unix("/run/a.sock".into())),
        ] {
            assert_eq!(text.parse(), Ok(expected));
        }
        for text in [
            "",
            "127.0.0.1:9900",
            "https://a:1",
            "http://",
            "http://a",
            "http://a:0",
            "http://a:70000",
            "http://a:1/v1",
            "http://a b:1",
            "http://u@a:1",
            "http://::1:1",
            "unix:a.sock",
        ] {
            assert!(text.parse::<AdminUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_has_a_unit_and_an_end() {
        assert_eq!(duration("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("100years"), Ok(TIMEOUT_LIMIT));
        assert!(duration("0s").is_err());
        assert!(duration("10").is_err());
    }
}

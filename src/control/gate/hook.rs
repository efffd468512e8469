//! Hooks: somebody else's HTTP server is told of a switch, and has a say in it.
//!
//! Owns what an answer means: 2xx lets it pass, but for a 202 that names a time to ask again; everything else does not,
//! redirects least of all, for they would send the token and the description to somebody whom no file names. The body of
//! an answer is never read, so that it needs no bound.

use std::{
    fmt,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::{
    net::lookup_host,
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::exchange::{Asked, Beginning};
use crate::{
    control::probe::{failure::ProbeFailure, secure::Secure},
    core::{
        gate::{
            inquiry::{Description, HookQuestion},
            spec::HookSpec,
            verdict::GateFault,
        },
        service::UpstreamProtocol,
    },
    tls::Connectors,
};

/// Calls a hook, and calls again as long as it says that it is not done.
pub(super) async fn called(
    question: &HookQuestion,
    connectors: &Arc<Connectors>,
) -> Result<(), GateFault> {
    let hook = &*question.hook;
    let mut answers = 0;
    let calling = answered(hook, &question.description, connectors, &mut answers);
    let outcome = timeout(hook.timeout, calling).await;
    let failure = match outcome {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(failure)) => failure,
        Err(_) if answers > 0 => Failure::InProgress(hook.timeout),
        Err(_) => Failure::Exchange(ProbeFailure::NoAnswer(hook.timeout)),
    };
    Err(GateFault {
        why: Some(failure.to_string()),
        endpoints: Vec::new(),
    })
}

async fn answered(
    hook: &HookSpec,
    description: &Description,
    connectors: &Connectors,
    answers: &mut usize,
) -> Result<(), Failure> {
    let secure = hook.tls.as_ref();
    let beginning = Beginning {
        protocol: UpstreamProtocol::Http1,
        introduces: None,
        secure: secure.map(|tls| Secure::new(tls, connectors, &hook.address)),
    };
    let body = serde_json::to_vec(description)
        .map_err(|error| Failure::Exchange(ProbeFailure::Request(error.to_string())))?;
    let asked = Asked {
        method: Method::POST,
        path: hook.path.clone(),
        headers: fields(hook, description).await?,
        body: Bytes::from(body),
        wants_body: false,
    };
    loop {
        let addresses = lookup_host(&hook.address).await;
        let addresses: Vec<_> = addresses.map_err(Failure::Unresolved)?.collect();
        let answer = beginning.ask(&addresses, asked.clone()).await;
        let answer = answer.map_err(Failure::Exchange)?;
        *answers += 1;
        match pause(answer.status, &answer.headers)? {
            None => return Ok(()),
            Some(pause) => sleep(pause).await,
        }
    }
}

async fn fields(hook: &HookSpec, description: &Description) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, hook.host.clone());
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if let Ok(key) = HeaderValue::from_str(&key(description)) {
        headers.insert("idempotency-key", key);
    }
    if let Some(file) = &hook.token_file {
        headers.insert(header::AUTHORIZATION, bearer(file).await?);
    }
    Ok(headers)
}

/// The same each time that one hook is asked about one switch.
fn key(description: &Description) -> String {
    let Description {
        service,
        tenure,
        requested_at,
        at,
        ..
    } = description;
    format!(
        "{service}-{tenure}-{}-{}",
        requested_at.millis(),
        at.as_str()
    )
}

/// What the token file holds now.
async fn bearer(file: &Path) -> Result<HeaderValue, Failure> {
    let file = file.to_owned();
    let read = spawn_blocking(move || {
        let mut token = String::new();
        let opened = std::fs::File::open(file)?;
        opened.take(TOKEN_FILE_LIMIT).read_to_string(&mut token)?;
        Ok::<_, io::Error>(token)
    });
    let read = read.await.map_err(io::Error::other).flatten();
    let token = read.map_err(|error| Failure::Token(error.kind().to_string()))?;
    let token = token.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::Token("it holds no token".to_owned()));
    }
    let value = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut value = value.map_err(|_| Failure::Token("it holds no token".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `None` if the hook lets it pass; when to ask again, if it has not decided.
fn pause(status: StatusCode, headers: &HeaderMap) -> Result<Option<Duration>, Failure> {
    let again = headers.get(header::RETRY_AFTER);
    match again.filter(|_| status == StatusCode::ACCEPTED) {
        Some(again) => {
            let seconds = again
                .to_str()
                .ok()
                .and_then(|text| text.trim().parse().ok());
            let seconds: u32 = seconds.ok_or(Failure::RetryAfter)?;
            Ok(Some(
                Duration::from_secs(seconds.into()).max(SHORTEST_PAUSE),
            ))
        }
        None if status.is_success() => Ok(None),
        None if status.is_redirection() => Err(Failure::Redirect(status.as_u16())),
        None => Err(Failure::Status(status.as_u16())),
    }
}

/// Why a hook failed.
#[derive(Debug)]
enum Failure {
    Unresolved(io::Error),
    Exchange(ProbeFailure),
    InProgress(Duration),
    Redirect(u16),
    Status(u16),
    RetryAfter,
    Token(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolved(error) => write!(f, "name not resolved: {error}"),
            Self::Exchange(failure) => failure.fmt(f),
            Self::InProgress(limit) => {
                let limit = humantime::format_duration(*limit);
                write!(f, "still in progress after {limit}")
            }
            Self::Redirect(status) => write!(f, "redirected by status {status}"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::RetryAfter => {
                f.write_str("in progress, with a `Retry-After` that is no number of seconds")
            }
            Self::Token(why) => write!(f, "the token file cannot be used: {why}"),
        }
    }
}

/// How cutover names itself to hooks.
const USER_AGENT: &str = concat!("cutover-hook/", env!("CARGO_PKG_VERSION"));
/// Between two questions, whatever a hook asks for.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a token file that are read.
const TOKEN_FILE_LIMIT: u64 = 4096;

//! Asking again when the connection broke before the answer: under one key, so that cutover does it once.
//!
//! Owns the key and how often it is asked again. Must not ask again where there was an answer: a refusal is one.

use std::time::Duration;

use aws_lc_rs::rand;
use clap::Args;
use http::Method;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    client::{Answer, Client},
    exit::Failure,
    output::Output,
    progress::watched,
    switch::Whom,
};
use crate::admin::KEY_LIMIT;

/// What a command is known by when it asks again.
#[derive(Debug, Args)]
pub(super) struct OnceArgs {
    /// Key of this order: asked again under the same key, cutover does nothing new [default: a random one]
    #[arg(long, value_name = "KEY", value_parser = key)]
    key: Option<String>,
}

impl OnceArgs {
    /// Has an order carried out, once, and tells meanwhile what is waited for. Where the connection breaks before the
    /// answer it is asked again, within the client's timeout.
    pub(super) async fn ordered(
        self,
        (client, whom): (&Client, &Whom),
        (path, body): (&str, &impl Serialize),
        output: &mut Output<'_>,
    ) -> Result<Answer, Failure> {
        let key = self.key.map_or_else(random, Ok)?;
        let mut client = Client {
            key: Some(key.clone()),
            ..client.clone()
        };
        let until = Instant::now() + client.timeout;
        let (mut broken, mut pause) = (None, FIRST_PAUSE);
        for _ in 0..ATTEMPTS {
            let answer = client.change_by(Method::POST, path, body);
            match watched(&client, whom, answer, output).await {
                Err(failure @ Failure::BrokenOff { .. }) => broken = Some(failure),
                // What broke off may be coming back.
                Err(Failure::Unreachable { .. }) if broken.is_some() => {}
                other => return other,
            }
            let left = until.saturating_duration_since(Instant::now());
            if left <= pause {
                break;
            }
            output.progress(&format!(
                "the connection broke before the answer came; asking again, under the same key `{key}`"
            ));
            tokio::time::sleep(pause).await;
            client.timeout = left - pause;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
        output.progress(&format!(
            "it may have been done: the same command with `--key {key}` asks again and does it once at most"
        ));
        Err(broken.unwrap_or(Failure::GaveUp(client.timeout)))
    }
}

fn random() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| {
        Failure::Usage("there is no randomness for a key; give one by `--key`".to_owned())
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn key(text: &str) -> Result<String, String> {
    let fits = (1..=KEY_LIMIT).contains(&text.len());
    match fits && text.bytes().all(|it| it.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "a key has 1 to {KEY_LIMIT} visible ASCII characters"
        )),
    }
}

/// How often it is asked, the first time included: for some 15 seconds, so that a restart is outlasted.
const ATTEMPTS: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

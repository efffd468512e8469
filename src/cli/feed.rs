//! What a running cutover tells by itself: the state once a second, and notices as they happen.
//!
//! Owns the connection and its renewal, in a task of its own that ends when nobody listens; must not know what is shown.
//! A connection on which nothing comes for a few seconds is lost, whatever the kernel says: a pulse comes every second,
//! and a screen that silently stands still is worse than none.

use std::time::Duration;

use serde::Deserialize;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{
    client::{Client, segment},
    event_stream::{EventStream, StreamEvent},
    exit::Failure,
};
use crate::admin::wire::Pulse;

/// Something that was told.
#[derive(Debug)]
pub(super) enum Fed {
    /// What has changed; every service, if it is the first on a connection.
    Pulse(Box<Pulse>),
    /// A notice.
    Notice(Notice),
    /// The connection is lost, and is being made again.
    Lost(String),
    /// There was never one, or it is refused for good. Nothing comes after it.
    Failed(Failure),
}

/// A notice, for people.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Notice {
    /// When.
    pub(super) at: String,
    /// What.
    pub(super) text: String,
}

/// What is told, as it comes: about one service or all, with so many notices of the past to begin with.
pub(super) fn feed(client: Client, service: Option<&str>, recent: u16) -> mpsc::Receiver<Fed> {
    let mut path = format!("/v1/events?pulse=true&recent={recent}");
    if let Some(service) = service {
        path = format!("{path}&service={}", segment(service));
    }
    let (tx, told) = mpsc::channel(QUEUE);
    tokio::spawn(follow(client, path, tx));
    told
}

async fn follow(client: Client, path: String, tx: mpsc::Sender<Fed>) {
    let mut last = None;
    let mut was_connected = false;
    loop {
        let why = match client.listen(&path, last.as_deref()).await {
            Ok(stream) => {
                was_connected = true;
                match pass_on(stream, &mut last, &tx).await {
                    Ok(why) => why,
                    Err(NobodyListens) => return,
                }
            }
            Err(failure) if !was_connected || failure.is_final() => {
                // Whoever listens ends with it.
                let _ = tx.send(Fed::Failed(failure)).await;
                return;
            }
            Err(failure) => failure.to_string(),
        };
        if tx.send(Fed::Lost(why)).await.is_err() {
            return;
        }
        sleep(PAUSE).await;
    }
}

/// Until the connection is lost; says why.
async fn pass_on(
    mut stream: EventStream,
    last: &mut Option<String>,
    tx: &mpsc::Sender<Fed>,
) -> Result<String, NobodyListens> {
    loop {
        let event = match timeout(SILENCE, stream.next()).await {
            Ok(Some(event)) => event,
            Ok(None) => return Ok("the connection broke off".to_owned()),
            Err(_) => return Ok(format!("nothing came for {} s", SILENCE.as_secs())),
        };
        if event.id.is_some() {
            last.clone_from(&event.id);
        }
        if let Some(fed) = read(&event) {
            tx.send(fed).await.map_err(|_| NobodyListens)?;
        }
    }
}

struct NobodyListens;

fn read(event: &StreamEvent) -> Option<Fed> {
    match event.kind.as_str() {
        "pulse" => serde_json::from_str(&event.data).ok().map(Fed::Pulse),
        "gap" => None,
        _ => serde_json::from_str(&event.data).ok().map(Fed::Notice),
    }
}

/// What waits to be shown; the server is not read any further meanwhile.
const QUEUE: usize = 16;
/// A pulse comes every second.
const SILENCE: Duration = Duration::from_secs(5);
/// Before another try to connect.
const PAUSE: Duration = Duration::from_secs(1);

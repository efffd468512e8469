//! The endpoint of every case: it records what reaches it, byte by byte, and answers as the case wants.
//!
//! Owns the record. It reads requests by the letter and forgives nothing: a request that it cannot read is recorded
//! as one, and fails the case.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    case::{Act, Case},
    client::decode,
    support::{
        PATIENCE,
        scripted::{OK, find},
    },
};

/// An endpoint that records.
pub(crate) struct Endpoint {
    pub(crate) addr: SocketAddr,
    record: Arc<Record>,
    accepting: JoinHandle<()>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[derive(Debug, Default)]
struct Record {
    /// What came, by the tag that was in it; under "" what had none.
    came: Mutex<BTreeMap<String, Vec<Came>>>,
    /// What each case wants done; its number is in the tag.
    scripts: Mutex<Vec<Vec<Act>>>,
    /// Connections that cutover has closed, by the tag of the last request on them.
    left: Mutex<BTreeSet<String>>,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    /// The head with its empty line; names of fields are in lower case.
    pub(crate) head: String,
    /// The body, decoded.
    pub(crate) body: Vec<u8>,
    /// Whether all of it came.
    pub(crate) whole: bool,
}

impl Endpoint {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let record = Arc::<Record>::default();
        let kept = Arc::clone(&record);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let conversation = Conversation {
                    stream,
                    unread: Vec::new(),
                    record: Arc::clone(&kept),
                };
                tokio::spawn(conversation.serve());
            }
        });
        Self {
            addr,
            record,
            accepting,
        }
    }

    /// These are the cases to come.
    pub(crate) fn learns(&self, cases: &[Case]) {
        *self.record.scripts.lock().unwrap() =
            cases.iter().map(|case| case.script.clone()).collect();
    }

    /// All that came with this tag.
    pub(crate) fn came(&self, tag: &str) -> Vec<Came> {
        let came = self.record.came.lock().unwrap();
        came.get(tag).cloned().unwrap_or_default()
    }

    /// Waits until cutover has closed the connection on which a request with this tag was the last.
    pub(crate) async fn is_left(&self, tag: &str) -> bool {
        let closing = async {
            while !self.record.left.lock().unwrap().contains(tag) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, closing).await.is_ok()
    }
}

/// The tag for a run of a case.
pub(crate) fn tag(case: usize, run: usize) -> String {
    format!("c{case:03}r{run}")
}

/// The tag in a request, and the number of its case.
fn tag_in(head: &str) -> Option<(&str, usize)> {
    head.match_indices('c').find_map(|(at, _)| {
        let tag = head.get(at..at + 6)?;
        let number = tag.get(1..4)?.parse().ok()?;
        (&tag[4..5] == "r" && tag.as_bytes()[5].is_ascii_digit()).then_some((tag, number))
    })
}

/// One connection to the endpoint.
struct Conversation {
    stream: TcpStream,
    unread: Vec<u8>,
    record: Arc<Record>,
}

impl Conversation {
    async fn serve(mut self) {
        self.stream.set_nodelay(true).unwrap();
        let mut last = String::new();
        while let Some(came) = self.request().await {
            let found = tag_in(&came.head).map(|(tag, number)| (tag.to_owned(), number));
            let (tag, number) = found.map_or_else(Default::default, |(tag, it)| (tag, Some(it)));
            let whole = came.whole;
            if !came.head.starts_with("GET /probe ") {
                let mut all = self.record.came.lock().unwrap();
                all.entry(tag.clone()).or_default().push(came);
            }
            if !whole {
                return;
            }
            last = tag;
            let script = number.and_then(|number| {
                let scripts = self.record.scripts.lock().unwrap();
                scripts.get(number).cloned()
            });
            let script = script.unwrap_or_else(|| vec![Act::Write(OK.into())]);
            if !self.plays(script).await {
                return;
            }
        }
        self.record.left.lock().unwrap().insert(last);
    }

    /// Whether the connection goes on.
    async fn plays(&mut self, script: Vec<Act>) -> bool {
        for act in script {
            match act {
                // One who closes first is what some cases are about; it is seen by what comes, or does not.
                Act::Write(bytes) => drop(self.stream.write_all(&bytes).await),
                Act::AwaitEnd => while self.more().await {},
                Act::Close => return false,
                Act::Reset => {
                    let socket = socket2::SockRef::from(&self.stream);
                    socket.set_linger(Some(Duration::ZERO)).unwrap();
                    return false;
                }
            }
        }
        true
    }

    /// The next request; `None` if none begins.
    async fn request(&mut self) -> Option<Came> {
        let head = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                let head = String::from_utf8_lossy(&self.unread).into_owned();
                return (!head.is_empty()).then(|| Came::part(head, Vec::new()));
            }
        };
        let head: Vec<u8> = self.unread.drain(..head).collect();
        let head = lower_names(&String::from_utf8_lossy(&head));
        let is_chunked = head.contains("\r\ntransfer-encoding: chunked\r\n");
        let length = head
            .split("\r\n")
            .find_map(|line| line.strip_prefix("content-length: "));
        if is_chunked == length.is_some() && is_chunked {
            return Some(Came::part(head, b"both framings".into()));
        }
        let length = length.map(|length| length.parse::<usize>());
        loop {
            let (body, whole) = match &length {
                _ if is_chunked => decode(&self.unread),
                Some(Ok(length)) => {
                    let here = (*length).min(self.unread.len());
                    (
                        self.unread[..here].to_vec(),
                        (here == *length).then_some(here),
                    )
                }
                Some(Err(_)) => return Some(Came::part(head, b"no length".into())),
                None => (Vec::new(), Some(0)),
            };
            if let Some(length) = whole {
                self.unread.drain(..length);
                let whole = true;
                return Some(Came { head, body, whole });
            }
            if !self.more().await {
                return Some(Came::part(head, body));
            }
        }
    }

    async fn more(&mut self) -> bool {
        let mut piece = vec![0; 64 * 1024];
        let length = self.stream.read(&mut piece).await.unwrap_or(0);
        self.unread.extend_from_slice(&piece[..length]);
        length > 0
    }
}

impl Came {
    const fn part(head: String, body: Vec<u8>) -> Self {
        Self {
            head,
            body,
            whole: false,
        }
    }
}

fn lower_names(head: &str) -> String {
    let lines = head
        .split("\r\n")
        .enumerate()
        .map(|(number, line)| match line.split_once(':') {
            Some((name, value)) if number > 0 => format!("{}:{value}", name.to_ascii_lowercase()),
            Some(_) | None => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\r\n")
}

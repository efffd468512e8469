//! A client that sends any bytes and reads answers by the letter of RFC 9112.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::{PATIENCE, scripted::find, soon};

/// One connection.
pub(crate) struct Raw<S = TcpStream> {
    stream: S,
    unread: Vec<u8>,
}

/// One answer, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// `HTTP/1.1`, most often.
    pub(crate) version: String,
    pub(crate) status: u16,
    /// Fields in their order, names in lower case.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
}

/// The connection ended before the answer did; what came of its body before.
#[derive(Debug)]
pub(crate) struct CutShort(pub(crate) Vec<u8>);

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    None,
    Length(usize),
    Chunked,
    Close,
}

impl Raw {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let stream = soon("a connection", TcpStream::connect(addr))
            .await
            .unwrap();
        Self::of(stream)
    }

    /// One whose receive buffer is as small as the system allows, so that not reading shows soon.
    pub(crate) async fn connect_narrow(addr: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self::of(soon("a connection", socket.connect(addr)).await.unwrap())
    }

    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// One whose bytes go through something else.
    pub(crate) const fn over(stream: S) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon("sending", self.stream.write_all(bytes.as_ref()))
            .await
            .unwrap();
    }

    /// Sends what the other end may not want to read; whether all of it went.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        soon("sending", self.stream.write_all(bytes.as_ref()))
            .await
            .is_ok()
    }

    /// Sends while reading, so that neither end waits for the other, and reads the answer.
    pub(crate) async fn exchange(&mut self, bytes: impl AsRef<[u8]>) -> Answer {
        let (mut read, mut write) = tokio::io::split(&mut self.stream);
        let unread = &mut self.unread;
        let both = async {
            let mut sending = std::pin::pin!(write.write_all(bytes.as_ref()));
            let mut piece = vec![0; 64 * 1024];
            loop {
                tokio::select! {
                    sent = &mut sending => return sent,
                    came = read.read(&mut piece) => match came? {
                        0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                        length => unread.extend_from_slice(&piece[..length]),
                    }
                }
            }
        };
        soon("sending", both).await.unwrap();
        self.answer().await
    }

    /// The same, where the other end may take only a part for a while; `None` if no answer comes then.
    pub(crate) async fn try_exchange(&mut self, bytes: &[u8]) -> Option<Answer> {
        let (mut read, mut write) = tokio::io::split(&mut self.stream);
        let unread = &mut self.unread;
        let mut piece = vec![0; 64 * 1024];
        let answered = timeout(PATIENCE / 10, async {
            tokio::select! {
                // Whoever does not take the rest has answered.
                sent = write.write_all(bytes) => drop(sent),
                came = read.read(&mut piece) => unread.extend_from_slice(&piece[..came.unwrap_or(0)]),
            }
        });
        let answered = answered.await.is_ok();
        match answered {
            true => self.try_answer().await.ok(),
            false => None,
        }
    }

    /// Sends `GET path` with a `Host` and reads the answer.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(get(path)).await;
        self.answer().await
    }

    /// Reads one answer, an interim one included, to a request that was not `HEAD`.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.try_answer()
            .await
            .unwrap_or_else(|cut| panic!("cut short after {} bytes of the body", cut.0.len()))
    }

    /// The same, where the connection may end before the answer does. Anything malformed still panics.
    pub(crate) async fn try_answer(&mut self) -> Result<Answer, CutShort> {
        soon("an answer", self.read_answer(false)).await
    }

    /// Reads the answer to a `HEAD` request.
    pub(crate) async fn answer_to_head(&mut self) -> Answer {
        soon("an answer", self.read_answer(true)).await.unwrap()
    }

    /// Reads only the head of an answer; [`take`](Self::take) reads on.
    pub(crate) async fn answer_head(&mut self) -> Answer {
        soon("the head of an answer", self.read_head())
            .await
            .expect("there is an answer")
    }

    /// Reads so many bytes.
    pub(crate) async fn take(&mut self, length: usize) -> Vec<u8> {
        let enough = soon("bytes", self.fill(length)).await;
        assert!(enough, "closed early, after {:?}", self.unread.len());
        self.unread.drain(..length).collect()
    }

    /// Waits for the end of the connection; what came before it.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        soon("the end of the connection", async {
            while self.more().await {}
        })
        .await;
        std::mem::take(&mut self.unread)
    }

    /// The connection ends, and nothing more comes before that.
    pub(crate) async fn closed(&mut self) {
        let rest = self.rest().await;
        assert!(
            rest.is_empty(),
            "unasked: {:?}",
            String::from_utf8_lossy(&rest)
        );
    }

    /// Nothing comes for a while.
    pub(crate) async fn hears_nothing_for(&mut self, time: Duration) {
        let heard = timeout(time, self.more()).await;
        assert!(heard.is_err(), "unasked: {:?}", self.unread);
    }

    /// Closes the writing half.
    pub(crate) async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    pub(crate) const fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    pub(crate) const fn stream(&self) -> &S {
        &self.stream
    }

    /// Reads on after [`answer_head`](Self::answer_head): the body and what follows it.
    pub(crate) async fn body_of(&mut self, head: Answer) -> Result<Answer, CutShort> {
        soon("a body", self.read_body(head, false)).await
    }

    async fn read_answer(&mut self, to_head: bool) -> Result<Answer, CutShort> {
        let head = self.read_head().await.ok_or(CutShort(Vec::new()))?;
        self.read_body(head, to_head).await
    }

    async fn read_body(&mut self, mut answer: Answer, to_head: bool) -> Result<Answer, CutShort> {
        match answer.framing(to_head) {
            Framing::None => {}
            Framing::Length(length) => {
                if !self.fill(length).await {
                    return Err(CutShort(std::mem::take(&mut self.unread)));
                }
                answer.body = self.unread.drain(..length).collect();
            }
            Framing::Chunked => self.read_chunks(&mut answer).await?,
            Framing::Close => {
                while self.more().await {}
                answer.body = std::mem::take(&mut self.unread);
            }
        }
        Ok(answer)
    }

    async fn read_head(&mut self) -> Option<Answer> {
        let mut lines = Vec::new();
        loop {
            let line = self.read_line().await?;
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let (first, fields) = lines.split_first().expect("a status line");
        let mut parts = first.splitn(3, ' ');
        let version = parts.next().unwrap().to_owned();
        let status = parts.next().expect("a status");
        assert!(
            ["HTTP/1.1", "HTTP/1.0"].contains(&version.as_str()) && status.len() == 3,
            "{first:?}"
        );
        assert!(
            parts.next().is_some(),
            "no space after the status: {first:?}"
        );
        Some(Answer {
            version,
            status: status.parse().unwrap(),
            fields: fields.iter().map(|line| field(line)).collect(),
            body: Vec::new(),
            trailers: Vec::new(),
        })
    }

    async fn read_chunks(&mut self, answer: &mut Answer) -> Result<(), CutShort> {
        loop {
            let cut = || CutShort(answer.body.clone());
            let line = self.read_line().await.ok_or_else(cut)?;
            let length = usize::from_str_radix(&line, 16)
                .unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
            if length == 0 {
                break;
            }
            if !self.fill(length + 2).await {
                answer.body.append(&mut self.unread);
                return Err(CutShort(std::mem::take(&mut answer.body)));
            }
            answer.body.extend(self.unread.drain(..length));
            assert_eq!(self.take(2).await, b"\r\n", "a chunk ends");
        }
        loop {
            let line = self
                .read_line()
                .await
                .ok_or_else(|| CutShort(answer.body.clone()))?;
            if line.is_empty() {
                return Ok(());
            }
            answer.trailers.push(field(&line));
        }
    }

    /// A line without its CR LF; `None` if the connection ends before.
    async fn read_line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = find(&self.unread, b"\n") {
                let line: Vec<u8> = self.unread.drain(..=at).collect();
                let line = line.strip_suffix(b"\r\n").expect("CR before LF");
                assert!(line.iter().all(|byte| *byte == b'\t' || *byte >= b' '));
                return Some(String::from_utf8_lossy(line).into_owned());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn fill(&mut self, length: usize) -> bool {
        while self.unread.len() < length {
            if !self.more().await {
                return false;
            }
        }
        true
    }

    async fn more(&mut self) -> bool {
        let mut piece = vec![0; 64 * 1024];
        match self.stream.read(&mut piece).await {
            Ok(length @ 1..) => {
                self.unread.extend_from_slice(&piece[..length]);
                true
            }
            Ok(_) | Err(_) => false,
        }
    }
}

impl Answer {
    /// The one field of that name, if there is one; two are a mistake of the test's.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(known, _)| known == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "repeated {name}: {:?}", self.fields);
        first
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// Status and body as text.
    pub(crate) fn said(&self) -> (u16, String) {
        (self.status, self.text())
    }

    fn framing(&self, to_head: bool) -> Framing {
        let length = self.field("content-length");
        let coding = self.field("transfer-encoding");
        assert!(
            length.is_none() || coding.is_none(),
            "both length and coding: {:?}",
            self.fields
        );
        if to_head || self.status < 200 || matches!(self.status, 204 | 304) {
            assert!(
                self.status != 204 || (length.is_none() && coding.is_none()),
                "a 204 with a body: {:?}",
                self.fields
            );
            return Framing::None;
        }
        match (length, coding) {
            (Some(length), _) => Framing::Length(length.parse().expect("a length")),
            (None, Some(coding)) => {
                assert_eq!(coding, "chunked");
                Framing::Chunked
            }
            (None, None) => {
                let closes = self.field("connection") == Some("close");
                assert!(
                    closes || self.version == "HTTP/1.0",
                    "no framing: {:?}",
                    self.fields
                );
                Framing::Close
            }
        }
    }
}

/// A `GET` request with a `Host`.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n")
}

/// A `POST` request with a `Host` and a body of known length.
pub(crate) fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// `body` in chunks of at most `size`, the last one included.
pub(crate) fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(size) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').expect("a colon");
    assert!(!name.is_empty() && !name.contains(' '), "{line:?}");
    (name.to_ascii_lowercase(), value.trim().to_owned())
}

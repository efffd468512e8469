//! HTTP/2 by the frame: a client that sends any, and reads what comes back.
//!
//! Owns the layout of frames (RFC 9113 section 4.1) and the little of HPACK that a test needs: it writes every field as
//! a literal, and reads of a response no more than its status.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::{eventually, soon};

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;

pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const FLOW_CONTROL_ERROR: u32 = 3;
pub(crate) const STREAM_CLOSED: u32 = 5;
pub(crate) const FRAME_SIZE_ERROR: u32 = 6;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const COMPRESSION_ERROR: u32 = 9;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Frame {
    pub(crate) fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            flags,
            stream,
            payload: payload.into(),
        }
    }

    /// As it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], self.kind, self.flags];
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// The frame at the start of `bytes`, and its length.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let (head, rest) = bytes.split_at_checked(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = rest.get(..length)?.to_vec();
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        Some((Self::new(head[3], head[4], stream, payload), 9 + length))
    }

    pub(crate) const fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }

    /// The error code of a `RST_STREAM` or `GOAWAY`.
    pub(crate) fn code(&self) -> u32 {
        let from = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[from..from + 4].try_into().unwrap())
    }

    /// The last stream of a `GOAWAY`.
    pub(crate) fn last_stream(&self) -> u32 {
        u32::from_be_bytes(self.payload[..4].try_into().unwrap())
    }

    /// The status of a response's `HEADERS`, which begin with it.
    pub(crate) fn status(&self) -> u16 {
        status(&self.payload)
    }
}

/// A `HEADERS` frame with these fields, whole.
pub(crate) fn headers(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Frame {
    Frame::new(HEADERS, flags | END_HEADERS, stream, hpack(fields))
}

pub(crate) fn data(stream: u32, flags: u8, bytes: impl Into<Vec<u8>>) -> Frame {
    Frame::new(DATA, flags, stream, bytes)
}

pub(crate) fn settings(pairs: &[(u16, u32)]) -> Frame {
    let payload: Vec<u8> = pairs
        .iter()
        .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
        .collect();
    Frame::new(SETTINGS, 0, 0, payload)
}

pub(crate) fn reset(stream: u32, code: u32) -> Frame {
    Frame::new(RST_STREAM, 0, stream, code.to_be_bytes())
}

pub(crate) fn window_update(stream: u32, amount: u32) -> Frame {
    Frame::new(WINDOW_UPDATE, 0, stream, amount.to_be_bytes())
}

pub(crate) fn goaway(last: u32, code: u32) -> Frame {
    Frame::new(
        GOAWAY,
        0,
        0,
        [last.to_be_bytes(), code.to_be_bytes()].concat(),
    )
}

pub(crate) fn ping() -> Frame {
    Frame::new(PING, 0, 0, *b"cutover?")
}

/// A block of literal fields, never indexed, never compressed (RFC 7541 section 6.2.3).
pub(crate) fn hpack(fields: &[(&str, &str)]) -> Vec<u8> {
    hpack_bytes(
        fields
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
    )
}

/// The same of any bytes.
pub(crate) fn hpack_bytes<'a>(fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x10);
        for text in [name, value] {
            length(text.len(), &mut block);
            block.extend(text);
        }
    }
    block
}

/// An integer of seven bits and more (RFC 7541 section 5.1).
fn length(length: usize, block: &mut Vec<u8>) {
    if length < 127 {
        block.push(u8::try_from(length).unwrap());
        return;
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 0x80);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

/// The usual four, and a path.
pub(crate) fn get(path: &str) -> Vec<(&str, &str)> {
    request("GET", path)
}

pub(crate) fn request<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        (":method", method),
        (":scheme", "http"),
        (":authority", "shop.test"),
        (":path", path),
    ]
}

/// Of a block that begins with `:status`: an index of the static table, or a literal whose name is one.
fn status(block: &[u8]) -> u16 {
    // A change of the table's size may come before the first field.
    let skipped = block
        .iter()
        .take_while(|byte| **byte & 0xe0 == 0x20)
        .count();
    let block = &block[skipped..];
    match block[0] {
        index @ 0x88..=0x8e => [200, 204, 206, 304, 400, 404, 500][usize::from(index - 0x88)],
        _ => {
            let compressed = block[1] & 0x80 != 0;
            let text = &block[2..2 + usize::from(block[1] & 0x7f)];
            let digits = if compressed {
                digits(text)
            } else {
                text.to_vec()
            };
            String::from_utf8(digits).unwrap().parse().unwrap()
        }
    }
}

/// Three digits in the code of RFC 7541 appendix B: `0` to `2` have five bits, the others six.
fn digits(text: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = text
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |place| byte >> place & 1))
        .collect();
    let number = |bits: &[u8]| bits.iter().fold(0, |number, bit| number << 1 | bit);
    let mut at = 0;
    (0..3)
        .map(|_| {
            let short = number(&bits[at..at + 5]);
            if short < 3 {
                at += 5;
                return b'0' + short;
            }
            let long = number(&bits[at..at + 6]);
            at += 6;
            b'3' + (long - 0b01_1001)
        })
        .collect()
}

/// One connection of a client that knows frames only.
pub(crate) struct FrameClient {
    stream: TcpStream,
    unread: Vec<u8>,
    /// Every frame that came, in order.
    pub(crate) seen: Vec<Frame>,
}

impl FrameClient {
    /// Connects, says hello and takes the greetings of the other side.
    pub(crate) async fn greet(addr: SocketAddr) -> Self {
        let mut client = Self::connect(addr).await;
        client.send_bytes(PREFACE).await;
        client.send(&settings(&[])).await;
        client
            .wait(|frame| frame.kind == SETTINGS && frame.flags & ACK == 0)
            .await;
        client.send(&Frame::new(SETTINGS, ACK, 0, [])).await;
        client
    }

    /// Connects and says nothing.
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self::of(TcpSocket::new_v4().unwrap(), addr).await
    }

    /// One whose receive buffer is as small as the system allows.
    pub(crate) async fn connect_narrow(addr: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self::of(socket, addr).await
    }

    async fn of(socket: TcpSocket, addr: SocketAddr) -> Self {
        let stream = soon("a connection", socket.connect(addr)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            unread: Vec::new(),
            seen: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        self.send_bytes(&frame.bytes()).await;
    }

    /// Sends all of these at once.
    pub(crate) async fn send_all(&mut self, frames: &[Frame]) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        self.send_bytes(&bytes).await;
    }

    /// The other side may have hung up by now; what it has said tells more.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = soon("sending", self.stream.write_all(bytes)).await;
    }

    /// Sends for as long as the other side takes it, reading nothing; how many bytes went.
    pub(crate) async fn flood(&mut self, bytes: &[u8], most: usize) -> usize {
        let mut sent = 0;
        while sent < most {
            match timeout(Duration::from_millis(200), self.stream.write(bytes)).await {
                Ok(Ok(length @ 1..)) => sent += length,
                Ok(Ok(_) | Err(_)) | Err(_) => break,
            }
        }
        sent
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        soon("a frame", self.read()).await
    }

    async fn read(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, length)) = Frame::parse(&self.unread) {
                self.unread.drain(..length);
                self.seen.push(frame.clone());
                return Some(frame);
            }
            let mut piece = vec![0; 64 * 1024];
            match self.stream.read(&mut piece).await {
                Ok(length @ 1..) => self.unread.extend(&piece[..length]),
                Ok(_) | Err(_) => return None,
            }
        }
    }

    /// Reads until there is such a frame.
    pub(crate) async fn wait(&mut self, is_it: impl Fn(&Frame) -> bool) -> Frame {
        while let Some(frame) = self.next().await {
            if is_it(&frame) {
                return frame;
            }
        }
        panic!("the connection ended; before that: {:?}", self.seen);
    }

    /// The head of the response on a stream.
    pub(crate) async fn head(&mut self, stream: u32) -> Frame {
        self.wait(|frame| frame.stream == stream && matches!(frame.kind, HEADERS | RST_STREAM))
            .await
    }

    /// Reads a response to its end: its status and body.
    pub(crate) async fn answer(&mut self, stream: u32) -> (u16, Vec<u8>) {
        let head = self.head(stream).await;
        assert_eq!(head.kind, HEADERS, "reset: {}", head.code());
        let (status, mut body, mut last) = (head.status(), Vec::new(), head);
        while !last.ends_stream() {
            last = self.wait(|frame| frame.stream == stream).await;
            match last.kind {
                DATA => {
                    let amount = u32::try_from(last.payload.len()).unwrap();
                    if amount > 0 {
                        self.send(&window_update(0, amount)).await;
                        self.send(&window_update(stream, amount)).await;
                    }
                    body.extend(&last.payload);
                }
                RST_STREAM => panic!("reset within the body: {}", last.code()),
                _ => {}
            }
        }
        (status, body)
    }

    /// Asks for `path` and reads the answer.
    pub(crate) async fn get(&mut self, stream: u32, path: &str) -> (u16, Vec<u8>) {
        self.send(&headers(stream, END_STREAM, &get(path))).await;
        self.answer(stream).await
    }

    /// Asks whether the other side is there, and waits for it to say so.
    pub(crate) async fn is_alive(&mut self) {
        self.send(&ping()).await;
        self.wait(|frame| frame.kind == PING && frame.flags & ACK != 0)
            .await;
    }

    /// The same; `false` if the connection ends instead.
    pub(crate) async fn try_alive(&mut self) -> bool {
        self.send(&ping()).await;
        while let Some(frame) = self.next().await {
            if frame.kind == PING && frame.flags & ACK != 0 {
                return true;
            }
        }
        false
    }

    /// Waits for the end of the connection, and what it was ended with, if that was said.
    pub(crate) async fn ended(&mut self) -> Option<u32> {
        while self.next().await.is_some() {}
        let mut farewells = self.seen.iter().filter(|frame| frame.kind == GOAWAY);
        farewells.next_back().map(Frame::code)
    }

    /// Nothing comes for a while.
    pub(crate) async fn hears_nothing_for(&mut self, time: Duration) {
        let heard = timeout(time, self.read()).await;
        assert!(heard.is_err(), "unasked: {heard:?}");
    }

    pub(crate) async fn half_close(&mut self) {
        let _ = self.stream.shutdown().await;
    }
}

/// Waits until a count is reached and stays: it is looked at once more afterwards.
pub(crate) async fn settles_at(what: &str, count: usize, mut now: impl FnMut() -> usize) {
    eventually(what, async || now() >= count).await;
    assert_eq!(now(), count, "{what}");
}

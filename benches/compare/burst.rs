//! A client of HTTP/2 that writes many requests at once and counts the answers, at hardly any cost: frames are
//! prepared, and of what comes nothing but frame heads is looked at.

use std::io::{self, Error};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// One connection.
pub(crate) struct Bursts {
    stream: TcpStream,
    next_stream: u32,
    /// Bytes that have come and belong to no whole frame yet.
    come: Vec<u8>,
}

impl Bursts {
    pub(crate) async fn open(mut stream: TcpStream) -> io::Result<Self> {
        let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        hello.extend(frame(SETTINGS, 0, 0, &[]));
        // As much as there can be, so that none has to be given later.
        hello.extend(frame(WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes()));
        stream.write_all(&hello).await?;
        Ok(Self {
            stream,
            next_stream: 1,
            come: Vec::with_capacity(64 << 10),
        })
    }

    /// So many requests in one write, and all answers to them.
    pub(crate) async fn asks(&mut self, count: u32) -> io::Result<()> {
        let mut requests = Vec::new();
        for _ in 0..count {
            let flags = END_STREAM | END_HEADERS;
            requests.extend(frame(HEADERS, flags, self.next_stream, FIELDS));
            self.next_stream += 2;
        }
        self.stream.write_all(&requests).await?;
        let mut left = count;
        while left > 0 {
            if self.stream.read_buf(&mut self.come).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left = left.saturating_sub(self.whole_frames().await?);
        }
        Ok(())
    }

    /// Takes away what is whole; how many streams it has ended.
    async fn whole_frames(&mut self) -> io::Result<u32> {
        let (mut ended, mut from) = (0, 0);
        while let Some(head) = self.come[from..].first_chunk::<HEAD>() {
            let [high, middle, low, kind, flags, ..] = *head;
            let length = u32::from_be_bytes([0, high, middle, low]) as usize;
            let end = from + HEAD + length;
            let Some(payload) = self.come.get(from + HEAD..end) else {
                break;
            };
            match kind {
                DATA | HEADERS if flags & END_STREAM != 0 => ended += 1,
                SETTINGS if flags & ACK == 0 => {
                    self.stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await?;
                }
                PING if flags & ACK == 0 => {
                    let answer = frame(PING, ACK, 0, payload);
                    self.stream.write_all(&answer).await?;
                }
                RESET | GOAWAY => return Err(Error::other("the proxy has ended it")),
                _ => {}
            }
            from = end;
        }
        self.come.drain(..from);
        Ok(ended)
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// `:method GET`, `:scheme http`, `:path`, `:authority` and `user-agent`, by the static table, none to be remembered.
const FIELDS: &[u8] =
    b"\x82\x86\x04\x11/items/1234567890\x01\x10shop.example.com\x0f\x2b\x07compare";
/// A frame's, in bytes.
const HEAD: usize = 9;
const WINDOW: u32 = (1 << 31) - 1 - 65_535;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

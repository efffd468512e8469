//! One connection of a client that speaks HTTP/1.1: writes prepared bytes, reads an answer to its end.

use std::{
    io::{Error, ErrorKind, Result},
    sync::LazyLock,
};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// In the clear or through TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for T {}

/// The connection.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    /// Whether its handshake was cut short by an earlier one.
    pub(crate) is_resumed: bool,
}

impl Wire {
    pub(crate) fn new(stream: impl Stream + 'static, buffer: usize, is_resumed: bool) -> Self {
        Self {
            stream: Box::new(stream),
            buffer: vec![0; buffer],
            is_resumed,
        }
    }

    /// Sends a request, and reads the answer, which must be 200.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let mut filled = 0;
        let mut left = loop {
            filled += self.read(filled).await?;
            if let Some(left) = left(&self.buffer[..filled])? {
                break left;
            }
        };
        while left > 0 {
            let read = self.read(0).await?;
            left = left.checked_sub(read).ok_or(ErrorKind::InvalidData)?;
        }
        Ok(())
    }

    /// Reads until the other side has closed: it then has closed first.
    pub(crate) async fn ends(mut self) {
        while self
            .stream
            .read(&mut self.buffer)
            .await
            .is_ok_and(|it| it > 0)
        {}
    }

    async fn read(&mut self, from: usize) -> Result<usize> {
        match self.stream.read(&mut self.buffer[from..]).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}

/// How much of the answer is yet to come; `None` while its head is not complete.
fn left(bytes: &[u8]) -> Result<Option<usize>> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut fields);
    let parsed = response.parse(bytes);
    let httparse::Status::Complete(end) = parsed.map_err(Error::other)? else {
        return Ok(None);
    };
    if response.code != Some(200) {
        return Err(Error::other(format!("status {:?}", response.code)));
    }
    let mut fields = response.headers.iter();
    let field = fields.find(|it| it.name.eq_ignore_ascii_case("content-length"));
    let length = field.and_then(|it| std::str::from_utf8(it.value).ok()?.parse::<usize>().ok());
    let length = length.ok_or_else(|| Error::other("an answer without a length"))?;
    let left = length.checked_sub(bytes.len() - end);
    left.map(Some)
        .ok_or_else(|| Error::other("bytes after the answer"))
}

/// Requests as browsers and services send them, with a few fields.
pub(crate) const SMALL: &[u8] =
    b"GET /items/1234567890 HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: compare\r\n\
    Accept: */*\r\nAccept-Encoding: gzip\r\n\r\n";
pub(crate) const LAST: &[u8] =
    b"GET /items/1234567890 HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: compare\r\n\
    Accept: */*\r\nConnection: close\r\n\r\n";
pub(crate) const BIG: &[u8] =
    b"GET /big HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: compare\r\n\r\n";
pub(crate) static UPLOAD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let head = "POST /upload HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: compare\r\n\
                Content-Type: application/octet-stream\r\nContent-Length: 1048576\r\n\r\n";
    let body = std::iter::repeat_n(b'u', 1 << 20);
    head.bytes().chain(body).collect()
});

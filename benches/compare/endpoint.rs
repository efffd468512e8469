//! The endpoint that every proxy has behind it: HTTP/1.1, as cheap as it can be, because it shares a core with the load.
//!
//! It answers a small body to anything, a mebibyte to `/big`, one without end to `/huge`, and reads whatever it is
//! sent. It knows `Content-Length` alone; a proxy that sends bodies otherwise is cut off, and that counts as a failed
//! request.

use std::{io, net::Ipv4Addr, sync::LazyLock};

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// It listens on one port of so many loopback addresses; ended when dropped.
pub(crate) struct Endpoint {
    pub(crate) port: u16,
    _listeners: JoinSet<()>,
}

impl Endpoint {
    pub(crate) async fn start(addresses: u16) -> Self {
        let first = TcpListener::bind((Self::address(0), 0)).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let mut listeners = JoinSet::new();
        listeners.spawn(accept(first));
        for number in 1..addresses {
            let listener = TcpListener::bind((Self::address(number), port))
                .await
                .unwrap();
            listeners.spawn(accept(listener));
        }
        Self {
            port,
            _listeners: listeners,
        }
    }

    /// Where the endpoint of this number is.
    pub(crate) fn address(number: u16) -> Ipv4Addr {
        let [high, low] = number.saturating_add(1).to_be_bytes();
        Ipv4Addr::new(127, 0, high, low)
    }
}

async fn accept(listener: TcpListener) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            // How a connection ends is seen by whoever asked.
            tokio::spawn(async move { drop(serve(stream).await) });
        }
    }
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let mut filled = 0;
        let end = loop {
            let read = stream.read(&mut buffer[filled..]).await?;
            if read == 0 {
                return Ok(());
            }
            filled += read;
            if let Some(end) = memmem::find(&buffer[..filled], b"\r\n\r\n") {
                break end + 4;
            }
        };
        if buffer.starts_with(b"GET /huge") {
            return without_end(stream).await;
        }
        let answer = if buffer.starts_with(b"GET /big") {
            &*BIG
        } else {
            &*SMALL
        };
        let mut left = length(&buffer[..end])?.saturating_sub(filled - end);
        while left > 0 {
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            left = left.saturating_sub(read);
        }
        stream.write_all(answer).await?;
    }
}

/// A body of which nobody sees the end.
async fn without_end(mut stream: TcpStream) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1_u64 << 60);
    stream.write_all(head.as_bytes()).await?;
    loop {
        stream.write_all(&BIG[BIG.len() - BUFFER..]).await?;
        // The load is on the same thread.
        tokio::task::yield_now().await;
    }
}

/// How long the request's body is.
fn length(head: &[u8]) -> io::Result<usize> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    let odd = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    request.parse(head).map_err(|it| odd(&it.to_string()))?;
    for field in request.headers.iter() {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(odd("a body in chunks"));
        }
        if field.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(field.value).unwrap_or_default();
            return text.parse().map_err(|_| odd("content-length"));
        }
    }
    Ok(0)
}

fn answer(length: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nCache-Control: no-cache\r\n\r\n"
    );
    let body = std::iter::repeat_n(b'x', length);
    head.into_bytes().into_iter().chain(body).collect()
}

static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| answer(128));
static BIG: LazyLock<Vec<u8>> = LazyLock::new(|| answer(1 << 20));

const BUFFER: usize = 64 << 10;

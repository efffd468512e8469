//! An endpoint that does, byte by byte, what a test says.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::timeout,
};

use super::{eventually, keep_place, soon};

/// An endpoint whose every connection runs a script. A connection on which nothing comes before it closes,
/// such as a TCP probe, is not counted and runs none.
pub(crate) struct Scripted {
    addr: SocketAddr,
    seen: Arc<Seen>,
    accepting: JoinHandle<()>,
    /// Its address, after it has closed its door.
    place: Option<TcpSocket>,
}

#[derive(Default)]
struct Seen {
    received: Mutex<Vec<Arc<Mutex<Vec<u8>>>>>,
    open: AtomicUsize,
}

/// One connection, in the hands of a script.
pub(crate) struct Link {
    /// Its number, from 0.
    pub(crate) number: usize,
    stream: TcpStream,
    received: Arc<Mutex<Vec<u8>>>,
    /// How much of what was received the script has looked at.
    looked_at: usize,
    _open: Open,
}

struct Open(Arc<Seen>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, SeqCst);
    }
}

impl Scripted {
    /// Starts one. When the script of a connection returns, the connection is closed.
    pub(crate) async fn start<F>(script: impl Fn(Link) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let socket = TcpSocket::new_v4().unwrap();
        // So that what a script does not read stays with who sent it.
        socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1024).unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let accepting = tokio::spawn(accept(listener, Arc::clone(&seen), Arc::new(script)));
        Self {
            addr,
            seen,
            accepting,
            place: None,
        }
    }

    /// One that answers every request with these bytes, on kept-alive connections. Requests must have no body.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |mut link| {
            let answer = answer.clone();
            async move {
                while link.try_head().await.is_some() {
                    link.write(&answer).await;
                }
            }
        })
        .await
    }

    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Connections on which something came.
    pub(crate) fn connections(&self) -> usize {
        self.seen.received.lock().unwrap().len()
    }

    /// Of those, still open.
    pub(crate) fn open(&self) -> usize {
        self.seen.open.load(SeqCst)
    }

    /// All that came on one connection so far.
    pub(crate) fn bytes(&self, connection: usize) -> Vec<u8> {
        let received = self.seen.received.lock().unwrap();
        let bytes = received.get(connection).expect("there was a connection");
        bytes.lock().unwrap().clone()
    }

    /// The same as text.
    pub(crate) fn received(&self, connection: usize) -> String {
        String::from_utf8_lossy(&self.bytes(connection)).into_owned()
    }

    /// Waits until so many connections were used.
    pub(crate) async fn connected(&self, count: usize) {
        eventually("connections to the endpoint", async || {
            self.connections() >= count
        })
        .await;
    }

    /// Waits until none is open.
    pub(crate) async fn left_alone(&self) {
        eventually("the connections to the endpoint are closed", async || {
            self.open() == 0
        })
        .await;
    }

    /// Refuses connections from now on; those that are open live on.
    pub(crate) async fn closes_its_door(&mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
        self.place = Some(keep_place(self.addr));
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept<F>(
    listener: TcpListener,
    seen: Arc<Seen>,
    script: Arc<impl Fn(Link) -> F + Send + Sync + 'static>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    while let Ok((stream, _)) = listener.accept().await {
        let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
        tokio::spawn(async move {
            if !matches!(stream.peek(&mut [0]).await, Ok(1..)) {
                return;
            }
            stream.set_nodelay(true).unwrap();
            let received = Arc::new(Mutex::new(Vec::new()));
            let number = {
                let mut all = seen.received.lock().unwrap();
                all.push(Arc::clone(&received));
                all.len() - 1
            };
            seen.open.fetch_add(1, SeqCst);
            let link = Link {
                number,
                stream,
                received,
                looked_at: 0,
                _open: Open(seen),
            };
            script(link).await;
        });
    }
}

impl Link {
    /// Reads a request head, its empty line included.
    pub(crate) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// The same; `None` if the connection closes before it begins.
    pub(crate) async fn try_head(&mut self) -> Option<String> {
        if self.unseen() == 0 && self.more().await == 0 {
            return None;
        }
        Some(self.head().await)
    }

    /// Reads up to and including `mark`.
    pub(crate) async fn until(&mut self, mark: &str) -> String {
        soon(&format!("{mark:?} at the endpoint"), async {
            loop {
                let unseen = self.look();
                if let Some(at) = find(&unseen, mark.as_bytes()) {
                    let length = at + mark.len();
                    self.looked_at += length;
                    return String::from_utf8_lossy(&unseen[..length]).into_owned();
                }
                assert_ne!(self.more().await, 0, "closed after {unseen:?}");
            }
        })
        .await
    }

    /// The same; `None` if the connection closes before.
    pub(crate) async fn try_until(&mut self, mark: &str) -> Option<String> {
        loop {
            let unseen = self.look();
            if let Some(at) = find(&unseen, mark.as_bytes()) {
                let length = at + mark.len();
                self.looked_at += length;
                return Some(String::from_utf8_lossy(&unseen[..length]).into_owned());
            }
            if self.more().await == 0 {
                return None;
            }
        }
    }

    /// Reads so many bytes; `None` if the connection closes before.
    pub(crate) async fn try_take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.unseen() < length {
            if self.more().await == 0 {
                return None;
            }
        }
        Some(self.take(length).await)
    }

    /// Reads so many bytes.
    pub(crate) async fn take(&mut self, length: usize) -> Vec<u8> {
        soon("bytes at the endpoint", async {
            while self.unseen() < length {
                assert_ne!(self.more().await, 0, "closed early");
            }
        })
        .await;
        let from = self.looked_at;
        self.looked_at += length;
        self.received.lock().unwrap()[from..self.looked_at].to_vec()
    }

    /// All that came so far, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.received.lock().unwrap()).into_owned()
    }

    /// Reads until the other end closes or resets.
    pub(crate) async fn end(&mut self) {
        soon("the connection to the endpoint is closed", async {
            while self.more().await > 0 {}
        })
        .await;
    }

    /// Nothing comes for a while.
    pub(crate) async fn hears_nothing_for(&mut self, time: Duration) {
        let heard = timeout(time, self.more()).await;
        assert!(heard.is_err(), "unasked: {:?}", self.look());
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // A proxy that closes first is what some tests are about; they see it by what was received.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Writes and says how much was taken before the connection failed.
    pub(crate) async fn write_counting(&mut self, bytes: &[u8], count: &AtomicUsize) {
        for piece in bytes.chunks(16 * 1024) {
            if self.stream.write_all(piece).await.is_err() {
                return;
            }
            count.fetch_add(piece.len(), SeqCst);
        }
    }

    /// Closes the writing half.
    pub(crate) async fn half_close(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    fn unseen(&self) -> usize {
        self.received.lock().unwrap().len() - self.looked_at
    }

    fn look(&self) -> Vec<u8> {
        self.received.lock().unwrap()[self.looked_at..].to_vec()
    }

    async fn more(&mut self) -> usize {
        let mut piece = vec![0; 64 * 1024];
        let length = self.stream.read(&mut piece).await.unwrap_or(0);
        let mut received = self.received.lock().unwrap();
        received.extend_from_slice(&piece[..length]);
        length
    }
}

/// An endpoint that completes no handshake: its queue is full.
pub(crate) struct Full {
    pub(crate) addr: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Full {
    pub(crate) async fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let addr = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        let connect = || timeout(Duration::from_millis(200), TcpStream::connect(addr));
        while let Ok(connected) = connect().await {
            waiting.push(connected.unwrap());
        }
        Self {
            addr,
            _listener: listener,
            _waiting: waiting,
        }
    }
}

const RECEIVE_BUFFER: u32 = 256 * 1024;

/// A short answer on a kept-alive connection.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

pub(crate) fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

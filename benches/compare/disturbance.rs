//! What one client does while all others want to be answered as before.
//!
//! Each is as sudden as it can be and bounded in the mean: a burst as fast as it goes, then a pause. Without the pause
//! a core would be full, and to wait for a full core is nobody's unfairness. Its own work is prepared bytes and bare
//! reads, since it shares a core with the requests that are measured.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{burst::Bursts, door::connect, stage::Ports, wire::BIG};

/// Something that one client, or a few, do beside the others.
#[derive(Clone, Copy)]
pub(crate) enum Disturbance {
    /// One HTTP/2 connection with bursts of streams, in the mean as many requests as all others have together.
    Heavy,
    /// Clients that read a large answer at a few KiB a second, and some that send a head or a body byte by byte.
    Slow,
    /// One answer without end, read in bursts of some MiB.
    Huge,
}

impl Disturbance {
    pub(crate) const ALL: [Self; 3] = [Self::Heavy, Self::Slow, Self::Huge];

    pub(crate) fn figure(self) -> &'static str {
        match self {
            Self::Heavy => "fair.heavy",
            Self::Slow => "fair.slow",
            Self::Huge => "fair.huge",
        }
    }

    /// It goes on until it is dropped; `rate` is that of the others' requests.
    pub(crate) fn begins(self, ports: &Ports, rate: f64) -> Running {
        let mut running = Running::default();
        let (clear, streams) = (ports.h1, ports.h2);
        match self {
            Self::Heavy => running.adds(async move { heavy(connect(streams).await?, rate).await }),
            Self::Slow => {
                for number in 0..SLOW_CLIENTS {
                    // One after the other, or all of them would have their byte at the same moment.
                    let begins = SLOW_PAUSE * number / SLOW_CLIENTS;
                    running.adds(async move { reads_slowly(begins, clear).await });
                    running.adds(async move { sends_slowly(begins, clear, 0).await });
                    running.adds(async move { sends_slowly(begins, clear, POST.len()).await });
                }
            }
            Self::Huge => running.adds(async move { huge(connect(clear).await?).await }),
        }
        running
    }
}

/// A disturbance that goes on.
#[derive(Default)]
pub(crate) struct Running {
    clients: JoinSet<()>,
    failed: Arc<AtomicU64>,
}

impl Running {
    /// Those that have ended: none has a reason to.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    fn adds(&mut self, client: impl Future<Output = io::Result<()>> + Send + 'static) {
        let failed = Arc::clone(&self.failed);
        self.clients.spawn(async move {
            if let Err(error) = client.await {
                eprintln!("a client that was to disturb has ended: {error}");
            }
            failed.fetch_add(1, Relaxed);
        });
    }
}

async fn heavy(stream: TcpStream, rate: f64) -> io::Result<()> {
    let mut bursts = Bursts::open(stream).await?;
    let mut due = Instant::now();
    loop {
        bursts.asks(BURST_STREAMS).await?;
        due += Duration::from_secs_f64(f64::from(BURST_STREAMS) / rate);
        sleep_until(due).await;
    }
}

async fn huge(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(HUGE).await?;
    let mut buffer = vec![0; 64 << 10];
    let mut due = Instant::now();
    loop {
        let mut left = BURST_BYTES;
        while left > 0 {
            let most = left.min(buffer.len());
            left -= some(stream.read(&mut buffer[..most]).await?)?;
            // Others of this process are looked after between any two reads.
            tokio::task::yield_now().await;
        }
        due += BURST_EVERY;
        sleep_until(due).await;
    }
}

async fn reads_slowly(begins: Duration, at: std::net::SocketAddr) -> io::Result<()> {
    sleep(begins).await;
    let socket = TcpSocket::new_v4()?;
    // Otherwise the kernel would take what this does not read.
    socket.set_recv_buffer_size(SLOW_BUFFER)?;
    let mut stream = socket.connect(at).await?;
    stream.write_all(BIG).await?;
    let mut buffer = [0; SLOW_BYTES];
    loop {
        some(stream.read(&mut buffer).await?)?;
        sleep(SLOW_PAUSE).await;
    }
}

/// Its first bytes at once, and then one after the other.
async fn sends_slowly(
    begins: Duration,
    at: std::net::SocketAddr,
    at_once: usize,
) -> io::Result<()> {
    sleep(begins).await;
    let mut stream = connect(at).await?;
    stream.write_all(&POST[..at_once]).await?;
    let body = std::iter::repeat(&b'u');
    for byte in POST[at_once..].iter().chain(body) {
        stream.write_all(&[*byte]).await?;
        sleep(SLOW_PAUSE).await;
    }
    Ok(())
}

fn some(read: usize) -> io::Result<usize> {
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(read)
}

const HUGE: &[u8] = b"GET /huge HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: compare\r\n\r\n";
const POST: &[u8] = b"POST /upload HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: compare\r\n\
                      Content-Length: 1048576\r\n\r\n";
/// Streams that are asked for in one write.
const BURST_STREAMS: u32 = 32;
/// 4 MiB each 32 ms are 128 MiB a second, what a gigabit carries: about a tenth of what a core can proxy.
const BURST_BYTES: usize = 4 << 20;
const BURST_EVERY: Duration = Duration::from_millis(32);
/// Of each kind.
const SLOW_CLIENTS: u32 = 32;
const SLOW_PAUSE: Duration = Duration::from_millis(50);
/// 4 KiB a second.
const SLOW_BYTES: usize = 205;
const SLOW_BUFFER: u32 = 4096;

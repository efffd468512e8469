//! Many clients at once, each with as little of the kernel's memory as a distant one would have.
//!
//! Owns their sockets. They do one thing and wait: who reads their fate does so by cutover's metrics.

use std::{net::SocketAddr, time::Duration};

use socket2::{Domain, SockRef, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::timeout,
};

use crate::support::PATIENCE;

/// See the module.
pub(crate) struct Crowd(Vec<TcpStream>);

impl Crowd {
    /// So many clients, each of which has sent these bytes, or as much of them as was taken within a moment.
    pub(crate) async fn of(count: usize, addr: SocketAddr, sent: Vec<u8>) -> Self {
        let mut crowd = Vec::new();
        while crowd.len() < count {
            let mut some = JoinSet::new();
            for _ in 0..AT_ONCE.min(count - crowd.len()) {
                let sent = sent.clone();
                some.spawn(async move {
                    let mut stream = connect(addr).await;
                    // Whoever is turned away meanwhile is what some tests are about.
                    let sending = stream.write_all(&sent);
                    let _ = timeout(MOMENT, sending).await;
                    stream
                });
            }
            crowd.extend(some.join_all().await);
        }
        Self(crowd)
    }

    /// How many read so many bytes or more, once they read as fast as they can.
    pub(crate) async fn whole(self, length: usize) -> usize {
        let mut some = JoinSet::new();
        for mut stream in self.0 {
            some.spawn(async move {
                let _ = SockRef::from(&stream).set_recv_buffer_size(256 * 1024);
                let mut all = Vec::new();
                // Those that are served live on, those that are not have an end.
                let _ = timeout(Duration::from_secs(6), stream.read_to_end(&mut all)).await;
                all.len() >= length
            });
        }
        let whole = some.join_all().await;
        whole.into_iter().filter(|it| *it).count()
    }

    /// Goes away at once: with resets, which leave no sockets behind.
    pub(crate) fn leave(self) {
        for stream in self.0 {
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Small windows and small segments: on the loopback interface both would be far larger than anywhere else, and the
/// kernel would take what cutover is to keep.
async fn connect(addr: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.set_tcp_mss(1400).unwrap();
    socket.set_nonblocking(true).unwrap();
    let socket = TcpSocket::from_std_stream(socket.into());
    timeout(PATIENCE, socket.connect(addr))
        .await
        .unwrap()
        .unwrap()
}

/// Clients that connect together.
const AT_ONCE: usize = 100;
/// For bytes that nobody may take.
const MOMENT: Duration = Duration::from_millis(300);

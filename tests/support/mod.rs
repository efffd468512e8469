//! What behaviour tests speak with: a whole cutover, endpoints with a will of their own, and a client that
//! forgives nothing.
//!
//! Owns waiting: every wait here ends after [`PATIENCE`], and then says what it waited for. Must not look
//! inside cutover: what these tests see, an operator, a client or an endpoint sees. A crate of client and
//! server mocks would forgive what other implementations do not.

#![allow(
    dead_code,
    reason = "each test crate uses its part; `expect` would fail in those that use all of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

pub(crate) mod answering;
pub(crate) mod call;
pub(crate) mod client;
pub(crate) mod frames;
pub(crate) mod load;
pub(crate) mod operator;
pub(crate) mod scripted;
pub(crate) mod serve;
pub(crate) mod site;
pub(crate) mod stream_load;
pub(crate) mod streams;
pub(crate) mod witness;

use std::{
    fs,
    future::Future,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::TcpSocket,
    time::{sleep, timeout},
};

/// Longest wait for anything that is to come about: what a machine that is busy with much else may need. Only a test that
/// fails takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until it is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    if timeout(PATIENCE, asking).await.is_err() {
        panic!("{what}: did not come about");
    }
}

/// Waits for what must come.
pub(crate) async fn soon<T>(what: &str, coming: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, coming).await {
        Ok(came) => came,
        Err(_) => panic!("{what}: did not come about"),
    }
}

/// Binds an address that was listened on, without listening: connections are refused, and nobody else is given
/// it meanwhile.
pub(crate) fn keep_place(addr: SocketAddr) -> TcpSocket {
    let place = TcpSocket::new_v4().unwrap();
    place.set_reuseaddr(true).unwrap();
    place.bind(addr).unwrap();
    place
}

/// `length` bytes in which no two stretches are alike, so that a piece lost, doubled or moved shows.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    shared_pattern(length).to_vec()
}

/// The same, without a copy. Made once, as far as it was ever asked for: each of fifty streams making its own megabytes
/// would keep a slow machine busy for longer than anything waits.
pub(crate) fn shared_pattern(length: usize) -> Bytes {
    static LONGEST: Mutex<Bytes> = Mutex::new(Bytes::new());
    let mut longest = LONGEST.lock().unwrap_or_else(PoisonError::into_inner);
    if longest.len() < length {
        *longest = make_pattern(length.next_power_of_two()).into();
    }
    longest.slice(..length)
}

fn make_pattern(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// What may be taken for somebody who does not read: cutover's own few hundred KiB (4 MiB to be sure), and what
/// the kernel holds for three sockets, two that send and one that receives; the last one's buffer is small.
pub(crate) fn held_at_most() -> usize {
    let largest = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).unwrap_or_default();
        let largest = text.split_whitespace().last();
        largest
            .and_then(|bytes| bytes.parse().ok())
            .unwrap_or(8 * MIB)
    };
    2 * largest("tcp_wmem") + largest("tcp_rmem") + 4 * MIB
}

/// A body that cannot hide there.
pub(crate) fn large() -> Vec<u8> {
    pattern(held_at_most() + 8 * MIB)
}

const MIB: usize = 1024 * 1024;

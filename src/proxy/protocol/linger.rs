//! The end of a connection whose client may still be sending.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

/// Closing a socket with unread input would reset it, and the client might lose the answer on its way (RFC
/// 9112 section 9.6). The writing half is closed, and what still comes is thrown away for a while.
pub(in crate::proxy) async fn linger(mut socket: impl AsyncRead + AsyncWrite + Unpin) {
    let _ = socket.shutdown().await;
    let mut scratch = [0; 4096];
    let discard = async {
        let mut left = LINGER_BYTES;
        while let Ok(length @ 1..) = socket.read(&mut scratch).await {
            left = left.saturating_sub(length);
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(LINGER_TIME, discard).await;
}

/// How long input is thrown away after the last answer.
const LINGER_TIME: Duration = Duration::from_secs(2);
/// How much of it.
const LINGER_BYTES: usize = 1024 * 1024;

//! The socket behind the guard: what a conversation reads from and writes to.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    input::{Input, Phase},
    parting::{Follows, Parting},
    wire::Wire,
};
use crate::proxy::transport::Transport;

/// A socket with its guard.
#[derive(Debug)]
pub(crate) struct Guarded {
    socket: Transport,
    wire: Rc<Wire>,
    parting: Parting,
}

impl Guarded {
    pub(crate) fn new(socket: Transport, wire: Rc<Wire>) -> Self {
        Self {
            socket,
            wire,
            parting: Parting::default(),
        }
    }

    /// The socket, and what was read from it that is not HTTP/1.
    pub(crate) fn into_parts(self) -> (Transport, Vec<u8>) {
        let held = std::mem::take(&mut self.wire.input().borrow_mut().held);
        (self.socket, held)
    }

    /// Closes the socket so that the client cannot take it for an end.
    pub(crate) fn reset(self) {
        // A socket that cannot be told so is closed already.
        let _ = self.socket.resets();
    }

    /// The conversation is over: what was kept of its answers goes now, as far as the kernel takes it.
    pub(super) fn parts(&mut self) -> impl Future<Output = ()> {
        poll_fn(|cx| {
            // Whoever is gone is told nothing.
            let _ = self.poll_kept(Follows::Perhaps, cx);
            Poll::Ready(())
        })
    }

    /// Whether the client took nothing when it was given something last.
    pub(super) fn is_stalled(&self) -> bool {
        self.wire.is_stalled()
    }

    /// Whether reading would bring nothing, as far as is known without asking the kernel. If so, whoever polls is woken
    /// when that changes.
    pub(super) fn is_quiet(&self, cx: &mut Context<'_>) -> bool {
        // What TLS has read ahead, nobody knows but who reads.
        self.socket.is_plain()
            && self.wire.input().borrow().is_waiting()
            && self.socket.poll_readable(cx).is_pending()
    }

    /// Whether all of `slices` was kept back, in which case it counts as written.
    fn keep(&mut self, slices: &[IoSlice<'_>]) -> Option<usize> {
        if !self.socket.is_plain() || !self.wire.may_keep_back() {
            return None;
        }
        let length = self.parting.keep(slices)?;
        self.wire.keeps_back(true);
        self.wire.wrote(&Poll::Ready(Ok(length)));
        Some(length)
    }

    /// Sends what was kept back.
    fn poll_kept(&mut self, follows: Follows, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.parting.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let polled = self.parting.poll_send(&mut self.socket, follows, cx);
        self.wire.flushed(&polled);
        self.wire.keeps_back(!self.parting.is_empty());
        polled
    }

    /// While an upgrade is being decided, what comes is held, up to a bound; the end of input passes.
    fn poll_upgrading(&mut self, cx: &mut Context<'_>, input: &mut Input) -> Poll<io::Result<()>> {
        let mut scratch = [0; 2048];
        while input.held.len() < UPGRADE_HOLD_LIMIT {
            let mut buf = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            input.held.extend_from_slice(buf.filled());
        }
        Poll::Pending
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let wire = Rc::clone(&this.wire);
        let mut input = wire.input().borrow_mut();
        loop {
            if input.hand_on(buf) {
                return Poll::Ready(Ok(()));
            }
            match input.phase {
                Phase::Head if input.searched < input.held.len() => {
                    input.judge_held();
                    continue;
                }
                Phase::Upgrading => return this.poll_upgrading(cx, &mut input),
                // Nothing more is read; the answer ends the connection, and its writing wakes the task.
                Phase::Refused => return Poll::Pending,
                // Nor here; whoever polls the connection looks at the wire next.
                Phase::Http2 => return Poll::Pending,
                Phase::Broken => {
                    return Poll::Ready(Err(io::Error::from(io::ErrorKind::InvalidData)));
                }
                Phase::Head | Phase::Length(_) | Phase::Chunked(_) => {}
            }
            let before = buf.filled().len();
            ready!(Pin::new(&mut this.socket).poll_read(cx, buf))?;
            let came = &buf.filled()[before..];
            if came.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if input.held.is_empty() {
                let length = input.judge(came);
                buf.set_filled(before + length);
                if length > 0 {
                    return Poll::Ready(Ok(()));
                }
            } else {
                input.held.extend_from_slice(came);
                buf.set_filled(before);
            }
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(length) = self.keep(&[IoSlice::new(bytes)]) {
            return Poll::Ready(Ok(length));
        }
        ready!(self.poll_kept(Follows::AtOnce, cx))?;
        let polled = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.wire.wrote(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.parting.is_empty() {
            if !self.wire.hurries() {
                // Whoever polls the connection asks again, should this not have been the end.
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_kept(Follows::Perhaps, cx))?;
        }
        let polled = Pin::new(&mut self.socket).poll_flush(cx);
        self.wire.flushed(&polled);
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_kept(Follows::AtOnce, cx))?;
        if self.socket.is_plain() {
            // Whoever takes the connection apart drops the socket, which closes it, or waits for what still comes, and
            // then closes the writing half by itself.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(length) = self.keep(slices) {
            return Poll::Ready(Ok(length));
        }
        ready!(self.poll_kept(Follows::AtOnce, cx))?;
        let polled = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.wire.wrote(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

/// Bytes held while an upgrade is being decided; a client that sends more waits.
const UPGRADE_HOLD_LIMIT: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::{
        io::AsyncWriteExt as _,
        net::{TcpListener, TcpStream},
        time::sleep,
    };

    use super::*;
    use crate::config::ListenerLimits;

    /// A guard that has judged `head`, and its client.
    async fn after(head: &[u8]) -> (Guarded, Rc<Wire>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = TcpStream::connect(addr).await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        let wire = Wire::new(Arc::new(ListenerLimits::default()));
        assert_eq!(wire.input().borrow_mut().judge(head), head.len());
        let guarded = Guarded::new(Transport::Plain(socket), Rc::clone(&wire));
        (guarded, wire, client)
    }

    /// What the client has by now, and whether that was all.
    async fn has(client: &mut TcpStream) -> (Vec<u8>, bool) {
        sleep(Duration::from_millis(50)).await;
        let mut all = Vec::new();
        loop {
            match client.try_read_buf(&mut all) {
                Ok(0) => return (all, true),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (all, false),
                Err(error) => panic!("{error}"),
            }
        }
    }

    const LAST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_last_answer_leaves_with_the_end() {
        let (mut guarded, wire, mut client) = after(LAST).await;
        guarded.write_all(b"answer").await.unwrap();
        guarded.flush().await.unwrap();
        assert_eq!(has(&mut client).await, (vec![], false));
        assert_eq!(wire.take_written(), 6);
        guarded.shutdown().await.unwrap();
        assert!(!wire.lets_go());
        drop(guarded);
        assert_eq!(has(&mut client).await, (b"answer".to_vec(), true));
    }

    #[tokio::test]
    async fn it_leaves_before_if_the_end_does_not_follow() {
        let (mut guarded, wire, mut client) = after(LAST).await;
        guarded.write_all(b"some").await.unwrap();
        assert!(wire.lets_go(), "it is to be polled again");
        guarded.flush().await.unwrap();
        assert_eq!(has(&mut client).await, (b"some".to_vec(), false));
        assert!(!wire.lets_go());
        guarded.write_all(b"more").await.unwrap();
        assert_eq!(has(&mut client).await, (b"more".to_vec(), false));
    }

    #[tokio::test]
    async fn it_leaves_before_what_is_too_large_to_be_kept_and_if_all_ends_badly() {
        let (mut guarded, _, mut client) = after(LAST).await;
        guarded.write_all(b"some").await.unwrap();
        guarded.write_all(&[b'x'; 9000]).await.unwrap();
        let expected = [b"some", &[b'x'; 9000][..]].concat();
        assert_eq!(has(&mut client).await, (expected, false));
        guarded.write_all(b"rest").await.unwrap();
        guarded.parts().await;
        assert_eq!(has(&mut client).await, (b"rest".to_vec(), false));
    }

    #[tokio::test]
    async fn others_do_not_wait() {
        let (mut guarded, _, mut client) = after(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        guarded.write_all(b"answer").await.unwrap();
        assert_eq!(has(&mut client).await, (b"answer".to_vec(), false));
    }
}

//! A connection after `101 Switching Protocols`: bytes both ways until one end closes, under its claim.
//!
//! Owns the splice; must not interpret what passes. It begins only after the endpoint's 101 has been
//! written to the client, so that nothing a client sends early reaches an endpoint that did not agree
//! (RUSTSEC-2026-0033 is that mistake in another proxy).

use std::{
    cell::Cell,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf, copy_bidirectional};

use super::{account::Account, downstream::Downstream, upstream::Upstream};
use crate::core::in_flight::Ending;

/// An endpoint's half of a tunnel, and the account of it.
#[derive(Debug)]
pub(crate) struct Tunnel {
    upstream: Box<Upstream>,
    account: Account,
}

/// The client's half: its socket, and what it sent ahead.
#[derive(Debug)]
pub(crate) struct ClientHalf<S> {
    pub(crate) socket: S,
    pub(crate) early: [bytes::Bytes; 2],
}

/// A socket whose traffic is counted and keeps the tunnel from idling out.
struct Metered<'a, S> {
    socket: S,
    downstream: &'a Downstream,
    read: &'a Cell<u64>,
}

impl Tunnel {
    pub(crate) const fn new(upstream: Box<Upstream>, account: Account) -> Self {
        Self { upstream, account }
    }

    /// Runs until both directions are closed, nothing moves for the idle timeout, or the claim is cut.
    pub(crate) async fn run<S>(mut self, client: ClientHalf<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let downstream = Rc::clone(self.account.downstream());
        let (endpoint, early_answer) = self.upstream.into_tunnel();
        let (came_in, went_out) = (Cell::new(0), Cell::new(early_answer.len() as u64));
        let mut client_side = Metered {
            socket: client.socket,
            downstream: &downstream,
            read: &came_in,
        };
        let mut endpoint_side = Metered {
            socket: endpoint,
            downstream: &downstream,
            read: &went_out,
        };
        let splice = async {
            for early in client.early.iter().filter(|early| !early.is_empty()) {
                came_in.set(came_in.get() + early.len() as u64);
                endpoint_side.socket.write_all(early).await?;
            }
            client_side.socket.write_all(&early_answer).await?;
            // TLS holds back what the socket did not take at once, and the copying knows only of its own bytes.
            endpoint_side.socket.flush().await?;
            client_side.socket.flush().await?;
            copy_bidirectional(&mut client_side, &mut endpoint_side)
                .await
                .map(drop)
        };
        let ending = watch(splice, &downstream).await;
        self.account.count(came_in.get(), went_out.get());
        match ending {
            Ended::Closed => self.account.finished(),
            Ended::Idle => self.account.idled_out(),
            Ended::Cut(ending) => self.account.cut(ending),
        }
    }
}

/// How a tunnel ended.
enum Ended {
    /// By its ends.
    Closed,
    /// Nothing moved for the idle timeout.
    Idle,
    /// By an order.
    Cut(Ending),
}

async fn watch(splice: impl Future<Output = io::Result<()>>, downstream: &Downstream) -> Ended {
    let mut splice = pin!(splice);
    downstream.answers();
    poll_fn(|cx| {
        downstream.lifeline().wakes(cx.waker());
        if splice.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ended::Closed);
        }
        if let Some(ending) = downstream.lifeline().cut() {
            return Poll::Ready(Ended::Cut(ending));
        }
        if downstream.has_expired() {
            return Poll::Ready(Ended::Idle);
        }
        Poll::Pending
    })
    .await
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.socket).poll_read(cx, buf);
        let length = buf.filled().len() - before;
        if length > 0 {
            self.read.set(self.read.get() + length as u64);
            self.downstream.expects_progress();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(cx, bytes);
        if matches!(polled, Poll::Ready(Ok(length)) if length > 0) {
            self.downstream.expects_progress();
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

//! Serves one HTTP/1 connection, from its first byte to its last.

use std::{future::poll_fn, pin::Pin, rc::Rc, sync::Arc, task::Poll};

use super::{Guarded, HeadRefusal, Wire, conversation::Conversation, parked::parked};
use crate::{
    proxy::{
        client::Client,
        downstream::Downstream,
        forward::Forwarder,
        protocol::{Protocol, linger::linger},
        stage::Stage,
        transport::Transport,
        tunnel::ClientHalf,
    },
    telemetry::limit::Limit,
};

/// Serves `socket` until it closes, is told to, or has become a tunnel and that has ended. If it turns out to speak
/// HTTP/2, it is handed back, with what was read of it.
pub(crate) async fn serve(
    client: &Rc<Client>,
    mut socket: Transport,
) -> Option<(Transport, Vec<u8>)> {
    let wire = Wire::new(Arc::clone(&client.listener().limits));
    let downstream = Downstream::new(client, Protocol::Http1(Rc::clone(&wire)));
    loop {
        // In a box of its own, so that a parked connection holds no room for it.
        match Box::pin(serve_awake(&downstream, &wire, socket)).await {
            Left::Nothing => return None,
            Left::Http2(turned, held) => return Some((turned, held)),
            Left::AtRest(resting) => socket = resting,
        }
        parked(&downstream, &socket).await;
    }
}

/// What is left of a connection that was served.
enum Left {
    Nothing,
    /// It turned out to speak HTTP/2; what was read of it.
    Http2(Transport, Vec<u8>),
    /// It has been without a request for a while.
    AtRest(Transport),
}

async fn serve_awake(downstream: &Rc<Downstream>, wire: &Rc<Wire>, socket: Transport) -> Left {
    let forwarder = Forwarder::new(Rc::clone(downstream));
    let limits = &downstream.listener().limits;
    let guarded = Guarded::new(socket, Rc::clone(wire));
    let mut conversation = Conversation::new(guarded, forwarder, limits.max_header_count);
    let mut closing = Closing::default();
    let ended = poll_fn(|cx| {
        downstream.lifeline().wakes(cx.waker());
        loop {
            if let Poll::Ready(ended) = conversation.poll(cx) {
                return Poll::Ready(ended.map_or(Ended::Broken, |()| Ended::Parted));
            }
            if wire.lets_go() {
                continue;
            }
            match look_around(downstream, wire, &mut closing) {
                Next::Wait => return Poll::Pending,
                Next::PollAgain => {}
                Next::CloseIdle => conversation.closes(),
                Next::Drop => return Poll::Ready(Ended::Broken),
                Next::Http2 => return Poll::Ready(Ended::Http2),
                Next::Park => return Poll::Ready(Ended::AtRest),
            }
        }
    })
    .await;
    let Some((mut guarded, rest)) = conversation.take_apart() else {
        return Left::Nothing;
    };
    guarded.parts().await;
    match ended {
        Ended::Parted => {
            if let Some(aftermath) = aftermath(downstream, wire, (guarded, rest)) {
                aftermath.await;
            }
            Left::Nothing
        }
        // What was in flight ends with the connection. A tunnel that was agreed on but not begun would keep
        // itself alive, because its account knows the connection.
        Ended::Broken => {
            drop(downstream.take_tunnel());
            if wire.is_answering_to_the_end() {
                guarded.reset();
            }
            Left::Nothing
        }
        Ended::Http2 => {
            let (socket, held) = guarded.into_parts();
            Left::Http2(socket, held)
        }
        Ended::AtRest => Left::AtRest(guarded.into_parts().0),
    }
}

/// How the conversation ended.
enum Ended {
    /// In order; the socket is there still.
    Parted,
    /// By an error, or by being dropped.
    Broken,
    /// Before it began.
    Http2,
    /// Between two requests.
    AtRest,
}

/// What a connection was told about its end.
#[derive(Debug, Default)]
struct Closing {
    /// That the process is stopping.
    drain_seen: bool,
    /// To close as soon as it is idle.
    asked: bool,
}

/// What to do while the conversation waits.
enum Next {
    Wait,
    PollAgain,
    CloseIdle,
    Drop,
    Http2,
    Park,
}

fn look_around(downstream: &Downstream, wire: &Wire, closing: &mut Closing) -> Next {
    let worker = downstream.worker();
    let written = wire.take_written();
    downstream.took(written, wire.is_stalled());
    downstream.looks_for_flush();
    if worker.is_cutting() {
        return Next::Drop;
    }
    if downstream.is_busy() || wire.is_stalled() {
        if written > 0 && downstream.stage() == Stage::Answering {
            downstream.expects_progress();
        }
        return if is_lost(downstream) {
            Next::Drop
        } else {
            Next::Wait
        };
    }
    let head = wire.unended_head();
    downstream.holds_head(head);
    if downstream.lifeline().is_shed() {
        worker.stats().met(Limit::MaxBuffered);
        return Next::Drop;
    }
    if wire.speaks_http2() {
        return Next::Http2;
    }
    let drain_begins =
        worker.is_draining() && !std::mem::replace(&mut closing.drain_seen, worker.is_draining());
    match (downstream.stage(), head > 0) {
        (Stage::Head, true) => {}
        (Stage::Idle, false) if !drain_begins => {}
        (_, true) => downstream.expects_head(),
        (_, false) => downstream.rests(),
    }
    if !downstream.has_expired() {
        // Asked last, because it is said once.
        let parks = !closing.asked && wire.is_at_rest() && downstream.takes_rest();
        return if parks { Next::Park } else { Next::Wait };
    }
    if downstream.stage() == Stage::Head {
        wire.refuse(HeadRefusal::Timeout);
        downstream.rests();
        return Next::PollAgain;
    }
    downstream.rests();
    if closing.asked && written == 0 {
        // Asked before, and still not gone.
        return Next::Drop;
    }
    if !worker.is_draining() {
        worker.stats().met(downstream.idle_limit());
    }
    closing.asked = true;
    Next::CloseIdle
}

/// Whether a request that is served, or the rest of its answer, ends with the connection. The service had its chance to
/// answer within the poll: whoever is late now is the client.
fn is_lost(downstream: &Downstream) -> bool {
    let unread = downstream.may_not_wait();
    if let Some(unread) = unread {
        downstream.worker().stats().met(unread.limit());
    }
    unread.is_some() || downstream.lifeline().cut().is_some()
}

/// What is to be waited for before the connection is closed, if anything: a tunnel goes on with it, an unread rest of
/// input is waited out. Boxed, so that an idle connection holds no room for it.
fn aftermath(
    downstream: &Downstream,
    wire: &Wire,
    (guarded, rest): (Guarded, bytes::Bytes),
) -> Option<Pin<Box<dyn Future<Output = ()>>>> {
    if let Some(tunnel) = downstream.take_tunnel() {
        let (socket, held) = guarded.into_parts();
        let client = ClientHalf {
            socket,
            early: [rest, held.into()],
        };
        // A task of its own: the copying loop relies on the runtime's turns, which this one has not.
        let running = tokio::task::spawn_local(tunnel.run(client));
        return Some(Box::pin(async { running.await.unwrap_or_default() }));
    }
    let reset = may_reset(downstream, wire) || !rest.is_empty() || wire.holds_more();
    reset.then(|| Box::pin(linger(guarded.into_parts().0)) as Pin<Box<_>>)
}

/// Whether something may still come that nobody will read: the rest of a request that was answered early, or requests
/// after the last one that may come. A client that has sent some has more, perhaps.
fn may_reset(downstream: &Downstream, wire: &Wire) -> bool {
    !wire.is_between_requests() || downstream.has_had_its_requests()
}

//! How one case of a table is run: a new connection, some frames, and what both ends saw of them.

use std::sync::Arc;

use crate::support::{
    frames::{END_STREAM, Frame, FrameClient, GOAWAY, HEADERS, RST_STREAM, get, headers},
    scripted::{Link, Scripted},
    site::{ONE_WORKER, Site, shop},
    soon,
};

/// One case.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    /// Where it is said: a section of RFC 9113, if no other is named.
    pub(crate) section: &'static str,
    pub(crate) name: &'static str,
    /// What the client sends after both sides have greeted each other. The path tells the case apart.
    pub(crate) sends: fn(&str) -> Vec<Frame>,
    /// What the client sees.
    pub(crate) sees: Sees,
    /// What of it reaches the endpoint.
    pub(crate) reaches: Reaches,
}

/// One case: its section and name, what the client sends, what it sees and what reaches the endpoint.
pub(crate) const fn case(
    (section, name): (&'static str, &'static str),
    sends: fn(&str) -> Vec<Frame>,
    (sees, reaches): (Sees, Reaches),
) -> Case {
    Case {
        section,
        name,
        sends,
        sees,
        reaches,
    }
}

/// What a client sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sees {
    /// An answer on stream 1, and a connection that goes on.
    Answer(u16),
    /// Stream 1 is reset, and the connection goes on.
    Reset(u32),
    /// The connection ends with this code.
    Farewell(u32),
    /// The connection ends without a word.
    End,
    /// Nothing but a connection that goes on.
    Nothing,
}

/// What reaches the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaches {
    /// Nothing.
    Nothing,
    /// The request, once, and whole.
    Once,
    /// The request, once, or a part of it, or nothing, because the connection ended before.
    AtMostOnce,
}

/// Runs a table.
pub(crate) async fn run(cases: &[Case]) {
    let endpoint = Arc::new(recorder().await);
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], ""))).await;
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let path = format!("/case-{number}/");
        let what = format!("section {}: {}", case.section, case.name);
        let mut client = FrameClient::greet(site.addr()).await;
        client.send_all(&(case.sends)(&path)).await;
        let seen = soon(&what, see(&mut client, case.sees)).await;
        if seen != case.sees {
            wrong.push(format!(
                "{what}: saw {seen:?}, not {:?}; {:?}",
                case.sees, client.seen
            ));
        }
        if seen == case.sees && !matches!(seen, Sees::Farewell(_) | Sees::End) {
            let after = goes_on(&mut client).await;
            if after != Sees::Answer(200) {
                wrong.push(format!("{what}: and then {after:?}; {:?}", client.seen));
            }
        }
        drop(client);
        let reached = count(&endpoint, &path);
        let is_right = match case.reaches {
            Reaches::Nothing => reached == 0,
            Reaches::Once => reached == 1,
            Reaches::AtMostOnce => reached <= 1,
        };
        if !is_right {
            wrong.push(format!("{what}: {reached} requests reached the endpoint"));
        }
    }
    let all = everything(&endpoint);
    assert!(!all.contains("smuggled\r\n"), "{all}");
    let lines = all.split_inclusive('\n');
    assert!(lines.clone().count() > 1);
    assert!(
        lines
            .filter(|line| line.ends_with('\n'))
            .all(|line| line.ends_with("\r\n"))
    );
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(site.service("shop").await.pools.blue.in_flight, 0);
}

async fn see(client: &mut FrameClient, expected: Sees) -> Sees {
    if expected == Sees::Nothing {
        client.is_alive().await;
        let said = client.seen.iter().find(|frame| {
            matches!(frame.kind, GOAWAY | RST_STREAM) || (frame.kind, frame.stream) == (HEADERS, 1)
        });
        return match said {
            None => Sees::Nothing,
            Some(frame) => told(frame),
        };
    }
    while let Some(frame) = client.next().await {
        let of_stream = frame.stream == 1 && matches!(frame.kind, HEADERS | RST_STREAM);
        if of_stream || frame.kind == GOAWAY {
            return told(&frame);
        }
    }
    Sees::End
}

/// The connection serves another request.
async fn goes_on(client: &mut FrameClient) -> Sees {
    client
        .send(&headers(1001, END_STREAM, &get("/after")))
        .await;
    while let Some(frame) = client.next().await {
        let of_stream = frame.stream == 1001 && matches!(frame.kind, HEADERS | RST_STREAM);
        if of_stream || frame.kind == GOAWAY {
            return told(&frame);
        }
    }
    Sees::End
}

fn told(frame: &Frame) -> Sees {
    match frame.kind {
        HEADERS => Sees::Answer(frame.status()),
        RST_STREAM => Sees::Reset(frame.code()),
        _ => Sees::Farewell(frame.code()),
    }
}

/// An endpoint that answers `ok` to whatever it can read whole, and whose memory tests look into.
pub(crate) async fn recorder() -> Scripted {
    Scripted::start(|mut link| async move { while answered(&mut link).await.is_some() {} }).await
}

async fn answered(link: &mut Link) -> Option<()> {
    let head = link.try_until("\r\n\r\n").await?.to_ascii_lowercase();
    if head.contains("transfer-encoding: chunked") {
        while link.try_until("\r\n").await? != "0\r\n" {}
        while link.try_until("\r\n").await? != "\r\n" {}
    } else if let Some((_, rest)) = head.split_once("content-length: ") {
        let length = rest.split("\r\n").next()?.parse().ok()?;
        link.try_take(length).await?;
    }
    link.write(crate::support::scripted::OK).await;
    Some(())
}

/// How many requests for `path` came.
pub(crate) fn count(endpoint: &Scripted, path: &str) -> usize {
    everything(endpoint).matches(&format!(" {path}")).count()
}

/// All that came, on all connections.
pub(crate) fn everything(endpoint: &Scripted) -> String {
    let connections = 0..endpoint.connections();
    connections
        .map(|number| endpoint.received(number))
        .collect()
}

/// A `GET` that is whole.
pub(crate) fn whole(path: &str) -> Frame {
    headers(1, END_STREAM, &get(path))
}

/// A `POST` whose body follows.
pub(crate) fn open(path: &str, fields: &[(&str, &str)]) -> Frame {
    let mut all = crate::support::frames::request("POST", path);
    all.extend_from_slice(fields);
    headers(1, 0, &all)
}

/// A `GET` with further fields.
pub(crate) fn with(path: &str, fields: &[(&str, &str)]) -> Vec<Frame> {
    let mut all = get(path);
    all.extend_from_slice(fields);
    vec![headers(1, END_STREAM, &all)]
}

/// Whole requests of these fields alone.
pub(crate) fn only(fields: &[(&str, &str)]) -> Vec<Frame> {
    vec![headers(1, END_STREAM, fields)]
}

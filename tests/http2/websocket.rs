//! A WebSocket on a stream (RFC 8441): a tunnel like any other, beside the requests of the same connection.

use cutover::{
    core::ids::Colour::{Blue, Green},
    proxy::websocket::accept_key,
};
use http::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{
    answering::Answering,
    eventually,
    frames::{FrameClient, SETTINGS, headers, request},
    pattern,
    scripted::{Link, OK, Scripted},
    site::{ONE_WORKER, Site, shop},
    soon,
    streams::{Body, Streams, empty, read},
};

/// The request of a browser.
fn connect() -> Request<Body> {
    let protocol = hyper::ext::Protocol::from_static("websocket");
    let mut request = Request::connect("http://shop.test/ws")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat")
        .header("origin", "http://shop.test")
        .body(empty())
        .unwrap();
    request.extensions_mut().insert(protocol);
    request
}

async fn site(endpoint: &Scripted) -> Site {
    Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], ""))).await
}

/// Reads the handshake, and the answer to its key.
async fn asked(link: &mut Link) -> String {
    let head = link.head().await.to_ascii_lowercase();
    assert!(head.starts_with("get /ws http/1.1\r\n"), "{head}");
    for line in [
        "connection: upgrade\r\n",
        "upgrade: websocket\r\n",
        "sec-websocket-version: 13\r\n",
        "sec-websocket-protocol: chat\r\n",
        "host: shop.test\r\n",
    ] {
        assert!(head.contains(line), "{line:?} in {head}");
    }
    assert!(!head.contains("transfer-encoding") && !head.contains(":protocol"));
    // Lower case is lost here; the key is told apart in the bytes that came.
    head
}

fn key(received: &str) -> String {
    let (_, rest) = received.split_once("sec-websocket-key: ").expect("a key");
    rest.split("\r\n").next().unwrap().to_owned()
}

fn agreement(accept: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_offered() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let client = FrameClient::greet(site.addr()).await;
    let greeting = client
        .seen
        .iter()
        .find(|frame| frame.kind == SETTINGS)
        .unwrap();
    let enabled = greeting
        .payload
        .chunks(6)
        .any(|pair| pair == [0, 8, 0, 0, 0, 1]);
    assert!(enabled, "{greeting:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_becomes_an_upgrade_and_carries_anything_both_ways() {
    let endpoint = Scripted::start(|mut link| async move {
        asked(&mut link).await;
        let key = link.text();
        link.write(agreement(&accept_key(&self::key(&key)))).await;
        link.write("hello").await;
        let all = link.take(200_000).await;
        link.write(&all).await;
        link.end().await;
    })
    .await;
    let site = site(&endpoint).await;
    let client = Streams::connect(site.addr()).await;
    let answer = soon("an agreement", client.send(connect())).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["sec-websocket-protocol"], "chat");
    for name in ["connection", "upgrade", "sec-websocket-accept"] {
        assert!(!answer.headers().contains_key(name), "{name}");
    }
    let mut socket = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
    let mut greeting = [0; 5];
    soon("a greeting", socket.read_exact(&mut greeting))
        .await
        .unwrap();
    assert_eq!(&greeting, b"hello");
    let labels = "{service=\"shop\",colour=\"blue\"}";
    site.counts(&format!("cutover_tunnels_in_flight{labels}"), 1.0)
        .await;
    let sent = pattern(200_000);
    let (mut reading, mut writing) = tokio::io::split(socket);
    let send = async {
        writing.write_all(&sent).await.unwrap();
        writing
    };
    let mut back = vec![0; sent.len()];
    let (mut writing, came) = tokio::join!(send, soon("an echo", reading.read_exact(&mut back)));
    came.unwrap();
    assert!(back == sent);
    writing.shutdown().await.unwrap();
    assert_eq!(soon("the end", reading.read(&mut back)).await.unwrap(), 0);
    site.counts(&format!("cutover_tunnels_in_flight{labels}"), 0.0)
        .await;
    site.counts(&format!("cutover_tunnels_total{labels}"), 1.0)
        .await;
    assert!(client.is_open());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_to_another_key_is_none() {
    let endpoint = Scripted::start(|mut link| async move {
        asked(&mut link).await;
        link.write(agreement("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")).await;
        link.end().await;
    })
    .await;
    let site = site(&endpoint).await;
    let client = Streams::connect(site.addr()).await;
    let answer = read(client.send(connect()).await.unwrap()).await.unwrap();
    assert_eq!(answer.status, 502);
    assert!(
        answer.text().contains("malformed response"),
        "{}",
        answer.text()
    );
    endpoint.left_alone().await;
    let pool = &site.service("shop").await.pools[Blue];
    assert_eq!((pool.in_flight, pool.tunnels), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_passed_on_and_a_success_without_agreement_is_not() {
    for (line, expected) in [
        ("403 Forbidden", 403),
        ("200 OK", 502),
        ("204 No Content", 502),
    ] {
        let endpoint = Scripted::start(move |mut link| async move {
            let head = link.head().await;
            if head.starts_with("GET /next") {
                link.write(OK).await;
                link.end().await;
                return;
            }
            let length = if line.starts_with("204") {
                ""
            } else {
                "Content-Length: 0\r\n"
            };
            link.write(format!("HTTP/1.1 {line}\r\n{length}\r\n")).await;
            while link.try_head().await.is_some() {
                link.write(OK).await;
            }
        })
        .await;
        let site = site(&endpoint).await;
        let client = Streams::connect(site.addr()).await;
        let answer = client.send(connect()).await.unwrap();
        assert_eq!(answer.status(), expected, "{line}");
        assert_eq!(client.get("/next").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_in_before_the_endpoint_has_agreed() {
    let endpoint = Scripted::start(|mut link| async move {
        asked(&mut link).await;
        link.hears_nothing_for(std::time::Duration::from_millis(150))
            .await;
        let key = key(&link.text());
        link.write(agreement(&accept_key(&key))).await;
        assert_eq!(link.take(5).await, b"early");
        link.end().await;
    })
    .await;
    let site = site(&endpoint).await;
    let mut client = FrameClient::greet(site.addr()).await;
    let mut fields = request("CONNECT", "/ws");
    fields.extend([
        (":protocol", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat"),
    ]);
    client
        .send_all(&[
            headers(1, 0, &fields),
            crate::support::frames::data(1, 0, *b"early"),
        ])
        .await;
    assert_eq!(client.head(1).await.status(), 200);
    eventually("it was taken", async || {
        endpoint.bytes(0).ends_with(b"early")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_drains_like_any_tunnel_and_the_connection_goes_on() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let agreeing = Scripted::start(|mut link| async move {
        asked(&mut link).await;
        let key = key(&link.text());
        link.write(agreement(&accept_key(&key))).await;
        link.end().await;
    })
    .await;
    let keys = "switch.drain_deadline = \"400ms\"";
    let site = Site::start(&shop(&[agreeing.addr()], &[green.addr()], keys)).await;
    site.ready("shop", Green, 1).await;
    let client = Streams::connect(site.addr()).await;
    let answer = client.send(connect()).await.unwrap();
    let mut socket = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
    eventually("a tunnel", async || {
        site.service("shop").await.pools[Blue].tunnels == 1
    })
    .await;
    let receipt = site.switch("shop", Green).await;
    assert_eq!(receipt.in_flight_at_commit, 1);
    assert_eq!(client.get("/").await.field("x-endpoint"), Some("green"));
    // It ends, in whatever way a WebSocket notices.
    let mut rest = Vec::new();
    let _ = soon("the cut", socket.read_to_end(&mut rest)).await;
    assert!(rest.is_empty());
    agreeing.left_alone().await;
    let receipt = &site.history("shop").await[0];
    assert_eq!(receipt.cut.drain_deadline, 1);
    assert!(client.is_open());
    drop(blue);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_passes_no_websocket_says_so() {
    let blue = Answering::start("blue").await;
    let listener = "[listener.web]\nlisten = \"127.0.0.1:0\"\nupgrades = [\"other\"]\n";
    let site = Site::start(&(listener.to_owned() + &shop(&[blue.addr()], &[], ""))).await;
    let client = Streams::connect(site.addr()).await;
    let answer = client.send(connect()).await.unwrap();
    assert_eq!(answer.status(), 501);
    assert_eq!(blue.requests(), 0);
}

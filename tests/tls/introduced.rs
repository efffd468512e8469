//! The PROXY protocol comes before TLS, on either side.

use std::sync::{Arc, Mutex};

use cutover::core::proxy_header::{Introduction, ProxyVersion, write};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{
    authority::Authority,
    secure::{showing, trusting},
    stage::{Plan, SHOP, web},
    support::{
        answering::Answering,
        client::Raw,
        eventually,
        site::{Site, shop},
        soon,
    },
};

#[tokio::test]
async fn a_handshake_follows_an_introduction() {
    let listen = "listen = \"127.0.0.1:0\"\n";
    let keys = format!("{listen}proxy_protocol = [\"127.0.0.0/8\"]\n");
    let stage = Plan::with_shop()
        .start(&web(&["shop"], "").replace(listen, &keys))
        .await;
    let introduction = Introduction {
        source: "203.0.113.9:4711".parse().unwrap(),
        destination: "192.0.2.1:443".parse().unwrap(),
    };
    for version in [ProxyVersion::V1, ProxyVersion::V2] {
        let mut stream = TcpStream::connect(stage.site.addr()).await.unwrap();
        stream
            .write_all(&write(version, Some(introduction)))
            .await
            .unwrap();
        let connector = TlsConnector::from(Arc::new(trusting(&stage.authority)));
        let name = ServerName::try_from(SHOP).unwrap();
        let stream = soon("a handshake", connector.connect(name, stream))
            .await
            .unwrap();
        let answer = Raw::over(stream).get("/").await.json().to_string();
        for told in [
            "[\"x-forwarded-for\",\"203.0.113.9\"]",
            "[\"x-forwarded-proto\",\"https\"]",
        ] {
            assert!(answer.contains(told), "{answer}");
        }
    }
    // Without one, a handshake is not answered.
    assert!(stage.handshake(trusting(&stage.authority)).await.is_err());
    stage
        .site
        .counts("cutover_unintroduced_connections_total", 1.0)
        .await;
}

#[tokio::test]
async fn an_introduction_comes_before_the_handshake_with_an_endpoint() {
    let authority = Authority::new("internal");
    let app = Answering::start("blue").await;
    let headers = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(showing(&authority.for_hosts(&["127.0.0.1"]))));
    let (seen, to) = (Arc::clone(&headers), app.addr());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
            tokio::spawn(async move {
                let mut header = Vec::new();
                while !header.ends_with(b"\r\n") {
                    header.push(stream.read_u8().await?);
                }
                seen.lock()
                    .unwrap()
                    .push(String::from_utf8(header).unwrap());
                let mut stream = acceptor.accept(stream).await?;
                let mut inner = TcpStream::connect(to).await?;
                copy_bidirectional(&mut stream, &mut inner).await
            });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let keys = "send_proxy_protocol = \"v1\"\nupstream_tls.ca = \"ca.pem\"";
    let site = Site::start_in(folder, &shop(&[addr], &[], keys), false).await;
    let mut client = site.client().await;
    let own = client.stream().local_addr().unwrap().port();
    assert_eq!(client.get("/").await.status, 200);
    assert_eq!(client.get("/").await.status, 200);
    let of = |word: &str| {
        let headers = headers.lock().unwrap();
        let found = headers.iter().filter(|it: &&String| it.contains(word));
        found.cloned().collect::<Vec<_>>()
    };
    let introduced = of("TCP4");
    assert_eq!(introduced.len(), 1, "{introduced:?}");
    assert!(
        introduced[0].contains(&format!(" {own} ")),
        "{introduced:?}"
    );
    eventually("a probe", async || !of("UNKNOWN\r\n").is_empty()).await;
}

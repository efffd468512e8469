//! Connections of a listener, as a whole and for each client.

use std::{net::SocketAddr, time::Duration};

use tokio::{net::TcpSocket, sync::mpsc, time::timeout};

use crate::{
    limited,
    support::{
        answering::Answering,
        client::{Raw, get},
        eventually,
        load::{Load, Mix},
        site::{Site, shop},
        soon,
    },
};

fn config(blue: &Answering, keys: &str) -> String {
    format!("[listener.web]\nlisten = \"127.0.0.1:0\"\n{keys}\n") + &shop(&[blue.addr()], &[], "")
}

/// A connection from this address of the loopback network; `None` if it was reset before it was of use.
async fn from(ip: [u8; 4], to: SocketAddr) -> Option<Raw> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((ip, 0))).unwrap();
    socket.set_nodelay(true).unwrap();
    let connected = soon("a connection", socket.connect(to)).await.ok()?;
    connected.peer_addr().ok()?;
    Some(Raw::of(connected))
}

/// A connection from this address that is served.
async fn served(ip: [u8; 4], to: SocketAddr) -> Raw {
    let mut client = from(ip, to).await.expect("a connection");
    assert!(is_served(&mut client).await);
    client
}

/// Whether one more connection from this address is turned away: reset, without a word.
async fn is_turned_away(ip: [u8; 4], to: SocketAddr) -> bool {
    match from(ip, to).await {
        Some(mut client) => !is_served(&mut client).await,
        None => true,
    }
}

async fn is_served(client: &mut Raw) -> bool {
    client.try_send(get("/")).await;
    let answer = client.try_answer().await;
    answer.is_ok_and(|answer| answer.status == 200)
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_together_serve_as_many_as_the_limit_says_and_not_one_more() {
    let blue = Answering::start("blue").await;
    let process = "[process]\nworkers = 8\n".to_owned();
    let site = Site::start(&(process + &config(&blue, "max_connections = 5"))).await;
    let (served, mut arrivals) = mpsc::channel(20);
    for _ in 0..20 {
        let (served, addr) = (served.clone(), site.addr());
        tokio::spawn(async move {
            let mut client = Raw::connect(addr).await;
            assert_eq!(client.get("/").await.status, 200);
            served.send(client).await.unwrap();
        });
    }
    let mut inside = Vec::new();
    for _ in 0..5 {
        inside.push(soon("an answer", arrivals.recv()).await.unwrap());
    }
    let sixth = timeout(Duration::from_millis(300), arrivals.recv()).await;
    assert!(sixth.is_err(), "one more than the limit was served");
    assert_eq!(blue.requests(), 5);
    site.counts("cutover_connections_open", 5.0).await;
    for _ in 5..20 {
        inside.remove(0);
        inside.push(soon("the next one's turn", arrivals.recv()).await.unwrap());
    }
    assert_eq!(blue.requests(), 20);
    let series = "cutover_limited_total{limit=\"max_connections\"}";
    let waited = site.metric(series).await;
    assert!((1.0..=15.0).contains(&waited), "{waited}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_not_reached_is_not_counted() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&config(&blue, "max_connections = 5")).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = site.client().await;
        assert_eq!(client.get("/").await.status, 200);
        clients.push(client);
    }
    limited(&site, "max_connections", 0.0).await;
    limited(&site, "max_connections_per_client", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_too_many_connections_is_reset_and_others_are_served() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&config(&blue, "max_connections_per_client = 3")).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(served([127, 0, 0, 1], site.addr()).await);
    }
    for count in [1.0, 2.0, 3.0] {
        assert!(is_turned_away([127, 0, 0, 1], site.addr()).await);
        limited(&site, "max_connections_per_client", count).await;
    }
    for ip in [[127, 0, 0, 2], [127, 0, 0, 3]] {
        served(ip, site.addr()).await;
    }
    for client in &mut clients {
        assert!(is_served(client).await, "those from before live on");
    }
    // Whoever closes one may open another.
    drop(clients.pop());
    eventually("there is room again", async || {
        !is_turned_away([127, 0, 0, 1], site.addr()).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_forgets_nobody_who_is_there() {
    let blue = Answering::start("blue").await;
    let keys = "max_connections_per_client = 2\nmax_connections = 3";
    let site = Site::start(&config(&blue, keys)).await;
    let mut clients = Vec::new();
    for ip in [[127, 0, 0, 1], [127, 0, 0, 1], [127, 0, 0, 2]] {
        clients.push(served(ip, site.addr()).await);
    }
    site.rewrite(&config(&blue, &format!("{keys}\nkeep_alive = \"70s\"")))
        .await;
    assert!(is_turned_away([127, 0, 0, 1], site.addr()).await);
    // One that the old rules had accepted before they went is served all the same; the next one waits.
    let mut tries = 0..20;
    let mut fourth = loop {
        assert!(tries.next().is_some(), "everybody is let in");
        let mut fourth = from([127, 0, 0, 2], site.addr()).await.expect("it waits");
        fourth.send(get("/")).await;
        let waits = timeout(Duration::from_millis(200), fourth.answer()).await;
        if waits.is_err() {
            break fourth;
        }
    };
    drop(clients.remove(0));
    assert_eq!(fourth.answer().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_one_client_is_not_noticed_by_another() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&config(&blue, "max_connections_per_client = 50")).await;
    let mut load = Load::start(site.addr(), Mix::default());
    let mut flood = Vec::new();
    for _ in 0..1000 {
        flood.extend(from([127, 0, 0, 9], site.addr()).await);
        load.is_well();
    }
    limited(&site, "max_connections_per_client", 950.0).await;
    let open = site.metric("cutover_connections_open").await;
    assert!(open <= 50.0 + 15.0, "{open} are open");
    load.stop().await;
}

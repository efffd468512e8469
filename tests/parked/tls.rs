//! Through TLS it is the same.

use std::io::Write as _;

use cutover::core::ids::Colour;
use tokio::io::AsyncWriteExt as _;

use crate::{
    authority::Authority,
    secure::{Secure, connect, trusting},
    support::{
        answering::Answering,
        client::{get, post},
        site::{Site, shop},
    },
};

const SHOP: &str = "shop.example.com";

struct Lot {
    site: Site,
    authority: Authority,
    blue: Answering,
    green: Answering,
}

impl Lot {
    async fn start(keys: &str) -> Self {
        let authority = Authority::new("test");
        let folder = tempfile::tempdir().unwrap();
        authority.for_hosts(&[SHOP]).write(folder.path(), "shop");
        let (blue, green) = (
            Answering::start("blue").await,
            Answering::start("green").await,
        );
        let listener = format!(
            "[listener.web]\nlisten = \"127.0.0.1:0\"\n{keys}\n[listener.web.tls]\n\
             certificates = [{{ cert = \"shop.pem\", key = \"shop.key\" }}]\n"
        );
        let config = listener + &shop(&[blue.addr()], &[green.addr()], "");
        Self {
            site: Site::start_in(folder, &config, false).await,
            authority,
            blue,
            green,
        }
    }

    async fn has_parked(&self, times: u32) {
        let series = "cutover_parkings_total";
        self.site.counts(series, f64::from(times)).await;
    }

    /// A connection that has had one request and is parked; the first that is.
    async fn parked(&self) -> Secure {
        self.parked_after(1).await
    }

    async fn parked_after(&self, times: u32) -> Secure {
        let mut client = connect(self.site.addr(), SHOP, trusting(&self.authority)).await;
        assert_eq!(client.get("/").await.status, 200);
        self.has_parked(times).await;
        client
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_connection_answers_again_from_the_colour_that_is_live() {
    let lot = Lot::start("").await;
    lot.site.ready("shop", Colour::Green, 1).await;
    let mut client = lot.parked().await;
    client.send([get("/"), get("/")].concat()).await;
    for _ in 0..2 {
        assert_eq!(client.answer().await.status, 200);
    }
    lot.has_parked(2).await;
    lot.site.switch("shop", Colour::Green).await;
    let large = post("/", &[7; 100_000]);
    assert_eq!(client.exchange(large).await.status, 200);
    assert_eq!((lot.blue.requests(), lot.green.requests()), (3, 1));
    lot.has_parked(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_in_order_when_it_has_rested_too_long_and_when_its_client_leaves() {
    let lot = Lot::start("keep_alive = \"4s\"").await;
    // Without the server's `close_notify`, the client's end would be an error.
    lot.parked().await.closed().await;
    let mut leaves = lot.parked_after(2).await;
    leaves.half_close().await;
    leaves.closed().await;
    lot.site.counts("cutover_connections_open", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_in_pieces_is_waited_for() {
    let lot = Lot::start("").await;
    let mut client = lot.parked().await;
    let (tcp, session) = client.stream_mut().get_mut();
    session.writer().write_all(get("/").as_bytes()).unwrap();
    let mut record = Vec::new();
    session.write_tls(&mut record).unwrap();
    let (begin, end) = record.split_at(record.len() - 1);
    for (piece, times) in begin.chunks(40).zip(2..) {
        tcp.write_all(piece).await.unwrap();
        // Parked in the middle of it: not one byte of a request is known yet.
        lot.has_parked(times).await;
    }
    tcp.write_all(end).await.unwrap();
    assert_eq!(client.answer().await.status, 200);
}

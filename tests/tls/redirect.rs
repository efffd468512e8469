//! A listener in the clear that sends everybody to `https`.

use super::{
    stage::{Plan, web},
    support::client::{Raw, post},
};

#[tokio::test]
async fn host_path_and_query_are_kept_and_nothing_reaches_an_endpoint() {
    let (stage, mut client) = redirecting("redirect_https = 443").await;
    let request = "GET /a//b%2Fc?d=e&f HTTP/1.1\r\nHost: Shop.example.com:8080\r\n\r\n";
    client.send(request).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 308);
    let location = answer.field("location").unwrap();
    assert_eq!(
        location.to_lowercase(),
        "https://shop.example.com/a//b%2fc?d=e&f"
    );
    assert!(answer.field("x-request-id").is_some());
    // The connection can be used again, and a POST stays one.
    client.send(post("/pay", b"1")).await;
    let answer = client.answer().await;
    let location = answer.field("location").unwrap();
    assert_eq!((answer.status, location), (308, "https://shop.test/pay"));
    assert_eq!(stage.blue.requests(), 0);
}

#[tokio::test]
async fn another_port_is_named() {
    let (_stage, mut client) = redirecting("redirect_https = 8443").await;
    let answer = client.get("/").await;
    assert_eq!(answer.field("location"), Some("https://shop.test:8443/"));
}

#[tokio::test]
async fn what_is_refused_stays_refused_and_nobody_is_sent_nowhere() {
    let (_stage, mut client) = redirecting("redirect_https = 443").await;
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 400);
    let mut old = Raw::connect(_stage.site.addr_of("plain").await).await;
    old.send("GET / HTTP/1.0\r\n\r\n").await;
    let answer = old.answer().await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.text().contains("no host to redirect to"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn an_upgrade_is_redirected_like_anything_else() {
    let (stage, mut client) = redirecting("redirect_https = 443").await;
    let upgrade =
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    client.send(upgrade).await;
    assert_eq!(client.answer().await.status, 308);
    assert_eq!(client.get("/").await.status, 308);
    assert_eq!(stage.blue.requests(), 0);
}

#[tokio::test]
async fn what_a_trusted_proxy_has_taken_in_by_https_is_not_sent_round_in_a_circle() {
    let keys = "redirect_https = 443\ntrusted_proxies = [\"127.0.0.1\"]";
    let (stage, mut client) = redirecting(keys).await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: ";
    client.send(format!("{request}http\r\n\r\n")).await;
    assert_eq!(client.answer().await.status, 308);
    client.send(format!("{request}https\r\n\r\n")).await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(stage.blue.requests(), 1);
    let (_stage, mut client) = redirecting("redirect_https = 443").await;
    client.send(format!("{request}https\r\n\r\n")).await;
    assert_eq!(client.answer().await.status, 308, "nobody is trusted");
}

/// A cutover with a listener `plain` that redirects, and a client of that.
async fn redirecting(key: &str) -> (super::stage::Stage, Raw) {
    let plain = format!("\n[listener.plain]\nlisten = \"127.0.0.1:0\"\n{key}\n");
    let stage = Plan::with_shop()
        .start(&(web(&["shop"], "") + &plain))
        .await;
    let client = Raw::connect(stage.site.addr_of("plain").await).await;
    (stage, client)
}

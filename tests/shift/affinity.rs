//! Sessions stay with their colour, for as long as they may, and nobody can choose one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use cutover::core::{
    ids::Colour::{self, Green},
    steer::Steer,
    switch::WaitFor,
};

use super::stage::{STEADY, Stage};
use crate::support::{
    answering::Answering,
    client::Raw,
    eventually,
    serve::Home,
    site::{Site, order, shop},
    streams::{Streams, empty, request},
};

/// A client that keeps its cookie, and with it its session.
struct Session {
    client: Raw,
    cookie: String,
    /// Who has answered it, in order; the same colour is named once.
    colours: Vec<String>,
    attributes: String,
}

impl Session {
    async fn begin(site: &Site) -> Self {
        let mut session = Self {
            client: site.client().await,
            cookie: String::new(),
            colours: Vec::new(),
            attributes: String::new(),
        };
        session.ask().await;
        session
    }

    /// One request, which must be answered well; by whom.
    async fn ask(&mut self) -> &str {
        let cookie = match self.cookie.as_str() {
            "" => String::new(),
            cookie => format!("Cookie: theme=dark; {cookie}\r\n"),
        };
        self.client
            .send(format!("GET / HTTP/1.1\r\nHost: shop.test\r\n{cookie}\r\n"))
            .await;
        let answer = self.client.answer().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        if let Some(set) = answer.field("set-cookie") {
            let (pair, attributes) = set.split_once("; ").unwrap();
            self.cookie = pair.to_owned();
            self.attributes = attributes.to_owned();
        }
        let colour = answer.field("x-endpoint").unwrap().to_owned();
        if self.colours.last() != Some(&colour) {
            self.colours.push(colour);
        }
        self.colours.last().unwrap()
    }
}

/// Sessions that go on asking until they are told to stop.
fn asking(sessions: Vec<Session>) -> (Arc<AtomicBool>, tokio::task::JoinSet<Session>) {
    let stop = Arc::<AtomicBool>::default();
    let mut asking = tokio::task::JoinSet::new();
    for mut session in sessions {
        let stop = Arc::clone(&stop);
        asking.spawn(async move {
            while !stop.load(SeqCst) {
                session.ask().await;
            }
            session
        });
    }
    (stop, asking)
}

async fn begin(site: &Site, count: usize) -> Vec<Session> {
    let mut sessions = Vec::new();
    for _ in 0..count {
        sessions.push(Session::begin(site).await);
    }
    sessions
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_finish_on_the_old_colour_and_new_ones_begin_on_the_new() {
    let stage = Stage::set("affinity.mode = \"finish\"").await;
    let (stop, asked) = asking(begin(&stage.site, 8).await);
    let receipt = stage.site.switch("shop", Green).await;
    assert!(receipt.in_flight_at_commit <= 8);
    let served = stage.blue.requests();
    for mut session in begin(&stage.site, 8).await {
        assert_eq!(session.colours, ["green"]);
        assert_eq!(session.ask().await, "green");
    }
    eventually("sessions go on on blue", async || {
        stage.blue.requests() > served + 50
    })
    .await;
    stop.store(true, SeqCst);
    for session in asked.join_all().await {
        assert_eq!(session.colours, ["blue"], "nobody bounced");
        assert_eq!(session.attributes, "Path=/; HttpOnly; SameSite=Lax");
    }
    let view = stage.site.service("shop").await;
    let finishing = view.finishing.unwrap();
    assert!(finishing.requests > 50, "{finishing:?}");
    assert!(!view.pools.blue.safe_to_stop);
    let receipt = stage.site.history("shop").await.remove(0);
    assert_eq!(
        receipt.in_flight_at_commit,
        receipt.finished + receipt.replayed,
        "those who stayed are not among them: {receipt:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_deadline_sessions_are_moved_and_counted() {
    let stage = Stage::set("affinity = { cookie = \"sid\", deadline = \"400ms\" }").await;
    let (stop, asked) = asking(begin(&stage.site, 4).await);
    stage.site.switch("shop", Green).await;
    eventually("the account of those who stayed", async || {
        stage.site.history("shop").await[0].affinity.is_some()
    })
    .await;
    let served = stage.green.requests();
    eventually("they go on on green", async || {
        stage.green.requests() > served + 20
    })
    .await;
    stop.store(true, SeqCst);
    for mut session in asked.join_all().await {
        assert_eq!(session.colours, ["blue", "green"]);
        assert!(session.cookie.starts_with("sid=g"), "{}", session.cookie);
        assert_eq!(session.ask().await, "green");
    }
    let account = stage.site.history("shop").await[0].affinity.unwrap();
    assert!(account.stayed > 0 && account.stranded == 0, "{account:?}");
    let view = stage.site.service("shop").await;
    assert!(view.finishing.is_none() && view.pools.blue.safe_to_stop);
    let moved = r#"cutover_sessions_moved_total{service="shop",colour="green"}"#;
    assert!(stage.site.metric(moved).await >= 4.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_moves_everybody_at_once() {
    let stage = Stage::set("affinity.mode = \"finish\"").await;
    stage.site.switch("shop", Green).await;
    let mut session = Session::begin(&stage.site).await;
    assert_eq!(session.colours, ["green"]);
    stage.site.rollback("shop").await;
    assert_eq!(session.ask().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_a_shift_stay_where_they_began() {
    for mode in ["shift", "finish"] {
        let stage = Stage::set(&format!("affinity.mode = \"{mode}\"")).await;
        let begun_before = Session::begin(&stage.site).await;
        assert_eq!(begun_before.cookie.is_empty(), mode == "shift");
        stage.shift("30%").await;
        let sessions = begin(&stage.site, 20).await;
        let green = |of: &[Session]| of.iter().filter(|it| it.colours == ["green"]).count();
        let on_green = green(&sessions);
        assert!(on_green.abs_diff(6) <= 1, "{mode}: {on_green}");
        let (stop, asked) = asking(sessions);
        let served = stage.green.requests() + stage.blue.requests();
        eventually("many requests", async || {
            stage.green.requests() + stage.blue.requests() > served + 200
        })
        .await;
        stage.steer(Steer::Pause, WaitFor::Committed).await;
        stage.steer(Steer::Resume, WaitFor::Committed).await;
        stop.store(true, SeqCst);
        let sessions = asked.join_all().await;
        let answered_by: Vec<_> = sessions.iter().map(|it| &it.colours).collect();
        assert!(
            answered_by.iter().all(|it| it.len() == 1),
            "nobody bounced: {answered_by:?}"
        );
        assert_eq!(green(&sessions), on_green);
        stage.steer(Steer::Complete, WaitFor::Committed).await;
        for mut session in sessions {
            let before = session.colours[0].clone();
            let stays = mode == "finish" || before == "green";
            let expected = if stays { before.as_str() } else { "green" };
            assert_eq!(session.ask().await, expected, "{mode}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_stale_and_foreign_cookies_are_ignored() {
    let stage = Stage::set("affinity = { cookie = \"sid\" }").await;
    let other = Stage::set("affinity = { cookie = \"sid\" }").await;
    other.site.switch("shop", Green).await;
    let foreign = Session::begin(&other.site).await.cookie;
    assert!(foreign.starts_with("sid=g"));
    let own = Session::begin(&stage.site).await.cookie;
    let mut forged = vec![
        foreign,
        own.replacen("sid=b", "sid=g", 1),
        own.replacen("b1.", "b2.", 1),
    ];
    forged.extend(
        [
            "sid=",
            "sid=g",
            "sid=g2.",
            "sid=\u{e9}",
            "sid=;;sid=x",
            "sid=g2.zz",
        ]
        .map(str::to_owned),
    );
    forged.push(format!("sid={}", "f".repeat(4000)));
    let mut client = stage.site.client().await;
    for cookie in forged {
        client
            .send(format!(
                "GET / HTTP/1.1\r\nHost: shop.test\r\nCookie: {cookie}\r\n\r\n"
            ))
            .await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 200, "{cookie}");
        assert_eq!(answer.field("x-endpoint"), Some("blue"), "{cookie}");
        let renewed = answer.field("set-cookie").unwrap();
        assert!(renewed.starts_with("sid=b1."), "{cookie}: {renewed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_pool_without_a_ready_endpoint_keeps_nobody() {
    let mut stage = Stage::set("affinity.mode = \"finish\"").await;
    let mut session = Session::begin(&stage.site).await;
    stage.site.switch("shop", Green).await;
    assert_eq!(session.ask().await, "blue");
    stage.blue.dies().await;
    assert_eq!(session.ask().await, "green");
    assert!(session.cookie.contains("=g"), "{}", session.cookie);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_its_session_and_https_makes_it_secure() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let listener =
        "[listener.web]\nlisten = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.0/8\"]\n";
    let service = shop(
        &[blue.addr()],
        &[green.addr()],
        &format!("affinity.mode = \"finish\"\n{STEADY}"),
    );
    let site = Site::start(&format!("{listener}{service}")).await;
    for colour in Colour::ALL {
        site.ready("shop", colour, 1).await;
    }
    let client = Streams::connect(site.addr()).await;
    let ask = |cookie: &str| {
        request("GET", "/")
            .header("x-forwarded-for", "192.0.2.7")
            .header("x-forwarded-proto", "https")
            .header("cookie", "theme=dark")
            .header("cookie", cookie)
            .body(empty())
            .unwrap()
    };
    let first = client.whole(ask("a=b")).await;
    let set = first.field("set-cookie").unwrap();
    assert!(
        set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"),
        "{set}"
    );
    let cookie = set.split(';').next().unwrap();
    site.try_switch(order("shop", Green)).await;
    for _ in 0..20 {
        let answer = client.whole(ask(cookie)).await;
        assert_eq!(answer.field("x-endpoint"), Some("blue"));
        assert_eq!(answer.field("set-cookie"), None, "it is known");
    }
    let fresh = client.whole(ask("a=b")).await;
    assert_eq!(fresh.field("x-endpoint"), Some("green"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_honours_the_cookies_of_the_process_before() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let keys = format!("affinity = {{ cookie = \"sid\" }}\n{STEADY}");
    let home = Home::new("", &shop(&[blue.addr()], &[green.addr()], &keys));
    let serve = home.serve().await;
    eventually("green is ready", async || {
        serve.admin.service("shop").await.pools.green.ready == 1
    })
    .await;
    let cookie = |answer: &crate::support::client::Answer| {
        let set = answer.field("set-cookie").map(str::to_owned);
        set.map(|set| set.split(';').next().unwrap().to_owned())
    };
    let first = Raw::connect(serve.addr).await.get("/").await;
    let sid = cookie(&first).unwrap();
    serve.admin.switch("shop", Green).await;
    serve.kill();
    let serve = home.serve().await;
    eventually("both are ready", async || {
        let view = serve.admin.service("shop").await;
        view.pools.iter().all(|(_, pool)| pool.ready == 1)
    })
    .await;
    let mut client = Raw::connect(serve.addr).await;
    client
        .send(format!(
            "GET / HTTP/1.1\r\nHost: shop.test\r\nCookie: {sid}\r\n\r\n"
        ))
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.field("x-endpoint"), Some("blue"));
    assert_eq!(cookie(&answer), None);
    let fresh = client.get("/").await;
    assert_eq!(fresh.field("x-endpoint"), Some("green"));
}

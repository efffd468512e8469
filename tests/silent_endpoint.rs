//! An endpoint that falls silent, as one does whose network is cut, takes no safe request with it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers, too"
)]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cutover::{
    app::{App, Options},
    config::environment::Environment,
    core::ids::{Colour, ServiceName},
    demo::colour_app::ColourApp,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_get_is_sent_again_when_its_endpoint_fell_silent() {
    let mut site = Site::open().await;
    let held = site.hold("GET").await;
    site.silent.sound.store(false, Ordering::SeqCst);
    site.ready(1).await;
    let answer = held.await.unwrap();
    assert!(answer.ends_with("version 1 (blue)\n"), "{answer}");
    site.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_not_sent_again() {
    let mut site = Site::open().await;
    let held = site.hold("POST").await;
    site.silent.sound.store(false, Ordering::SeqCst);
    site.ready(1).await;
    let answer = held.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    site.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_endpoint_that_is_sound_is_not_relieved_by_another() {
    let mut site = Site::open().await;
    let answer = site.hold("GET").await.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    site.app.stop().await;
}

/// A proxy before two endpoints, of which one answers nothing but probes.
struct Site {
    app: App,
    addr: SocketAddr,
    silent: Silent,
    _sound: ColourApp,
    _folder: tempfile::TempDir,
}

/// An endpoint that passes its probes while it is sound and leaves every other request without an answer.
struct Silent {
    addr: SocketAddr,
    sound: Arc<AtomicBool>,
    /// Says when a request has come that is none of a probe.
    asked: mpsc::Receiver<()>,
}

impl Site {
    async fn open() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let sound = ColourApp::start(Colour::Blue, any).await.unwrap();
        let silent = Silent::start().await;
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("cutover.toml");
        let text = format!(
            r#"
            process = {{ workers = 1 }}
            admin = {{ listen = "127.0.0.1:0" }}
            listener.web = {{ listen = "127.0.0.1:0" }}
            [service.shop]
            routes = ["/"]
            balance = "round_robin"
            blue = {{ endpoints = ["{}", "{}"] }}
            probe = {{ path = "/healthz", interval = "100ms", timeout = "90ms", fall = 1, rise = 1 }}
            timeouts = {{ response = "1500ms" }}
            "#,
            sound.addr(),
            silent.addr
        );
        std::fs::write(&config, text).unwrap();
        let options = Options {
            config,
            watch: false,
            environment: Environment::default(),
        };
        let app = Box::pin(App::start(options)).await.unwrap();
        let addr = *app.listeners().values().next().unwrap();
        let site = Self {
            app,
            addr,
            silent,
            _sound: sound,
            _folder: folder,
        };
        site.ready(2).await;
        site
    }

    /// Sends requests until the silent endpoint has one; gives the answer that its client gets in the end.
    async fn hold(&mut self, method: &'static str) -> tokio::task::JoinHandle<String> {
        for _ in 0..REQUESTS_LIMIT {
            let mut answer = tokio::spawn(exchange(self.addr, method));
            tokio::select! {
                asked = self.silent.asked.recv() => {
                    asked.expect("the silent endpoint is gone");
                    return answer;
                }
                answered = &mut answer => {
                    answered.unwrap();
                }
            }
        }
        panic!("the silent endpoint was never asked");
    }

    /// Waits until so many endpoints are ready.
    async fn ready(&self, count: usize) {
        let look = async {
            let name = ServiceName::new("shop");
            loop {
                let view = self.app.handle().service(name.clone()).await.unwrap();
                if view.unwrap().pools.blue.ready == count {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(WAIT_LIMIT, look)
            .await
            .expect("never so many ready");
    }
}

impl Silent {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let sound = Arc::new(AtomicBool::new(true));
        let (tx, asked) = mpsc::channel(16);
        let passes = Arc::clone(&sound);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(hold(stream, Arc::clone(&passes), tx.clone()));
            }
        });
        Self { addr, sound, asked }
    }
}

async fn hold(mut stream: TcpStream, sound: Arc<AtomicBool>, asked: mpsc::Sender<()>) {
    let mut head = [0; 4096];
    let read = stream.read(&mut head).await.unwrap_or(0);
    let is_probe = head[..read].starts_with(b"GET /healthz ");
    if is_probe && sound.load(Ordering::SeqCst) {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(answer).await;
        return;
    }
    if !is_probe && read > 0 {
        let _ = asked.send(()).await;
    }
    // Silence, until whoever asked has enough of it.
    while stream.read(&mut head).await.is_ok_and(|read| read > 0) {}
}

async fn exchange(addr: SocketAddr, method: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!(
        "{method} /ping HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let whole = timeout(WAIT_LIMIT, stream.read_to_string(&mut answer)).await;
    whole.unwrap().unwrap();
    answer
}

/// Requests after which the silent endpoint must have had its turn.
const REQUESTS_LIMIT: usize = 20;
const WAIT_LIMIT: Duration = Duration::from_secs(20);

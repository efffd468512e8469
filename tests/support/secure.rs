//! TLS as clients and endpoints speak it, by rustls.
//!
//! Owns no HTTP: a client's connection is read by `Raw`, and an endpoint is any other behind a [`Front`].

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, crypto::aws_lc_rs,
    pki_types::ServerName, server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncWriteExt, copy, copy_bidirectional, split},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::{
    authority::{Authority, Issued},
    support::{client::Raw, eventually, soon},
};

/// A client's connection.
pub(crate) type Secure = Raw<client::TlsStream<TcpStream>>;

/// A client that believes `authority`.
pub(crate) fn trusting(authority: &Authority) -> ClientConfig {
    client(authority.roots(), None, rustls::ALL_VERSIONS)
}

/// The same, and it proves who it is.
pub(crate) fn proving(authority: &Authority, identity: &Issued) -> ClientConfig {
    client(authority.roots(), Some(identity), rustls::ALL_VERSIONS)
}

/// The same without a proof, and it knows one version.
pub(crate) fn speaking(
    authority: &Authority,
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    client(authority.roots(), None, &[version])
}

/// A client that believes `roots`, proves to be `identity`, and knows these versions.
pub(crate) fn client(
    roots: Arc<RootCertStore>,
    identity: Option<&Issued>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    match identity {
        None => builder.with_no_client_auth(),
        Some(it) => builder
            .with_client_auth_cert(vec![it.certificate.clone()], it.private_key())
            .unwrap(),
    }
}

/// Connects, and carries out the handshake for `name`.
pub(crate) async fn try_connect(
    addr: SocketAddr,
    name: &str,
    config: impl Into<Arc<ClientConfig>>,
) -> io::Result<client::TlsStream<TcpStream>> {
    let stream = soon("a connection", TcpStream::connect(addr)).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connecting = TlsConnector::from(config.into()).connect(name, stream);
    soon("a handshake", connecting).await
}

/// The same, where it must succeed.
pub(crate) async fn connect(
    addr: SocketAddr,
    name: &str,
    config: impl Into<Arc<ClientConfig>>,
) -> Secure {
    Raw::over(try_connect(addr, name, config).await.unwrap())
}

/// An endpoint that shows this certificate and asks for none.
pub(crate) fn showing(identity: &Issued) -> ServerConfig {
    server(identity, None)
}

/// The same, and clients must prove to be known to `clients`.
pub(crate) fn asking(identity: &Issued, clients: &Authority) -> ServerConfig {
    server(identity, Some(clients))
}

fn server(identity: &Issued, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(clients.roots(), provider)
                .build()
                .unwrap(),
        ),
    };
    let mut config = builder
        .with_single_cert(vec![identity.certificate.clone()], identity.private_key())
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// TLS in front of an endpoint that knows nothing of it.
pub(crate) struct Front {
    addr: SocketAddr,
    seen: Arc<Seen>,
    accepting: JoinHandle<()>,
}

/// What came by.
#[derive(Default)]
pub(crate) struct Seen {
    /// Handshakes that succeeded, and of those the resumed ones.
    pub(crate) handshakes: AtomicUsize,
    pub(crate) resumed: AtomicUsize,
    /// Names that were asked for.
    pub(crate) names: Mutex<Vec<Option<String>>>,
    pub(crate) protocols: Mutex<Vec<Option<Vec<u8>>>>,
    hang_up: Notify,
    open: AtomicUsize,
}

/// How a front ends a connection when the endpoint behind it has ended its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    InOrder,
    /// As somebody on the way could: without `close_notify`.
    Cut,
}

impl Front {
    pub(crate) async fn start(config: ServerConfig, to: SocketAddr) -> Self {
        Self::start_as(config, to, Ending::InOrder).await
    }

    /// One whose connections end as if somebody on the way had cut them.
    pub(crate) async fn start_cutting(config: ServerConfig, to: SocketAddr) -> Self {
        Self::start_as(config, to, Ending::Cut).await
    }

    async fn start_as(config: ServerConfig, to: SocketAddr, ending: Ending) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, seen) = (listener.local_addr().unwrap(), Arc::<Seen>::default());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let accepting = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                    tokio::spawn(async move {
                        stream.set_nodelay(true).unwrap();
                        let stream = acceptor.accept(stream).await?;
                        seen.sees(&stream);
                        let inner = TcpStream::connect(to).await?;
                        inner.set_nodelay(true).unwrap();
                        seen.open.fetch_add(1, SeqCst);
                        let passed = pass(stream, inner, ending, &seen).await;
                        seen.open.fetch_sub(1, SeqCst);
                        passed
                    });
                }
            }
        });
        Self {
            addr,
            seen,
            accepting,
        }
    }

    /// Closes every connection, in order.
    pub(crate) async fn hangs_up(&self) {
        self.seen.hang_up.notify_waiters();
        let open = &self.seen.open;
        eventually("its connections are closed", async || {
            open.load(SeqCst) == 0
        })
        .await;
    }

    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }
}

async fn pass(
    mut stream: server::TlsStream<TcpStream>,
    mut inner: TcpStream,
    ending: Ending,
    seen: &Seen,
) -> io::Result<()> {
    if ending == Ending::Cut {
        let (mut from_peer, mut to_peer) = split(stream);
        let (mut from_app, mut to_app) = split(inner);
        let answering = async {
            copy(&mut from_app, &mut to_peer).await?;
            to_peer.flush().await
        };
        return tokio::select! {
            ended = copy(&mut from_peer, &mut to_app) => ended.map(drop),
            ended = answering => ended,
        };
    }
    let passed = tokio::select! {
        passed = copy_bidirectional(&mut stream, &mut inner) => passed.map(drop),
        () = seen.hang_up.notified() => Ok(()),
    };
    let _ = stream.shutdown().await;
    passed
}

impl Seen {
    fn sees(&self, stream: &server::TlsStream<TcpStream>) {
        let connection = stream.get_ref().1;
        self.handshakes.fetch_add(1, SeqCst);
        if connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed) {
            self.resumed.fetch_add(1, SeqCst);
        }
        let name = connection.server_name().map(str::to_owned);
        self.names.lock().unwrap().push(name);
        let protocol = connection.alpn_protocol().map(<[u8]>::to_vec);
        self.protocols.lock().unwrap().push(protocol);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A way to cutover through TLS, for clients that know nothing of it.
pub(crate) struct Way {
    addr: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Way {
    pub(crate) async fn start(config: ClientConfig, name: &'static str, to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, config) = (listener.local_addr().unwrap(), Arc::new(config));
        let accepting = tokio::spawn(async move {
            while let Ok((mut inner, _)) = listener.accept().await {
                let config = Arc::clone(&config);
                tokio::spawn(async move {
                    inner.set_nodelay(true).unwrap();
                    let mut stream = try_connect(to, name, config).await.unwrap();
                    let _ = copy_bidirectional(&mut inner, &mut stream).await;
                });
            }
        });
        Self { addr, accepting }
    }

    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

//! A cutover whose listener `web` has TLS, in front of a blue and a green application.

use std::{io, path::Path};

use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{
    authority::{Authority, Issued},
    secure::{Secure, connect, trusting, try_connect},
    support::{
        answering::Answering,
        site::{Site, shop},
    },
};

/// What is to be there before cutover starts.
pub(crate) struct Plan {
    pub(crate) authority: Authority,
    folder: tempfile::TempDir,
}

/// See the module.
pub(crate) struct Stage {
    pub(crate) site: Site,
    pub(crate) authority: Authority,
    pub(crate) blue: Answering,
    pub(crate) green: Answering,
}

impl Plan {
    /// Where there is an authority, and no certificate yet.
    pub(crate) fn new() -> Self {
        Self {
            authority: Authority::new("test"),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// And one certificate `shop`, for [`SHOP`].
    pub(crate) fn with_shop() -> Self {
        let plan = Self::new();
        plan.issue("shop", &[SHOP]);
        plan
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder alone, for a file of the test's own.
    pub(crate) fn into_folder(self) -> tempfile::TempDir {
        self.folder
    }

    /// Writes a certificate `NAME.pem` with its key, for these hosts.
    pub(crate) fn issue(&self, name: &str, hosts: &[&str]) -> Issued {
        let issued = self.authority.for_hosts(hosts);
        issued.write(self.folder(), name);
        issued
    }

    /// Starts cutover with these listeners; its files are not watched.
    pub(crate) async fn start(self, listeners: &str) -> Stage {
        self.start_as(listeners, false).await
    }

    /// The same, and its files are watched.
    pub(crate) async fn start_watching(self, listeners: &str) -> Stage {
        self.start_as(listeners, true).await
    }

    async fn start_as(self, listeners: &str, watch: bool) -> Stage {
        let (blue, green) = (
            Answering::start("blue").await,
            Answering::start("green").await,
        );
        let config = listeners.to_owned() + &shop(&[blue.addr()], &[green.addr()], "");
        Stage {
            site: Site::start_in(self.folder, &config, watch).await,
            authority: self.authority,
            blue,
            green,
        }
    }
}

impl Stage {
    /// The file with other listeners.
    pub(crate) fn config(&self, listeners: &str) -> String {
        listeners.to_owned() + &shop(&[self.blue.addr()], &[self.green.addr()], "")
    }

    /// Whether a client with this comes through the handshake, for [`SHOP`].
    pub(crate) async fn handshake(&self, config: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
        try_connect(self.site.addr(), SHOP, config).await
    }

    /// A connection, for [`SHOP`].
    pub(crate) async fn client(&self) -> Secure {
        connect(self.site.addr(), SHOP, trusting(&self.authority)).await
    }
}

/// The listener `web` with these certificates, and further keys of its TLS.
pub(crate) fn web(certificates: &[&str], keys: &str) -> String {
    listener("web", certificates, keys)
}

/// A listener with these certificates, and further keys of its TLS.
pub(crate) fn listener(name: &str, certificates: &[&str], keys: &str) -> String {
    let pairs = certificates
        .iter()
        .map(|name| format!("{{ cert = \"{name}.pem\", key = \"{name}.key\" }}"));
    let pairs = pairs.collect::<Vec<_>>().join(", ");
    let tls = format!("[listener.{name}.tls]\ncertificates = [{pairs}]\n{keys}\n");
    format!("[listener.{name}]\nlisten = \"127.0.0.1:0\"\n{tls}")
}

/// Whom clients want to speak to.
pub(crate) const SHOP: &str = "shop.example.com";

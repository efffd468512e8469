//! What all proxies have in common: the endpoints behind them, the certificate that they show, a folder to write to.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use crate::{calls::Calls, cores::Cores, endpoint::Endpoint, secure::Secure};

/// The surroundings of a run; removed with it.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    pub(crate) cutover: PathBuf,
    pub(crate) cores: Cores,
    pub(crate) endpoint: Endpoint,
    pub(crate) calls: Calls,
    pub(crate) secure: Secure,
}

impl Stage {
    pub(crate) async fn set(cutover: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Whatever nginx runs as must get in.
        let everybody = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
        fs::set_permissions(folder.path(), everybody).unwrap();
        Self {
            secure: Secure::new(folder.path()),
            folder,
            cutover: cutover.to_owned(),
            cores: Cores::find(),
            endpoint: Endpoint::start(2).await,
            calls: Calls::start().await,
        }
    }

    /// A new folder for a proxy.
    pub(crate) fn home(&self) -> PathBuf {
        tempfile::Builder::new()
            .prefix("home")
            .disable_cleanup(true)
            .tempdir_in(self.folder.path())
            .unwrap()
            .keep()
    }

    /// The text with `{name}` replaced where this is known for every proxy.
    pub(crate) fn fill(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        text.replace("{endpoint}", &self.endpoint.port.to_string())
            .replace("{calls}", &self.calls.port.to_string())
            .replace("{tls}", &folder)
    }
}

/// Where a proxy listens.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) h1: SocketAddr,
    pub(crate) h2: SocketAddr,
    pub(crate) secure: SocketAddr,
    pub(crate) calls: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Ports {
    /// Ports that are free now. Who takes one in between makes the proxy fail to start, which is told.
    pub(crate) fn free() -> Self {
        let held = [(); 5].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let [h1, h2, secure, calls, admin] = held.map(|it| it.local_addr().unwrap());
        Self {
            h1,
            h2,
            secure,
            calls,
            admin,
        }
    }

    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("{h1}", &self.h1.port().to_string())
            .replace("{h2}", &self.h2.port().to_string())
            .replace("{secure}", &self.secure.port().to_string())
            .replace("{grpc}", &self.calls.port().to_string())
            .replace("{admin}", &self.admin.port().to_string())
    }
}

//! The admin side's addresses: binding them, and leaving nothing behind.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::error::AdminError;

/// A bound address.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        _file: SocketFile,
    },
}

/// A socket file of ours; removed when it is dropped, unless somebody else has taken the name.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

/// Binds a TCP address, and says where.
pub(super) async fn tcp(
    what: &'static str,
    addr: SocketAddr,
) -> Result<(Listener, SocketAddr), AdminError> {
    let failed = |source| AdminError::Bind { what, addr, source };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((Listener::Tcp(listener), bound))
}

/// Binds a Unix socket that nobody but the own user may connect to. A socket file on which nobody answers is
/// what a killed process left; it is replaced.
pub(super) async fn unix(path: &Path) -> Result<Listener, AdminError> {
    let failed = |source| AdminError::BindUnix {
        path: path.to_owned(),
        source,
    };
    make_way(path).await?;
    let listener = bind(path).map_err(failed)?;
    let inode = inode(path).map_err(failed)?;
    let listener = UnixListener::from_std(listener).map_err(failed)?;
    let file = SocketFile {
        path: path.to_owned(),
        inode,
    };
    Ok(Listener::Unix {
        listener,
        _file: file,
    })
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|inode| inode == self.inode) {
            // Nothing can be done about a failure, and the next start makes way.
            let _ = fs::remove_file(&self.path);
        }
    }
}

async fn make_way(path: &Path) -> Result<(), AdminError> {
    let failed = |source| AdminError::BindUnix {
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(AdminError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match tokio::time::timeout(ANSWER_TIMEOUT, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Ok(Ok(_) | Err(_)) | Err(_) => Err(AdminError::InUse(path.to_owned())),
    }
}

fn bind(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Between bind and listen nobody can connect, so the file never stands open to others.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;
/// For whoever owns the socket file to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_left_socket_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        // A socket that was bound and never unlinked: what kill -9 leaves.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let listener = unix(&path).await.unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(unix(&path).await, Err(AdminError::InUse(_))));
        drop(listener);
        assert!(!path.exists(), "the file is removed with the listener");
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bound = unix(file.path()).await;
        assert!(matches!(bound, Err(AdminError::NotASocket(_))));
        assert!(file.path().exists());
    }

    #[tokio::test]
    async fn a_socket_file_of_a_successor_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let old = unix(&path).await.unwrap();
        fs::rename(&path, folder.path().join("old.sock")).unwrap();
        let _new = unix(&path).await.unwrap();
        drop(old);
        assert!(path.exists());
    }
}

//! The real binary, as an init system or a container runs it.
//!
//! Owns the process: it is killed when its handle is dropped. Its log lines are JSON and are kept, because they are where
//! it says what it is bound to and what it found in its journal.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

use super::{call::Admin, eventually};

/// A folder with a file, in which cutover may be started again and again.
pub(crate) struct Home(tempfile::TempDir);

/// A running `cutover serve`.
pub(crate) struct Serve {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    pub(crate) addr: SocketAddr,
    pub(crate) admin: Admin,
}

impl Home {
    /// With these lines in `[process]`, and these services; two workers, a journal, one listener `web`.
    pub(crate) fn new(process: &str, services: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.write(process, services);
        home
    }

    pub(crate) fn write(&self, process: &str, services: &str) {
        let state = self.folder().join("state");
        let text = format!(
            "[process]\nworkers = 2\nlog_format = \"json\"\nstate = {state:?}\n{process}\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n[listener.web]\nlisten = \"127.0.0.1:0\"\n{services}"
        );
        fs::write(self.config(), text).unwrap();
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder().join("cutover.toml")
    }

    /// Starts it and waits until it serves.
    pub(crate) async fn serve(&self) -> Serve {
        Serve::start(Command::new(BINARY), &self.config()).await
    }
}

impl Serve {
    /// Runs `command` with `serve --config FILE`; for wrappers that set limits before they become cutover.
    pub(crate) async fn start(mut command: Command, config: &Path) -> Self {
        let mut child = command
            .args(["serve", "--config"])
            .arg(config)
            .env("CUTOVER_LOG", "info")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::<Mutex<Vec<Value>>>::default();
        let (stderr, kept) = (child.stderr.take().unwrap(), Arc::clone(&lines));
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                kept.lock().unwrap().push(line);
            }
        });
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut serve = Self {
            child,
            lines,
            addr: nowhere,
            admin: Admin(nowhere),
        };
        let mut started = None;
        eventually("cutover serves", async || {
            let ended = serve.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {:#?}", serve.lines());
            started = serve.said("started").pop();
            started.is_some()
        })
        .await;
        serve.addr = serve.said("listener opened")[0]["addr"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let admin = started.unwrap()["admin"].as_str().unwrap().to_owned();
        serve.admin = Admin(admin.strip_prefix("http://").unwrap().parse().unwrap());
        serve
    }

    /// Every line so far.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }

    /// Every line with this message.
    pub(crate) fn said(&self, message: &str) -> Vec<Value> {
        let lines = self.lines();
        lines
            .into_iter()
            .filter(|line| line["message"] == message)
            .collect()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Kills it with SIGKILL, and waits for its end.
    pub(crate) fn kill(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines()
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the end of the process", async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // An error is a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_cutover");

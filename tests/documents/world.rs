//! What a page is played in: a folder, endpoints, and a cutover that serves.
//!
//! Owns the processes, which end with it, and their addresses. Must not know what a page expects. Every endpoint that a
//! page's file names is `cutover demo-app` of the pool's colour, unless the page has started one there itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{BufRead, BufReader},
    net::SocketAddrV4,
    os::unix::{fs::symlink, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::{address::Addresses, curl::Stream, likeness::Printed};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_cutover");

/// Longest wait for a process; only a page that is wrong takes so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between one look and the next.
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) addresses: Addresses,
    /// Files of configuration, by name.
    files: BTreeMap<String, String>,
    apps: BTreeMap<SocketAddrV4, Running>,
    /// Endpoints that a page has stopped.
    down: BTreeSet<SocketAddrV4>,
    serve: Option<Serve>,
    /// Requests that are left in flight.
    pub(crate) open: Vec<Box<dyn Stream>>,
    background: Vec<(Running, Output)>,
    environment: Vec<(String, String)>,
    /// How the last command ended.
    last: i32,
    runs: usize,
}

/// A process that ends with its handle.
struct Running(Child);

struct Serve {
    process: Running,
    lines: Arc<Mutex<Vec<String>>>,
}

/// Where a command prints to.
struct Output {
    out: PathBuf,
    err: PathBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in [".bin", ".out", "lib", "run"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        symlink(BINARY, folder.path().join(".bin/cutover")).unwrap();
        let mut addresses = Addresses::new(folder.path());
        let admin = addresses.enter("http://127.0.0.1:9900");
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", folder.path().join(".bin").display());
        let environment = [
            ("PATH", path),
            ("CUTOVER_ADMIN", admin),
            ("USER", "alice".to_owned()),
        ];
        Self {
            folder,
            addresses,
            files: BTreeMap::new(),
            apps: BTreeMap::new(),
            down: BTreeSet::new(),
            serve: None,
            open: Vec::new(),
            background: Vec::new(),
            environment: environment
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            last: 0,
            runs: 0,
        }
    }

    /// Writes a file of configuration. Where a page leaves the admin side out, it gets the world's address.
    pub(crate) fn save(&mut self, name: &str, text: &str, append: bool) {
        let before = match append {
            true => self.files.get(name).cloned().unwrap_or_default(),
            false => String::new(),
        };
        let text = format!("{before}{}\n", self.addresses.enter(text));
        self.files.insert(name.to_owned(), text.clone());
        let admin = self.addresses.enter("listen = \"127.0.0.1:9900\"");
        let admin_names_none = text.split("[admin]").nth(1).is_some_and(|it| {
            !it.split("\n[")
                .next()
                .unwrap_or_default()
                .contains("listen")
        });
        let whole = match text.contains("[admin]") {
            true if admin_names_none => text.replace("[admin]", &format!("[admin]\n{admin}")),
            true => text,
            false => format!("{text}\n[admin]\n{admin}\n"),
        };
        let file = self.folder.path().join(name);
        let next = file.with_extension("next");
        fs::write(&next, whole).unwrap();
        fs::rename(next, file).unwrap();
        if self.serve.is_some() {
            self.start_endpoints();
        }
    }

    /// A file that the program has written, with the world's addresses; what it may not write is for the page to tell.
    pub(crate) fn adopt(&mut self, name: &str) {
        if let Ok(text) = fs::read_to_string(self.folder.path().join(name)) {
            self.save(name, &text, false);
        }
    }

    /// Those that files name and that nobody runs yet.
    fn start_endpoints(&mut self) {
        let mut named = Vec::new();
        for text in self.files.values() {
            // What cannot be parsed is for the program to say.
            let config: Value = toml::from_str(text).unwrap_or_default();
            for service in config["service"]
                .as_object()
                .into_iter()
                .flat_map(|it| it.values())
            {
                for colour in ["blue", "green"] {
                    let endpoints = service[colour]["endpoints"].as_array();
                    for endpoint in endpoints.into_iter().flatten() {
                        let addr = endpoint["addr"].as_str().or(endpoint.as_str());
                        let addr = addr.and_then(|it| it.parse::<SocketAddrV4>().ok());
                        named.extend(addr.map(|addr| (addr, colour)));
                    }
                }
            }
        }
        for (addr, colour) in named {
            if !self.apps.contains_key(&addr) && !self.down.contains(&addr) {
                self.start_app(addr, colour);
            }
        }
    }

    pub(crate) fn start_app(&mut self, addr: SocketAddrV4, colour: &str) {
        let listen = addr.to_string();
        let app = Command::new(BINARY)
            .args(["demo-app", "--colour", colour, "--listen", &listen])
            .stdout(Stdio::piped())
            .spawn();
        let mut app = Running(app.unwrap());
        let mut told = String::new();
        let mut stdout = BufReader::new(app.0.stdout.take().unwrap());
        stdout.read_line(&mut told).unwrap();
        assert!(told.contains(&listen), "no endpoint at {listen}: {told}");
        self.down.remove(&addr);
        self.apps.insert(addr, app);
    }

    pub(crate) fn stop_app(&mut self, addr: SocketAddrV4) {
        self.apps.remove(&addr);
        self.down.insert(addr);
    }

    /// `cutover serve`, until it serves or ends.
    pub(crate) fn serve(&mut self, words: &[String]) -> Printed {
        self.start_endpoints();
        let mut command = self.command(BINARY);
        let child = command
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = Running(child.unwrap());
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (stderr, kept) = (process.0.stderr.take().unwrap(), Arc::clone(&lines));
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                kept.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        let mut ended = None;
        until("cutover serves or ends", || {
            ended = process.0.try_wait().unwrap();
            ended.is_some() || taken(&lines).iter().any(|it| it.contains(" started "))
        });
        self.last = ended.map_or(0, code);
        if ended.is_some() {
            // All that it has said is read.
            _ = reader.join();
        } else {
            self.serve = Some(Serve {
                process,
                lines: Arc::clone(&lines),
            });
        }
        Printed {
            err: self.told(taken(&lines)),
            ..Printed::default()
        }
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn stop_serving(&mut self) {
        self.open.clear();
        let Some(mut serve) = self.serve.take() else {
            return;
        };
        let kill = format!("kill -TERM {}", serve.process.0.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
        until("cutover ends", || {
            serve.process.0.try_wait().unwrap().is_some()
        });
    }

    /// What cutover has logged.
    pub(crate) fn log(&self) -> Vec<String> {
        self.serve
            .as_ref()
            .map(|it| self.told(taken(&it.lines)))
            .unwrap_or_default()
    }

    /// A line, by a shell.
    pub(crate) fn shell(&mut self, line: &str) -> (i32, Printed) {
        let (mut running, output) = self.begin(line);
        let mut ended = None;
        until(line, || {
            ended = running.0.try_wait().unwrap();
            ended.is_some()
        });
        self.last = ended.map_or(0, code);
        (self.last, self.printed(&output))
    }

    /// A line that is not waited for.
    pub(crate) fn shell_beside(&mut self, line: &str) {
        let begun = self.begin(line);
        self.background.push(begun);
    }

    /// Waits for those, and tells what they printed.
    pub(crate) fn wait(&mut self) -> Printed {
        let mut all = Printed::default();
        for (mut running, output) in std::mem::take(&mut self.background) {
            until("what was begun with `&` ends", || {
                running.0.try_wait().unwrap().is_some()
            });
            let printed = self.printed(&output);
            all.out.extend(printed.out);
            all.err.extend(printed.err);
        }
        all
    }

    fn begin(&mut self, line: &str) -> (Running, Output) {
        self.runs += 1;
        let folder = self.folder.path().join(".out");
        let named = |kind: &str| folder.join(format!("{}.{kind}", self.runs));
        let output = Output {
            out: named("out"),
            err: named("err"),
        };
        // So that `$?` is the last command's.
        let script = format!("(exit {}); {line}", self.last);
        let mut command = self.command("sh");
        command.args(["-c", &script]).stdin(Stdio::null());
        command.stdout(File::create(&output.out).unwrap());
        command.stderr(File::create(&output.err).unwrap());
        (Running(command.spawn().unwrap()), output)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.folder.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn printed(&self, output: &Output) -> Printed {
        let read = |path: &Path| {
            let text = fs::read_to_string(path).unwrap();
            self.told(text.lines().map(str::to_owned).collect())
        };
        Printed {
            out: read(&output.out),
            err: read(&output.err),
        }
    }

    /// In the page's words.
    pub(crate) fn told(&self, lines: Vec<String>) -> Vec<String> {
        lines
            .into_iter()
            .map(|line| self.addresses.leave(&line))
            .collect()
    }

    pub(crate) fn export(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn ended_with(&mut self, code: i32) {
        self.last = code;
    }
}

/// Looks until it is so.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let looks = PATIENCE.as_millis() / PAUSE.as_millis();
    let came = (0..looks).any(|_| {
        let so = is_so();
        if !so {
            thread::sleep(PAUSE);
        }
        so
    });
    assert!(came, "{what}: did not come about");
}

fn taken(lines: &Mutex<Vec<String>>) -> Vec<String> {
    lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// As a shell would tell it.
fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .or(status.signal().map(|it| it + 128))
        .unwrap_or(1)
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error is a process that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

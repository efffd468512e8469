//! As much of `curl` as pages use.
//!
//! Owns its arguments and one exchange of HTTP/1.1. Must not need the real one: it is no part of a Rust toolchain.

use std::{
    fs,
    io::{self, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use crate::likeness::Printed;

/// What was asked for.
#[derive(Default)]
pub(crate) struct Curl {
    url: String,
    method: Option<String>,
    fields: Vec<String>,
    body: Option<String>,
    with_head: bool,
    fails: bool,
    socket: Option<String>,
    /// Where a cookie is put, and where it is taken from.
    jar: Option<String>,
    kept: Option<String>,
    status_alone: bool,
}

struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Curl {
    /// Words after `curl`.
    pub(crate) fn new(words: &[String]) -> Result<Self, String> {
        let mut curl = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .cloned()
                    .ok_or(format!("`{word}` has no value"))
            };
            match word.as_str() {
                "-s" | "-S" | "-sS" | "-N" | "-sN" | "--silent" => {}
                "-i" | "-si" => curl.with_head = true,
                "-f" | "-fsS" => curl.fails = true,
                "-H" | "--header" => curl.fields.push(value()?),
                "-X" | "--request" => curl.method = Some(value()?),
                "-d" | "--data" => curl.body = Some(value()?),
                "-o" if value()? == "/dev/null" => curl.status_alone = true,
                "-w" => _ = value()?,
                "-b" | "--cookie" => curl.cookie(value()?),
                "-c" | "--cookie-jar" => curl.jar = Some(value()?),
                "--unix-socket" => curl.socket = Some(value()?),
                word if word.starts_with('-') => {
                    return Err(format!("`{word}` is not played; see curl.rs"));
                }
                url => curl.url = url.to_owned(),
            }
        }
        Ok(curl)
    }

    /// Takes the files that it names from `folder`.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.jar = self.jar.map(|jar| folder.join(jar).display().to_string());
        // Without a file there is no cookie yet.
        let kept = self
            .kept
            .take()
            .map(|file| fs::read_to_string(folder.join(file)));
        if let Some(Ok(cookie)) = kept {
            self.fields.push(format!("Cookie: {cookie}"));
        }
        self
    }

    /// A cookie, or a file of one.
    fn cookie(&mut self, said: String) {
        match said.contains('=') {
            true => self.fields.push(format!("Cookie: {said}")),
            false => self.kept = Some(said),
        }
    }

    pub(crate) fn only_looks(&self) -> bool {
        self.body.is_none() && self.method.as_deref().is_none_or(|it| it == "GET")
    }

    /// Sends the request, and reads until the other side closes: exit code, and what would be printed.
    pub(crate) fn run(&self) -> (i32, Printed) {
        let answer = match self.exchange() {
            Ok(answer) => answer,
            Err(error) => {
                let err = vec![format!("curl: (7) {error}")];
                return (
                    7,
                    Printed {
                        err,
                        ..Printed::default()
                    },
                );
            }
        };
        let status = answer.head.split(' ').nth(1).unwrap_or_default();
        if self.fails && !status.starts_with('2') {
            let err = vec![format!(
                "curl: (22) The requested URL returned error: {status}"
            )];
            return (
                22,
                Printed {
                    err,
                    ..Printed::default()
                },
            );
        }
        if self.status_alone {
            let out = vec![status.to_owned()];
            return (
                0,
                Printed {
                    out,
                    ..Printed::default()
                },
            );
        }
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let text = match self.with_head {
            true => format!("{}\n\n{body}", answer.head.replace('\r', "")),
            false => body,
        };
        let out = text.lines().map(str::to_owned).collect();
        (
            0,
            Printed {
                out,
                ..Printed::default()
            },
        )
    }

    fn exchange(&self) -> io::Result<Answer> {
        let mut stream = self.begin()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let answer = Answer::read(&bytes).ok_or(io::Error::other("the answer is not HTTP"))?;
        if let (Some(jar), Some(cookie)) = (&self.jar, answer.field("set-cookie")) {
            fs::write(jar, cookie.split(';').next().unwrap_or_default())?;
        }
        Ok(answer)
    }

    /// Sends the request and leaves the answer to come.
    pub(crate) fn begin(&self) -> io::Result<Box<dyn Stream>> {
        let url = self.url.strip_prefix("http://").unwrap_or(&self.url);
        let (host, path) = url.find('/').map_or((url, "/"), |at| url.split_at(at));
        let mut stream: Box<dyn Stream> = match &self.socket {
            Some(socket) => Box::new(UnixStream::connect(socket)?),
            None => Box::new(TcpStream::connect(host)?),
        };
        stream.patience(PATIENCE)?;
        let usual = if self.body.is_some() { "POST" } else { "GET" };
        let method = self.method.as_deref().unwrap_or(usual);
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let names_host = |field: &String| field.to_ascii_lowercase().starts_with("host:");
        if !self.fields.iter().any(names_host) {
            head += &format!("Host: {host}\r\n");
        }
        head.extend(self.fields.iter().map(|field| format!("{field}\r\n")));
        let is_upgrade = |field: &String| field.to_ascii_lowercase().starts_with("connection:");
        if !self.fields.iter().any(is_upgrade) {
            head += "Connection: close\r\n";
        }
        let body = self.body.as_deref().unwrap_or_default();
        if method != "GET" {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
        Ok(stream)
    }
}

/// Longest wait for a byte.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection of either kind.
pub(crate) trait Stream: Read + Write + Send {
    fn patience(&self, longest: Duration) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn patience(&self, longest: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(longest))
    }
}

impl Stream for UnixStream {
    fn patience(&self, longest: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(longest))
    }
}

impl Answer {
    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut answer = Self {
            head,
            body: bytes[end + 4..].to_vec(),
        };
        if answer
            .field("transfer-encoding")
            .is_some_and(|it| it == "chunked")
        {
            answer.body = unchunked(&answer.body)?;
        }
        Some(answer)
    }

    fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields
            .into_iter()
            .find(|(it, _)| it.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|it| it == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..end]).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        let chunk = bytes.get(end + 2..end + 2 + size)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunk);
        bytes = bytes.get(end + 4 + size..)?;
    }
}

//! What a client saw of one connection, whatever that was.
//!
//! Owns reading without judging: `Raw`, which the stories use, panics where bytes are not what it wants; here they
//! are to be shown beside what was expected.

use std::io::ErrorKind;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    case::End,
    support::{PATIENCE, scripted::find},
};

/// One connection, and all that came by it.
pub(crate) struct Client {
    stream: TcpStream,
    /// For each answer awaited, whether it is one to `HEAD`.
    to_head: Vec<bool>,
    pub(crate) seen: Seen,
    unread: Vec<u8>,
}

/// All that came.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) answers: Vec<Answer>,
    /// How it ended; `None` if it has not.
    pub(crate) end: Option<End>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Fields as they came, names in lower case.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether it was broken off.
    pub(crate) is_broken: bool,
}

/// What a look at unread bytes comes to.
enum Look {
    /// There is not enough of it yet; if the connection has ended, this is what there will ever be of it.
    More(Option<Answer>),
    /// A whole answer, and how long it is.
    Whole(Answer, usize),
}

impl Client {
    pub(crate) fn new(stream: TcpStream, to_head: Vec<bool>) -> Self {
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            to_head,
            seen: Seen::default(),
            unread: Vec::new(),
        }
    }

    /// Sends; whether the other end took it all is seen by what it answers.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes)).await;
    }

    pub(crate) async fn half_close(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Reads until so many answers have come or nothing more can; says whether they have.
    pub(crate) async fn answers(&mut self, count: usize) -> bool {
        let reading = async {
            while self.seen.answers.len() < count && (self.look() || self.more().await) {}
        };
        let _ = timeout(PATIENCE, reading).await;
        self.seen.answers.len() >= count
    }

    /// Reads to the end, if it comes.
    pub(crate) async fn end(&mut self) {
        let reading = async { while self.more().await {} };
        let _ = timeout(PATIENCE, reading).await;
        while self.look() {}
    }

    /// What came besides the answers.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.unread
    }

    /// Reads on; whether there was anything, be it the end.
    async fn more(&mut self) -> bool {
        if self.seen.end.is_some() {
            return false;
        }
        let mut piece = vec![0; 64 * 1024];
        match self.stream.read(&mut piece).await {
            Ok(0) => self.seen.end = Some(End::Closed),
            Ok(length) => self.unread.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                self.seen.end = Some(End::Reset);
            }
            Err(error) => panic!("{error}"),
        }
        true
    }

    /// Looks for an answer in what is unread; whether there was one.
    fn look(&mut self) -> bool {
        let to_head = self.to_head.get(self.seen.answers.len());
        let to_head = to_head.copied().unwrap_or_default();
        match look(&self.unread, to_head, self.seen.end) {
            Look::Whole(answer, length) => {
                self.unread.drain(..length);
                self.seen.answers.push(answer);
                true
            }
            Look::More(Some(answer)) if self.seen.end.is_some() => {
                self.unread.clear();
                self.seen.answers.push(answer);
                true
            }
            Look::More(_) => false,
        }
    }
}

/// Looks at the answer at the start of `bytes`, by the letter.
fn look(bytes: &[u8], to_head: bool, end: Option<End>) -> Look {
    let Some(head) = find(bytes, b"\r\n\r\n").map(|at| at + 4) else {
        return Look::More(None);
    };
    let mut lines = std::str::from_utf8(&bytes[..head - 4])
        .expect("a head in ASCII")
        .split("\r\n");
    let first = lines.next().unwrap_or_default();
    assert!(
        first.starts_with("HTTP/1.1 ") || first.starts_with("HTTP/1.0 "),
        "no status line: {first:?}"
    );
    let fields: Vec<_> = lines
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{line:?}")))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut answer = Answer {
        status: first[9..12].parse().expect("a status"),
        fields,
        body: Vec::new(),
        is_broken: true,
    };
    let rest = &bytes[head..];
    let (length, coding) = (
        answer.field("content-length"),
        answer.field("transfer-encoding"),
    );
    assert!(length.is_none() || coding.is_none(), "both framings");
    let bodiless = to_head || answer.status < 200 || matches!(answer.status, 204 | 304);
    let (body, whole) = if bodiless {
        (Vec::new(), Some(0))
    } else if coding == Some("chunked") {
        decode(rest)
    } else if let Some(length) = length {
        let length: usize = length.parse().expect("a length");
        let here = length.min(rest.len());
        (rest[..here].to_vec(), (here == length).then_some(length))
    } else {
        // The end of the connection is the end of the body, if it is one in order.
        let whole = (end == Some(End::Closed)).then_some(rest.len());
        (rest.to_vec(), whole)
    };
    answer.body = body;
    answer.is_broken = whole.is_none();
    match whole {
        Some(length) => Look::Whole(answer, head + length),
        None => Look::More(Some(answer)),
    }
}

/// The data of a chunked body, and how long the body is on the wire if it is whole. Fields of a trailer count as data,
/// so that one which should not be there shows.
pub(crate) fn decode(bytes: &[u8]) -> (Vec<u8>, Option<usize>) {
    let (mut data, mut at) = (Vec::new(), 0);
    loop {
        let Some(line) = find(&bytes[at..], b"\r\n") else {
            return (data, None);
        };
        let size = std::str::from_utf8(&bytes[at..at + line]).expect("a size in ASCII");
        let size = usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("no size: {size:?}"));
        at += line + 2;
        if size == 0 {
            break;
        }
        let here = size.min(bytes.len() - at);
        data.extend_from_slice(&bytes[at..at + here]);
        at += here;
        if bytes.len() < at + 2 {
            return (data, None);
        }
        assert_eq!(&bytes[at..at + 2], b"\r\n", "a chunk ends");
        at += 2;
    }
    while let Some(line) = find(&bytes[at..], b"\r\n") {
        data.extend_from_slice(&bytes[at..at + line]);
        at += line + 2;
        if line == 0 {
            return (data, Some(at));
        }
    }
    (data, None)
}

impl Answer {
    /// The value of a field; several are joined.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(known, _)| known == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "repeated {name}: {:?}", self.fields);
        first
    }
}

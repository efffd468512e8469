//! What a case is.
//!
//! Owns the words in which cases are told. Wherever bytes are given, [`TAG`] stands for a name that no other case
//! and no other run of the same case has: whatever reaches the endpoint is known by it.

use super::support::scripted::OK;

/// Stands for the name of a run.
pub(crate) const TAG: &str = "{c}";

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// What is odd about it; printed when it fails.
    pub(crate) name: &'static str,
    /// The section that says what to do with it.
    pub(crate) rfc: &'static str,
    /// What the client does.
    pub(crate) steps: Vec<Step>,
    /// What the client sees, in order, interim answers included.
    pub(crate) sees: Vec<Expected>,
    /// What becomes of the client's connection.
    pub(crate) end: End,
    /// What the endpoint gets to see, in order.
    pub(crate) reaches: Vec<Reaches>,
    /// What the endpoint does with each request.
    pub(crate) script: Vec<Act>,
    /// What becomes of the connection to the endpoint.
    pub(crate) link: Link,
}

/// What a client does.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Vec<u8>),
    /// Waits until so many answers have come, interim ones included.
    Await(usize),
    /// Closes the writing half.
    HalfClose,
}

/// An answer as it is expected.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    pub(crate) body: Body,
    /// Whether the request was `HEAD`: then there is no body, whatever the fields say.
    pub(crate) to_head: bool,
    /// Fields that must be there, with their values; `None` stands for one that must not.
    pub(crate) fields: Vec<(&'static str, Option<&'static str>)>,
}

/// What an answer has in it.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Exactly(Vec<u8>),
    /// Words of cutover's own, these among them.
    Says(&'static str),
    /// It is broken off, visibly; what came before is a beginning of this. Even its head may be missing.
    BrokenOff(Vec<u8>),
}

/// What becomes of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The next request on it is served.
    Open,
    /// It ends in order.
    Closed,
    /// It is reset.
    Reset,
}

/// One request at the endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Reaches {
    /// `METHOD target`.
    pub(crate) line: String,
    /// Lines of the head that must be there, in lower case up to the colon.
    pub(crate) has: Vec<String>,
    /// Names of fields that must not.
    pub(crate) lacks: Vec<&'static str>,
    /// The body, decoded; none is an empty one.
    pub(crate) body: Vec<u8>,
}

/// What an endpoint does with a request that has come whole.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Write(Vec<u8>),
    /// Waits until cutover closes the connection.
    AwaitEnd,
    Close,
    Reset,
}

/// What becomes of the connection to the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Nothing is said.
    Any,
    /// cutover closes it, and has sent no other request by it.
    Left,
}

impl Expected {
    pub(crate) const fn is_broken(&self) -> bool {
        matches!(self.body, Body::BrokenOff(_))
    }
}

impl Case {
    /// A case in which `sent` is refused with `status`, the connection is closed, and nothing reaches the endpoint,
    /// until something else is said.
    pub(crate) fn new(name: &'static str, rfc: &'static str, sent: impl AsRef<[u8]>) -> Self {
        Self {
            name,
            rfc,
            steps: vec![Step::Send(sent.as_ref().to_vec())],
            sees: Vec::new(),
            end: End::Closed,
            reaches: Vec::new(),
            script: vec![Act::Write(OK.into())],
            link: Link::Any,
        }
    }

    /// The last request is refused in cutover's own words.
    pub(crate) fn refused(self, status: u16, cause: &'static str) -> Self {
        self.sees(status, Body::Says(cause)).closes()
    }

    /// The next request is answered by the endpoint, and `line` with `body` has reached it.
    pub(crate) fn passes(self, line: &str, body: impl AsRef<[u8]>) -> Self {
        self.sees(200, Body::Exactly(b"ok".into()))
            .stays()
            .reaches(line, body)
    }

    /// The next answer that the client sees.
    pub(crate) fn sees(mut self, status: u16, body: Body) -> Self {
        self.sees.push(Expected {
            status,
            body,
            to_head: false,
            fields: Vec::new(),
        });
        self
    }

    /// That answer, exactly.
    pub(crate) fn answered(self, status: u16, body: impl AsRef<[u8]>) -> Self {
        self.sees(status, Body::Exactly(body.as_ref().to_vec()))
    }

    /// The last answer is one to `HEAD`.
    pub(crate) fn for_head(mut self) -> Self {
        self.last().to_head = true;
        self
    }

    /// The last answer has this field.
    pub(crate) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.last().fields.push((name, Some(value)));
        self
    }

    /// The last answer has no such field.
    pub(crate) fn without(mut self, name: &'static str) -> Self {
        self.last().fields.push((name, None));
        self
    }

    pub(crate) fn closes(mut self) -> Self {
        self.end = End::Closed;
        self
    }

    pub(crate) fn stays(mut self) -> Self {
        self.end = End::Open;
        self
    }

    pub(crate) fn resets(mut self) -> Self {
        self.end = End::Reset;
        self
    }

    /// The next request at the endpoint.
    pub(crate) fn reaches(mut self, line: &str, body: impl AsRef<[u8]>) -> Self {
        self.reaches.push(Reaches {
            line: line.to_owned(),
            has: Vec::new(),
            lacks: Vec::new(),
            body: body.as_ref().to_vec(),
        });
        self
    }

    /// The last request at the endpoint has this line in its head.
    pub(crate) fn has(mut self, line: &str) -> Self {
        let last = self.reaches.last_mut().expect("a request at the endpoint");
        last.has.push(line.to_owned());
        self
    }

    /// The last request at the endpoint has no such field.
    pub(crate) fn lacks(mut self, name: &'static str) -> Self {
        let last = self.reaches.last_mut().expect("a request at the endpoint");
        last.lacks.push(name);
        self
    }

    /// The client goes on to do this.
    pub(crate) fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The endpoint does this with each request, instead of answering `ok`.
    pub(crate) fn endpoint(mut self, acts: impl Into<Vec<Act>>) -> Self {
        self.script = acts.into();
        self
    }

    /// The connection to the endpoint is closed after this request.
    pub(crate) fn leaves_the_endpoint(mut self) -> Self {
        self.link = Link::Left;
        self
    }

    fn last(&mut self) -> &mut Expected {
        self.sees.last_mut().expect("an answer")
    }
}

/// Puts the name of a run where it belongs.
pub(crate) fn tagged(bytes: &[u8], tag: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = super::support::scripted::find(rest, TAG.as_bytes()) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(tag.as_bytes());
        rest = &rest[at + TAG.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// A request with these further fields, each ended by CR LF, and no body.
pub(crate) fn get(fields: &str) -> String {
    format!("GET /{TAG} HTTP/1.1\r\nHost: {TAG}\r\n{fields}\r\n")
}

/// A request with these further fields, each ended by CR LF, and whatever follows the head.
pub(crate) fn post(fields: &str, rest: &str) -> String {
    format!("POST /{TAG} HTTP/1.1\r\nHost: {TAG}\r\n{fields}\r\n{rest}")
}

/// A request with a chunked body, as it stands on the wire.
pub(crate) fn chunks(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

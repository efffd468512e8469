//! Runs cases against one cutover, many at once.
//!
//! Owns what is asked of every case, and how a failure is told. Each is run three times: in one piece, in two, and
//! byte by byte; what comes of it must not depend on that.

use std::{fmt::Write as _, sync::Arc};

use tokio::{net::TcpStream, sync::Semaphore, task::JoinSet};

use super::{
    case::{Body, Case, End, Expected, Link, Reaches, Step, tagged},
    client::{Answer, Client},
    endpoint::{Came, Endpoint, tag},
    support::site::{Site, shop},
};

/// One cutover, and the endpoint behind it.
pub(crate) struct Machine {
    site: Site,
    endpoint: Endpoint,
}

/// How what a client sends is cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Whole,
    InTwo,
    Bytes,
}

impl Machine {
    pub(crate) async fn start() -> Self {
        let endpoint = Endpoint::start().await;
        // What an endpoint does to one case is nothing to the others, and no connection is closed for its age.
        let keys = "passive.eject = \"0s\"\nconnections.idle_timeout = \"10m\"";
        let service = shop(&[endpoint.addr], &[], keys);
        let site = Site::start(&service).await;
        Self { site, endpoint }
    }

    /// Runs all, and says of each that fails what was sent, expected and seen.
    pub(crate) async fn run(self, cases: Vec<Case>) {
        self.endpoint.learns(&cases);
        let machine = Arc::new(self);
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut runs = JoinSet::new();
        for (number, case) in cases.iter().cloned().enumerate() {
            for (run, cut) in [Cut::Whole, Cut::InTwo, Cut::Bytes].into_iter().enumerate() {
                let (machine, case, room) = (Arc::clone(&machine), case.clone(), Arc::clone(&room));
                runs.spawn(async move {
                    let _place = room.acquire().await.unwrap();
                    let tag = tag(number, run);
                    // A panic is told like any other failure, with the name of its case.
                    let told = case.clone();
                    let ran = tokio::spawn(async move { machine.run_one(&case, &tag, cut).await });
                    let failure = match ran.await {
                        Ok(Ok(())) => return None,
                        Ok(Err(failure)) => failure,
                        Err(panicked) => format!("panicked: {panicked}"),
                    };
                    Some(tell(&told, cut, &failure))
                });
            }
        }
        let mut failures: Vec<_> = runs.join_all().await.into_iter().flatten().collect();
        failures.extend(machine.late(&cases));
        let count = failures.len();
        assert!(count == 0, "{count} runs failed\n{}", failures.join("\n"));
    }

    /// What came after its case had been looked at, or belongs to none.
    fn late(&self, cases: &[Case]) -> Vec<String> {
        let mut failures = Vec::new();
        for (number, case) in cases.iter().enumerate() {
            for (run, cut) in [Cut::Whole, Cut::InTwo, Cut::Bytes].into_iter().enumerate() {
                let tag = tag(number, run);
                if let Err(failure) = reached(case, &tag, &self.endpoint.came(&tag)) {
                    failures.push(tell(case, cut, &format!("in the end: {failure}")));
                }
            }
        }
        let strays = self.endpoint.came("");
        if !strays.is_empty() {
            failures.push(format!("reached the endpoint without a tag: {strays:#?}"));
        }
        failures
    }

    async fn run_one(&self, case: &Case, tag: &str, cut: Cut) -> Result<(), String> {
        let stream = TcpStream::connect(self.site.addr()).await.unwrap();
        let to_head = case.sees.iter().map(|expected| expected.to_head).collect();
        let mut client = Client::new(stream, to_head);
        for step in &case.steps {
            match step {
                Step::Send(bytes) => send(&mut client, &tagged(bytes, tag), cut).await,
                Step::Await(count) => {
                    if !client.answers(*count).await {
                        break;
                    }
                }
                Step::HalfClose => client.half_close().await,
            }
        }
        client.answers(case.sees.len()).await;
        if case.end != End::Open {
            client.end().await;
        }
        seen(case, tag, &client)?;
        if case.end == End::Open {
            is_served(&mut client).await.map_err(|saw| {
                format!("the connection should be open, but the next request saw {saw}")
            })?;
        }
        drop(client);
        let stream = TcpStream::connect(self.site.addr()).await.unwrap();
        is_served(&mut Client::new(stream, Vec::new()))
            .await
            .map_err(|saw| format!("the next client saw {saw}"))?;
        if case.link == Link::Left && !self.endpoint.is_left(tag).await {
            return Err("the connection to the endpoint is not closed".to_owned());
        }
        reached(case, tag, &self.endpoint.came(tag))
    }
}

async fn send(client: &mut Client, bytes: &[u8], cut: Cut) {
    let middle = bytes.len() / 2;
    match cut {
        Cut::Whole => client.send(bytes).await,
        // Some are too long to be worth so many writes.
        Cut::Bytes if bytes.len() <= DRIPPED => {
            for byte in bytes {
                client.send(&[*byte]).await;
                tokio::task::yield_now().await;
            }
        }
        Cut::InTwo | Cut::Bytes => {
            client.send(&bytes[..middle]).await;
            tokio::task::yield_now().await;
            client.send(&bytes[middle..]).await;
        }
    }
}

/// Whether a plain request is served.
async fn is_served(client: &mut Client) -> Result<(), String> {
    let before = client.seen.answers.len();
    client
        .send(b"GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n")
        .await;
    client.answers(before + 1).await;
    match client.seen.answers.get(before) {
        Some(answer) if answer.status == 200 && answer.body == b"ok" && !answer.is_broken => Ok(()),
        other => Err(format!("{other:?}, {:?}", client.seen.end)),
    }
}

/// Whether the client saw what it should.
fn seen(case: &Case, tag: &str, client: &Client) -> Result<(), String> {
    let answers = &client.seen.answers;
    let wrong = case
        .sees
        .iter()
        .zip(answers)
        .find_map(|(expected, answer)| {
            let wrong = differs(expected, tag, answer)?;
            Some(format!("{wrong} is wrong in {}", shown(answer)))
        });
    let end = client.seen.end.unwrap_or(End::Open);
    let wrong = wrong.or_else(|| {
        let (want, have) = (case.sees.len(), answers.len());
        let broken = matches!(case.sees.last(), Some(last) if last.is_broken());
        (want != have && !(broken && want == have + 1))
            .then(|| format!("{want} answers were expected, {have} came"))
    });
    let wrong = wrong.or_else(|| (end != case.end).then(|| format!("the connection is {end:?}")));
    let wrong = wrong.or_else(|| (!client.rest().is_empty()).then(|| "there is more".to_owned()));
    let Some(wrong) = wrong else { return Ok(()) };
    let all: Vec<_> = answers.iter().map(shown).collect();
    let rest = String::from_utf8_lossy(client.rest());
    Err(format!(
        "{wrong}\n  seen: {all:#?}, then {end:?}, unread {rest:?}"
    ))
}

fn differs(expected: &Expected, tag: &str, answer: &Answer) -> Option<&'static str> {
    if answer.status != expected.status {
        return Some("the status");
    }
    let body_fits = match &expected.body {
        Body::Exactly(bytes) => answer.body == tagged(bytes, tag) && !answer.is_broken,
        Body::Says(cause) => {
            let text = String::from_utf8_lossy(&answer.body);
            text.contains(&format!(": {cause} (")) && !answer.is_broken
        }
        Body::BrokenOff(bytes) => bytes.starts_with(&answer.body) && answer.is_broken,
    };
    if !body_fits {
        return Some("the body");
    }
    let fits = |(name, value): &(&str, Option<&str>)| answer.field(name) == *value;
    (!expected.fields.iter().all(fits)).then_some("a field")
}

/// Whether that reached the endpoint which should, and nothing else; a part of a request is nothing to answer for,
/// unless it is more than the case lets through.
fn reached(case: &Case, tag: &str, came: &[Came]) -> Result<(), String> {
    let whole: Vec<_> = came.iter().filter(|came| came.whole).collect();
    let parts = came.len() - whole.len();
    let fits = whole.len() == case.reaches.len()
        && parts <= 1
        && case
            .reaches
            .iter()
            .zip(&whole)
            .all(|(expected, came)| is_as_expected(expected, tag, came));
    if fits {
        return Ok(());
    }
    Err(format!(
        "at the endpoint {:#?} was expected, {came:#?} came",
        case.reaches
    ))
}

fn is_as_expected(expected: &Reaches, tag: &str, came: &Came) -> bool {
    let text = |text: &str| String::from_utf8(tagged(text.as_bytes(), tag)).unwrap();
    let mut lines = came.head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let lines: Vec<_> = lines.collect();
    first == format!("{} HTTP/1.1", text(&expected.line))
        && expected
            .has
            .iter()
            .all(|line| lines.contains(&text(line).as_str()))
        && expected.lacks.iter().all(|name| {
            let begin = format!("{name}:");
            !lines.iter().any(|line| line.starts_with(&begin))
        })
        && came.body == tagged(&expected.body, tag)
}

fn shown(answer: &Answer) -> String {
    let body = String::from_utf8_lossy(&answer.body);
    let body: String = body.chars().take(200).collect();
    let broken = if answer.is_broken {
        " (broken off)"
    } else {
        ""
    };
    format!("{}{broken} {:?} {body:?}", answer.status, answer.fields)
}

fn tell(case: &Case, cut: Cut, failure: &str) -> String {
    let mut told = format!("--- {} ({}), {cut:?}\n", case.name, case.rfc);
    for step in &case.steps {
        let sent = match step {
            Step::Send(bytes) => {
                let text = String::from_utf8_lossy(bytes);
                let more = if text.len() > 600 { " ..." } else { "" };
                let begin: String = text.chars().take(600).collect();
                format!("sent {begin:?}{more}")
            }
            Step::Await(count) => format!("awaited {count} answers"),
            Step::HalfClose => "half closed".to_owned(),
        };
        writeln!(told, "  {sent}").unwrap();
    }
    for expected in &case.sees {
        writeln!(told, "  expected {} {:?}", expected.status, expected.body).unwrap();
    }
    writeln!(told, "  expected the connection to be {:?}", case.end).unwrap();
    writeln!(told, "  {failure}").unwrap();
    told
}

/// Runs at once.
const AT_ONCE: usize = 24;
/// The longest that is sent byte by byte.
const DRIPPED: usize = 1500;

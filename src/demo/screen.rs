//! What the one-screen view shows, as lines.
//!
//! Owns the layout; must not touch a terminal or look anything up. Drawing is a function from a picture to
//! lines, so that a test can read the screen that a person would see.

use std::time::Duration;

use crate::{
    core::{
        ids::{ByColour, Colour},
        switch::{Outcome, Receipt},
    },
    terminal::{Ink, Line, Size},
};

/// Everything that is shown at one moment.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The service that is switched.
    pub service: String,
    /// Where clients go, as a URL.
    pub proxy: String,
    /// Where operators go, as a URL.
    pub admin: String,
    /// The colour that takes traffic.
    pub live: Colour,
    /// Where a switch leads that waits for its gates.
    pub waiting: Option<Colour>,
    /// Both pools.
    pub pools: ByColour<PoolPicture>,
    /// What the clients of the load have seen.
    pub load: LoadPicture,
    /// Past switches, newest first.
    pub history: Vec<Receipt>,
    /// What became of the last key, if it needs saying.
    pub notice: Option<String>,
}

/// One pool.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolPicture {
    /// The version that it serves.
    pub version: u32,
    /// Endpoints that may be picked.
    pub ready: usize,
    /// All endpoints.
    pub endpoints: usize,
    /// Requests in flight.
    pub in_flight: u64,
    /// Answers a second.
    pub rate: f64,
}

/// What the clients have seen.
#[derive(Clone, Debug, Default)]
pub struct LoadPicture {
    /// Requests begun.
    pub opened: u64,
    /// Requests failed.
    pub failed: u64,
    /// Why the last of those that are kept did.
    pub last_failure: Option<String>,
    /// Requests begun and not ended.
    pub in_flight: u64,
    /// Open WebSocket sessions.
    pub websockets: u64,
    /// Half of the newest GETs took no longer.
    pub p50: Option<Duration>,
    /// All but one of a hundred took no longer.
    pub p99: Option<Duration>,
}

impl Picture {
    /// Draws the picture: at most `size.rows` lines, none longer than `size.columns`. What has happened before
    /// gives way first where there is no room.
    #[must_use]
    pub fn draw(&self, size: Size) -> Vec<Line> {
        let mut top = vec![self.title(size), Line::default()];
        top.extend(Colour::ALL.map(|colour| self.pool(colour)));
        top.extend([
            Line::default(),
            self.share(size),
            Line::default(),
            self.failed(),
        ]);
        top.extend(self.load.last_failure.as_deref().map(|why| {
            let why = format!("    last: {why}");
            Line::of(Ink::Alarm, why)
        }));
        top.extend([self.numbers(), Line::default()]);
        top.extend(self.last_switch());
        let bottom = self.keys();
        let room = size.rows.saturating_sub(top.len() + bottom.len() + 2);
        let past = self.past(room);

        let lines = top.into_iter().chain(past).chain([Line::default()]);
        let mut lines = lines.chain(bottom).collect::<Vec<_>>();
        lines.truncate(size.rows);
        for line in &mut lines {
            line.truncate(size.columns);
        }
        lines
    }

    fn title(&self, size: Size) -> Line {
        let left = " cutover demo";
        let gap = size
            .columns
            .saturating_sub(left.len() + self.proxy.len() + 1);
        Line(vec![
            (Ink::Bold, left.to_owned()),
            (Ink::Dim, format!("{}{}", " ".repeat(gap), self.proxy)),
        ])
    }

    fn pool(&self, colour: Colour) -> Line {
        let pool = &self.pools[colour];
        let live = colour == self.live;
        let role = match (live, self.waiting) {
            (true, _) => "LIVE",
            (false, Some(_)) => "gates ...",
            (false, None) => "standby",
        };
        let name = format!("  {:<6}", colour.as_str().to_uppercase());
        Line(vec![
            (Ink::Colour(colour), name),
            (Ink::Plain, format!(" version {}   ", pool.version)),
            (
                if live { Ink::Colour(colour) } else { Ink::Dim },
                format!("{role:<10}"),
            ),
            (
                Ink::Plain,
                format!(
                    "{}/{} ready  {:>7.0} req/s  {:>5} in flight",
                    pool.ready, pool.endpoints, pool.rate, pool.in_flight
                ),
            ),
        ])
    }

    /// Who has served the last second, as a bar.
    fn share(&self, size: Size) -> Line {
        let width = size.columns.saturating_sub(4).min(BAR_LIMIT);
        let (blue, green) = (self.pools.blue.rate, self.pools.green.rate);
        let all = blue + green;
        if all <= 0.0 {
            let empty = "\u{2591}".repeat(width);
            return Line(vec![(Ink::Plain, "  ".to_owned()), (Ink::Dim, empty)]);
        }
        // A colour that serves anything at all is seen.
        let part = (width as f64 * blue / all).round() as usize;
        let least = usize::from(blue > 0.0);
        let most = width.saturating_sub(usize::from(green > 0.0));
        let part = part.min(most).max(least.min(width));
        let block = |count| "\u{2588}".repeat(count);
        Line(vec![
            (Ink::Plain, "  ".to_owned()),
            (Ink::Block(Colour::Blue), block(part)),
            (Ink::Block(Colour::Green), block(width - part)),
        ])
    }

    fn failed(&self) -> Line {
        let load = &self.load;
        let ink = if load.failed == 0 {
            Ink::Fine
        } else {
            Ink::Alarm
        };
        Line(vec![
            (Ink::Plain, "  ".to_owned()),
            (ink, format!(" FAILED  {} ", load.failed)),
            (
                Ink::Plain,
                format!("  of {} requests", grouped(load.opened)),
            ),
        ])
    }

    fn numbers(&self) -> Line {
        let load = &self.load;
        let rate = self.pools.blue.rate + self.pools.green.rate;
        Line::of(
            Ink::Plain,
            format!(
                "    {rate:.0} req/s   p50 {}   p99 {}   in flight {}   websockets {}",
                millis(load.p50),
                millis(load.p99),
                load.in_flight,
                load.websockets
            ),
        )
    }

    fn last_switch(&self) -> Vec<Line> {
        let Some(receipt) = self.history.first() else {
            return vec![Line::of(Ink::Dim, "  no switch yet: press s".to_owned())];
        };
        let mut lines = vec![Line(vec![
            (Ink::Plain, "  last switch  ".to_owned()),
            (Ink::Colour(receipt.to), route_of(receipt)),
        ])];
        let words = receipt_words(receipt);
        lines.extend(words.map(|words| Line::of(Ink::Plain, format!("    {words}"))));
        lines
    }

    /// Older switches, a line each.
    fn past(&self, room: usize) -> Vec<Line> {
        let older = self.history.iter().skip(1);
        let lines = older.take(room.saturating_sub(1).min(HISTORY_LIMIT));
        let mut lines = lines
            .map(|receipt| {
                let (cut, drain) = (receipt.cut.total(), drain(receipt));
                let met = receipt.in_flight_at_commit;
                let text = format!("    {}, {met} met, {cut} cut{drain}", route_of(receipt));
                Line::of(Ink::Dim, text)
            })
            .collect::<Vec<_>>();
        if !lines.is_empty() {
            lines.insert(0, Line::of(Ink::Dim, "  before".to_owned()));
        }
        lines
    }

    fn keys(&self) -> Vec<Line> {
        let (service, admin) = (&self.service, &self.admin);
        let to = self.live.other();
        let notice = self.notice.as_deref().unwrap_or_default();
        vec![
            Line::of(Ink::Alarm, format!("  {notice}")),
            Line(vec![
                (Ink::Bold, "  s".to_owned()),
                (Ink::Plain, format!(" switch to {to}   ")),
                (Ink::Bold, "r".to_owned()),
                (Ink::Plain, " rollback   ".to_owned()),
                (Ink::Bold, "q".to_owned()),
                (Ink::Plain, format!(" quit   or open {admin}, or:")),
            ]),
            Line::of(
                Ink::Plain,
                format!("    cutover switch {service} {to} --admin {admin}"),
            ),
        ]
    }
}

/// The account of a switch in two sentences.
#[must_use]
pub fn receipt_words(receipt: &Receipt) -> [String; 2] {
    let barrier = receipt.barrier_us.map_or_else(
        || "the barrier has not passed yet".to_owned(),
        |us| format!("every worker had left {} after {us} us", receipt.from),
    );
    [barrier, account(receipt)]
}

/// From where to where.
#[must_use]
pub fn route_of(receipt: &Receipt) -> String {
    let how = if receipt.rollback {
        "rollback"
    } else {
        "switch"
    };
    format!(
        "tenure {}: {how} {} -> {} by {}",
        receipt.tenure, receipt.from, receipt.to, receipt.actor.name
    )
}

fn account(receipt: &Receipt) -> String {
    format!(
        "{} in flight: {} finished, {} replayed, {} cut{}",
        receipt.in_flight_at_commit,
        receipt.finished,
        receipt.replayed,
        receipt.cut.total(),
        drain(receipt)
    )
}

/// How the drain stands.
fn drain(receipt: &Receipt) -> String {
    match (receipt.outcome, receipt.committed_at, receipt.drained_at) {
        (Outcome::Drained | Outcome::Cut, Some(committed), Some(drained)) => {
            let took = drained.millis().saturating_sub(committed.millis());
            format!(", drained in {:.1} s", took as f64 / 1000.0)
        }
        (Outcome::Interrupted, _, _) => ", interrupted".to_owned(),
        (Outcome::Aborted, _, Some(_)) => ", aborted".to_owned(),
        (
            Outcome::Committing
            | Outcome::Draining
            | Outcome::Drained
            | Outcome::Cut
            | Outcome::Aborted,
            _,
            _,
        ) => {
            format!(", {} draining", receipt.left())
        }
    }
}

fn millis(duration: Option<Duration>) -> String {
    duration.map_or_else(
        || "-".to_owned(),
        |it| format!("{:.1} ms", it.as_secs_f64() * 1000.0),
    )
}

/// `12 345`: the eye finds the thousands.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Columns of the share bar.
const BAR_LIMIT: usize = 72;
/// Older switches that are shown.
const HISTORY_LIMIT: usize = 8;

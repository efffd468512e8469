//! The list: two lines for each service, a lane for each pool.
//!
//! Owns the columns and what gives way where there is no room: first the notes, then long names. What is narrower than
//! sixty columns is cut off.

use super::board::{Board, Page};
use crate::{
    cli::{
        paint,
        progress::stage,
        sight::{Link, Rate},
    },
    core::{
        ids::Colour,
        time::Timestamp,
        view::{PoolView, ServiceView},
    },
    terminal::{Ink, Line, Size, fitted, width},
};

impl Board {
    pub(super) fn draw_list(&self, size: Size, now: Timestamp) -> Vec<Line> {
        let shown = self.shown();
        let room = Room::of(size, &shown);
        let chosen = self.chosen_view().map(|it| &it.service);
        let at = shown.iter().position(|it| Some(&it.service) == chosen);
        let at = at.unwrap_or(0);
        // The chosen one stays in the middle, but for the two ends.
        let first = at.saturating_sub(room.services / 2);
        let first = first.min(shown.len().saturating_sub(room.services));
        let visible = shown.iter().skip(first).take(room.services);

        let mut lines = vec![self.title(size, now), room.heads()];
        for view in visible {
            let is_chosen = Some(&view.service) == chosen;
            lines.extend(
                Colour::ALL.map(|colour| self.lane(view, (colour, is_chosen), (&room, now))),
            );
        }
        if shown.is_empty() {
            lines.push(Line::of(Ink::Dim, self.nothing()));
        }
        if *self.sight.link() != Link::Up {
            lines.iter_mut().skip(1).for_each(fade);
        }
        lines.resize(size.rows.saturating_sub(room.notices + 2), Line::default());
        lines.push(self.about_chosen(now));
        lines.extend(self.happened(room.notices, None));
        lines.push(self.keys());
        lines
    }

    pub(super) fn title(&self, size: Size, now: Timestamp) -> Line {
        if let Link::Lost { since, why } = self.sight.link() {
            let age = paint::age(*since, now);
            let clock = since.to_string();
            let clock = clock.get(11..19).unwrap_or_default();
            let text = format!(" STALE since {clock}, {age}; connecting again: {why}");
            return Line::of(Ink::Alarm, text);
        }
        let all = self.sight.views().count();
        let services = match self.filter.as_str() {
            "" => format!("{all} services"),
            filter => format!("{} of {all} services with `{filter}`", self.shown().len()),
        };
        let rates = self
            .sight
            .views()
            .filter_map(|it| self.sight.rates(&it.service));
        let (requests, errors) = rates.fold((0.0, 0.0), |(requests, errors), it| {
            (
                requests + it.blue.requests + it.green.requests,
                errors + it.blue.errors + it.green.errors,
            )
        });
        let line = Line::of(Ink::Bold, " cutover top")
            .and(
                Ink::Plain,
                format!("  {services}  {} req/s", number(requests)),
            )
            .and(alarming(errors), format!("  {} err/s", number(errors)));
        let who = format!("{} at {}", self.about.actor, self.admin);
        let gap = size.columns.saturating_sub(line.width() + width(&who) + 1);
        match gap {
            0..2 => line,
            _ => line.and(Ink::Dim, " ".repeat(gap) + &who),
        }
    }

    fn nothing(&self) -> &'static str {
        match (self.sight.link(), self.filter.is_empty()) {
            (Link::Waiting, _) => "  connecting",
            (_, true) => "  no services",
            (_, false) => "  no service has that in its name; Esc shows all",
        }
    }

    fn lane(
        &self,
        view: &ServiceView,
        (colour, is_chosen): (Colour, bool),
        (room, now): (&Room, Timestamp),
    ) -> Line {
        let pool = &view.pools[colour];
        let rate = self.sight.rates(&view.service).map(|it| it[colour]);
        let is_first = colour == Colour::Blue;
        let name = match is_first {
            true => fitted(view.service.as_str(), room.name),
            false => String::new(),
        };
        let gap = " ".repeat(room.name - width(&name));
        let (mark, ink) = match (is_chosen, is_first) {
            (true, true) => ("> ", Ink::Chosen),
            (true, false) => ("| ", Ink::Plain),
            (false, _) => ("  ", Ink::Plain),
        };
        let (role_ink, role) = role(view, colour);
        let line = Line::of(Ink::Bold, mark)
            .and(ink, name)
            .and(Ink::Plain, gap + " ")
            .and(Ink::Colour(colour), format!("{colour:<5} "))
            .and(role_ink, format!("{role:<8} "));
        let line = numbers(line, pool, rate);
        match room.note {
            0 => line,
            columns => {
                let (ink, note) = note(view, colour, now);
                line.and(ink, "  ".to_owned() + &fitted(&note, columns))
            }
        }
    }

    /// What there is to say about the chosen one in a line.
    fn about_chosen(&self, now: Timestamp) -> Line {
        let Some(view) = self.chosen_view() else {
            return Line::default();
        };
        let line = stage(view, Some(now)).or_else(|| {
            let last = view.last_switch.as_ref()?;
            let (ink, outcome) = paint::outcome(last.outcome);
            let age = paint::age(last.requested_at, now);
            let text = format!(" -> {} {age} by {}, ", last.to, last.actor.name);
            Some(
                Line::of(Ink::Bold, view.service.as_str())
                    .and(Ink::Plain, text)
                    .and(ink, outcome),
            )
        });
        let mut line = line.unwrap_or_else(|| {
            Line::of(Ink::Bold, view.service.as_str()).and(Ink::Dim, "  never switched")
        });
        line.0.insert(0, (Ink::Plain, " ".to_owned()));
        line
    }

    /// The newest of what has happened, or what became of the last thing that was asked for.
    pub(super) fn happened(&self, rows: usize, about: Option<&str>) -> Vec<Line> {
        let further_in = |mut line: Line| {
            line.0.insert(0, (Ink::Plain, " ".to_owned()));
            line
        };
        let mut lines: Vec<_> = self
            .said
            .iter()
            .take(rows)
            .cloned()
            .map(further_in)
            .collect();
        let notices = self.sight.notices().iter().rev();
        let notices = notices.filter(|it| about.is_none_or(|name| it.text.starts_with(name)));
        let told = notices.take(rows - lines.len()).map(|it| {
            // Of a time of day, who looks needs no more.
            let clock = it.at.get(11..19).unwrap_or_default();
            Line::of(Ink::Dim, format!(" {clock} ")).and(Ink::Plain, it.text.as_str())
        });
        lines.extend(told);
        lines.resize(rows, Line::default());
        lines
    }

    pub(super) fn keys(&self) -> Line {
        if let Page::Filter = self.page {
            return Line::of(Ink::Bold, format!(" /{}_", self.filter))
                .and(Ink::Dim, "   Enter keeps it, Esc shows all");
        }
        let mut keys = vec![("Enter", "open"), ("/", "filter")];
        if let Page::Service = self.page {
            keys = vec![("j k", "next"), ("Esc", "back")];
        }
        if self.about.may_operate {
            keys.extend([("s", "switch"), ("r", "rollback")]);
        }
        keys.extend([("?", "help"), ("q", "quit")]);
        keys.into_iter().fold(Line::default(), |line, (key, what)| {
            line.and(Ink::Bold, format!(" {key}"))
                .and(Ink::Plain, format!(" {what} "))
        })
    }
}

/// How the room is used.
struct Room {
    /// Services that are seen at once.
    services: usize,
    /// Columns of their names.
    name: usize,
    /// Columns of a note; none without enough of them.
    note: usize,
    /// Lines of what has happened.
    notices: usize,
}

impl Room {
    fn of(size: Size, shown: &[&ServiceView]) -> Self {
        let longest = shown.iter().map(|it| width(it.service.as_str())).max();
        let longest = longest.unwrap_or(0).clamp(7, 40);
        let left = size.columns.saturating_sub(FIXED);
        let name = longest.min(left.max(7));
        let note = left.saturating_sub(name + 2);
        let notices = (size.rows.saturating_sub(4) / 4).clamp(1, 8);
        Self {
            services: size.rows.saturating_sub(notices + 4) / 2,
            name,
            note: if note < LEAST_NOTE { 0 } else { note },
            notices,
        }
    }

    fn heads(&self) -> Line {
        let name = format!("  {:<width$} ", "SERVICE", width = self.name);
        let note = if self.note > 0 { "  NOTE" } else { "" };
        let rest = "POOL  ROLE     READY  REQ/S ERR/S    P99 FLIGHT";
        Line::of(Ink::Dim, name + rest + note)
    }
}

fn numbers(line: Line, pool: &PoolView, rate: Option<Rate>) -> Line {
    let (ready_ink, _) = paint::ready(pool);
    let ready = format!("{}/{}", pool.ready, pool.endpoints.len());
    let told = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
    let errors = rate.map(|it| it.errors);
    line.and(ready_ink, format!("{ready:>5} "))
        .and(
            Ink::Plain,
            format!("{:>6} ", told(rate.map(|it| it.requests))),
        )
        .and(
            alarming(errors.unwrap_or(0.0)),
            format!("{:>5} ", told(errors)),
        )
        .and(
            Ink::Plain,
            format!(
                "{:>6} {:>6}",
                rate.map_or_else(|| "-".to_owned(), p99),
                pool.in_flight
            ),
        )
}

/// What a pool is to its service.
fn role(view: &ServiceView, colour: Colour) -> (Ink, String) {
    let is_live = view.live == colour;
    if let Some(shift) = view.shift.as_ref().filter(|it| it.to == colour) {
        return (Ink::Warning, shift.share.to_string());
    }
    if view.waiting.as_ref().is_some_and(|it| it.to == colour) {
        return (Ink::Warning, "gates".to_owned());
    }
    if !is_live && view.draining.iter().any(|it| it.drains() == colour) {
        return (Ink::Warning, "draining".to_owned());
    }
    match is_live {
        true => (Ink::Colour(colour), "LIVE".to_owned()),
        false => (Ink::Dim, "standby".to_owned()),
    }
}

/// What else there is to say: of the blue lane what is under way, of the green one what was.
fn note(view: &ServiceView, colour: Colour, now: Timestamp) -> (Ink, String) {
    if colour == Colour::Green {
        let last = view.last_switch.as_ref();
        let text = last.map(|it| {
            let (_, outcome) = paint::outcome(it.outcome);
            let age = paint::age(it.requested_at, now);
            format!("-> {} {age} by {}, {outcome}", it.to, it.actor.name)
        });
        return (Ink::Dim, text.unwrap_or_default());
    }
    if let Some(line) = stage(view, Some(now)) {
        // The name stands before it already.
        let text = line.0.iter().skip(2).map(|(_, text)| text.as_str());
        return (Ink::Warning, text.collect());
    }
    match view.drift {
        true => (Ink::Warning, format!("the file says {}", view.file_live)),
        false => (Ink::Plain, String::new()),
    }
}

/// What is not so any more is not in colour.
fn fade(line: &mut Line) {
    line.0.iter_mut().for_each(|(ink, _)| *ink = Ink::Dim);
}

fn alarming(errors: f64) -> Ink {
    if errors > 0.0 { Ink::Alarm } else { Ink::Plain }
}

/// A rate in five columns at most.
pub(super) fn number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        _ if value < 9.95 => format!("{value:.1}"),
        _ if value < 99_999.5 => format!("{value:.0}"),
        _ => format!("{:.0}k", value / 1000.0),
    }
}

/// A duration in six columns at most; a dash without requests.
pub(super) fn p99(rate: Rate) -> String {
    match rate.p99_us {
        None if rate.requests > 0.0 => ">10s".to_owned(),
        None => "-".to_owned(),
        Some(us @ 0..1_000) => format!("{us}us"),
        Some(us @ 1_000..1_000_000) => format!("{}ms", tenths(us, 1_000)),
        Some(us) => format!("{}s", tenths(us, 1_000_000)),
    }
}

fn tenths(value: u64, unit: u64) -> String {
    match value % unit {
        0 => (value / unit).to_string(),
        rest => format!("{}.{}", value / unit, rest * 10 / unit),
    }
}

/// Columns of everything but name and note.
const FIXED: usize = 50;
/// A note in fewer columns says nothing.
const LEAST_NOTE: usize = 16;

//! What is shown, and what keys do to it.
//!
//! Owns the choice of the operator: which service, which part of them, which page, which question. The chosen service is
//! kept by name, because rows come and go under the eyes of whoever is about to press a key.

use super::ask::{Question, Said, Wanted};
use crate::{
    admin::wire::About,
    cli::{
        feed::Fed,
        sight::{Link, Sight},
    },
    core::{ids::ServiceName, time::Timestamp, view::ServiceView},
    terminal::{Ink, Key, Line, Size},
};

/// See the module.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) sight: Sight,
    pub(super) about: About,
    pub(super) admin: String,
    pub(super) chosen: Option<ServiceName>,
    pub(super) filter: String,
    pub(super) page: Page,
    /// What became of the last thing that was asked for.
    pub(super) said: Vec<Line>,
}

/// What the keys are about.
#[derive(Debug)]
pub(super) enum Page {
    List,
    /// The filter is being typed.
    Filter,
    /// One service.
    Service,
    Help,
    Question(Question),
}

/// What is left to do for a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    Quit,
    Plan(Wanted),
    Do(Wanted),
}

impl Board {
    pub(super) fn new(about: About, admin: String, filter: String) -> Self {
        Self {
            sight: Sight::default(),
            about,
            admin,
            chosen: None,
            filter,
            page: Page::List,
            said: Vec::new(),
        }
    }

    pub(super) fn take_in(&mut self, told: Fed, now: Timestamp) {
        self.sight.take_in(told, now);
    }

    pub(super) fn hear(&mut self, said: Said) {
        match said {
            Said::Plan(about, plan) => {
                if let Page::Question(question) = &mut self.page
                    && question.wanted == about
                {
                    question.plan = Some(plan);
                }
            }
            Said::Done(Ok(text)) => self.said = Line::read(&text),
            Said::Done(Err(why)) => {
                self.said = Line::read(&why);
                if let Some(first) = self.said.first_mut() {
                    first.0.insert(0, (Ink::Alarm, "refused: ".to_owned()));
                }
            }
        }
    }

    pub(super) fn key(&mut self, key: Key) -> Option<Act> {
        if key == Key::Interrupt {
            return Some(Act::Quit);
        }
        match &self.page {
            Page::Filter => {
                self.typed(key);
                None
            }
            Page::Question(_) => self.answered(key),
            Page::Help => {
                self.page = Page::List;
                None
            }
            Page::List | Page::Service => self.pressed(key),
        }
    }

    fn pressed(&mut self, key: Key) -> Option<Act> {
        let is_list = matches!(self.page, Page::List);
        match key {
            Key::Char('q') => return Some(Act::Quit),
            Key::Escape if !is_list => self.page = Page::List,
            Key::Escape => {
                self.filter.clear();
                self.said.clear();
            }
            Key::Up | Key::Char('k') => self.choose(|at, _| at.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.choose(|at, _| at + 1),
            Key::PageUp => self.choose(|at, _| at.saturating_sub(PAGE)),
            Key::PageDown => self.choose(|at, _| at + PAGE),
            Key::Home | Key::Char('g') => self.choose(|_, _| 0),
            Key::End | Key::Char('G') => self.choose(|_, last| last),
            Key::Enter if is_list => self.page = Page::Service,
            Key::Enter | Key::Backspace => self.page = Page::List,
            Key::Char('/') => self.page = Page::Filter,
            Key::Char('?') => self.page = Page::Help,
            Key::Char('s') => return self.ask(false),
            Key::Char('r') => return self.ask(true),
            Key::Char(_) | Key::Interrupt | Key::Resized => {}
        }
        None
    }

    fn typed(&mut self, key: Key) {
        match key {
            Key::Enter => self.page = Page::List,
            Key::Escape => {
                self.filter.clear();
                self.page = Page::List;
            }
            Key::Backspace => drop(self.filter.pop()),
            Key::Char(char) if self.filter.len() < FILTER => self.filter.push(char),
            Key::Char(_)
            | Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End
            | Key::Interrupt
            | Key::Resized => {}
        }
    }

    fn answered(&mut self, key: Key) -> Option<Act> {
        let Page::Question(question) = &self.page else {
            return None;
        };
        let is_yes = key == Key::Char('y') && question.is_ripe();
        let is_no = matches!(key, Key::Char('n' | 'q') | Key::Escape);
        // Whatever else is pressed is no answer.
        if !is_yes && !is_no {
            return None;
        }
        let wanted = question.wanted.clone();
        self.page = Page::List;
        if is_yes { self.confirmed(wanted) } else { None }
    }

    /// The answer was about what was shown: if that is not so any more, it is no answer.
    fn confirmed(&mut self, wanted: Wanted) -> Option<Act> {
        let is_so = *self.sight.link() == Link::Up
            && self.sight.view(&wanted.service).map(|it| it.live) == Some(wanted.to.other());
        if !is_so {
            self.say(
                Ink::Alarm,
                "not done: what is live has changed, or the connection is lost",
            );
            return None;
        }
        let doing = match wanted.rollback {
            true => "rolling back",
            false => "switching",
        };
        let text = format!("{doing} {} to {} ...", wanted.service, wanted.to);
        self.say(Ink::Dim, &text);
        Some(Act::Do(wanted))
    }

    fn ask(&mut self, rollback: bool) -> Option<Act> {
        let view = self.chosen_view()?;
        let wanted = Wanted {
            service: view.service.clone(),
            to: view.live.other(),
            rollback,
        };
        let never_switched = rollback && view.rollback_to.is_none();
        if !self.about.may_operate {
            self.say(Ink::Warning, "your token may look, and change nothing");
            return None;
        }
        if *self.sight.link() != Link::Up {
            self.say(
                Ink::Alarm,
                "the connection is lost: nothing can be changed from here",
            );
            return None;
        }
        if never_switched {
            let text = format!(
                "{} has never been switched: nothing to go back to",
                wanted.service
            );
            self.say(Ink::Warning, &text);
            return None;
        }
        self.page = Page::Question(Question {
            wanted: wanted.clone(),
            plan: None,
        });
        Some(Act::Plan(wanted))
    }

    fn say(&mut self, ink: Ink, text: &str) {
        self.said = vec![Line::of(ink, text)];
    }

    /// The services that are shown.
    pub(super) fn shown(&self) -> Vec<&ServiceView> {
        let fits = |view: &&ServiceView| view.service.as_str().contains(self.filter.as_str());
        self.sight.views().filter(fits).collect()
    }

    /// The service that keys are about: the one that was chosen, or the first if that is not shown.
    pub(super) fn chosen_view(&self) -> Option<&ServiceView> {
        let shown = self.shown();
        let chosen = shown
            .iter()
            .find(|it| Some(&it.service) == self.chosen.as_ref());
        chosen.or(shown.first()).copied()
    }

    fn choose(&mut self, to: impl Fn(usize, usize) -> usize) {
        let shown = self.shown();
        let at = self.chosen_view().map(|it| &it.service);
        let at = shown.iter().position(|it| Some(&it.service) == at);
        let last = shown.len().saturating_sub(1);
        let to = to(at.unwrap_or(0), last).min(last);
        let chosen = shown.get(to).map(|it| it.service.clone());
        self.chosen = chosen;
    }

    pub(super) fn draw(&self, size: Size, now: Timestamp) -> Vec<Line> {
        let mut lines = match &self.page {
            Page::List | Page::Filter => self.draw_list(size, now),
            Page::Service => self.draw_service(size, now),
            Page::Help => self.draw_help(),
            Page::Question(question) => {
                let mut lines = vec![self.title(size, now), Line::default()];
                lines.extend(question.draw(size.columns));
                lines
            }
        };
        lines.truncate(size.rows);
        for line in &mut lines {
            line.truncate(size.columns);
        }
        lines
    }
}

/// Services that a page key goes by.
const PAGE: usize = 10;
/// Characters of a filter.
const FILTER: usize = 64;

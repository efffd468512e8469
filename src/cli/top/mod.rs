//! `cutover top`: every service and both its pools on one screen, as they are now.
//!
//! Owns the loop: what is told, what is pressed and what is answered go into the [`Board`], and the board is painted. What
//! a key means is `board.rs`'s, how it looks `list.rs`'s and `page.rs`'s; both are free of terminals and connections, so
//! that tests read the screens that a person would see.

mod ask;
mod board;
mod list;
mod page;
#[cfg(test)]
mod tests;

use clap::Args;
use http::Method;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Duration, MissedTickBehavior, interval},
};

use self::{
    ask::{Said, Wanted},
    board::{Act, Board},
};
use super::{
    advice,
    args::{ClientArgs, SWITCH_TIMEOUT, TIMEOUT},
    client::Client,
    exit::{Exit, Failure},
    feed::{Fed, feed},
    now,
    output::Output,
    receipt,
    switch::Whom,
};
use crate::{
    admin::wire::{About, RollbackBody, SwitchBody, SwitchOneAnswer},
    core::{gate::plan::Plan, switch::WaitFor},
    demo::until_signal,
    terminal::Screen,
};

#[derive(Debug, Args)]
pub(super) struct Top {
    /// Show only services whose name has this in it
    filter: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

impl Top {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(TIMEOUT, output)?;
        // Before anybody is asked.
        if output.is_json() || output.look().width.is_none() {
            let text = "`cutover top` is a screen and needs a terminal; `cutover status --watch` writes lines, or JSON";
            return Err(Failure::Usage(text.to_owned()));
        }
        let about: About = client.get("/v1/about").await?.parse()?;
        let board = Board::new(
            about,
            client.url.to_string(),
            self.filter.unwrap_or_default(),
        );
        let fed = feed(client.clone(), None, RECENT);
        let screen = Screen::open(output.look().coloured).map_err(Failure::Output)?;
        let mut session = Session {
            board,
            client,
            fed,
            screen,
            asked: JoinSet::new(),
        };
        tokio::select! {
            ended = session.run() => ended,
            signal = until_signal() => signal.map_err(Failure::Runtime),
        }
        .map(|()| Exit::Done)
    }
}

struct Session {
    board: Board,
    client: Client,
    fed: mpsc::Receiver<Fed>,
    screen: Screen,
    /// Calls under way.
    asked: JoinSet<Said>,
}

impl Session {
    async fn run(&mut self) -> Result<(), Failure> {
        // Ages grow while nothing happens.
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let lines = self.board.draw(Screen::size(), now());
            self.screen.paint(&lines).map_err(Failure::Output)?;
            tokio::select! {
                _ = tick.tick() => {}
                told = self.fed.recv() => match told {
                    Some(Fed::Failed(failure)) => return Err(failure),
                    Some(told) => self.board.take_in(told, now()),
                    None => return Ok(()),
                },
                key = self.screen.key() => match key.map(|key| self.board.key(key)) {
                    Some(Some(Act::Quit)) | None => return Ok(()),
                    Some(Some(Act::Plan(wanted))) => self.begin(planned(self.client.clone(), wanted)),
                    Some(Some(Act::Do(wanted))) => self.begin(done(self.client.clone(), wanted)),
                    Some(None) => {}
                },
                Some(said) = self.asked.join_next() => if let Ok(said) = said {
                    self.board.hear(said);
                },
            }
        }
    }

    fn begin(&mut self, call: impl Future<Output = Said> + Send + 'static) {
        self.asked.spawn(call);
    }
}

async fn planned(client: Client, wanted: Wanted) -> Said {
    let whom = Whom::Service(wanted.service.to_string());
    let client = Client {
        timeout: SWITCH_TIMEOUT,
        ..client
    };
    let pace = if wanted.rollback { "&at_once=true" } else { "" };
    let path = format!("{}?to={}{pace}", whom.path("plan"), wanted.to);
    let answer = client.get(&path).await;
    let plan = answer.and_then(|answer| answer.parse::<Plan>());
    Said::Plan(wanted, plan.map_err(|it| reasons(&it)))
}

async fn done(client: Client, wanted: Wanted) -> Said {
    let whom = Whom::Service(wanted.service.to_string());
    let client = Client {
        timeout: SWITCH_TIMEOUT,
        ..client
    };
    // The drain is seen on the screen; the answer should not wait for it.
    let wait = WaitFor::Committed;
    let answer = if wanted.rollback {
        let body = RollbackBody {
            wait,
            ..RollbackBody::default()
        };
        let path = whom.path("rollback");
        client.change_by(Method::POST, &path, &body).await
    } else {
        let body = SwitchBody {
            to: wanted.to,
            reason: None,
            force: false,
            // What was confirmed was a switch away from this one.
            expect_live: Some(wanted.to.other()),
            wait,
            steps: None,
            every: None,
            at_once: false,
        };
        let path = whom.path("switch");
        client.change_by(Method::POST, &path, &body).await
    };
    let answer = answer.and_then(|answer| answer.parse::<SwitchOneAnswer>());
    Said::Done(
        answer
            .map(|answer| receipt::answer(&answer))
            .map_err(|it| reasons(&it)),
    )
}

/// Why not, and what to do next.
fn reasons(failure: &Failure) -> String {
    let advice = match failure {
        Failure::Refused(problem, _) => advice::lines(problem),
        Failure::Interrupted(_)
        | Failure::Arguments(_)
        | Failure::Usage(_)
        | Failure::Unreadable { .. }
        | Failure::Unwritable { .. }
        | Failure::Unreachable { .. }
        | Failure::BrokenOff { .. }
        | Failure::GaveUp(_)
        | Failure::Foreign { .. }
        | Failure::Runtime(_)
        | Failure::Bind { .. }
        | Failure::Demo(_)
        | Failure::Output(_) => Vec::new(),
    };
    let why = failure.to_string();
    std::iter::once(why)
        .chain(advice)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The screen after these keys, every question of which is answered by this plan.
#[cfg(test)]
pub(super) fn drawn(
    about: About,
    sight: super::sight::Sight,
    (keys, plan): (&[crate::terminal::Key], Plan),
    (size, now): (crate::terminal::Size, crate::core::time::Timestamp),
) -> Vec<crate::terminal::Line> {
    let mut board = Board::new(about, "http://127.0.0.1:9900".to_owned(), String::new());
    board.sight = sight;
    for key in keys {
        if let Some(Act::Plan(wanted)) = board.key(*key) {
            board.hear(Said::Plan(wanted, Ok(plan.clone())));
        }
    }
    board.draw(size, now)
}

/// Notices of the past to begin with.
const RECENT: u16 = 50;
/// How often ages are painted anew.
const TICK: Duration = Duration::from_secs(1);

//! The tour with a person before it: the screen, and what the keys do.

use std::{io, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    colour_app::answers::version,
    load::LoadPlan,
    meter::Meter,
    operator::CallError,
    outcome::DemoOutcome,
    screen::{LoadPicture, Picture, PoolPicture},
    stage::{DemoError, SERVICE, Stage, no},
    until_signal,
};
use crate::{
    core::{
        ids::{ByColour, Colour},
        switch::Receipt,
    },
    terminal::{Key, Screen},
};

/// Shows the tour on this process's terminal, in colour unless that is unwanted, until `q` is pressed or a signal comes; gives the account then.
/// What happens before and after the screen is told in lines.
///
/// # Errors
/// [`DemoError`] if something does not start, the terminal is none, or the admin API does not answer.
pub async fn show(coloured: bool, mut tell: impl FnMut(&str)) -> Result<DemoOutcome, DemoError> {
    tell("starting two versions of an app, and the proxy");
    let stage = Stage::set(&LoadPlan::default()).await?;
    let screen = Screen::open(coloured).map_err(no("terminal"))?;
    let mut show = Show {
        stage,
        screen,
        meter: Meter::default(),
        asked: None,
        notice: None,
    };
    let ended = tokio::select! {
        ended = show.run() => ended,
        signal = until_signal() => signal.map_err(no("signals")),
    };
    let Show { stage, screen, .. } = show;
    drop(screen);
    tell("no new requests; the last ones finish");
    let outcome = stage.clear().await?;
    ended.map(|()| outcome)
}

struct Show {
    stage: Stage,
    screen: Screen,
    meter: Meter,
    /// The call that the last key began.
    asked: Option<JoinHandle<Result<Option<Receipt>, CallError>>>,
    notice: Option<String>,
}

/// What a key asks for.
#[derive(Clone, Copy)]
enum Wanted {
    Switch,
    Rollback,
}

impl Show {
    async fn run(&mut self) -> Result<(), DemoError> {
        let mut frames = interval(FRAME_PAUSE);
        frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = frames.tick() => self.paint().await?,
                key = self.screen.key() => match key {
                    Some(Key::Char('s')) => self.ask(Wanted::Switch).await?,
                    Some(Key::Char('r')) => self.ask(Wanted::Rollback).await?,
                    Some(Key::Char('q') | Key::Escape | Key::Interrupt) | None => return Ok(()),
                    Some(_) => {}
                },
            }
        }
    }

    /// Begins a call; the screen goes on while it waits for its gates.
    async fn ask(&mut self, wanted: Wanted) -> Result<(), DemoError> {
        if self
            .asked
            .as_ref()
            .is_some_and(|asked| !asked.is_finished())
        {
            self.notice = Some("one thing after the other".to_owned());
            return Ok(());
        }
        self.notice = None;
        let operator = self.stage.operator.clone();
        let live = operator.service().await?.live;
        self.asked = Some(tokio::spawn(async move {
            match wanted {
                Wanted::Switch => operator.switch(live.other()).await,
                Wanted::Rollback => operator.rollback().await,
            }
        }));
        Ok(())
    }

    async fn paint(&mut self) -> Result<(), DemoError> {
        if let Some(asked) = self.asked.take_if(|asked| asked.is_finished()) {
            let answer = asked.await.map_err(io::Error::other);
            let refused = answer.map_err(no("answer"))?.err();
            self.notice = refused.map(|error| error.to_string());
        }
        let lines = self.picture().await?.draw(Screen::size());
        self.screen.paint(&lines).map_err(no("terminal"))
    }

    async fn picture(&mut self) -> Result<Picture, DemoError> {
        let stage = &self.stage;
        let view = stage.operator.service().await?;
        let history = stage.operator.history().await?;
        let totals = stage.load.ledger().totals();
        let rates = self.meter.rates(Instant::now(), totals.served);
        let pool = |colour: Colour| PoolPicture {
            version: version(colour),
            ready: view.pools[colour].ready,
            endpoints: view.pools[colour].endpoints.len(),
            in_flight: view.pools[colour].in_flight,
            rate: rates[colour],
        };
        Ok(Picture {
            service: SERVICE.to_owned(),
            proxy: stage.proxy.clone(),
            admin: stage.admin.clone(),
            live: view.live,
            waiting: view.waiting.map(|waiting| waiting.to),
            pools: ByColour::from_fn(pool),
            load: LoadPicture {
                opened: totals.opened,
                failed: totals.failed,
                last_failure: totals.failures.last().map(ToString::to_string),
                in_flight: totals.in_flight,
                websockets: totals.websockets,
                p50: totals.quantile(0.5),
                p99: totals.quantile(0.99),
            },
            history,
            notice: self.notice.clone(),
        })
    }
}

/// Between two frames.
const FRAME_PAUSE: Duration = Duration::from_millis(100);

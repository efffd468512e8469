//! The tour without a person: switches by itself, and tells in lines what it does.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{
    load::{Load, LoadPlan, Target},
    outcome::DemoOutcome,
    screen::{receipt_words, route_of},
    stage::{DemoError, SERVICE, Stage},
    until_signal,
};
use crate::core::{ids::Colour, switch::Receipt};

/// Switches back and forth for `duration`, forwards by `switch` and back by `rollback`, then gives the account.
/// A signal ends the tour early.
///
/// # Errors
/// [`DemoError`] if something does not start or the admin API does not do what it is asked for.
pub async fn unattended(
    duration: Duration,
    mut tell: impl FnMut(&str),
) -> Result<DemoOutcome, DemoError> {
    let stage = Stage::set(&LoadPlan::default()).await?;
    tell(&format!("clients go to {}", stage.proxy));
    tell(&format!(
        "operators go to {} by browser, or by: cutover status {SERVICE} --admin {}",
        stage.admin, stage.admin
    ));
    let ended = tokio::select! {
        ended = back_and_forth(&stage, duration, &mut tell) => ended,
        signal = until_signal() => signal.map_err(super::stage::no("signals")),
    };
    tell("no new requests; the last ones finish");
    let outcome = stage.clear().await?;
    ended.map(|()| outcome)
}

/// Sends load to a proxy that somebody else runs, and gives the account of it.
pub async fn load_only(
    target: &Target,
    plan: &LoadPlan,
    duration: Duration,
    mut tell: impl FnMut(&str),
) -> DemoOutcome {
    let begun = Instant::now();
    let load = Load::start(target, plan);
    let ticks = async {
        let mut tick = begun;
        while tick < begun + duration {
            tick = (tick + TELL_PAUSE).min(begun + duration);
            sleep_until(tick).await;
            let totals = load.ledger().totals();
            tell(&format!(
                "{} requests, blue {}, green {}, failed {}",
                totals.opened, totals.served.blue, totals.served.green, totals.failed
            ));
        }
    };
    tokio::select! {
        () = ticks => {}
        // Without signals the duration ends it.
        Ok(()) = until_signal() => {}
    }
    DemoOutcome {
        totals: load.stop().await,
        receipts: Vec::new(),
        elapsed: begun.elapsed(),
    }
}

async fn back_and_forth(
    stage: &Stage,
    duration: Duration,
    tell: &mut impl FnMut(&str),
) -> Result<(), DemoError> {
    let begun = Instant::now();
    let pause = (duration / STEPS).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    let mut step = begun + pause;
    let mut forwards = true;
    while step + SHORTEST_PAUSE / 2 < begun + duration {
        sleep_until(step).await;
        stage.load.ledger().switching();
        let receipt = if forwards {
            stage.operator.switch(Colour::Green).await?
        } else {
            stage.operator.rollback().await?
        };
        if let Some(receipt) = receipt {
            stage.load.ledger().committed(receipt.to);
            tell(&line(begun, &receipt, stage));
        }
        forwards = !forwards;
        step = (step + pause).max(Instant::now());
    }
    sleep_until(begun + duration).await;
    Ok(())
}

fn line(begun: Instant, receipt: &Receipt, stage: &Stage) -> String {
    let [barrier, _] = receipt_words(receipt);
    let totals = stage.load.ledger().totals();
    format!(
        "{:>5.1} s  {}: {barrier}, {} in flight; {} requests, {} failed",
        begun.elapsed().as_secs_f64(),
        route_of(receipt),
        receipt.in_flight_at_commit,
        totals.opened,
        totals.failed
    )
}

/// Parts of a tour, where its length allows; between two of them, a switch.
const STEPS: u32 = 10;
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Between two lines about load alone.
const TELL_PAUSE: Duration = Duration::from_secs(1);

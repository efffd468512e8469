//! `cutover status [SERVICE]`.

use clap::Args;

use super::{
    args::{ClientArgs, TIMEOUT},
    client::segment,
    completions::services,
    exit::{Exit, Failure},
    gates, mirror,
    output::{Look, Output},
    paint, receipt,
    table::{Cell, Table},
    watch::watch,
};
use crate::{
    admin::wire::ServicesAnswer,
    core::view::{EndpointSource, EndpointView, PoolView, ServiceView},
    terminal::Ink,
};

#[derive(Debug, Args)]
pub(super) struct Status {
    /// Show this one, with its endpoints
    #[arg(add = services())]
    service: Option<String>,
    /// Go on showing it as it changes, until it is interrupted
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    client: ClientArgs,
}

impl Status {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(TIMEOUT, output)?;
        if self.watch {
            return watch(client, self.service.as_deref(), output).await;
        }
        let answer = client.get(&path(self.service.as_deref())).await?;
        let text = match self.service {
            _ if output.is_json() => answer.text,
            None => all(&answer.parse::<ServicesAnswer>()?.services, output.look()),
            Some(_) => one(&answer.parse()?, output.look()),
        };
        output.result(&text)?;
        Ok(Exit::Done)
    }
}

/// Where it is asked for.
pub(super) fn path(service: Option<&str>) -> String {
    match service {
        None => "/v1/services".to_owned(),
        Some(service) => format!("/v1/services/{}", segment(service)),
    }
}

/// Every service, and what is under way.
pub(super) fn all(services: &[ServiceView], look: &Look) -> String {
    if services.is_empty() {
        return "no services".to_owned();
    }
    let mut table = Table::new(
        [
            ("SERVICE", 9),
            ("LIVE", 8),
            ("TENURE", 0),
            ("BLUE READY", 7),
            ("GREEN READY", 6),
            ("IN FLIGHT", 5),
            ("DRIFT", 4),
            ("LAST SWITCH", 2),
        ],
        0,
    );
    for view in services {
        table.row(vec![
            Cell::of(Ink::Bold, view.service.as_str()),
            Cell::colour(view.live),
            view.tenure.into(),
            ready(&view.pools.blue),
            ready(&view.pools.green),
            (view.pools.blue.in_flight + view.pools.green.in_flight).into(),
            drift(view),
            last_switch(view, look),
        ]);
    }
    let mut text = table.text(look);
    for line in services.iter().flat_map(under_way) {
        text = text + "\n" + &Ink::Warning.paint(&line);
    }
    text
}

/// One service with its endpoints.
pub(super) fn one(view: &ServiceView, look: &Look) -> String {
    let mut lines = vec![format!(
        "{}  {} is live   tenure {}",
        Ink::Bold.paint(view.service.as_str()),
        paint::colour(view.live),
        view.tenure
    )];
    lines.push(format!("  routes       {}", view.routes.join("  ")));
    if view.drift {
        let filed = format!("the file says {}", view.file_live);
        lines.push(format!("  drift        {}", Ink::Warning.paint(&filed)));
    }
    let rollback = match view.rollback_to {
        Some(to) if view.rollback_possible => {
            format!("to {}, {}", paint::colour(to), view.rollback_why)
        }
        Some(_) | None => format!("not possible, {}", view.rollback_why),
    };
    lines.push(format!("  rollback     {rollback}"));
    let mirrors = view.mirror.iter().map(mirror::sentence);
    lines.extend(mirrors.map(|told| format!("  mirror       {told}")));
    if let Some(until) = view.standby_kept_until {
        let standby = view.live.other();
        lines.push(format!("  kept         {standby} until {until}"));
    }
    lines.extend(
        under_way(view).map(|line| format!("  under way    {}", Ink::Warning.paint(&line))),
    );
    let mut text = lines.join("\n") + "\n\n" + &endpoints(view, look);
    if let Some(last) = &view.last_switch {
        text = text + "\n\nlast switch\n" + &receipt::receipt(last);
    }
    text
}

fn endpoints(view: &ServiceView, look: &Look) -> String {
    let mut table = Table::new(
        [
            ("POOL", 9),
            ("ENDPOINT", 8),
            ("HEALTH", 7),
            ("READY", 6),
            ("WEIGHT", 1),
            ("IN FLIGHT", 5),
            ("NAMED BY", 0),
            ("WHY NOT", 4),
        ],
        2,
    );
    for (colour, pool) in view.pools.iter() {
        let role = match colour == view.live {
            true => "live",
            false => "standby",
        };
        for endpoint in &pool.endpoints {
            let pool = Cell::of(Ink::Colour(colour), format!("{colour}, {role}"));
            table.row(endpoint_row(pool, endpoint));
        }
    }
    table.text(look)
}

fn endpoint_row(pool: Cell, endpoint: &EndpointView) -> Vec<Cell> {
    let (ink, health) = paint::health(endpoint.health);
    let ready = match endpoint.ready {
        true => Cell::of(Ink::Good, "yes"),
        false => Cell::of(Ink::Bad, "no"),
    };
    vec![
        pool,
        (&endpoint.addr).into(),
        Cell::of(ink, health),
        ready,
        endpoint.weight.into(),
        endpoint.in_flight.into(),
        source(endpoint.source).into(),
        endpoint.why.clone().unwrap_or_default().into(),
    ]
}

fn under_way(view: &ServiceView) -> impl Iterator<Item = String> {
    let waiting = view.waiting.iter().map(|waiting| {
        let (to, by, since) = (waiting.to, &waiting.actor.name, waiting.gate_since);
        format!(
            "{}: switch to {to} by {by} waits since {since}, until {} at most, for gates: {}",
            view.service,
            waiting.gate_until,
            gates::closed(waiting)
        )
    });
    let finishing = view.finishing.iter().map(|it| {
        let (requests, in_flight, until) = (it.requests, it.in_flight, it.until);
        format!(
            "{}: sessions finish on {} until {until}, {requests} requests so far, {in_flight} in flight",
            view.service, it.colour
        )
    });
    let draining = view.draining.iter().map(|receipt| {
        let (left, met) = (receipt.left(), receipt.in_flight_at_commit);
        format!(
            "{}: {} drains, {left} of {met} requests left",
            view.service,
            receipt.drains()
        )
    });
    let shift = view.shift.iter().map(|shift| {
        let (by, since) = (&shift.actor.name, shift.since);
        let stands = receipt::shift(shift);
        format!("{}: shift by {by} since {since}: {stands}", view.service)
    });
    waiting.chain(shift).chain(draining).chain(finishing)
}

fn ready(pool: &PoolView) -> Cell {
    let (ink, text) = paint::ready(pool);
    Cell::of(ink, text)
}

fn drift(view: &ServiceView) -> Cell {
    match view.drift {
        true => Cell::of(Ink::Warning, format!("file: {}", view.file_live)),
        false => "-".into(),
    }
}

fn last_switch(view: &ServiceView, look: &Look) -> Cell {
    let Some(last) = &view.last_switch else {
        return "-".into();
    };
    let (ink, outcome) = paint::outcome(last.outcome);
    let ink = if ink == Ink::Good { Ink::Plain } else { ink };
    let age = paint::age(last.requested_at, look.now);
    Cell::of(ink, format!("{age} by {}, {outcome}", last.actor.name))
}

const fn source(source: EndpointSource) -> &'static str {
    match source {
        EndpointSource::File => "file",
        EndpointSource::Runtime => "operator",
    }
}

//! `cutover status [SERVICE]`.

use clap::Args;

use super::{
    args::{ClientArgs, TIMEOUT},
    client::segment,
    exit::{Exit, Failure},
    gates, mirror,
    output::{Output, plain},
    receipt,
    table::table,
};
use crate::{
    admin::wire::ServicesAnswer,
    core::{
        health::Health,
        ids::Colour,
        view::{EndpointSource, EndpointView, PoolView, ServiceView},
    },
};

#[derive(Debug, Args)]
pub(super) struct Status {
    /// Show this one, with its endpoints
    service: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

impl Status {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let client = self.client.client(TIMEOUT, output)?;
        let path = match &self.service {
            None => "/v1/services".to_owned(),
            Some(service) => format!("/v1/services/{}", segment(service)),
        };
        let answer = client.get(&path).await?;
        let text = match self.service {
            _ if output.is_json() => answer.text,
            None => all(&answer.parse::<ServicesAnswer>()?.services),
            Some(_) => one(&answer.parse()?),
        };
        output.result(&text)?;
        Ok(Exit::Done)
    }
}

fn all(services: &[ServiceView]) -> String {
    if services.is_empty() {
        return "no services".to_owned();
    }
    let row = |view: &ServiceView| {
        vec![
            view.service.to_string(),
            view.live.to_string(),
            view.tenure.to_string(),
            ready(&view.pools.blue),
            ready(&view.pools.green),
            (view.pools.blue.in_flight + view.pools.green.in_flight).to_string(),
            drift(view),
            last_switch(view),
        ]
    };
    let heads = [
        "SERVICE",
        "LIVE",
        "TENURE",
        "BLUE READY",
        "GREEN READY",
        "IN FLIGHT",
        "DRIFT",
        "LAST SWITCH",
    ];
    let mut text = table(&heads, services.iter().map(row).collect(), 0);
    for line in services.iter().flat_map(under_way) {
        text = text + "\n" + &line;
    }
    text
}

fn one(view: &ServiceView) -> String {
    let mut lines = vec![format!(
        "{}  {} is live   tenure {}",
        view.service, view.live, view.tenure
    )];
    lines.push(format!("  routes       {}", view.routes.join("  ")));
    if view.drift {
        lines.push(format!("  drift        the file says {}", view.file_live));
    }
    let rollback = match view.rollback_to {
        Some(colour) if view.rollback_possible => format!("to {colour}, {}", view.rollback_why),
        Some(_) | None => format!("not possible, {}", view.rollback_why),
    };
    lines.push(format!("  rollback     {rollback}"));
    let mirrors = view.mirror.iter().map(mirror::sentence);
    lines.extend(mirrors.map(|told| format!("  mirror       {told}")));
    if let Some(until) = view.standby_kept_until {
        let standby = view.live.other();
        lines.push(format!("  kept         {standby} until {until}"));
    }
    lines.extend(under_way(view).map(|line| format!("  under way    {line}")));
    let mut text = plain(&lines.join("\n")) + "\n\n" + &endpoints(view);
    if let Some(last) = &view.last_switch {
        text = text + "\n\nlast switch\n" + &receipt::receipt(last);
    }
    text
}

fn endpoints(view: &ServiceView) -> String {
    let row = |colour: Colour, endpoint: &EndpointView| {
        let role = if colour == view.live {
            "live"
        } else {
            "standby"
        };
        vec![
            format!("{colour}, {role}"),
            endpoint.addr.to_string(),
            health(endpoint.health).to_owned(),
            if endpoint.ready { "yes" } else { "no" }.to_owned(),
            endpoint.weight.to_string(),
            endpoint.in_flight.to_string(),
            source(endpoint.source).to_owned(),
            endpoint.why.clone().unwrap_or_default(),
        ]
    };
    let heads = [
        "POOL",
        "ENDPOINT",
        "HEALTH",
        "READY",
        "WEIGHT",
        "IN FLIGHT",
        "NAMED BY",
        "WHY NOT",
    ];
    let rows = view
        .pools
        .iter()
        .flat_map(|(colour, pool)| pool.endpoints.iter().map(move |it| row(colour, it)));
    table(&heads, rows.collect(), 2)
}

fn under_way(view: &ServiceView) -> impl Iterator<Item = String> {
    let waiting = view.waiting.iter().map(|waiting| {
        let (to, by, since) = (waiting.to, &waiting.actor.name, waiting.gate_since);
        format!(
            "{}: switch to {to} by {by} waits since {since}, until {} at most, for {}",
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
    waiting
        .chain(shift)
        .chain(draining)
        .chain(finishing)
        .map(|line| plain(&line))
}

fn ready(pool: &PoolView) -> String {
    format!("{} of {}", pool.ready, pool.endpoints.len())
}

fn drift(view: &ServiceView) -> String {
    match view.drift {
        true => format!("file: {}", view.file_live),
        false => "-".to_owned(),
    }
}

fn last_switch(view: &ServiceView) -> String {
    let Some(last) = &view.last_switch else {
        return "-".to_owned();
    };
    let outcome = receipt::outcome(last.outcome);
    format!("{} by {}, {outcome}", last.requested_at, last.actor.name)
}

const fn health(health: Health) -> &'static str {
    match health {
        Health::Unknown => "unknown",
        Health::Healthy => "healthy",
        Health::Unhealthy => "unhealthy",
    }
}

const fn source(source: EndpointSource) -> &'static str {
    match source {
        EndpointSource::File => "file",
        EndpointSource::Runtime => "operator",
    }
}

//! `cutover endpoint add|remove|drain|undrain SERVICE COLOUR ADDR`.

use std::time::Duration;

use clap::{Args, Subcommand};
use http::Method;

use super::{
    args::{ClientArgs, SWITCH_TIMEOUT, TIMEOUT, colour, duration},
    client::segment,
    completions::services,
    exit::{Exit, Failure},
    output::{Output, plain},
};
use crate::{
    admin::wire::{EndpointBody, EndpointChanged},
    core::{ids::Colour, leave::LeaveReceipt},
};

#[derive(Debug, Args)]
pub(super) struct Endpoint {
    #[command(subcommand)]
    change: Change,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// Add an endpoint, or change its weight; it is kept until the file names it or it is removed
    Add {
        #[command(flatten)]
        which: Which,
        /// Share of the pool's traffic relative to the others
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
        weight: u16,
    },
    /// Remove an endpoint that was added at run time; its requests in flight go on to their end
    Remove {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        leave: Leave,
    },
    /// Keep new requests away from an endpoint; those in flight go on to their end
    Drain {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        leave: Leave,
    },
    /// Let requests come back to a drained endpoint
    Undrain {
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// The service
    #[arg(add = services())]
    service: String,
    /// The pool: `blue` or `green`
    #[arg(value_parser = colour())]
    colour: Colour,
    /// The endpoint: `HOST:PORT`
    addr: String,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct Leave {
    /// Wait until its last request has ended
    #[arg(long)]
    wait: bool,
    /// Cut what has not ended by then
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    deadline: Option<Duration>,
    /// Even if it is the last ready endpoint of the live pool
    #[arg(long)]
    force: bool,
}

impl Leave {
    /// As a query.
    fn query(&self) -> String {
        let wait = if self.wait { "drained" } else { "committed" };
        let mut query = format!("?wait={wait}&force={}", self.force);
        if let Some(deadline) = self.deadline {
            query += &format!("&deadline={}ms", deadline.as_millis());
        }
        query
    }
}

impl Endpoint {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let (which, done, call) = match self.change {
            Change::Add { which, weight } => (which, "added", Call::Put(weight)),
            Change::Remove { which, leave } => (which, "removed", Call::Delete(leave)),
            Change::Drain { which, leave } => (which, "drained", Call::Drain(leave)),
            Change::Undrain { which } => (which, "undrained", Call::Undrain),
        };
        let client = which.client.client(call.timeout(), output)?;
        let (service, colour, addr) = (&which.service, which.colour, &which.addr);
        let path = format!(
            "/v1/services/{}/pools/{colour}/endpoints/{}",
            segment(service),
            segment(addr)
        );
        let answer = match call {
            Call::Put(weight) => {
                let body = EndpointBody { weight };
                client.change_by(Method::PUT, &path, &body).await?
            }
            Call::Delete(leave) => {
                let path = path + &leave.query();
                client.change(Method::DELETE, &path).await?
            }
            Call::Drain(leave) => {
                let path = path + "/drain" + &leave.query();
                client.change(Method::POST, &path).await?
            }
            Call::Undrain => client.change(Method::POST, &(path + "/undrain")).await?,
        };
        let changed: EndpointChanged = answer.parse()?;
        if output.is_json() {
            output.result(&answer.text)?;
        } else {
            let done = if changed.changed {
                done
            } else {
                "nothing changed"
            };
            output.result(&plain(&format!("{service}  {colour}  {addr}  {done}")))?;
            if let Some(receipt) = &changed.receipt {
                output.result(&plain(&account(receipt)))?;
            }
        }
        let cut = changed.receipt.map_or(0, |receipt| receipt.cut);
        Ok(if cut == 0 { Exit::Done } else { Exit::Cut })
    }
}

/// What is asked for, and how.
enum Call {
    Put(u16),
    Delete(Leave),
    Drain(Leave),
    Undrain,
}

impl Call {
    const fn timeout(&self) -> Duration {
        match self {
            Self::Delete(leave) | Self::Drain(leave) if leave.wait => SWITCH_TIMEOUT,
            Self::Put(_) | Self::Delete(_) | Self::Drain(_) | Self::Undrain => TIMEOUT,
        }
    }
}

fn account(receipt: &LeaveReceipt) -> String {
    let LeaveReceipt {
        in_flight_at_leaving,
        finished,
        replayed,
        cut,
        ..
    } = receipt;
    let left = receipt.left();
    let unproven = match receipt.unproven_workers {
        0 => String::new(),
        workers => format!(
            "\n  NOT PROVEN: {workers} workers did not answer, and may send requests there still"
        ),
    };
    format!(
        "  in flight when it left {in_flight_at_leaving}: finished {finished}, replayed {replayed}, cut {cut}, left {left}{unproven}"
    )
}

//! `cutover endpoint add|remove SERVICE COLOUR ADDR`.

use clap::{Args, Subcommand};
use http::Method;

use super::{
    args::{ClientArgs, TIMEOUT},
    client::segment,
    exit::{Exit, Failure},
    output::{Output, plain},
};
use crate::{
    admin::wire::{EndpointBody, EndpointChanged},
    core::ids::Colour,
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
    },
}

#[derive(Debug, Args)]
struct Which {
    /// The service
    service: String,
    /// The pool: `blue` or `green`
    colour: Colour,
    /// The endpoint: `HOST:PORT`
    addr: String,
    #[command(flatten)]
    client: ClientArgs,
}

impl Endpoint {
    pub(super) async fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let (which, weight) = match self.change {
            Change::Add { which, weight } => (which, Some(weight)),
            Change::Remove { which } => (which, None),
        };
        let client = which.client.client(TIMEOUT, output)?;
        let (service, colour, addr) = (&which.service, which.colour, &which.addr);
        let path = format!(
            "/v1/services/{}/pools/{colour}/endpoints/{}",
            segment(service),
            segment(addr)
        );
        let answer = match weight {
            Some(weight) => {
                let body = EndpointBody { weight };
                client.change_by(Method::PUT, &path, &body).await?
            }
            None => client.change(Method::DELETE, &path).await?,
        };
        let done = match (answer.parse::<EndpointChanged>()?.changed, weight) {
            (false, _) => "nothing changed",
            (true, Some(_)) => "added",
            (true, None) => "removed",
        };
        if output.is_json() {
            output.result(&answer.text)?;
        } else {
            output.result(&plain(&format!("{service}  {colour}  {addr}  {done}")))?;
        }
        Ok(Exit::Done)
    }
}

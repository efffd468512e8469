//! `cutover schema`.
//!
//! Says what a configuration file may hold, for editors. Whether a file works is `cutover check`'s to say.

use clap::Args;

use super::{
    exit::{Exit, Failure},
    output::Output,
};
use crate::config::schema::schema;

#[derive(Debug, Args)]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        output.verbatim(&format!("{:#}", schema()))?;
        Ok(Exit::Done)
    }
}

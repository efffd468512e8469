//! The configuration file as a JSON Schema, for editors and whoever else checks files before cutover sees them.
//!
//! Owns the head of the schema; all else is said by the tables of `raw` and the kinds of `value`, which also read the file,
//! so that a key cannot be in one and not in the other. Must not say what two keys mean for each other: a file that fits
//! may still be refused by `cutover check`.

use serde_json::{Value, json};

use super::{raw::RawConfig, tree::Typed};

/// What a file may hold, in draft 2020-12.
#[must_use]
pub fn schema() -> Value {
    let mut schema = RawConfig::form();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("The configuration of cutover");
    schema["description"] = json!(
        "One TOML file. What fits this schema may still be refused for what its parts mean together: `cutover check` says."
    );
    schema
}

#[cfg(test)]
mod tests;

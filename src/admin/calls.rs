//! A router that keeps an account of what is on it, and the document that comes of that.
//!
//! Owns the pairs of a path and its handler. Routing and description are made by one line, so that no call can be
//! served without being described, or the other way round.

use axum::{
    Router,
    handler::Handler,
    routing::{MethodFilter, on},
};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    caller::{ACTOR_HEADER, ACTOR_LIMIT},
    context::Context,
    problem::{BAD_REQUEST, Class, FOREIGN_HOST, FOREIGN_ORIGIN, UNAUTHENTICATED, VIEW_ONLY},
    sheet::{Described, Sheet},
};
use crate::core::ids::Colour;

/// Calls with their handlers and descriptions.
#[derive(Debug, Default)]
pub(super) struct Calls {
    router: Router<Context>,
    told: Vec<Call>,
}

/// A method that calls have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

/// Where a call is, and in a few words what it is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct At(
    pub(super) Verb,
    pub(super) &'static str,
    pub(super) &'static str,
);

/// One call, as it will be described.
#[derive(Clone, Debug)]
struct Call {
    at: At,
    problems: Vec<Class>,
    is_guarded: bool,
    describe: fn(&mut Sheet<'_>),
}

impl Calls {
    /// Routes a call. `problems` are those that the types of its handler do not tell.
    pub(super) fn call<H, T, I, O>(mut self, at: At, problems: &[Class], handler: H) -> Self
    where
        H: Handler<T, Context> + Described<I, O>,
        T: 'static,
    {
        self.router = self.router.route(at.1, on(at.0.filter(), handler));
        self.told.push(Call {
            at,
            problems: problems.to_vec(),
            is_guarded: false,
            describe: H::describe,
        });
        self
    }

    /// Puts layers around the calls so far; `problems` are what these may answer instead.
    pub(super) fn behind(
        mut self,
        problems: &[Class],
        layers: impl FnOnce(Router<Context>) -> Router<Context>,
    ) -> Self {
        self.router = layers(self.router);
        for call in &mut self.told {
            call.problems.extend(problems);
        }
        self
    }

    /// Notes that who calls is asked for.
    pub(super) fn guarded(mut self) -> Self {
        for call in &mut self.told {
            call.is_guarded = true;
        }
        self
    }

    pub(super) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.told.extend(other.told);
        self
    }

    pub(super) fn into_router(self) -> Router<Context> {
        self.router
    }

    /// The document. `asks_for_tokens` says whether there is a token file.
    pub(super) fn document(&self, asks_for_tokens: bool) -> Value {
        let settings = SchemaSettings::draft2020_12();
        let settings = settings.with(|it| it.definitions_path = "/components/schemas".into());
        let mut schemas = SchemaGenerator::new(settings);
        let mut paths = Map::new();
        for call in &self.told {
            let operation = call.operation(&mut schemas, asks_for_tokens);
            let path = paths.entry(call.at.1).or_insert_with(|| json!({}));
            path[call.at.0.as_str()] = operation;
        }
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "cutover: the admin API",
                "version": env!("CARGO_PKG_VERSION"),
                "description": env!("CARGO_PKG_DESCRIPTION"),
                "license": { "name": env!("CARGO_PKG_LICENSE") },
            },
            "servers": [{ "url": "/" }],
            "paths": paths,
            "components": {
                "schemas": schemas.take_definitions(true),
                "securitySchemes": { "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "a token of `[admin] token_file`; needed if there is one",
                } },
            },
        })
    }
}

impl Call {
    fn operation(&self, schemas: &mut SchemaGenerator, asks_for_tokens: bool) -> Value {
        let mut sheet = Sheet::new(schemas);
        self.place(&mut sheet);
        (self.describe)(&mut sheet);
        sheet.problems(&self.problems);
        if self.is_guarded {
            self.guards(&mut sheet);
        }
        let mut operation = sheet.finish(&self.id(), self.at.2);
        if self.is_guarded && asks_for_tokens {
            operation["security"] = json!([{ "token": [] }]);
        }
        operation
    }

    /// The variable parts of the path.
    fn place(&self, sheet: &mut Sheet<'_>) {
        for part in self.at.1.split('/') {
            let Some(name) = part.strip_prefix('{').and_then(|it| it.strip_suffix('}')) else {
                continue;
            };
            let (told, schema) = match name {
                "service" => ("the name of a service", json!({ "type": "string" })),
                "group" => ("the name of a group", json!({ "type": "string" })),
                "colour" => (
                    "the colour of the pool",
                    sheet.schemas.subschema_for::<Colour>().to_value(),
                ),
                _ => ("`HOST:PORT` of the endpoint", json!({ "type": "string" })),
            };
            sheet.parameter("path", name, told, schema);
        }
    }

    /// What `origin.rs` and `caller.rs` look at before the call.
    fn guards(&self, sheet: &mut Sheet<'_>) {
        let pattern = "^[!-~]([ -~]*[!-~])?$";
        let name = json!({
            "type": "string", "minLength": 1, "maxLength": ACTOR_LIMIT, "pattern": pattern,
        });
        let told = "who calls, where no token says so; with a token, added to its name";
        sheet.parameter("header", ACTOR_HEADER, told, name);
        sheet.problems(&[BAD_REQUEST, UNAUTHENTICATED, FOREIGN_HOST, FOREIGN_ORIGIN]);
        if self.at.0 != Verb::Get {
            sheet.problems(&[VIEW_ONLY]);
        }
    }

    /// Such as `post-services-service-switch`.
    fn id(&self) -> String {
        let parts = self.at.1.split(['/', '{', '}']);
        let parts = parts.filter(|it| !it.is_empty() && *it != "v1");
        let words: Vec<_> = std::iter::once(self.at.0.as_str()).chain(parts).collect();
        words.join("-")
    }
}

impl Verb {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Delete => "delete",
        }
    }

    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

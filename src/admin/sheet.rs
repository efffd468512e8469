//! What one call takes and answers, put together from the types of its handler.
//!
//! Owns the words in which OpenAPI describes an operation. Must not know any call: extractors say what they take and how
//! they refuse ([`Takes`]), return types what they answer ([`Answers`]), and a handler is the sum of both
//! ([`Described`]). A list of calls kept beside them would be wrong within a month.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
};

use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{
    call_error::CallError,
    context::Context,
    problem::{Class, SHUTTING_DOWN, TYPE_PREFIX},
    wire::ProblemBody,
};

/// One operation, as it is being described.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    pub(super) schemas: &'a mut SchemaGenerator,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Value>,
    problems: BTreeSet<Class>,
}

/// What an extractor takes from a request, and how it refuses.
pub(super) trait Takes {
    fn takes(sheet: &mut Sheet<'_>);
}

/// What a return type answers.
pub(super) trait Answers {
    fn answers(sheet: &mut Sheet<'_>);
}

/// A handler: `I` are its extractors, `O` is what it returns.
pub(super) trait Described<I, O> {
    fn describe(sheet: &mut Sheet<'_>);
}

impl<'a> Sheet<'a> {
    pub(super) fn new(schemas: &'a mut SchemaGenerator) -> Self {
        Self {
            schemas,
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            problems: BTreeSet::new(),
        }
    }

    /// A parameter in the `place` that OpenAPI calls so: `path`, `query` or `header`.
    pub(super) fn parameter(&mut self, place: &str, name: &str, told: &str, schema: Value) {
        self.parameters.push(json!({
            "name": name,
            "in": place,
            "description": told,
            "required": place == "path",
            "schema": schema,
        }));
    }

    /// The parameters of a query, from the fields of the type that it is read into.
    fn query<T: JsonSchema>(&mut self) {
        let schema = T::json_schema(self.schemas);
        let required = schema.get("required").and_then(Value::as_array).cloned();
        let required = required.unwrap_or_default();
        for (name, schema) in properties(&schema) {
            let mut schema = schema;
            // A query has no way to say `null`.
            if let Some(Value::Array(kinds)) = schema.get("type") {
                let kind = kinds.iter().find(|it| *it != "null").cloned();
                schema["type"] = kind.unwrap_or_default();
            }
            let told = schema
                .as_object_mut()
                .and_then(|it| it.remove("description"));
            let told = told.unwrap_or_default();
            self.parameter("query", &name, told.as_str().unwrap_or_default(), schema);
            if let Some(parameter) = self.parameters.last_mut() {
                parameter["required"] = required.contains(&Value::from(name)).into();
            }
        }
    }

    /// A body of JSON; one without a field that must be there may be left out.
    pub(super) fn body<T: JsonSchema>(&mut self) {
        let required = T::json_schema(self.schemas).get("required").is_some();
        let schema = self.schemas.subschema_for::<T>();
        self.body = Some(json!({
            "required": required,
            "content": { "application/json": { "schema": schema } },
        }));
    }

    /// An answer of JSON.
    pub(super) fn json<T: JsonSchema>(&mut self, told: &str) {
        let schema = self.schemas.subschema_for::<T>();
        self.answer(
            StatusCode::OK,
            told,
            ("application/json", schema.to_value()),
        );
    }

    /// An answer of another kind.
    pub(super) fn answer(&mut self, status: StatusCode, told: &str, content: (&str, Value)) {
        let (media_type, schema) = content;
        let answer = json!({
            "description": told,
            "content": { media_type: { "schema": schema } },
        });
        self.answers.insert(status.as_u16(), answer);
    }

    /// A header of the answer that is no problem.
    pub(super) fn answer_header(&mut self, name: &str, told: &str, schema: &Value) {
        if let Some(answer) = self.answers.get_mut(&200) {
            answer["headers"][name] = json!({ "description": told, "schema": schema });
        }
    }

    /// Ways to be refused.
    pub(super) fn problems(&mut self, classes: &[Class]) {
        self.problems.extend(classes);
    }

    /// The operation, as the document has it.
    pub(super) fn finish(mut self, id: &str, summary: &str) -> Value {
        let mut by_status: BTreeMap<u16, Vec<Class>> = BTreeMap::new();
        for class in std::mem::take(&mut self.problems) {
            by_status.entry(class.status).or_default().push(class);
        }
        let problem = self.schemas.subschema_for::<ProblemBody>();
        for (status, classes) in by_status {
            self.answers.insert(status, refusal(&classes, &problem));
        }
        let answers = self.answers.into_iter();
        let answers: Map<_, _> = answers
            .map(|(it, answer)| (it.to_string(), answer))
            .collect();
        let mut operation = json!({
            "operationId": id,
            "summary": summary,
            "parameters": self.parameters,
            "responses": answers,
        });
        if let Some(body) = self.body {
            operation["requestBody"] = body;
        }
        operation
    }
}

/// The answer for all problems with one status.
fn refusal(classes: &[Class], problem: &Schema) -> Value {
    let kinds = classes.iter().map(|it| format!("{TYPE_PREFIX}{}", it.kind));
    let kinds: Vec<_> = kinds.collect();
    let told = classes
        .iter()
        .map(|it| format!("`{}`: {}", it.kind, it.title));
    let told: Vec<_> = told.collect();
    let schema = json!({ "allOf": [problem, { "properties": { "type": { "enum": kinds } } }] });
    let mut answer = json!({
        "description": told.join("; "),
        "content": { "application/problem+json": { "schema": schema } },
    });
    let headers = classes.iter().filter_map(|it| it.header());
    for (name, told) in headers {
        answer["headers"][name] = json!({ "description": told, "schema": { "type": "string" } });
    }
    answer
}

/// The properties of an object, by name.
pub(super) fn properties(schema: &Schema) -> Map<String, Value> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.cloned().unwrap_or_default()
}

impl Takes for State<Context> {
    fn takes(_: &mut Sheet<'_>) {}
}

/// Two that belong together.
impl<A: Takes, B: Takes> Takes for (A, B) {
    fn takes(sheet: &mut Sheet<'_>) {
        A::takes(sheet);
        B::takes(sheet);
    }
}

impl<T: JsonSchema, E> Takes for Result<Query<T>, E> {
    fn takes(sheet: &mut Sheet<'_>) {
        sheet.query::<T>();
        sheet.problems(&[super::problem::BAD_REQUEST]);
    }
}

impl<T: JsonSchema> Answers for Json<T> {
    fn answers(sheet: &mut Sheet<'_>) {
        sheet.json::<T>("done");
    }
}

impl<T: Answers> Answers for Result<T, CallError> {
    fn answers(sheet: &mut Sheet<'_>) {
        T::answers(sheet);
        // Whatever asks the controller may find it gone.
        sheet.problems(&[SHUTTING_DOWN]);
    }
}

macro_rules! described {
    ($($input:ident)*) => {
        impl<F, R, $($input: Takes,)*> Described<($($input,)*), R::Output> for F
        where
            F: FnOnce($($input),*) -> R,
            R: Future,
            R::Output: Answers,
        {
            fn describe(sheet: &mut Sheet<'_>) {
                $($input::takes(sheet);)*
                R::Output::answers(sheet);
            }
        }
    };
}

described!();
described!(A);
described!(A B);
described!(A B C);
described!(A B C D);
described!(A B C D E);
described!(A B C D E G);

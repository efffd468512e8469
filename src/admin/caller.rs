//! Who calls, and whether they may: tokens, roles, and the name that history keeps.
//!
//! Owns the one gate before all calls, [`admit`]. A call cannot forget it: what may not be changed by whom follows from the
//! method, not from the call, and the name of the caller is only to be had from here.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, header, request::Parts},
    middleware::Next,
    response::Response,
};

use super::{
    call_error::CallError,
    context::{Context, Door, Keys},
    sheet::{Sheet, Takes},
    tokens::Role,
};
use crate::core::switch::{Actor, ActorKind};

/// Lets a request in if its token may do what its method does, and notes who came.
pub(super) async fn admit(
    State(context): State<Context>,
    mut req: Request,
    next: Next,
) -> Result<Response, CallError> {
    let caller = caller(&context, &req)?;
    req.extensions_mut().insert(caller);
    Ok(next.run(req).await)
}

/// Who was let in; what was let in by nobody has none, and is refused.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    name: String,
    role: Role,
}

impl Caller {
    /// The caller as history keeps it.
    pub(super) fn into_actor(self) -> Actor {
        Actor {
            kind: ActorKind::Admin,
            name: self.name,
        }
    }

    /// Whether the caller may change something.
    pub(super) fn may_operate(&self) -> bool {
        self.role >= Role::Operate
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = CallError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, CallError> {
        parts.extensions.get().cloned().ok_or(CallError::NoToken)
    }
}

impl Takes for Caller {
    fn takes(_: &mut Sheet<'_>) {
        // Who is let in is told of all calls behind the guards at once.
    }
}

fn caller(context: &Context, req: &Request) -> Result<Caller, CallError> {
    let said = said(req.headers())?;
    let Keys::Tokens(file) = &context.keys else {
        let unnamed = match context.door {
            Door::Unix => "local",
            Door::Loopback | Door::Reachable => "anonymous",
        };
        return Ok(Caller {
            name: said.unwrap_or_else(|| unnamed.to_owned()),
            role: Role::Operate,
        });
    };
    let tokens = file.tokens();
    let (name, role) = tokens
        .find(bearer(req.headers())?)
        .ok_or(CallError::WrongToken)?;
    if role < needed(req.method()) {
        return Err(CallError::ViewOnly(name.to_owned()));
    }
    Ok(Caller {
        name: match said {
            None => name.to_owned(),
            Some(said) => format!("{name} ({said})"),
        },
        role,
    })
}

fn needed(method: &Method) -> Role {
    if method.is_safe() {
        Role::View
    } else {
        Role::Operate
    }
}

fn bearer(headers: &HeaderMap) -> Result<&[u8], CallError> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return Err(CallError::NoToken);
    };
    let (scheme, token) = value
        .as_bytes()
        .split_at_checked(SCHEME.len())
        .ok_or(CallError::NoToken)?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(CallError::NoToken);
    }
    Ok(token.trim_ascii())
}

/// What the caller says who they are. It is written to history, logs and terminals, so it must be text.
fn said(headers: &HeaderMap) -> Result<Option<String>, CallError> {
    let mut all = headers.get_all(ACTOR_HEADER).iter();
    let Some(value) = all.next() else {
        return Ok(None);
    };
    let text = std::str::from_utf8(value.as_bytes()).unwrap_or("").trim();
    let fits = !text.is_empty() && text.chars().count() <= ACTOR_LIMIT;
    if all.next().is_some() || !fits || text.chars().any(char::is_control) {
        return Err(CallError::Header {
            header: "X-Cutover-Actor",
            expected: "one name of 1 to 128 printable characters",
        });
    }
    Ok(Some(text.to_owned()))
}

/// Says who calls, where no token does.
pub const ACTOR_HEADER: &str = "x-cutover-actor";
/// Characters of what a caller says who they are.
pub const ACTOR_LIMIT: usize = 128;
const SCHEME: &[u8] = b"Bearer ";

//! The operator of the tour: asks the admin API, as `curl` would.
//!
//! Owns one short connection for each call; must not use the controller directly, because what the tour shows
//! has to be what a stranger can do from the next terminal.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::TcpStream, time::timeout};

use crate::{
    admin::{
        ACTOR_HEADER,
        wire::{HistoryAnswer, ProblemBody, RollbackBody, SwitchBody, SwitchOneAnswer},
    },
    core::{
        ids::Colour,
        switch::{Receipt, WaitFor},
        view::ServiceView,
    },
};

/// Asks about one service.
#[derive(Clone, Debug)]
pub(super) struct Operator {
    admin: String,
    service: String,
}

/// Why a call did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer, or a broken one.
    #[error("`{call}` was not answered: {why}")]
    Unanswered {
        /// The path.
        call: String,
        /// Why.
        why: String,
    },
    /// A problem was the answer.
    #[error("{0}")]
    Refused(String),
}

impl Operator {
    /// Asks the API at `admin`, an `http://host:port`.
    pub(super) fn new(admin: &str, service: &str) -> Self {
        let admin = admin.strip_prefix("http://").unwrap_or(admin);
        Self {
            admin: admin.trim_end_matches('/').to_owned(),
            service: service.to_owned(),
        }
    }

    /// Makes `to` live; answers when that is committed.
    pub(super) async fn switch(&self, to: Colour) -> Result<Option<Receipt>, CallError> {
        let body = SwitchBody {
            to,
            reason: Some(REASON.to_owned()),
            force: false,
            expect_live: None,
            wait: WaitFor::Committed,
            steps: None,
            every: None,
            at_once: false,
        };
        let answer = self.call::<SwitchOneAnswer>("/switch", Some(&body)).await?;
        Ok(answer.receipt)
    }

    /// Goes back; answers when that is committed.
    pub(super) async fn rollback(&self) -> Result<Option<Receipt>, CallError> {
        let body = RollbackBody {
            reason: Some(REASON.to_owned()),
            ..RollbackBody::default()
        };
        let answer = self.call::<SwitchOneAnswer>("/rollback", Some(&body));
        Ok(answer.await?.receipt)
    }

    /// How the service stands.
    pub(super) async fn service(&self) -> Result<ServiceView, CallError> {
        self.call("", None::<&()>).await
    }

    /// Past switches, newest first.
    pub(super) async fn history(&self) -> Result<Vec<Receipt>, CallError> {
        let answer = self.call::<HistoryAnswer>("/history", None::<&()>);
        Ok(answer.await?.receipts)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        call: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, CallError> {
        let unanswered = |why: String| CallError::Unanswered {
            call: call.to_owned(),
            why,
        };
        let req = self.request(call, body).map_err(unanswered)?;
        let (success, bytes) = in_time(self.exchange(req)).await.map_err(unanswered)?;
        if !success {
            let problem = serde_json::from_slice::<ProblemBody>(&bytes);
            let problem = problem.map_err(|error| unanswered(error.to_string()))?;
            return Err(CallError::Refused(problem.detail));
        }
        serde_json::from_slice(&bytes).map_err(|error| unanswered(error.to_string()))
    }

    fn request(
        &self,
        call: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Request<Full<Bytes>>, String> {
        let json = body.map(serde_json::to_vec).transpose();
        let json = json.map_err(|error| error.to_string())?;
        let method = if json.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        Request::builder()
            .method(method)
            .uri(format!("/v1/services/{}{call}", self.service))
            .header(header::HOST, self.admin.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .header(ACTOR_HEADER, HeaderValue::from_static("demo"))
            .body(Full::from(json.unwrap_or_default()))
            .map_err(|error| error.to_string())
    }

    async fn exchange(&self, req: Request<Full<Bytes>>) -> Result<(bool, Bytes), String> {
        let stream = TcpStream::connect(&self.admin).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        // Ends with the answer: the connection is not kept.
        tokio::spawn(connection);
        let res = sender.send_request(req).await;
        let res = res.map_err(|error| error.to_string())?;
        let success = res.status().is_success();
        let body = Limited::new(res.into_body(), ANSWER_LIMIT).collect().await;
        Ok((success, body.map_err(|error| error.to_string())?.to_bytes()))
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = || Err(format!("not within {CALL_TIMEOUT:?}"));
    timeout(CALL_TIMEOUT, answer)
        .await
        .unwrap_or_else(|_| late())
}

/// Kept in history.
const REASON: &str = "tour";
/// For one call; a switch waits 30 s for its gates.
const CALL_TIMEOUT: Duration = Duration::from_secs(40);
/// Bytes of an answer.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

//! The HTTP probe: one request, and a judgement of status and body.
//!
//! Owns the exchange on a connection that is made; must not reuse it. The connection is driven by the probe's
//! own future rather than by a task of its own, so that dropping the probe closes the socket.

use http::{HeaderMap, HeaderValue, Request, header, uri::Scheme};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Spoken, USER_AGENT, failure::ProbeFailure, http2::Question};
use crate::core::{
    ids::EndpointAddr,
    service::{HttpProbe, PROBE_BODY_LIMIT},
};

/// What is sent to one endpoint and what passes.
#[derive(Debug)]
pub(super) struct HttpExchange {
    probe: HttpProbe,
    headers: HeaderMap,
    scheme: Scheme,
}

impl HttpExchange {
    pub(super) fn new(probe: &HttpProbe, addr: &EndpointAddr, scheme: Scheme) -> Self {
        let mut headers = HeaderMap::new();
        let own = HeaderValue::from_str(addr.as_str()).ok();
        if let Some(host) = probe.host.clone().or(own) {
            headers.insert(header::HOST, host);
        }
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        for (name, _) in &probe.headers {
            headers.remove(name);
        }
        for (name, value) in &probe.headers {
            headers.append(name, value.clone());
        }
        Self {
            probe: probe.clone(),
            headers,
            scheme,
        }
    }

    /// Asks once and judges the answer.
    pub(super) async fn run<S>(&self, stream: S, spoken: Spoken) -> Result<(), ProbeFailure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        match spoken {
            Spoken::Http1 => self.run_http1(stream).await,
            Spoken::Http2 => self.run_http2(stream).await,
        }
    }

    async fn run_http2<S>(&self, stream: S) -> Result<(), ProbeFailure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut headers = self.headers.clone();
        headers.remove(header::CONNECTION);
        let host = headers.remove(header::HOST);
        let authority = host.as_ref().and_then(|host| host.to_str().ok());
        let mut head = Request::builder()
            .uri(format!(
                "{}://{}{}",
                self.scheme,
                authority.unwrap_or_default(),
                self.probe.path
            ))
            .body(())
            .map_err(|error| ProbeFailure::Request(error.to_string()))?;
        *head.headers_mut() = headers;
        let wanted = self.probe.body_contains.as_deref();
        let question = Question {
            head,
            body: Bytes::new(),
            enough: |body: &[u8]| wanted.is_none_or(|text| contains(body, text.as_bytes())),
        };
        let answer = question.ask(stream).await?;
        self.judge(answer.status.as_u16())?;
        match wanted {
            Some(text) if !contains(&answer.body, text.as_bytes()) => {
                Err(ProbeFailure::Body(text.to_owned()))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn judge(&self, status: u16) -> Result<(), ProbeFailure> {
        if self.probe.expect.contains(&status) {
            return Ok(());
        }
        let expect = self.probe.expect.clone();
        Err(ProbeFailure::Status { status, expect })
    }

    async fn run_http1<S>(&self, stream: S) -> Result<(), ProbeFailure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_LIMIT)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| ProbeFailure::exchange(&error))?;
        let driven = async {
            // Its errors reach the exchange, too; and what it has read may outlive it.
            let _ = connection.await;
            std::future::pending().await
        };
        tokio::select! {
            verdict = self.exchange(sender) => verdict,
            verdict = driven => verdict,
        }
    }

    async fn exchange(
        &self,
        mut sender: http1::SendRequest<Empty<Bytes>>,
    ) -> Result<(), ProbeFailure> {
        let mut request = Request::get(&self.probe.path)
            .body(Empty::new())
            .map_err(|error| ProbeFailure::Request(error.to_string()))?;
        *request.headers_mut() = self.headers.clone();
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| ProbeFailure::exchange(&error))?;
        self.judge(response.status().as_u16())?;
        match &self.probe.body_contains {
            Some(text) => find(text, response.into_body()).await,
            None => Ok(()),
        }
    }
}

/// Looks for `text` in the beginning of `body`; reads no further than it needs to.
async fn find(text: &str, mut body: Incoming) -> Result<(), ProbeFailure> {
    let mut seen = Vec::new();
    while seen.len() < PROBE_BODY_LIMIT {
        let Some(frame) = body.frame().await else {
            break;
        };
        let frame = frame.map_err(|error| ProbeFailure::exchange(&error))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        // Only what is new can complete a match, and one match may lie across the seam.
        let from = seen.len().saturating_sub(text.len());
        let room = PROBE_BODY_LIMIT - seen.len();
        seen.extend_from_slice(&data[..data.len().min(room)]);
        if contains(&seen[from..], text.as_bytes()) {
            return Ok(());
        }
    }
    match text.is_empty() {
        true => Ok(()),
        false => Err(ProbeFailure::Body(text.to_owned())),
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}

/// Bytes of an answer's head that are read.
const HEAD_LIMIT: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(headers: &[(header::HeaderName, &'static str)]) -> HttpExchange {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        let probe = HttpProbe {
            path: "/healthz".to_owned(),
            expect: 200..=399,
            body_contains: None,
            host: None,
            headers,
        };
        HttpExchange::new(&probe, &EndpointAddr::new("app.local:80"), Scheme::HTTP)
    }

    #[test]
    fn the_host_is_the_endpoint_and_a_given_field_takes_the_place_of_ours() {
        let plain = probe(&[]).headers;
        assert_eq!(plain[header::HOST], "app.local:80");
        assert_eq!(plain[header::USER_AGENT], USER_AGENT);
        let given = probe(&[(header::USER_AGENT, "mine"), (header::ACCEPT, "*/*")]).headers;
        assert_eq!(given[header::USER_AGENT], "mine");
        assert_eq!(given[header::ACCEPT], "*/*");
        assert_eq!(given[header::CONNECTION], "close");
    }
}

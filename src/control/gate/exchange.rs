//! One request on a fresh connection, and as much of its answer as is wanted.
//!
//! Owns the exchange; must not judge the answer, nor reuse the connection. It is driven by the future that asks, so
//! that dropping that closes the socket. It begins as a probe does, through TLS and with an introduction where the
//! endpoint expects them: what passes here passes in traffic.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header, uri::Scheme};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    control::probe::{
        Spoken,
        failure::ProbeFailure,
        http2::{self, Question},
        secure::Secure,
        tcp,
    },
    core::{gate::spec::ANSWER_LIMIT, proxy_header::ProxyVersion, service::UpstreamProtocol},
};

/// How a connection begins.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) protocol: UpstreamProtocol,
    pub(super) introduces: Option<ProxyVersion>,
    pub(super) secure: Option<Secure>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    /// Fields, `Host` among them.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether the body of the answer is wanted.
    pub(super) wants_body: bool,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// [`ANSWER_LIMIT`] bytes at most; empty if it was not wanted.
    pub(super) body: Vec<u8>,
}

impl Beginning {
    /// Asks at the first of `addresses` that lets itself be connected to.
    pub(super) async fn ask(
        &self,
        addresses: &[std::net::SocketAddr],
        asked: Asked,
    ) -> Result<Answer, ProbeFailure> {
        let mut stream = tcp::connect(addresses).await?;
        if let Some(version) = self.introduces {
            tcp::introduce(&mut stream, version).await?;
        }
        match &self.secure {
            None => {
                let spoken = Spoken::unasked(self.protocol);
                exchange(stream, spoken, Scheme::HTTP, asked).await
            }
            Some(secure) => {
                let (stream, spoken) = secure.handshake(stream, self.protocol).await?;
                exchange(stream, spoken, Scheme::HTTPS, asked).await
            }
        }
    }
}

async fn exchange<S>(
    stream: S,
    spoken: Spoken,
    scheme: Scheme,
    asked: Asked,
) -> Result<Answer, ProbeFailure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    match spoken {
        Spoken::Http1 => over_http1(stream, asked).await,
        Spoken::Http2 => over_http2(stream, scheme, asked).await,
    }
}

async fn over_http1<S>(stream: S, asked: Asked) -> Result<Answer, ProbeFailure>
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
        answer = sent(sender, asked) => answer,
        answer = driven => answer,
    }
}

async fn sent(
    mut sender: http1::SendRequest<Full<Bytes>>,
    asked: Asked,
) -> Result<Answer, ProbeFailure> {
    let mut request = Request::builder()
        .method(asked.method)
        .uri(asked.path)
        .body(Full::new(asked.body))
        .map_err(|error| ProbeFailure::Request(error.to_string()))?;
    *request.headers_mut() = asked.headers;
    let connection = http::HeaderValue::from_static("close");
    request.headers_mut().insert(header::CONNECTION, connection);
    let answer = sender.send_request(request).await;
    let (head, body) = answer
        .map_err(|error| ProbeFailure::exchange(&error))?
        .into_parts();
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body: match asked.wants_body {
            true => beginning(body).await?,
            false => Vec::new(),
        },
    })
}

/// The first bytes of a body.
async fn beginning(mut body: Incoming) -> Result<Vec<u8>, ProbeFailure> {
    let mut seen = Vec::new();
    while seen.len() < ANSWER_LIMIT {
        let Some(frame) = body.frame().await else {
            break;
        };
        let frame = frame.map_err(|error| ProbeFailure::exchange(&error))?;
        if let Some(data) = frame.data_ref() {
            let room = ANSWER_LIMIT - seen.len();
            seen.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    Ok(seen)
}

async fn over_http2<S>(stream: S, scheme: Scheme, asked: Asked) -> Result<Answer, ProbeFailure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut headers = asked.headers;
    let host = headers.remove(header::HOST);
    let authority = host.as_ref().and_then(|host| host.to_str().ok());
    let mut head = Request::builder()
        .method(asked.method)
        .uri(format!(
            "{scheme}://{}{}",
            authority.unwrap_or_default(),
            asked.path
        ))
        .body(())
        .map_err(|error| ProbeFailure::Request(error.to_string()))?;
    *head.headers_mut() = headers;
    let question = Question {
        head,
        body: asked.body,
        enough: |_: &[u8]| !asked.wants_body,
    };
    let http2::Answer {
        status,
        headers,
        body,
        ..
    } = question.ask(stream).await?;
    Ok(Answer {
        status,
        headers,
        body,
    })
}

/// Bytes of an answer's head that are read.
const HEAD_LIMIT: usize = 64 * 1024;

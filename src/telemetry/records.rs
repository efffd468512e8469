//! Records of requests that have ended: who is told of them.
//!
//! Owns which records are wanted at all, so that a request of which nobody is to be told makes none.

use std::{io, sync::Arc};

use super::{
    access::{AccessLog, AccessRecord},
    spans::{Span, SpanCounts, SpanRecord, Spans},
};
use crate::config::Config;

/// Takes records; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Records {
    access: Option<AccessLog>,
    spans: Option<Spans>,
}

/// A request that has ended.
#[derive(Debug)]
pub struct Ended {
    /// The request.
    pub request: AccessRecord,
    /// Its span, if it is sampled.
    pub span: Option<Span>,
    /// What the client spoke: `http` or `https`.
    pub scheme: &'static str,
}

/// Records cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// The access log cannot be opened.
    #[error("access log `{path}` cannot be opened; check the folder and its permissions")]
    AccessLog {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What tells the collector of traces did not start.
    #[error("spans for `{collector}` cannot be sent")]
    Spans {
        /// The URL.
        collector: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl From<AccessLog> for Records {
    fn from(access: AccessLog) -> Self {
        Self {
            access: Some(access),
            spans: None,
        }
    }
}

impl Records {
    /// Opens what the file asks for.
    ///
    /// # Errors
    /// See [`RecordsError`].
    pub fn open(config: &Config) -> Result<Self, RecordsError> {
        let process = &config.process;
        let access = AccessLog::open(&process.access_log, process.access_log_format);
        Ok(Self {
            access: access.map_err(|source| RecordsError::AccessLog {
                path: format!("{:?}", process.access_log),
                source,
            })?,
            spans: open_spans(config)?,
        })
    }

    /// Whether a request without a span is to be told of.
    #[must_use]
    pub const fn wants_all(&self) -> bool {
        self.access.is_some()
    }

    /// Who is told of spans, if anybody.
    #[must_use]
    pub const fn spans(&self) -> Option<&Spans> {
        self.spans.as_ref()
    }

    /// Tells of a request, and never waits; `false` if its line in the access log is lost, which the caller counts.
    #[must_use]
    pub fn tell(&self, ended: Ended) -> bool {
        let Ended {
            request,
            span,
            scheme,
        } = ended;
        if let (Some(spans), Some(span)) = (&self.spans, span) {
            spans.tell(SpanRecord {
                span,
                scheme,
                request: request.clone(),
            });
        }
        self.access.as_ref().is_none_or(|log| log.log(request))
    }

    /// The access log, if there is one.
    #[must_use]
    pub const fn access(&self) -> Option<&AccessLog> {
        self.access.as_ref()
    }

    /// What became of spans, if there are any.
    #[must_use]
    pub fn span_counts(&self) -> Option<Arc<SpanCounts>> {
        self.spans.as_ref().map(|spans| Arc::clone(spans.counts()))
    }

    /// Opens the file of the access log anew, for log rotation.
    pub fn reopen(&self) {
        if let Some(access) = &self.access {
            access.reopen();
        }
    }

    /// Has everything written and sent that was told; waits for a bounded time. To be called when nobody tells any more.
    pub fn close(self) {
        if let Some(spans) = self.spans {
            spans.close();
        }
        if let Some(access) = self.access {
            // What was not written by then is counted already.
            let _ = access.close();
        }
    }
}

#[cfg(feature = "otel")]
fn open_spans(config: &Config) -> Result<Option<Spans>, RecordsError> {
    let open = |traces| {
        Spans::open(traces).map_err(|source| RecordsError::Spans {
            collector: traces.collector.clone(),
            source,
        })
    };
    config.traces.as_ref().map(open).transpose()
}

#[cfg(not(feature = "otel"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same as with the feature; a file with `[traces]` has been refused"
)]
const fn open_spans(_: &Config) -> Result<Option<Spans>, RecordsError> {
    Ok(None)
}

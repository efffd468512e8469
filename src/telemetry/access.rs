//! The access log: one line for each request.

use std::{net::IpAddr, time::Duration};

use http::{HeaderValue, Method, Version};

use crate::core::{
    ids::{Colour, EndpointAddr, ServiceName, Tenure},
    time::Timestamp,
};

/// What is known of one request when it has ended.
#[derive(Clone, Debug)]
pub struct AccessRecord {
    /// When its head had been read.
    pub at: Timestamp,
    /// The client's address.
    pub client: IpAddr,
    /// The request method.
    pub method: Method,
    /// The request target, as sent.
    pub target: String,
    /// The protocol version that the client spoke.
    pub version: Version,
    /// `Host`.
    pub host: Option<HeaderValue>,
    /// The status answered.
    pub status: u16,
    /// The service it was routed to.
    pub service: Option<ServiceName>,
    /// The colour that answered, or would have.
    pub colour: Option<Colour>,
    /// The endpoint of the last attempt.
    pub endpoint: Option<EndpointAddr>,
    /// The tenure claimed by the last attempt.
    pub tenure: Option<Tenure>,
    /// From the head read to the body ended.
    pub took: Duration,
    /// From the head read to the response head; equals `took` for cutover's own answers.
    pub head_took: Duration,
    /// Bytes of request body read.
    pub bytes_in: u64,
    /// Bytes of response body handed on; both directions of a tunnel are in the two counts.
    pub bytes_out: u64,
    /// Attempts beyond the first.
    pub replays: u32,
    /// The request's id.
    pub request_id: HeaderValue,
    /// What went wrong, in constant words such as `connect refused`.
    pub cause: Option<&'static str>,
}

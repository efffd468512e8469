//! What the file says of a pool and its endpoints.

use serde_json::Value;

use crate::{
    config::{
        form,
        judge::Judge,
        key::{NONE, REQUIRED, told},
        tree::{List, Node, Typed, table},
        value::{flag::Flag, number::Count, path::FilePath, tls::ServerNameText},
    },
    core::{event::POOL_LIMIT, ids::EndpointAddr},
};

table! {
    /// `[service.NAME.COLOUR]`
    RawPool {
        /// `"host:port"` or `{ addr = "host:port", weight = 2 }`
        endpoints: List<RawEndpoint, POOL_LIMIT> = told("required for the live colour"),
        /// TLS towards this pool; what is not in it has its default, whatever the service says
        upstream_tls: RawUpstreamTls = told("that of the service"),
    }
}

table! {
    /// `upstream_tls` of a service or of one pool.
    RawUpstreamTls {
        /// authorities that endpoints are believed by
        ca: FilePath = told("those of the machine"),
        /// the name that an endpoint's certificate must be issued for; it is asked for by SNI
        server_name: ServerNameText = told("the host of the endpoint's address"),
        /// `false` believes any certificate, and is a warning
        verify: Flag = true,
        /// the certificate that is shown to endpoints that ask
        cert: FilePath = NONE,
        /// its private key
        key: FilePath = NONE,
    }
}

table! {
    /// The long form of an endpoint.
    RawWeighted {
        /// the address
        addr: EndpointAddr = REQUIRED,
        /// the share relative to the others
        weight: Count<1, 1000> = 1,
    }
}

/// `"host:port"` or `{ addr = "host:port", weight = 2 }`.
#[derive(Debug)]
pub(in crate::config) struct RawEndpoint {
    pub(in crate::config) addr: Option<EndpointAddr>,
    pub(in crate::config) weight: Count<1, 1000>,
}

impl Typed for RawEndpoint {
    fn form() -> Value {
        form::either(vec![EndpointAddr::form(), RawWeighted::form()])
    }

    fn typed(node: Node<'_>, judge: &mut Judge<'_>) -> Option<Self> {
        if !node.value.is_table() {
            return EndpointAddr::typed(node, judge).map(|addr| Self {
                addr: Some(addr),
                weight: Count(1),
            });
        }
        let weighted = RawWeighted::typed(node, judge)?;
        if weighted.addr.is_missing() {
            let text = format!("an endpoint in `{}` has no `addr`", judge.key());
            judge.error(node.at, text, "add one such as `addr = \"10.0.0.1:8080\"`");
        }
        Some(Self {
            addr: weighted.addr.value(),
            weight: weighted.weight.or(Count(1)),
        })
    }
}

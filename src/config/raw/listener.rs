//! What the file says of a listener.

use super::{
    CERTIFICATES_LIMIT, CONNECTIONS_LIMIT, NETWORKS_LIMIT, RATE_LIMIT, REQUESTS_LIMIT,
    UPGRADES_LIMIT,
};
use crate::config::{
    ClientFrom, TracePolicy,
    key::{NONE, REQUIRED},
    tls::{ClientAuthMode, TlsVersion},
    tree::{List, table},
    value::{
        addr::ListenAddr, duration::Period, flag::Flag, network::Network, number::Count,
        path::FilePath, protocol::Protocol, size::Size, tls::OwnField,
    },
};

table! {
    /// `[listener.NAME]`
    RawListener {
        /// the address
        listen: ListenAddr = REQUIRED,
        /// from the first byte of a request head to its last
        header_read_timeout: Period = "10s",
        /// a connection without a request is closed after it
        keep_alive: Period = "75s",
        /// open connections, 1 to 1048576; further ones wait in the kernel's queue
        max_connections: Count<1, CONNECTIONS_LIMIT> = 16384,
        /// of those, from one client; further ones are reset. A client is an IPv4 address or an IPv6 network of 64
        /// bits; 0 is no limit
        max_connections_per_client: Count<0, CONNECTIONS_LIMIT> = 0,
        /// requests on one connection; the answer to the last says `Connection: close`. 0 is no limit
        max_requests_per_connection: Count<0, REQUESTS_LIMIT> = 0,
        /// fields in a request head, 1 to 1000; more are answered 431
        max_header_count: Count<1, 1000> = 100,
        /// size of a request head, `8KiB` to `1MiB`; more is answered 431
        max_header_size: Size<{ 8 * 1024 }, { 1024 * 1024 }> = "64KiB",
        /// whether [HTTP/2](http2-grpc.md) is spoken, too, with clients that begin with its preface
        http2: Flag = true,
        /// bytes a second that a client must send of a request body, and take of a response, while cutover waits
        /// for it; `"0B"` is no limit
        min_body_rate: Size<0, RATE_LIMIT> = "0B",
        /// how long a client may keep cutover waiting before `min_body_rate` counts
        body_rate_grace: Period = "30s",
        /// protocols that a connection may be upgraded to, 16 at most; any other `Upgrade` is taken for an ordinary
        /// request
        upgrades: List<Protocol, UPGRADES_LIMIT> = ["websocket"],
        /// networks, 256 at most: connections from them must begin with a header of the PROXY protocol, version 1
        /// or 2, within `header_read_timeout`, or are closed; see [who is the
        /// client](client-identity.md#the-proxy-protocol)
        proxy_protocol: List<Network, NETWORKS_LIMIT> = NONE,
        /// networks such as `"10.0.0.0/8"`, or addresses, 256 at most: these peers are believed when they say for
        /// whom they speak; see [who is the client](client-identity.md)
        trusted_proxies: List<Network, NETWORKS_LIMIT> = NONE,
        /// where they say it: `"x-forwarded-for"`, `"forwarded"`, or the first of them that is there
        client_from: ClientFrom = "auto",
        /// a request without `traceparent`: passes as it is, or gets one if `"create"`
        trace: TracePolicy = "pass",
        /// TLS, see below; in the clear without it
        tls: RawListenerTls = NONE,
        /// a port: every request is answered 308, to `https` there. For listeners in the clear
        redirect_https: Count<1, 65_535> = NONE,
    }
}

table! {
    /// `[listener.NAME.tls]`
    RawListenerTls {
        /// `{ cert = "shop.pem", key = "shop.key" }`, 1,024 at most. The one is shown that was issued for the name
        /// that a client asks for; the first to whoever asks for none, or for another
        certificates: List<RawCertificate, CERTIFICATES_LIMIT> = REQUIRED,
        /// the oldest version that is spoken; or `"1.3"`
        min_version: TlsVersion = "1.2",
        /// authorities; clients are asked for a certificate of one of them
        client_ca: FilePath = NONE,
        /// or `"offered"`: a client may do without, but not show a bad one. Only with `client_ca`
        client_auth: ClientAuthMode = "required",
        /// the field that tells endpoints whom the certificate names
        client_subject_header: OwnField = "x-client-cert-subject",
        /// the field that tells endpoints its SHA-256
        client_fingerprint_header: OwnField = "x-client-cert-sha256",
    }
}

table! {
    /// One of `certificates`.
    RawCertificate {
        /// a certificate, followed by those that lead to its authority; in PEM
        cert: FilePath = REQUIRED,
        /// its private key; in PEM
        key: FilePath = REQUIRED,
    }
}

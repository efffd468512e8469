//! What the file says of how endpoints are judged.

use crate::config::{
    key::{NONE, told, unless},
    tree::table,
    value::{
        choice::RawProbeKind,
        duration::{Delay, Period},
        http::{Expect, GrpcService, Headers, HostText, ProbePath},
        number::{Count, Percent},
    },
};

table! {
    /// `[service.NAME.probe]`
    RawProbe {
        /// `"tcp"` connects, `"http"` asks, `"grpc"` asks the standard health service of
        /// [gRPC](http2-grpc.md#grpc); by default the kind whose keys are given, else `"tcp"`
        kind: RawProbeKind = told("see meaning"),
        /// from the start of one probe to the start of the next
        interval: Period = "1s",
        /// how long one may take; at most `interval`
        timeout: Period = unless("500ms", "`interval` if that is shorter"),
        /// passed probes in a row that make an endpoint healthy, 1 to 100
        rise: Count<1, 100> = 2,
        /// failed probes in a row that make it unhealthy, 1 to 100
        fall: Count<1, 100> = 3,
        /// share of `interval` by which each wait varies at random
        jitter: Percent = "10%",
        /// http: what is asked for
        path: ProbePath = "/",
        /// http: status codes that pass; a range, or one code such as `204`
        expect: Expect = "200-399",
        /// http: a text that the first 64 KiB of the body must contain
        body_contains: String = NONE,
        /// grpc: the service that is asked for, such as `"shop.v1.Checkout"`; `""` stands for the endpoint as a
        /// whole
        grpc_service: GrpcService = "",
        /// http, grpc: the `Host` to send
        host: HostText = told("the endpoint's address"),
        /// http, grpc: further header fields, 32 at most: `{ name = "value" }`
        headers: Headers = NONE,
    }
}

table! {
    /// `[service.NAME.passive]`
    RawPassive {
        /// the first time out; `"0s"` turns passive judgement off
        eject: Delay = "1s",
        /// the longest time out
        max_eject: Delay = unless("30s", "`eject` if that is longer"),
        /// share of a pool that may be out for this reason at once
        max_share: Percent = "50%",
    }
}

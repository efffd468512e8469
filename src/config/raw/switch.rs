//! What the file says of switches.

use super::{CHECKS_LIMIT, HOOKS_LIMIT};
use crate::{
    config::{
        key::{NONE, REQUIRED, SECTION, told},
        tree::{List, table},
        value::{
            check::{CheckMethod, JsonValues},
            duration::{Delay, Period},
            flag::Flag,
            hook::HookUrl,
            http::{Expect, Headers, HostText, ProbePath},
            number::Count,
            path::FilePath,
        },
    },
    core::{
        gate::spec::{CheckScope, HookPoint, OnFailure},
        service::MinReady,
        share::Share,
        shift::STEPS_LIMIT,
        shift_key::ShiftKey,
    },
};

table! {
    /// `[service.NAME.switch]`
    RawSwitch {
        /// how long a switch waits for `min_ready` before it is refused; `"0s"` does not wait
        gate_timeout: Delay = "30s",
        /// endpoints of the target pool that must be ready: a number, or a share such as `"100%"`, rounded up
        min_ready: MinReady = 1,
        /// after it, what still runs on the old pool is cut and counted
        drain_deadline: Delay = "30s",
        /// shares of the requests that go to the new colour one after the other before the switch is committed,
        /// such as `["1%", "10%", "50%"]`: rising, with two decimals at most, 64 at most. None is all at once. A
        /// last `"100%"` is the commit itself
        steps: List<Share, STEPS_LIMIT> = [],
        /// how long each step lasts
        every: Period = "2m",
        /// what decides on which side a request is: `"request"` is each for itself, evenly; `"client"` the client's
        /// address (of IPv6 its /64), `"cookie:NAME"` the value of that cookie, or the client's address without it.
        /// Who was on the new colour at 10 % is still there at 50 %
        key: ShiftKey = "request",
        /// the share climbs evenly to the whole over this time, after the steps and before the commit, so that a
        /// cold pool warms up beside the live one
        ramp: Delay = "0s",
        /// how long after a switch the old pool is kept ready to return: `safe-to-stop` says no, and unused
        /// connections to it are kept for as long as its endpoints keep them, `max_idle` of them at most
        keep_standby_for: Delay = "0s",
        /// each worker opens a connection to each ready endpoint of the target pool before the commit, and keeps
        /// it, so that the first requests find one; `timeouts.connect` each. Not with `send_proxy_protocol`
        warm_up: Flag = false,
        /// a second operator must approve each switch, by `cutover approve`; rollbacks need nobody. Who has asked
        /// cannot approve. People are told apart by their tokens, so give each their own; without a token file
        /// everybody is who they say they are
        approve: Flag = false,
        /// how long that may take before the switch is refused
        approve_timeout: Period = "10m",
        /// requests that cutover itself sends to the target pool when enough of it is ready, and before the switch
        /// commits
        check: List<RawCheck, CHECKS_LIMIT> = SECTION,
        /// HTTP servers of somebody else that are told of a switch, and have a say in it
        hook: List<RawHook, HOOKS_LIMIT> = SECTION,
    }
}

table! {
    /// `[[service.NAME.switch.hook]]`
    RawHook {
        /// when it is called, see below
        at: HookPoint = REQUIRED,
        /// `http://` or `https://`; is sent a `POST`. `GET /v1/config` hides its query
        url: HookUrl = REQUIRED,
        /// file of authorities that the server is believed by; only with `https`
        ca: FilePath = told("those of the machine"),
        /// file of a token that is sent as `Authorization: Bearer`, read at each call and never told to anybody
        /// else
        token_file: FilePath = NONE,
        /// how long it may take, every time that it is asked again included
        timeout: Period = "10s",
        /// what a failure means: `"refuse"` the switch, `"rollback"` it, or `"ignore"` it
        on_failure: OnFailure = told("see below"),
    }
}

table! {
    /// `[[service.NAME.switch.check]]`
    RawCheck {
        /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`
        method: CheckMethod = "GET",
        /// what is asked for, with a query if there is one
        path: ProbePath = REQUIRED,
        /// the `Host` to send
        host: HostText = told("the endpoint's address"),
        /// further header fields; `GET /v1/config` hides their values
        headers: Headers = NONE,
        /// what is sent along, 64 KiB at most; hidden likewise
        body: String = NONE,
        /// status codes that pass, a range or one code
        expect: Expect = "200-299",
        /// fields that the answer must have, with exactly these values
        expect_headers: Headers = NONE,
        /// a text that the first 64 KiB of the body must contain
        body_contains: String = NONE,
        /// [JSON pointers](https://www.rfc-editor.org/rfc/rfc6901) into the body, each with the string, whole
        /// number, `true` or `false` that it must lead to; the body must be JSON of 64 KiB at most
        json: JsonValues = NONE,
        /// every endpoint that is ready is asked; `"one"`: the first of them
        on: CheckScope = "every",
        /// how often each is asked, one time after the other, up to 100; all must pass
        repeat: Count<1, 100> = 1,
        /// how long one time may take, connecting included
        timeout: Period = "5s",
    }
}

//! What the file says of the process: its own table, the admin side, metrics, traces.

use super::WORKERS_LIMIT;
use crate::{
    config::{
        AccessLogFormat, AccessLogTarget, AdminAddr, LogFormat, MemoryBound,
        key::{NONE, REQUIRED},
        tree::table,
        value::{
            addr::ListenAddr,
            duration::{Delay, Period},
            hook::HookUrl,
            number::Count,
            path::FilePath,
        },
    },
    core::share::Share,
};

table! {
    /// `[process]`
    RawProcess {
        /// data-plane threads, 256 at most; 0 is one per core
        workers: Count<0, WORKERS_LIMIT> = 0,
        /// folder of the journal; without it a restart forgets runtime switches
        state: FilePath = NONE,
        /// how long `/readyz` fails before draining begins
        shutdown_delay: Delay = "0s",
        /// how long draining may last; then what is left is cut
        shutdown_deadline: Delay = "30s",
        /// what the buffers of all connections may hold together: a size, or a share of the memory that the machine
        /// or the control group has. Beyond it, those that have not moved for longest are ended; `"0B"` is no
        /// bound. See [limits](limits.md#memory)
        max_buffered: MemoryBound = "50%",
        /// file of the key that cookies of [sessions](#servicenameaffinity) are signed with, 32 bytes at least, the
        /// same for all processes that serve the same clients. Without it one is made in `state` (`affinity.key`,
        /// for its owner alone) and kept; without `state` it lasts as long as the process. Read at the start
        affinity_key_file: FilePath = NONE,
        /// `"off"`, `"stdout"`, or the path of a file
        access_log: AccessLogTarget = "off",
        /// `"json"` or `"common"`: the common log format with cutover's fields after it
        access_log_format: AccessLogFormat = "json",
        /// `"text"` or `"json"`
        log_format: LogFormat = "text",
        /// how often host names of endpoints are resolved again
        resolve_interval: Period = "10s",
    }
}

table! {
    /// `[admin]`
    RawAdmin {
        /// where the admin side listens; `"unix:/path"` for a Unix socket
        listen: AdminAddr = "127.0.0.1:9900",
        /// file of bearer tokens; required unless `listen` is a loopback address or a Unix socket
        token_file: FilePath = NONE,
    }
}

table! {
    /// `[metrics]`
    RawMetrics {
        /// where
        listen: ListenAddr = "0.0.0.0:9901",
    }
}

table! {
    /// `[traces]`
    RawTraces {
        /// its URL, such as `"http://127.0.0.1:4318/v1/traces"`; spoken to in the clear
        collector: HookUrl = REQUIRED,
        /// how many of the requests have a span that come without a sampled trace
        sample: Share = "1%",
    }
}

//! `[process]`, `[admin]` and `[metrics]`: what concerns the process as a whole.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use super::{Surroundings, listener::Taken};
use crate::config::{
    AccessLogFormat, AccessLogTarget, AdminAddr, AdminConfig, LogFormat, MemoryBound,
    MetricsConfig, ProcessConfig,
    judge::{At, Judge},
    raw::{RawAdmin, RawMetrics, RawProcess, WORKERS_LIMIT},
    tree::{Field, Given},
    value::{
        addr::ListenAddr,
        duration::{Delay, Period},
        number::Count,
    },
};

pub(super) fn process(raw: Field<RawProcess>, around: Surroundings<'_>) -> ProcessConfig {
    let raw = raw.value().unwrap_or_default();
    let workers = match raw.workers.or(Count(0)).0 {
        0 => around.cores.clamp(1, WORKERS_LIMIT as usize),
        workers => workers as usize,
    };
    let access_log = match raw.access_log.or(AccessLogTarget::Off) {
        AccessLogTarget::File(path) => AccessLogTarget::File(around.folder.join(path)),
        target @ (AccessLogTarget::Off | AccessLogTarget::Stdout) => target,
    };
    ProcessConfig {
        workers,
        state: raw.state.value().map(|path| path.seen_from(around.folder)),
        affinity_key_file: raw
            .affinity_key_file
            .value()
            .map(|path| path.seen_from(around.folder)),
        shutdown_delay: raw.shutdown_delay.or(Delay(SHUTDOWN_DELAY)).0,
        shutdown_deadline: raw.shutdown_deadline.or(Delay(SHUTDOWN_DEADLINE)).0,
        max_buffered: raw.max_buffered.or(MAX_BUFFERED),
        access_log,
        access_log_format: raw.access_log_format.or(AccessLogFormat::Json),
        log_format: raw.log_format.or(LogFormat::Text),
        resolve_interval: raw.resolve_interval.or(Period(RESOLVE_INTERVAL)).0,
    }
}

pub(super) fn admin(
    raw: Field<RawAdmin>,
    around: Surroundings<'_>,
    judge: &mut Judge<'_>,
) -> (AdminConfig, Option<Taken>) {
    let raw = raw.value().unwrap_or_default();
    let at = raw.listen.given().map(|listen| listen.at);
    if let Some(listen) = raw.listen.given()
        && raw.token_file.is_missing()
    {
        reachable_needs_token(&listen.value, listen.at, judge);
    }
    let listen = match raw.listen.or(AdminAddr::Tcp(ADMIN_LISTEN)) {
        AdminAddr::Unix(path) => AdminAddr::Unix(around.folder.join(path)),
        tcp @ AdminAddr::Tcp(_) => tcp,
    };
    let taken = match &listen {
        AdminAddr::Tcp(addr) => Some(Taken {
            what: "the admin side".to_owned(),
            listen: *addr,
            at,
        }),
        AdminAddr::Unix(path) => {
            socket_path_fits(path, at.unwrap_or_default(), judge);
            None
        }
    };
    let token_file = raw.token_file.value();
    let config = AdminConfig {
        listen,
        token_file: token_file.map(|path| path.seen_from(around.folder)),
    };
    (config, taken)
}

pub(super) fn metrics(raw: Field<RawMetrics>) -> (Option<MetricsConfig>, Option<Taken>) {
    let Field::Given(Given { at, value: raw }) = raw else {
        return (None, None);
    };
    let at = raw.listen.given().map_or(at, |listen| listen.at);
    let listen = raw.listen.or(ListenAddr(METRICS_LISTEN)).0;
    let taken = Taken {
        what: "the metrics side".to_owned(),
        listen,
        at: Some(at),
    };
    (Some(MetricsConfig { listen }), Some(taken))
}

fn reachable_needs_token(listen: &AdminAddr, at: At, judge: &mut Judge<'_>) {
    let AdminAddr::Tcp(addr) = listen else {
        return;
    };
    if !addr.ip().to_canonical().is_loopback() {
        judge.error(
            at,
            format!(
                "the admin side on `{addr}` can be reached from other machines, without a token"
            ),
            "add `token_file`, or listen on a loopback address or a Unix socket",
        );
    }
}

fn socket_path_fits(path: &Path, at: At, judge: &mut Judge<'_>) {
    let length = path.as_os_str().len();
    if length > SOCKET_PATH_LIMIT {
        judge.error(
            at,
            format!("the path of the admin socket has {length} bytes"),
            format!("use {SOCKET_PATH_LIMIT} at most, which is what the kernel takes"),
        );
    }
}

const SHUTDOWN_DELAY: Duration = Duration::ZERO;
const MAX_BUFFERED: MemoryBound = MemoryBound::Share(50);
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(30);
const RESOLVE_INTERVAL: Duration = Duration::from_secs(10);
const ADMIN_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9900);
const METRICS_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9901);
/// `sun_path` has 108 bytes on Linux and 104 on BSD and macOS, the last one a zero.
const SOCKET_PATH_LIMIT: usize = 103;

#[global_allocator]
static G: mimalloc::MiMalloc = mimalloc::MiMalloc;
use cutover::{
    config::ListenerLimits,
    core::{ids::*, in_flight::*, route::RouteTable, service::*, snapshot::*},
    mailbox::*,
    proxy::worker::*,
    publish::Publisher,
    telemetry::stats::Stats,
};
use std::{net::*, num::NonZeroU16, sync::Arc, time::Duration};
fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let backs: Vec<String> = std::env::args().skip(2).collect();
    let route = Route {
        host: RouteHost::Any,
        prefix: "/".into(),
    };
    let spec = Arc::new(ServiceSpec {
        name: ServiceName::new("s"),
        routes: vec![route.clone()],
        live: Colour::Blue,
        listeners: ListenerScope::All,
        host: HostPolicy::Preserve,
        balance: BalanceKind::LeastInFlight,
        on_all_unhealthy: OnAllUnhealthy::Try,
        pools: ByColour {
            blue: backs
                .iter()
                .map(|a| EndpointSpec {
                    addr: EndpointAddr::new(a),
                    weight: NonZeroU16::new(1).unwrap(),
                })
                .collect(),
            green: vec![],
        },
        probe: ProbeSpec {
            kind: ProbeKind::Tcp,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            rise: 1,
            fall: 1,
            jitter_percent: 0,
        },
        passive: PassiveSpec {
            eject: Duration::ZERO,
            max_eject: Duration::ZERO,
            max_share_percent: 0,
        },
        switch: SwitchSpec {
            gate_timeout: Duration::ZERO,
            min_ready: MinReady::Count(0),
            drain_deadline: Duration::ZERO,
        },
        timeouts: Timeouts {
            connect: Duration::from_secs(1),
            response: Duration::from_secs(60),
            idle: Duration::from_secs(60),
        },
        connections: ConnectionsSpec {
            max_idle: 256,
            idle_timeout: Duration::from_secs(4),
        },
    });
    let eps = backs
        .iter()
        .enumerate()
        .map(|(i, a)| EndpointSnapshot {
            id: EndpointId(i as u64),
            addr: EndpointAddr::new(a),
            resolved: Arc::from(vec![a.parse::<SocketAddr>().unwrap()]),
            weight: 1,
            ready: true,
            counter: Arc::new(EndpointCounter::new(1)),
        })
        .collect();
    let svc = ServiceSnapshot {
        name: spec.name.clone(),
        slot: ServiceSlot(0),
        spec,
        live: Colour::Blue,
        tenure: Arc::new(TenureCounter::new(
            ServiceName::new("s"),
            Colour::Blue,
            Tenure(1),
            1,
        )),
        pools: ByColour {
            blue: Arc::new(PoolSnapshot { endpoints: eps }),
            green: Default::default(),
        },
    };
    let table = RouteTable::new([(&route, ServiceSlot(0))]);
    let publisher = Publisher::new();
    publisher.publish(Arc::new(Snapshot {
        generation: Generation(1),
        routes: vec![(ListenerId(0), Arc::new(table))],
        services: vec![Some(Arc::new(svc))],
    }));
    let (tx, rx) = tokio::sync::mpsc::channel(64);
    let (rtx, _rrx) = tokio::sync::mpsc::channel(64);
    let h = spawn(WorkerSetup {
        index: 0,
        reader: publisher.reader(),
        stats: Arc::new(Stats::new(1)),
        access: None,
        orders: rx,
        reports: rtx,
    })
    .unwrap();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket
        .bind(&SocketAddr::from(([127, 0, 0, 1], port)).into())
        .unwrap();
    socket.listen(4096).unwrap();
    socket.set_nonblocking(true).unwrap();
    let limits = ListenerLimits {
        header_read_timeout: Duration::from_secs(10),
        keep_alive: Duration::from_secs(75),
        max_connections: 20000,
        max_header_count: 100,
        max_header_size: 65536,
    };
    tx.blocking_send(Order::Open(Arc::new(OpenListener::new(
        ListenerId(0),
        ListenerName::new("web"),
        socket.into(),
        limits,
    ))))
    .unwrap();
    h.join().unwrap();
}

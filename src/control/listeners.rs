//! The listening sockets of the data plane.
//!
//! Owns binding them and which of them a new file keeps; must not accept. What a file wants is bound before
//! anything else happens, so that a port that is taken fails the whole reload and nothing has changed.
//! `SO_REUSEPORT` would let two sockets share a port in between, and each worker have one of its own; but
//! closing such a socket resets whoever waits in its queue. One socket is handed on instead: a listener whose
//! limits change, or that changes its name, goes on with a duplicate of the descriptor and with the same queue.

use std::{
    collections::BTreeMap,
    io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Weak},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    config::ListenerConfig,
    core::ids::{ListenerId, ListenerName},
    mailbox::{Entrance, OpenListener},
    tls::Acceptor,
};

/// Every listener that is open.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    bound: BTreeMap<ListenerName, Bound>,
    next: ListenerId,
}

#[derive(Clone, Debug)]
struct Bound {
    config: ListenerConfig,
    addr: SocketAddr,
    open: Arc<OpenListener>,
    /// Numbers under which connections of this listener were accepted before it was opened anew; they live
    /// on, and go on being routed.
    earlier: Vec<Earlier>,
}

/// An earlier number of a listener, and whether anybody can still come by it: connections and workers that accept
/// hold its entrance, the control plane only looks.
#[derive(Clone, Debug)]
struct Earlier {
    id: ListenerId,
    entrance: Weak<Entrance>,
}

impl Bound {
    /// Its number, and earlier ones.
    fn numbers(&self) -> impl Iterator<Item = ListenerId> {
        std::iter::once(self.open.id).chain(self.earlier.iter().map(|it| it.id))
    }

    /// What its heir must go on routing: newest first, without those that nobody can come by any more.
    fn past(&self) -> impl Iterator<Item = Earlier> {
        let present = Earlier {
            id: self.open.id,
            entrance: Arc::downgrade(&self.open.entrance),
        };
        let past = std::iter::once(present).chain(self.earlier.iter().cloned());
        past.filter(|it| it.entrance.strong_count() > 0)
    }
}

/// What a file makes of the listeners; its new sockets are bound, and closed again if it is dropped.
#[derive(Debug)]
pub(super) struct Plan {
    after: Listeners,
    /// What listeners answer handshakes with.
    acceptors: BTreeMap<ListenerName, Arc<Acceptor>>,
    /// To be opened.
    pub(super) opened: Vec<(Arc<OpenListener>, SocketAddr)>,
    /// To be closed.
    pub(super) closed: Vec<Arc<OpenListener>>,
}

/// A listener that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("listener `{name}` cannot listen on `{addr}`: {error}")]
pub(super) struct BindError {
    name: ListenerName,
    addr: SocketAddr,
    error: io::Error,
}

impl Listeners {
    /// Binds what `wanted` has and this has not; changes nothing yet.
    pub(super) fn plan(
        &self,
        wanted: &[ListenerConfig],
        acceptors: &BTreeMap<ListenerName, Arc<Acceptor>>,
    ) -> Result<Plan, Vec<BindError>> {
        let mut plan = Plan {
            acceptors: acceptors.clone(),
            after: Self {
                bound: BTreeMap::new(),
                next: self.next,
            },
            opened: Vec::new(),
            closed: Vec::new(),
        };
        let mut errors = Vec::new();
        for config in wanted {
            match self.bound.get(&config.name) {
                Some(bound) if bound.config == *config => {
                    plan.after.bound.insert(config.name.clone(), bound.clone());
                }
                before => match self.socket_for(config, wanted) {
                    Ok((socket, holder)) => {
                        // Whoever was accepted under a name that is no more belongs to its heir.
                        let named =
                            |bound: &&Bound| !wanted.iter().any(|it| it.name == bound.config.name);
                        let ancestors = before.into_iter().chain(holder.filter(named));
                        plan.open(config, socket, ancestors);
                    }
                    Err(error) => errors.push(error),
                },
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        plan.close(self);
        Ok(plan)
    }

    /// A socket for `config`: the one that is open on its address, if no other listener keeps that; else a new
    /// one.
    fn socket_for(
        &self,
        config: &ListenerConfig,
        wanted: &[ListenerConfig],
    ) -> Result<(TcpListener, Option<&Bound>), BindError> {
        let holds = |bound: &&Bound| match bound.config.name == config.name {
            // With port 0 in the file, the address is the kernel's choice and stays.
            true => bound.config.listen == config.listen || bound.addr == config.listen,
            false => bound.addr == config.listen,
        };
        let kept = |bound: &&Bound| {
            let name = &bound.config.name;
            let its_own =
                |other: &ListenerConfig| other.name == *name && other.listen == bound.config.listen;
            *name != config.name && wanted.iter().any(its_own)
        };
        let holder = self.bound.values().find(holds).filter(|it| !kept(it));
        let socket = match holder {
            Some(bound) => bound.open.socket.try_clone(),
            None => bind(config.listen),
        };
        let bound = socket.map_err(|error| BindError {
            name: config.name.clone(),
            addr: config.listen,
            error,
        });
        Ok((bound?, holder))
    }

    /// Makes the plan true.
    pub(super) fn adopt(&mut self, plan: Plan) {
        *self = plan.after;
    }

    /// Where each listener is bound.
    pub(super) fn addresses(&self) -> BTreeMap<ListenerName, SocketAddr> {
        let bound = self.bound.iter();
        bound
            .map(|(name, bound)| (name.clone(), bound.addr))
            .collect()
    }
}

impl Plan {
    /// Every number that requests may come under, with the name that their routes go by.
    pub(super) fn numbers(&self) -> Vec<(ListenerId, ListenerName)> {
        let each = |(name, bound): (&ListenerName, &Bound)| {
            let numbers = bound.numbers();
            numbers.map(|id| (id, name.clone())).collect::<Vec<_>>()
        };
        self.after.bound.iter().flat_map(each).collect()
    }

    fn open<'a>(
        &mut self,
        config: &ListenerConfig,
        socket: TcpListener,
        ancestors: impl Iterator<Item = &'a Bound>,
    ) {
        // The kernel knows the address of a socket that it has just bound.
        let addr = socket.local_addr().unwrap_or(config.listen);
        self.after.next = self.after.next.next();
        let mut ancestors = ancestors.peekable();
        let mut entrance = Entrance::new(
            self.after.next,
            config,
            self.acceptors.get(&config.name).cloned(),
        );
        if let Some(ancestor) = ancestors.peek() {
            entrance = entrance.heir_of(&ancestor.open.entrance);
        }
        let open = Arc::new(OpenListener {
            socket,
            entrance: Arc::new(entrance),
        });
        let earlier = ancestors.flat_map(Bound::past).take(EARLIER_LIMIT);
        let earlier = earlier.collect();
        self.opened.push((Arc::clone(&open), addr));
        let bound = Bound {
            config: config.clone(),
            addr,
            open,
            earlier,
        };
        self.after.bound.insert(config.name.clone(), bound);
    }

    fn close(&mut self, before: &Listeners) {
        let still = |bound: &Bound| {
            let after = self.after.bound.get(&bound.config.name);
            after.is_some_and(|after| after.open.id == bound.open.id)
        };
        let closed = before.bound.values().filter(|bound| !still(bound));
        self.closed = closed.map(|bound| Arc::clone(&bound.open)).collect();
    }
}

/// Binds and listens. An IPv6 address is IPv6 alone, whatever the system's default: `[::]` beside `0.0.0.0`
/// must mean the same everywhere.
fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for connections in TIME_WAIT. Two listening sockets are still refused.
    socket.set_reuse_address(true)?;
    // Whoever is accepted inherits it, and need not be told.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Connections that may wait in the kernel to be accepted; it takes `net.core.somaxconn` if that is less.
const BACKLOG: i32 = 4096;
/// Earlier numbers of one listener whose connections go on being routed; beyond it those of the oldest are answered
/// 404.
const EARLIER_LIMIT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ListenerLimits, PeerPolicy};

    fn listener(name: &str, listen: &str) -> ListenerConfig {
        ListenerConfig {
            name: ListenerName::new(name),
            listen: listen.parse().unwrap(),
            peers: PeerPolicy::default(),
            limits: ListenerLimits::default(),
            tls: None,
            redirect_https: None,
        }
    }

    /// No listener has TLS.
    fn clear() -> BTreeMap<ListenerName, Arc<Acceptor>> {
        BTreeMap::new()
    }

    fn opened(wanted: &[ListenerConfig]) -> Listeners {
        let mut listeners = Listeners::default();
        let plan = listeners.plan(wanted, &clear()).unwrap();
        listeners.adopt(plan);
        listeners
    }

    fn addr(listeners: &Listeners, name: &str) -> SocketAddr {
        listeners.addresses()[&ListenerName::new(name)]
    }

    const ANY: &str = "127.0.0.1:0";

    #[test]
    fn what_has_not_changed_keeps_its_socket_and_number() {
        let wanted = [listener("web", ANY), listener("api", ANY)];
        let listeners = opened(&wanted);
        let plan = listeners.plan(&wanted[..1], &clear()).unwrap();
        assert_eq!((plan.opened.len(), plan.closed.len()), (0, 1));
        assert_eq!(plan.closed[0].name, ListenerName::new("api"));
        assert_eq!(plan.numbers(), [(ListenerId(1), ListenerName::new("web"))]);
    }

    #[test]
    fn new_limits_keep_the_port_and_route_what_was_accepted_before() {
        let listeners = opened(&[listener("web", ANY)]);
        let mut changed = listener("web", ANY);
        changed.limits.max_connections = 20;
        let plan = listeners.plan(&[changed], &clear()).unwrap();
        assert_eq!(plan.opened[0].1, addr(&listeners, "web"));
        assert_eq!(plan.closed[0].id, ListenerId(1));
        let web = ListenerName::new("web");
        let numbers = [(ListenerId(2), web.clone()), (ListenerId(1), web)];
        assert_eq!(plan.numbers(), numbers);
    }

    #[test]
    fn a_number_is_routed_for_as_long_as_anybody_can_come_by_it() {
        let mut listeners = opened(&[listener("web", ANY)]);
        let connection = Arc::clone(&listeners.bound[&ListenerName::new("web")].open.entrance);
        let mut numbers = Vec::new();
        for limit in 11..31 {
            let mut changed = listener("web", ANY);
            changed.limits.max_connections = limit;
            let plan = listeners.plan(&[changed], &clear()).unwrap();
            numbers = plan.numbers().into_iter().map(|(id, _)| id.0).collect();
            listeners.adopt(plan);
        }
        // The present one, the one before, which workers may still hold, and the one with a connection.
        assert_eq!(numbers, [21, 20, 1]);
        drop(connection);
        let plan = listeners.plan(&[listener("web", ANY)], &clear()).unwrap();
        let numbers: Vec<_> = plan.numbers().into_iter().map(|(id, _)| id.0).collect();
        assert_eq!(numbers, [22, 21]);
    }

    #[test]
    fn two_listeners_may_exchange_their_addresses() {
        let listeners = opened(&[listener("web", ANY), listener("api", ANY)]);
        let (web, api) = (addr(&listeners, "web"), addr(&listeners, "api"));
        let wanted = [
            listener("web", &api.to_string()),
            listener("api", &web.to_string()),
        ];
        let plan = listeners.plan(&wanted, &clear()).unwrap();
        assert_eq!(plan.opened[0].1, api);
        assert_eq!(plan.opened[1].1, web);
        let numbers: Vec<_> = plan
            .numbers()
            .into_iter()
            .map(|(id, name)| (id.0, name.to_string()))
            .collect();
        let expected = [(4, "api"), (2, "api"), (3, "web"), (1, "web")];
        assert_eq!(numbers, expected.map(|(id, name)| (id, name.to_owned())));
        assert_eq!(plan.closed.len(), 2);
    }

    #[test]
    fn what_was_accepted_under_a_name_that_is_gone_follows_the_address() {
        let listeners = opened(&[listener("web", ANY)]);
        let web = addr(&listeners, "web").to_string();
        let plan = listeners.plan(&[listener("www", &web)], &clear()).unwrap();
        let www = ListenerName::new("www");
        let numbers = [(ListenerId(2), www.clone()), (ListenerId(1), www)];
        assert_eq!(plan.numbers(), numbers);
    }

    #[test]
    fn a_port_that_is_taken_is_named_and_nothing_is_kept_of_the_plan() {
        let holder = opened(&[listener("web", ANY)]);
        let own = addr(&holder, "web").to_string();
        let wanted = [
            listener("web", ANY),
            listener("new", ANY),
            listener("twin", &own),
        ];
        let errors = holder.plan(&wanted, &clear()).unwrap_err();
        let text = errors[0].to_string();
        let begin = format!("listener `twin` cannot listen on `{own}`: ");
        assert!(text.starts_with(&begin), "{text}");
        assert!(text.contains("Address already in use"), "{text}");
    }
}

//! Promise: what the controller answers is so: in the snapshot, in the journal, and after a restart.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::{fs, net::TcpListener};

use cutover::{
    control::{
        controller::StartError,
        handle::{EndpointChange, EndpointOrder, ReloadAnswer},
        journal::JournalError,
    },
    core::{
        event::EndpointAnswer,
        ids::{Colour, EndpointAddr, ListenerName, ServiceName, Tenure},
        in_flight::{Claim, Ending, WorkerTenure},
        switch::{Actor, Outcome, Refusal, WaitFor},
    },
};

#[path = "support/control.rs"]
mod support;

use support::{
    Control, Site, done, endpoint, eventually, listener, nobody, operator, order, refused, service,
};

const ANY: &str = "127.0.0.1:0";

async fn shop() -> Site {
    let (blue, green) = (endpoint().await, endpoint().await);
    Site::new(&(listener("web", ANY) + &service("shop", Colour::Blue, blue, green)))
}

#[tokio::test]
async fn a_switch_is_published_when_it_is_answered_and_survives_a_restart() {
    let site = shop().await;
    let mut control = site.start().await;
    let receipt = done(control.switch("shop", Colour::Green).await);
    assert_eq!(
        (receipt.from, receipt.to, receipt.tenure),
        (Colour::Blue, Colour::Green, Tenure(2))
    );
    assert_eq!(receipt.actor, operator());
    assert!(receipt.barrier_us.is_some());
    assert_eq!(control.counter("shop").colour(), Colour::Green);
    eventually("the end of the drain", async || {
        let history = control.handle.history(None).await.unwrap();
        history[0].outcome == Outcome::Drained
    })
    .await;
    control.stop().await;
    let control = site.start().await;
    let view = control.service("shop").await;
    assert_eq!(
        (view.live, view.tenure, view.drift),
        (Colour::Green, Tenure(2), true)
    );
    let back = done(control.rollback("shop").await);
    assert_eq!((back.to, back.rollback), (Colour::Blue, true));
    let history = control
        .handle
        .history(Some(ServiceName::new("shop")))
        .await
        .unwrap();
    assert_eq!(history.len(), 2);
}

#[tokio::test]
async fn a_switch_that_waits_for_its_drain_is_answered_when_the_last_claim_has_ended() {
    let site = shop().await;
    let mut control = site.start().await;
    let claim = Claim::new(&WorkerTenure::new(control.counter("shop"), 1));
    let mut wish = order("shop", Colour::Green);
    wish.wait = WaitFor::Drained;
    let switching = control.handle.switch(wish);
    let ending = async {
        eventually("the switch", async || {
            control.service("shop").await.live == Colour::Green
        })
        .await;
        claim.ends(Ending::Finished);
        drop(claim);
    };
    let (answer, ()) = tokio::join!(switching, ending);
    let receipt = done(answer.unwrap());
    assert_eq!((receipt.in_flight_at_commit, receipt.finished), (1, 1));
    assert_eq!(receipt.outcome, Outcome::Drained);
}

#[tokio::test]
async fn a_switch_to_a_pool_that_is_not_ready_is_refused_and_nothing_changes() {
    let (live, (_socket, nobody)) = (endpoint().await, nobody());
    let site = Site::new(&(listener("web", ANY) + &service("shop", Colour::Blue, live, nobody)));
    let mut control = site.start().await;
    let Refusal::Gates(gates) = refused(control.switch("shop", Colour::Green).await) else {
        panic!("the gates were expected to refuse");
    };
    assert_eq!(gates[0].why.as_deref(), Some("0 of 1 endpoints ready"));
    assert_eq!(gates[0].endpoints[0].why, "connect refused");
    assert_eq!(control.counter("shop").tenure(), Tenure(1));
    let mut forced = order("shop", Colour::Green);
    forced.force = true;
    assert!(done(control.handle.switch(forced).await.unwrap()).forced);
}

#[tokio::test]
async fn without_a_journal_a_switch_is_refused_and_with_it_again_it_is_not() {
    let site = shop().await;
    let mut control = site.start().await;
    ready(&control).await;
    fs::remove_dir_all(site.state()).unwrap();
    let Refusal::Journal(why) = refused(control.switch("shop", Colour::Green).await) else {
        panic!("the journal was expected to refuse");
    };
    assert!(why.contains("No such file or directory"), "{why}");
    assert_eq!(control.counter("shop").colour(), Colour::Blue);
    assert!(
        control.handle.readiness().await.unwrap().is_ready(),
        "it goes on serving"
    );
    fs::create_dir(site.state()).unwrap();
    done(control.switch("shop", Colour::Green).await);
    control.stop().await;
    assert_eq!(site.start().await.service("shop").await.live, Colour::Green);
}

#[tokio::test]
async fn a_folder_is_not_shared_by_two_controllers() {
    let site = shop().await;
    let _first = site.start().await;
    let second = site.try_start(false).await.err().unwrap();
    assert!(
        matches!(second, StartError::Journal(JournalError::Locked(_))),
        "{second}"
    );
}

#[tokio::test]
async fn a_port_that_is_taken_refuses_the_start_by_name() {
    let taken = TcpListener::bind(ANY).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let addr = endpoint().await;
    let site = Site::new(&(listener("web", &taken) + &service("shop", Colour::Blue, addr, addr)));
    let error = site.try_start(false).await.err().unwrap().to_string();
    assert!(error.contains("`web`") && error.contains(&taken), "{error}");
    assert!(error.contains("Address already in use"), "{error}");
}

#[tokio::test]
async fn a_reload_touches_what_has_changed() {
    let (blue, green) = (endpoint().await, endpoint().await);
    let shop = service("shop", Colour::Blue, blue, green);
    let api = service("api", Colour::Blue, blue, green);
    let site = Site::new(&(listener("web", ANY) + &shop + &api));
    let mut control = site.start().await;
    let before = control.counter("shop");
    let listeners = control.handle.listeners().await.unwrap();
    let _ = control
        .stats
        .service(&ServiceName::new("api"), Colour::Blue);
    assert_eq!(control.reload().await, ReloadAnswer::Applied(vec![]));
    site.write(&(listener("web", ANY) + &listener("more", ANY) + &shop));
    let ReloadAnswer::Applied(changes) = control.reload().await else {
        panic!("the file was expected to be applied");
    };
    assert!(changes.iter().any(|it| it.contains("api")), "{changes:?}");
    assert!(
        changes
            .iter()
            .any(|it| it.contains("listener `more` added")),
        "{changes:?}"
    );
    assert!(std::sync::Arc::ptr_eq(&before, &control.counter("shop")));
    assert!(
        control
            .handle
            .service(ServiceName::new("api"))
            .await
            .unwrap()
            .is_none()
    );
    assert!(control.stats.services().is_empty());
    let after = control.handle.listeners().await.unwrap();
    let web = ListenerName::new("web");
    assert_eq!((after.len(), after[&web]), (2, listeners[&web]));
    assert_eq!(control.handle.config().await.unwrap().services.len(), 1);
}

#[tokio::test]
async fn a_listener_that_is_no_longer_named_is_closed_after_a_new_one_is_open() {
    let addr = endpoint().await;
    let shop = service("shop", Colour::Blue, addr, addr);
    let site = Site::new(&(listener("old", ANY) + &shop));
    let control = site.start().await;
    site.write(&(listener("new", ANY) + &shop));
    assert!(matches!(control.reload().await, ReloadAnswer::Applied(_)));
    eventually("the close", async || {
        control.workers.lock().unwrap().closed.len() == support::WORKERS
    })
    .await;
    let seen = control.workers.lock().unwrap();
    let names: Vec<_> = seen.open.values().map(|it| it.name.to_string()).collect();
    assert_eq!(names, ["new"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_applied_leaves_everything_as_it_was() {
    let addr = endpoint().await;
    let shop = service("shop", Colour::Blue, addr, addr);
    let site = Site::new(&(listener("web", ANY) + &shop));
    let control = site.start().await;
    site.write(&(listener("web", ANY) + &shop + "\n[service.shop.blu]\n"));
    let ReloadAnswer::Refused(errors) = control.reload().await else {
        panic!("the file was expected to be refused");
    };
    assert!(errors[0].contains("cutover.toml:"), "{errors:?}");
    let taken = TcpListener::bind(ANY).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let two = listener("web", ANY) + &listener("taken", &taken);
    site.write(&(two + &shop + &service("api", Colour::Blue, addr, addr)));
    let ReloadAnswer::Refused(errors) = control.reload().await else {
        panic!("the file was expected to be refused");
    };
    assert!(errors[0].contains(&taken), "{errors:?}");
    assert_eq!(control.handle.services().await.unwrap().len(), 1);
    assert_eq!(control.handle.listeners().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_only_a_restart_can_change_and_what_is_doubtful_is_said() {
    let addr = endpoint().await;
    let rest = listener("web", ANY) + &service("shop", Colour::Blue, addr, addr);
    let site = Site::new(&rest);
    let control = site.start().await;
    site.write(&("shutdown_delay = \"7s\"\n".to_owned() + &rest));
    let ReloadAnswer::Applied(changes) = control.reload().await else {
        panic!("the file was expected to be applied");
    };
    assert_eq!(changes[0], "[process] has changed; it needs a restart");
    let doubt = "is in pool `blue`, too";
    assert!(changes[1].starts_with("warning: ") && changes[1].contains(doubt));
    let config = control.handle.config().await.unwrap();
    assert!(config.process.shutdown_delay.is_zero());
}

#[tokio::test]
async fn a_colour_that_the_file_changes_is_a_switch_by_the_file() {
    let (blue, green) = (endpoint().await, endpoint().await);
    let site = Site::new(&(listener("web", ANY) + &service("shop", Colour::Blue, blue, green)));
    let control = site.try_start(true).await.unwrap();
    site.write(&(listener("web", ANY) + &service("shop", Colour::Green, blue, green)));
    eventually("the switch", async || {
        control.service("shop").await.live == Colour::Green
    })
    .await;
    let history = control.handle.history(None).await.unwrap();
    assert_eq!(history[0].actor, Actor::file());
}

#[tokio::test]
async fn an_endpoint_that_was_registered_is_there_after_a_restart() {
    let site = shop().await;
    let control = site.start().await;
    let addr = EndpointAddr::new(&endpoint().await.to_string());
    let order = EndpointOrder {
        service: ServiceName::new("shop"),
        colour: Colour::Green,
        addr: addr.clone(),
        change: EndpointChange::Register(std::num::NonZeroU16::MIN),
        actor: operator(),
    };
    let answer = control.handle.endpoint(order).await.unwrap();
    assert_eq!(
        answer,
        EndpointAnswer::Done {
            changed: true,
            receipt: None
        }
    );
    control.stop().await;
    let control = site.start().await;
    let green = control.service("shop").await.pools.green;
    assert!(green.endpoints.iter().any(|it| it.addr == addr));
}

#[tokio::test]
async fn readiness_names_each_condition_and_ends_with_the_shutdown() {
    let site = shop().await;
    let control = site.start().await;
    ready(&control).await;
    control.handle.shut_down().await.unwrap();
    let readiness = control.handle.readiness().await.unwrap();
    let failing: Vec<_> = readiness
        .conditions
        .iter()
        .filter(|(_, holds)| !**holds)
        .collect();
    assert_eq!(failing, [(&"running".to_owned(), &false)]);
    let refusal = refused(control.switch("shop", Colour::Green).await);
    assert_eq!(refusal, Refusal::ShuttingDown);
}

async fn ready(control: &Control) {
    eventually("readiness", async || {
        control.handle.readiness().await.unwrap().is_ready()
    })
    .await;
}

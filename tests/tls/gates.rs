//! Gates through TLS: checks go where traffic will, and hooks believe whom the file names.

use cutover::core::{
    ids::Colour,
    switch::{Refusal, SwitchAnswer},
};

use super::{
    authority::Authority,
    secure::{Front, showing},
    support::{
        answering::Answering,
        site::{Site, order, shop},
    },
};

/// A server behind TLS, with a certificate of this authority.
async fn server(authority: &Authority, name: &str) -> (Answering, Front) {
    let app = Answering::start(name).await;
    let identity = authority.for_hosts(&["127.0.0.1"]);
    let front = Front::start(showing(&identity), app.addr()).await;
    (app, front)
}

#[tokio::test]
async fn checks_and_hooks_speak_tls_and_believe_nobody_else() {
    let (ours, strangers) = (Authority::new("internal"), Authority::new("stranger"));
    let (_blue, blue) = server(&ours, "blue").await;
    let (green, green_front) = server(&ours, "green").await;
    let (hook, hook_front) = server(&ours, "hook").await;
    let (foreign, foreign_front) = server(&strangers, "hook").await;
    let config = |hook: &Front| {
        let keys = format!(
            "upstream_tls.ca = \"ca.pem\"\nswitch.check = [{{ path = \"/smoke\", expect_headers = {{ x-endpoint = \"green\" }} }}]\n\
             switch.hook = [{{ at = \"before_switch\", url = \"https://{}/told\", ca = \"ca.pem\" }}]",
            hook.addr()
        );
        shop(&[blue.addr()], &[green_front.addr()], &keys)
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), ours.pem()).unwrap();
    let site = Site::start_in(folder, &config(&foreign_front), false).await;
    site.ready("shop", Colour::Green, 1).await;
    let SwitchAnswer::Refused(Refusal::Gates(gates)) =
        site.try_switch(order("shop", Colour::Green)).await
    else {
        panic!("the hook proves nothing");
    };
    let why = gates[0].why.clone().unwrap();
    assert!(why.starts_with("certificate not trusted"), "{why}");
    assert_eq!((foreign.requests(), green.requests()), (0, 0));
    site.rewrite(&config(&hook_front)).await;
    let receipt = site.switch("shop", Colour::Green).await;
    assert_eq!(receipt.gates.len(), 2);
    assert_eq!(hook.seen(), ["POST /told"]);
    assert_eq!(green.seen(), ["GET /smoke"]);
}

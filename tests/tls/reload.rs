//! Files of certificates that change while cutover runs.

use std::{fs, os::unix::fs::symlink};

use cutover::control::handle::ReloadAnswer;
use rustls::pki_types::CertificateDer;

use super::{
    authority::Authority,
    secure::{connect, trusting, try_connect},
    stage::{Plan, SHOP, Stage, listener, web},
    support::{client::Raw, eventually, site::service},
};

#[tokio::test]
async fn a_renewed_pair_is_shown_to_new_connections_and_the_others_live_on() {
    let stage = Plan::with_shop().start_watching(&web(&["shop"], "")).await;
    let mut old = stage.client().await;
    assert_eq!(old.get("/").await.status, 200);
    let renewed = stage.authority.for_hosts(&[SHOP]);
    renewed.write(stage.site.folder(), "shop");
    becomes(&stage, &renewed.certificate).await;
    assert_eq!(old.get("/").await.status, 200);
    stage.site.counts(&reloads("applied"), 1.0).await;
    stage.site.counts(SUCCESS, 1.0).await;
}

#[tokio::test]
async fn a_pair_that_does_not_belong_together_leaves_the_old_one_until_it_does() {
    let stage = Plan::with_shop().start_watching(&web(&["shop"], "")).await;
    let before = shown(&stage, SHOP).await;
    let renewed = stage.authority.for_hosts(&[SHOP]);
    let folder = stage.site.folder().to_owned();
    fs::write(folder.join("shop.pem"), renewed.pem()).unwrap();
    stage.site.counts(&reloads("failed"), 1.0).await;
    stage.site.counts(SUCCESS, 0.0).await;
    assert_eq!(shown(&stage, SHOP).await, before);
    // The key follows, as some tools write it.
    renewed.write_key(&folder, "shop");
    becomes(&stage, &renewed.certificate).await;
    stage.site.counts(SUCCESS, 1.0).await;
    stage.site.counts(&reloads("failed"), 1.0).await;
}

#[tokio::test]
async fn a_bad_pair_holds_up_no_other() {
    let plan = Plan::with_shop();
    plan.issue("other", &["other.example.com"]);
    let stage = plan.start_watching(&web(&["shop", "other"], "")).await;
    let before = shown(&stage, SHOP).await;
    let folder = stage.site.folder().to_owned();
    fs::write(folder.join("shop.key"), "nonsense").unwrap();
    stage.site.counts(&reloads("failed"), 1.0).await;
    let renewed = stage.authority.for_hosts(&["other.example.com"]);
    renewed.write(&folder, "other");
    eventually("the good one is renewed", async || {
        shown(&stage, "other.example.com").await == renewed.certificate
    })
    .await;
    assert_eq!(shown(&stage, SHOP).await, before);
    fs::remove_file(folder.join("shop.pem")).unwrap();
    assert_eq!(shown(&stage, SHOP).await, before);
}

#[tokio::test]
async fn a_swap_of_the_link_that_a_secret_is_mounted_by_is_noticed() {
    let plan = Plan::new();
    let mount = plan.folder().join("mount");
    let put = |version: &str, issued: &super::authority::Issued| {
        let folder = mount.join(version);
        fs::create_dir_all(&folder).unwrap();
        issued.write(&folder, "tls");
        symlink(version, mount.join("..data_tmp")).unwrap();
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    };
    let issued = [0, 1, 2].map(|_| plan.authority.for_hosts(&[SHOP]));
    put("..2026_01", &issued[0]);
    for file in ["tls.pem", "tls.key"] {
        symlink(format!("..data/{file}"), mount.join(file)).unwrap();
    }
    let stage = plan.start_watching(&web(&["mount/tls"], "")).await;
    assert_eq!(shown(&stage, SHOP).await, issued[0].certificate);
    for (version, issued) in [("..2026_02", &issued[1]), ("..2026_03", &issued[2])] {
        put(version, issued);
        becomes(&stage, &issued.certificate).await;
    }
}

#[tokio::test]
async fn a_file_that_names_a_bad_pair_is_refused_whole() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    let before = shown(&stage, SHOP).await;
    let folder = stage.site.folder().to_owned();
    let other = stage.authority.for_hosts(&["other.example.com"]);
    other.write(&folder, "other");
    Authority::new("x")
        .for_hosts(&[SHOP])
        .write_key(&folder, "other");
    let further = service("more", "/more", [&[stage.blue.addr()], &[]], "");
    stage
        .site
        .write(&(stage.config(&web(&["shop", "other"], "")) + &further));
    let ReloadAnswer::Refused(errors) = stage.site.reload().await else {
        panic!("it was applied");
    };
    let said = errors.join("\n");
    let folder = folder.display();
    assert!(
        said.contains(&format!(
            "key `{folder}/other.key` does not belong to certificate `{folder}/other.pem`; \
             name the key that the certificate was issued for"
        )),
        "{said}"
    );
    assert!(said.contains("cutover.toml:1"), "{said}");
    assert_eq!(shown(&stage, SHOP).await, before);
    let services = stage.site.app().handle().services().await.unwrap();
    assert_eq!(services.len(), 1, "nothing of it was applied");
}

#[tokio::test]
async fn a_file_that_was_refused_for_its_certificates_is_applied_when_they_are_good() {
    let stage = Plan::with_shop().start_watching(&web(&["shop"], "")).await;
    let both = web(&["shop"], "") + &listener("other", &["other"], "");
    stage.site.write(&stage.config(&both));
    stage
        .site
        .counts(r#"cutover_reloads_total{result="failed"}"#, 1.0)
        .await;
    stage
        .authority
        .for_hosts(&["other.example.com"])
        .write(stage.site.folder(), "other");
    eventually("the listener is there", async || {
        let listeners = stage.site.app().handle().listeners().await.unwrap();
        listeners.len() == 2
    })
    .await;
    let addr = stage.site.addr_of("other").await;
    let config = trusting(&stage.authority);
    let mut client = connect(addr, "other.example.com", config).await;
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test]
async fn a_listener_may_lose_its_tls_and_get_it_back() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    let mut secure = stage.client().await;
    let plain = "[listener.web]\nlisten = \"127.0.0.1:0\"\n";
    stage.site.rewrite(&stage.config(plain)).await;
    let addr = stage.site.addr_of("web").await;
    assert_eq!(addr, stage.site.addr());
    // A worker may still accept by the listener as it was.
    let mut clear = Raw::connect(addr).await;
    eventually("the listener is in the clear", async || {
        clear = Raw::connect(addr).await;
        clear.get("/").await.status == 200
    })
    .await;
    assert_eq!(secure.get("/").await.status, 200);
    stage.site.rewrite(&stage.config(&web(&["shop"], ""))).await;
    eventually("the listener has TLS", async || {
        stage.handshake(trusting(&stage.authority)).await.is_ok()
    })
    .await;
    assert_eq!(clear.get("/").await.status, 200);
}

#[tokio::test]
async fn how_long_a_certificate_holds_is_shown_and_goes_with_its_listener() {
    let plan = Plan::with_shop();
    plan.issue("other", &["other.example.com"]);
    let both = web(&["shop", "shop"], "") + &listener("more", &["other"], "");
    let stage = plan.start(&both).await;
    let folder = stage.site.folder().display().to_string();
    let series = |listener: &str, name: &str| {
        format!(
            "cutover_tls_certificate_expiry_seconds{{listener=\"{listener}\",certificate=\"{folder}/{name}.pem\"}}"
        )
    };
    let day = 24.0 * 3600.0;
    let left = stage.site.metric(&series("web", "shop")).await;
    assert!((left - 90.0 * day).abs() < 60.0, "{left}");
    assert!(stage.site.metric(&series("more", "other")).await > 89.0 * day);
    let lines = stage.site.metrics().await;
    let lines = lines
        .lines()
        .filter(|it| it.starts_with("cutover_tls_certificate_expiry"));
    assert_eq!(lines.count(), 2);
    stage.site.rewrite(&stage.config(&web(&["shop"], ""))).await;
    assert!(!stage.site.metrics().await.contains("other.pem"));
}

/// Waits until new connections are shown this certificate.
async fn becomes(stage: &Stage, certificate: &CertificateDer<'_>) {
    eventually("the renewed certificate is shown", async || {
        shown(stage, SHOP).await == *certificate
    })
    .await;
}

async fn shown(stage: &Stage, name: &str) -> CertificateDer<'static> {
    let config = trusting(&stage.authority);
    let stream = try_connect(stage.site.addr(), name, config).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

fn reloads(result: &str) -> String {
    format!(r#"cutover_tls_certificate_reloads_total{{result="{result}"}}"#)
}

const SUCCESS: &str = "cutover_tls_last_certificate_reload_success";

//! Clients that prove who they are, and what endpoints are told of it.

use std::sync::Arc;

use rustls::ClientConfig;
use sha2::{Digest, Sha256};

use super::{
    authority::{Authority, Issued, Wish},
    secure::{client, connect, proving, trusting},
    stage::{Plan, SHOP, Stage, web},
    support::{
        client::{Answer, Raw, get},
        scripted::Scripted,
        site::{Site, shop},
    },
};

#[tokio::test]
async fn without_a_certificate_that_is_believed_nothing_gets_through() {
    let (stage, people) = required().await;
    let stranger = Authority::new("stranger").issues(&Wish::person("ann"));
    let expired = people.issues(&Wish::person("ann").valid(-30, -1));
    let early = people.issues(&Wish::person("ann").valid(1, 30));
    let shop = &stage.authority;
    for version in rustls::ALL_VERSIONS {
        for proof in [None, Some(&stranger), Some(&expired), Some(&early)] {
            let config = client(shop.roots(), proof, &[version]);
            assert!(!is_served(&stage, config).await);
        }
    }
    assert_eq!(stage.blue.requests(), 0);
    let refused = r#"cutover_tls_handshake_failures_total{reason="client_certificate"}"#;
    stage.site.counts(refused, 8.0).await;
}

#[tokio::test]
async fn an_endpoint_is_told_whom_a_certificate_names_and_its_fingerprint() {
    let (stage, people) = required().await;
    let ann = people.issues(&Wish::person("ann, of the \"shop\""));
    let mut connection = connect(stage.site.addr(), SHOP, proving(&stage.authority, &ann)).await;
    for _ in 0..2 {
        let answer = connection.get("/").await;
        let subject = r#"CN=ann\, of the \"shop\""#;
        assert_eq!(told(&answer, "x-client-cert-subject"), [subject]);
        assert_eq!(told(&answer, "x-client-cert-sha256"), [fingerprint(&ann)]);
        assert_eq!(told(&answer, "x-forwarded-proto"), ["https"]);
    }
}

#[tokio::test]
async fn where_a_certificate_is_offered_a_client_may_do_without_but_not_show_a_bad_one() {
    let plan = Plan::with_shop();
    let people = Authority::new("people");
    people.write(&plan.folder().join("people.pem"));
    let keys = "client_ca = \"people.pem\"\nclient_auth = \"offered\"\n\
        client_subject_header = \"X-Who\"";
    let stage = plan.start(&web(&["shop"], keys)).await;
    let ann = people.issues(&Wish::person("ann"));
    let stranger = Authority::new("stranger").issues(&Wish::person("ann"));
    let shop = &stage.authority;
    let nobody = connect(stage.site.addr(), SHOP, trusting(shop))
        .await
        .get("/")
        .await;
    assert_eq!(nobody.status, 200);
    assert_eq!(told(&nobody, "x-who"), [""; 0]);
    let known = connect(stage.site.addr(), SHOP, proving(shop, &ann))
        .await
        .get("/")
        .await;
    assert_eq!(told(&known, "x-who"), ["CN=ann"]);
    assert!(!is_served(&stage, proving(shop, &stranger)).await);
}

#[tokio::test]
async fn what_a_client_says_of_its_certificate_reaches_no_endpoint_on_any_listener() {
    let plan = Plan::with_shop();
    let people = Authority::new("people");
    people.write(&plan.folder().join("people.pem"));
    let keys = "client_ca = \"people.pem\"\nclient_auth = \"offered\"";
    let listeners = web(&["shop"], keys) + "\n[listener.plain]\nlisten = \"127.0.0.1:0\"\n";
    let stage = plan.start(&listeners).await;
    let lie = format!(
        "GET / HTTP/1.1\r\nHost: {SHOP}\r\nX-Client-Cert-Subject: CN=root\r\n\
         x_client_cert_subject: CN=root\r\nX-Client_Cert-SHA256: 00\r\n\
         X-Client-Cert-Subject: CN=root\r\nX-Other: 1\r\n\r\n"
    );
    let ann = people.issues(&Wish::person("ann"));
    let shop = &stage.authority;
    let mut unknown = connect(stage.site.addr(), SHOP, trusting(shop)).await;
    let mut known = connect(stage.site.addr(), SHOP, proving(shop, &ann)).await;
    let mut plain = Raw::connect(stage.site.addr_of("plain").await).await;
    unknown.send(&lie).await;
    known.send(&lie).await;
    plain.send(&lie).await;
    for (answer, subject) in [
        (unknown.answer().await, None),
        (known.answer().await, Some("CN=ann")),
        (plain.answer().await, None),
    ] {
        assert_eq!(told(&answer, "x-other"), ["1"]);
        assert_eq!(
            told(&answer, "x-client-cert-subject"),
            Vec::from_iter(subject)
        );
        assert_eq!(told(&answer, "x_client_cert_subject"), [""; 0]);
        assert_eq!(told(&answer, "x-client_cert-sha256"), [""; 0]);
        let fingerprints = usize::from(subject.is_some());
        assert_eq!(told(&answer, "x-client-cert-sha256").len(), fingerprints);
    }
}

#[tokio::test]
async fn nor_does_it_behind_a_body() {
    let plan = Plan::with_shop();
    Authority::new("people").write(&plan.folder().join("people.pem"));
    let endpoint = Scripted::start(|mut link| async move {
        link.until("\r\n0\r\n").await;
        link.until("\r\n\r\n").await;
        link.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    })
    .await;
    let roots = trusting(&plan.authority);
    let keys = "client_ca = \"people.pem\"\nclient_auth = \"offered\"";
    let config = web(&["shop"], keys) + &shop(&[endpoint.addr()], &[], "");
    let site = Site::start_in(plan.into_folder(), &config, false).await;
    let mut client = connect(site.addr(), SHOP, roots).await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
        Trailer: X-Sum, X-Client-Cert-Subject, X_Client_Cert_SHA256\r\n\r\n";
    let body = "1\r\na\r\n0\r\nX-Sum: 7\r\nX-Client-Cert-Subject: CN=root\r\n\
        X_Client_Cert_SHA256: 00\r\n\r\n";
    client.send([head, body].concat()).await;
    assert_eq!(client.answer().await.status, 204);
    let received = endpoint.received(0).to_lowercase();
    assert!(received.contains("x-sum: 7\r\n"), "{received}");
    assert!(
        !received.contains("cn=root") && !received.contains(": 00"),
        "{received}"
    );
}

#[tokio::test]
async fn a_connection_that_was_there_before_the_field_had_a_name_cannot_use_it() {
    let plan = Plan::with_shop();
    Authority::new("people").write(&plan.folder().join("people.pem"));
    let plain = "\n[listener.plain]\nlisten = \"127.0.0.1:0\"\n";
    let stage = plan.start(&(web(&["shop"], "") + plain)).await;
    let mut connection = Raw::connect(stage.site.addr_of("plain").await).await;
    let lie = "GET / HTTP/1.1\r\nHost: a\r\nX-Client-Cert-Subject: CN=root\r\n\r\n";
    connection.send(lie).await;
    let before = connection.answer().await;
    assert_eq!(told(&before, "x-client-cert-subject"), ["CN=root"]);
    let config = stage.config(&(web(&["shop"], "client_ca = \"people.pem\"") + plain));
    stage.site.rewrite(&config).await;
    connection.send(lie).await;
    let after = connection.answer().await;
    assert_eq!(told(&after, "x-client-cert-subject"), [""; 0]);
}

#[tokio::test]
async fn a_resumed_session_keeps_its_identity() {
    let (stage, people) = required().await;
    let ann = people.issues(&Wish::person("ann"));
    let config = Arc::new(proving(&stage.authority, &ann));
    for _ in 0..3 {
        let mut connection = connect(stage.site.addr(), SHOP, config.clone()).await;
        let answer = connection.get("/").await;
        assert_eq!(told(&answer, "x-client-cert-subject"), ["CN=ann"]);
    }
    let resumed = r#"cutover_tls_handshakes_total{version="1.3",kind="resumed"}"#;
    stage.site.counts(resumed, 2.0).await;
}

#[tokio::test]
async fn whoever_was_believed_by_other_authorities_must_prove_himself_anew() {
    let (stage, people) = required().await;
    let ann = people.issues(&Wish::person("ann"));
    let config = Arc::new(proving(&stage.authority, &ann));
    let mut connection = connect(stage.site.addr(), SHOP, config.clone()).await;
    assert_eq!(connection.get("/").await.status, 200);
    Authority::new("others").write(&stage.site.folder().join("people.pem"));
    stage.site.reload().await;
    let mut again = connect(stage.site.addr(), SHOP, config.clone()).await;
    again.try_send(get("/")).await;
    assert!(again.try_answer().await.is_err());
    assert_eq!(
        connection.get("/").await.status,
        200,
        "what was there lives on"
    );
}

/// A cutover whose clients must be people, and who issues their certificates.
async fn required() -> (Stage, Authority) {
    let plan = Plan::with_shop();
    let people = Authority::new("people");
    people.write(&plan.folder().join("people.pem"));
    let keys = "client_ca = \"people.pem\"\nclient_auth = \"required\"";
    (plan.start(&web(&["shop"], keys)).await, people)
}

/// Whether a client is answered. In TLS 1.3 it learns only after its handshake that it is not.
async fn is_served(stage: &Stage, config: ClientConfig) -> bool {
    let Ok(stream) = stage.handshake(config).await else {
        return false;
    };
    let mut connection = Raw::over(stream);
    connection.try_send(get("/")).await;
    connection.try_answer().await.is_ok()
}

/// The values of a field as the endpoint got it.
fn told(answer: &Answer, name: &str) -> Vec<String> {
    let described = answer.json();
    let headers = described["headers"].as_array().unwrap();
    let of_name = headers.iter().filter(|it| it[0] == name);
    of_name
        .map(|it| it[1].as_str().unwrap().to_owned())
        .collect()
}

fn fingerprint(of: &Issued) -> String {
    let digest = Sha256::digest(&of.certificate);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

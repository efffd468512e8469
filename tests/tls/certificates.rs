//! Which certificate a client is shown.

use std::{fs, io};

use rcgen::{PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256};
use rustls::{
    ClientConfig, SignatureScheme,
    crypto::{WebPkiSupportedAlgorithms, aws_lc_rs},
    pki_types::CertificateDer,
};

use super::{
    authority::{Authority, Wish, write_secret},
    secure::{speaking, trusting, try_connect},
    stage::{Plan, Stage, web},
};

#[tokio::test]
async fn a_client_is_shown_the_certificate_of_the_name_it_asks_for() {
    let plan = Plan::new();
    let issued = [
        plan.issue("first", &["first.example.com"]),
        plan.issue("shop", &["shop.example.com", "www.example.com"]),
        plan.issue("any", &["*.example.com"]),
    ];
    let stage = plan.start(&web(&["first", "shop", "any"], "")).await;
    for (name, of) in [
        ("first.example.com", 0),
        ("shop.example.com", 1),
        ("www.example.com", 1),
        ("other.example.com", 2),
        ("SHOP.example.com", 1),
    ] {
        let shown = shown(&stage, name, trusting(&stage.authority))
            .await
            .unwrap();
        assert_eq!(shown, issued[of].certificate, "{name}");
    }
}

#[tokio::test]
async fn whoever_asks_for_no_name_or_an_unknown_one_is_shown_the_first() {
    let plan = Plan::new();
    let first = plan.issue("first", &["first.example.com", "127.0.0.1"]);
    plan.issue("any", &["*.example.com"]);
    let stage = plan.start(&web(&["first", "any"], "")).await;
    // A name in an address is none, and two labels are more than a wildcard stands for.
    let shown_for = async |name| shown(&stage, name, trusting(&stage.authority)).await;
    assert_eq!(shown_for("127.0.0.1").await.unwrap(), first.certificate);
    let error = shown_for("a.b.example.com").await.unwrap_err().to_string();
    assert!(error.contains("first.example.com"), "{error}");
    let mut silent = trusting(&stage.authority);
    silent.enable_sni = false;
    let shown = shown(&stage, "first.example.com", silent).await;
    assert_eq!(shown.unwrap(), first.certificate);
}

#[tokio::test]
async fn of_two_certificates_for_a_name_a_client_is_shown_one_that_it_can_verify() {
    let plan = Plan::new();
    let modern = plan.issue("modern", &["shop.example.com"]);
    let rsa = Wish::hosts(&["shop.example.com"]).with_key(&PKCS_RSA_SHA256);
    let old = plan.authority.issues(&rsa);
    old.write(plan.folder(), "old");
    let stage = plan.start(&web(&["modern", "old"], "")).await;
    let name = "shop.example.com";
    let shown_to = async |config| shown(&stage, name, config).await.unwrap();
    let authority = &stage.authority;
    assert_eq!(shown_to(trusting(authority)).await, modern.certificate);
    assert_eq!(shown_to(knowing_only_rsa(authority)).await, old.certificate);
}

#[tokio::test]
async fn keys_of_every_kind_and_form_serve() {
    let plan = Plan::new();
    let authority = &plan.authority;
    let kinds = [
        ("rsa", &PKCS_RSA_SHA256, Some("RSA PRIVATE KEY")),
        ("p384", &PKCS_ECDSA_P384_SHA384, Some("EC PRIVATE KEY")),
        ("ed25519", &PKCS_ED25519, None),
    ];
    let mut expected = Vec::new();
    let mut names = Vec::new();
    for (kind, algorithm, old_form) in kinds {
        let host = format!("{kind}.example.com");
        let issued = authority.issues(&Wish::hosts(&[&host]).with_key(algorithm));
        issued.write(plan.folder(), kind);
        names.push(kind.to_owned());
        expected.push((host, issued.certificate.clone()));
        if let Some(label) = old_form {
            let (name, host) = (format!("{kind}-old"), format!("{kind}-old.example.com"));
            let issued = authority.issues(&Wish::hosts(&[&host]).with_key(algorithm));
            issued.write(plan.folder(), &name);
            let key = plan.folder().join(format!("{name}.key"));
            write_secret(&key, &issued.unwrapped_key(label));
            names.push(name);
            expected.push((host, issued.certificate.clone()));
        }
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let stage = plan.start(&web(&names, "")).await;
    for (host, certificate) in expected {
        for version in rustls::ALL_VERSIONS {
            let shown = shown(&stage, &host, speaking(&stage.authority, version)).await;
            assert_eq!(shown.unwrap(), certificate, "{host}");
        }
    }
}

#[tokio::test]
async fn what_leads_to_the_authority_is_shown_too_and_one_file_may_hold_it_all() {
    let plan = Plan::new();
    plan.issue("shop", &["shop.example.com"]);
    let read = |name: &str| fs::read_to_string(plan.folder().join(name)).unwrap();
    let all = [read("shop.key"), read("shop.pem"), plan.authority.pem()].concat();
    write_secret(&plan.folder().join("shop.pem"), &all);
    write_secret(&plan.folder().join("shop.key"), &all);
    let stage = plan.start(&web(&["shop"], "")).await;
    let stream = stage.handshake(trusting(&stage.authority)).await.unwrap();
    assert_eq!(stream.get_ref().1.peer_certificates().unwrap().len(), 2);
    let mut client = stage.client().await;
    assert_eq!(client.get("/").await.status, 200);
}

/// The certificate that a client for `name` is shown, or why it does not believe it.
async fn shown(
    stage: &Stage,
    name: &str,
    config: ClientConfig,
) -> io::Result<CertificateDer<'static>> {
    let stream = try_connect(stage.site.addr(), name, config).await?;
    Ok(stream.get_ref().1.peer_certificates().unwrap()[0].clone())
}

fn knowing_only_rsa(authority: &Authority) -> ClientConfig {
    // A client's kinds are those that its provider can verify, but for the certificates' own signatures.
    let mut provider = aws_lc_rs::default_provider();
    let algorithms = provider.signature_verification_algorithms;
    let is_rsa = |scheme: SignatureScheme| {
        matches!(
            scheme,
            SignatureScheme::RSA_PSS_SHA256 | SignatureScheme::RSA_PKCS1_SHA256
        )
    };
    let mapping: Vec<_> = algorithms
        .mapping
        .iter()
        .copied()
        .filter(|it| is_rsa(it.0))
        .collect();
    provider.signature_verification_algorithms = WebPkiSupportedAlgorithms {
        all: algorithms.all,
        mapping: mapping.leak(),
    };
    ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authority.roots())
        .with_no_client_auth()
}

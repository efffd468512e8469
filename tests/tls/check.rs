//! What `cutover check` finds in the files that a configuration names, and that `serve` says the same.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use assert_cmd::Command;
use cutover::{
    app::{App, Options},
    config::environment::Environment,
    core::switch::Actor,
};

use super::{
    authority::{Authority, Wish, write_secret},
    stage::{SHOP, listener},
    support::site::{Site, shop},
};

#[test]
fn the_example_is_without_problem_or_warning_where_its_files_are() {
    let folder = tempfile::tempdir().unwrap();
    let tls = folder.path().join("tls");
    fs::create_dir(&tls).unwrap();
    let authority = Authority::new("test");
    for (name, host) in [
        ("shop", SHOP),
        ("wildcard", "*.example.com"),
        ("cutover", "cutover"),
    ] {
        authority.for_hosts(&[host]).write(&tls, name);
    }
    authority.write(&tls.join("partners.pem"));
    authority.write(&tls.join("internal-ca.pem"));
    fs::copy("config/tls.toml", folder.path().join("cutover.toml")).unwrap();
    let (code, said) = check(folder.path());
    assert_eq!(code, 0, "{said}");
    assert_eq!(said, "");
}

#[tokio::test]
async fn every_flaw_of_a_file_is_told_at_its_place_and_with_a_cure() {
    let authority = Authority::new("test");
    let good = authority.for_hosts(&[SHOP]);
    let pem = good.pem();
    let key = good.key.serialize_pem();
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let other = authority.for_hosts(&[SHOP]).key.serialize_pem();
    let damaged = pem.replacen('M', "?", 1);
    let public = good.key.public_key_pem();
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cases = [
        (
            pem,
            &*other,
            "key `<KEY>` does not belong to certificate `<CERT>`; name the key that the certificate was issued for",
        ),
        (
            "",
            &key,
            "certificate `<CERT>` has no certificate in PEM; name a file of `BEGIN CERTIFICATE` sections: the certificate, then those that lead to its authority",
        ),
        (
            &damaged,
            &key,
            "certificate `<CERT>` has a damaged section in PEM;",
        ),
        (
            no_certificate,
            &key,
            "certificate `<CERT>` is not a certificate that can be read;",
        ),
        (
            pem,
            "",
            "key `<KEY>` has no private key in PEM; name a file with an RSA, ECDSA or Ed25519 key in PKCS#8, PKCS#1 or SEC1",
        ),
        (pem, &public, "key `<KEY>` has no private key in PEM;"),
        (
            pem,
            &encrypted,
            "key `<KEY>` is encrypted; decrypt it, such as with `openssl pkey`, and protect the file instead",
        ),
    ];
    for (pem, key, flaw) in cases {
        is_refused(pem, key, flaw).await;
    }
}

/// Both `check` and `serve` refuse a listener that shows this, and say the same.
async fn is_refused(pem: &str, key: &str, flaw: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("shop.pem"), pem).unwrap();
    write_secret(&folder.path().join("shop.key"), key);
    let (code, said) = check_site(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let flaw = flaw
        .replace("<CERT>", &path("shop.pem"))
        .replace("<KEY>", &path("shop.key"));
    assert_eq!(code, 2, "{said}");
    let column = if flaw.starts_with("key") { 44 } else { 26 };
    let place = format!("cutover.toml:4:{column}: {flaw}");
    assert!(said.contains(&place), "{said}\nlacks\n{place}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let options = Options {
        config: folder.path().join("cutover.toml"),
        watch: false,
        environment: Environment::default(),
    };
    let refused = App::start(options).await.unwrap_err().to_string();
    assert_eq!(refused, said.trim_end(), "`serve` says something else");
}

#[tokio::test]
async fn what_expires_and_what_others_can_read_is_a_warning_everywhere() {
    let authority = Authority::new("test");
    for (valid, mode, warning) in [
        ((-90, 13), 0o600, Some("certificate `<CERT>` expires on ")),
        ((-90, 15), 0o600, None),
        // A certificate that is made for days expires soon when hours are left.
        ((-5, 2), 0o600, None),
        ((-90, -1), 0o600, Some("certificate `<CERT>` expired on ")),
        (
            (1, 90),
            0o600,
            Some("certificate `<CERT>` is not valid before "),
        ),
        (
            (-1, 90),
            0o640,
            Some("key `<KEY>` can be read by its group; take that right away: `chmod 600`"),
        ),
        (
            (-1, 90),
            0o604,
            Some("key `<KEY>` can be read by every user of this machine;"),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let hosts = Wish::hosts(&[SHOP]).valid(valid.0, valid.1);
        authority.issues(&hosts).write(folder.path(), "shop");
        let key = folder.path().join("shop.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let (code, said) = check_site(folder.path());
        assert_eq!(code, 0, "{said}");
        let path = |name: &str| folder.path().join(name).display().to_string();
        match warning {
            None => assert_eq!(said, "", "{valid:?}"),
            Some(warning) => {
                let warning = warning
                    .replace("<CERT>", &path("shop.pem"))
                    .replace("<KEY>", &path("shop.key"));
                assert!(said.contains(&warning), "{said}");
                assert!(said.starts_with("warning: "), "{said}");
                assert_eq!(said.lines().count(), 1, "{said}");
                let config = fs::read_to_string(folder.path().join("cutover.toml")).unwrap();
                let site = Site::start_in(folder, &config, false).await;
                let changes = site.app().handle().reload(Actor::file()).await.unwrap();
                // The place is another one: more stands before it in that file.
                let text = said[said.find(&warning).unwrap()..].trim_end();
                assert!(format!("{changes:?}").contains(text), "{changes:?}");
            }
        }
    }
}

/// `cutover check` in a folder whose listener `web` shows the certificate `shop`: its exit code, and what it says
/// beside its result.
fn check_site(folder: &Path) -> (i32, String) {
    let endpoint = ["127.0.0.1:9".parse().unwrap()];
    let admin = "[admin]\nlisten = \"127.0.0.1:0\"\n";
    let green = "green.endpoints = [\"127.0.0.1:10\"]";
    let config = listener("web", &["shop"], "") + admin + &shop(&endpoint, &[], green);
    fs::write(folder.join("cutover.toml"), config).unwrap();
    check(folder)
}

fn check(folder: &Path) -> (i32, String) {
    let output = Command::cargo_bin("cutover")
        .unwrap()
        .args(["check", "--config"])
        .arg(folder.join("cutover.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

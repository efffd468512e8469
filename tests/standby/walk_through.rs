//! Promise: the release that docs/kubernetes.md walks through goes as it says, with its example and the application of
//! cutover's own image; two processes stand in for the NodePorts.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Output, Stdio},
};

use cutover::core::ids::Colour::{Blue, Green};

use crate::support::{
    call::Admin,
    client::{Answer, Raw},
    eventually,
    serve::BINARY,
    site::Site,
};

/// `cutover demo-app`, killed when it is dropped.
struct App(Child, SocketAddr);

impl App {
    fn start(colour: &str) -> Self {
        let mut app = Command::new(BINARY)
            .args(["demo-app", "--colour", colour])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = String::new();
        let mut stdout = BufReader::new(app.stdout.take().unwrap());
        stdout.read_line(&mut told).unwrap();
        let addr = told.trim().rsplit_once("http://").unwrap().1;
        Self(app, addr.parse().unwrap())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // An error is a process that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The example, with addresses of this test in place of a cluster's.
fn example(blue: &App, green: &App) -> String {
    let text = fs::read_to_string("config/kubernetes-nodeport.toml").unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("token_file"));
    let replaced = lines.map(|line| match line {
        line if line.starts_with("state =") => "state = \"{dir}/state\"".to_owned(),
        line if line.starts_with("listen =") => "listen = \"127.0.0.1:0\"".to_owned(),
        line if line.starts_with("access_log =") => "access_log = \"off\"".to_owned(),
        line if line.contains(":30080") => format!("endpoints = [\"{}\"]", blue.1),
        line if line.contains(":30081") => format!("endpoints = [\"{}\"]", green.1),
        line => line.to_owned(),
    });
    replaced.collect::<Vec<_>>().join("\n") + "\n"
}

async fn ping(client: &mut Raw, fields: &str) -> Answer {
    let request = format!("GET /ping HTTP/1.1\r\nHost: shop.example.com\r\n{fields}\r\n");
    client.exchange(request).await
}

/// A command of the page, and how it must end.
async fn does(site: &Site, line: &str, code: i32) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let output: Output = Admin(site.admin()).cli(&words).await;
    assert_eq!(output.status.code(), Some(code), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_release_goes_as_the_page_says() {
    let (blue, green) = (App::start("blue"), App::start("green"));
    let site = Site::start(&example(&blue, &green)).await;
    site.ready("shop", Blue, 1).await;
    site.ready("shop", Green, 1).await;
    let mut client = site.client().await;
    assert_eq!(ping(&mut client, "").await.text(), "version 1 (blue)\n");
    let shown = ping(&mut client, "X-Preview: 1\r\n").await;
    assert_eq!(shown.text(), "version 2 (green)\n");
    assert_eq!(shown.field("x-cutover-preview"), Some("green"));
    does(&site, "plan shop green", 0).await;
    assert_eq!(ping(&mut client, "").await.text(), "version 1 (blue)\n");

    does(&site, "switch shop green --reason release", 0).await;
    // The same connection as before.
    assert_eq!(ping(&mut client, "").await.text(), "version 2 (green)\n");
    let status = does(&site, "status shop", 0).await;
    assert!(
        status.contains("to blue, pool `blue` has 1 of 1 endpoints ready"),
        "{status}"
    );
    let told = does(&site, "wait-safe shop blue --once", 3).await;
    assert!(told.contains("kept ready to return until"), "{told}");
    does(&site, "rollback shop --reason errors", 0).await;
    assert_eq!(ping(&mut client, "").await.text(), "version 1 (blue)\n");

    // Again, and with nobody to return to the old pods may go.
    does(&site, "switch shop green --reason release", 0).await;
    let released =
        example(&blue, &green).replace("keep_standby_for = \"30m\"", "keep_standby_for = \"0s\"");
    site.rewrite(&released).await;
    let told = does(&site, "wait-safe shop blue", 0).await;
    assert!(told.contains("may be stopped"), "{told}");
    drop(blue);
    eventually("the old pods are missed", async || {
        !site.service("shop").await.rollback_possible
    })
    .await;
    assert_eq!(ping(&mut client, "").await.text(), "version 2 (green)\n");
    let addr = green.1.to_string();
    does(
        &site,
        &format!("endpoint drain shop green {addr} --wait --deadline 5m"),
        3,
    )
    .await;
    assert_eq!(site.history("shop").await.len(), 3);
}

//! Promise: a disk that takes no more refuses switches, says so, and stops no traffic; when it has room again, so have they.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

mod support;

use std::{fs, path::PathBuf, process::Command};

use cutover::core::ids::Colour;
use serde_json::json;
use support::{
    answering::Answering,
    call::Admin,
    client::Raw,
    eventually,
    serve::{BINARY, Home, Serve},
    site::shop,
};

async fn ready(admin: Admin) {
    eventually("both colours are ready", async || {
        let view = admin.service("shop").await;
        view.pools.iter().all(|(_, pool)| pool.ready == 1)
    })
    .await;
}

/// Switches back and forth until the journal takes no more; the colour that is live then, and how many switches went.
async fn switch_until_refused(serve: &Serve, why: &str) -> (Colour, usize) {
    let mut client = Raw::connect(serve.addr).await;
    let mut live = Colour::Blue;
    for done in 0..SWITCHES_LIMIT {
        let wish = json!({ "to": live.other(), "reason": reason() });
        let answer = serve.admin.post("/v1/services/shop/switch", wish).await;
        if answer.status != 200 {
            let problem = answer.json();
            assert_eq!(answer.status, 503, "{problem}");
            assert_eq!(problem["type"], "urn:cutover:problem:journal");
            let detail = problem["detail"].as_str().unwrap();
            assert!(
                detail.contains(why) && detail.contains("nothing was switched"),
                "{detail}"
            );
            assert_eq!(
                client.get("/").await.field("x-endpoint"),
                Some(live.as_str())
            );
            return (live, done);
        }
        live = live.other();
        assert_eq!(
            client.get("/").await.field("x-endpoint"),
            Some(live.as_str())
        );
    }
    panic!("the disk was never full");
}

/// Nothing but switches suffers.
async fn goes_on(serve: &Serve, live: Colour, why: &str) {
    assert_eq!(serve.admin.get("/readyz").await.status, 200);
    assert_eq!(serve.admin.service("shop").await.live, live);
    let args = [
        "switch",
        "shop",
        live.other().as_str(),
        "--reason",
        &reason(),
    ];
    let output = serve.admin.cli(&args).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(why), "{said}");
    let mut client = Raw::connect(serve.addr).await;
    for _ in 0..20 {
        assert_eq!(
            client.get("/").await.field("x-endpoint"),
            Some(live.as_str())
        );
    }
}

/// A restart finds what was live, and no damage.
async fn comes_back(home: &Home, live: Colour, switches: usize) {
    let serve = home.serve().await;
    assert!(
        serve.said("journal damaged").is_empty(),
        "{:#?}",
        serve.lines()
    );
    assert_eq!(serve.admin.service("shop").await.live, live);
    assert_eq!(serve.admin.history("shop").await.len(), switches);
    ready(serve.admin).await;
    assert_eq!(
        serve.admin.switch("shop", live.other()).await.to,
        live.other()
    );
}

#[tokio::test]
async fn a_file_that_may_not_grow_refuses_a_switch_and_stops_nothing() {
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let home = Home::new("", &shop(&[pools[0].addr()], &[pools[1].addr()], ""));
    // The limit makes a write stop in the middle, for every user; the signal that comes with it is ignored, as service
    // managers that set the limit do.
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "trap '' XFSZ; ulimit -f 24; exec \"$0\" \"$@\"",
        BINARY,
    ]);
    let serve = Serve::start(command, &home.config()).await;
    ready(serve.admin).await;
    let (live, switches) = switch_until_refused(&serve, "File too large").await;
    goes_on(&serve, live, "File too large").await;
    serve.kill();
    comes_back(&home, live, switches).await;
}

#[tokio::test]
async fn a_full_disk_refuses_a_switch_until_it_has_room_again() {
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let home = Home::new("", &shop(&[pools[0].addr()], &[pools[1].addr()], ""));
    let Some(disk) = Disk::mount(home.folder().join("state")) else {
        println!("SKIPPED: no tmpfs can be mounted here, so no disk can be full");
        return;
    };
    let serve = home.serve().await;
    ready(serve.admin).await;
    let ballast = disk.folder.join("ballast");
    fs::write(&ballast, vec![0; DISK_SIZE / 2]).unwrap();
    let (live, switches) = switch_until_refused(&serve, "No space left on device").await;
    assert!(switches > 0);
    goes_on(&serve, live, "No space left on device").await;
    fs::remove_file(ballast).unwrap();
    let receipt = serve.admin.switch("shop", live.other()).await;
    assert_eq!(receipt.to, live.other());
    serve.kill();
    comes_back(&home, live.other(), switches + 1).await;
}

#[tokio::test]
async fn a_read_only_disk_refuses_a_switch_and_stops_nothing() {
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let home = Home::new("", &shop(&[pools[0].addr()], &[pools[1].addr()], ""));
    let Some(disk) = Disk::mount(home.folder().join("state")) else {
        println!("SKIPPED: no tmpfs can be mounted here, so no disk can become read-only");
        return;
    };
    let serve = home.serve().await;
    ready(serve.admin).await;
    serve.admin.switch("shop", Colour::Green).await;
    serve.kill();
    disk.seal();
    // What was live is read, served, and cannot be changed.
    let serve = home.serve().await;
    ready(serve.admin).await;
    goes_on(&serve, Colour::Green, "Read-only file system").await;
    serve.kill();
    disk.unseal();
    comes_back(&home, Colour::Green, 1).await;
}

/// Long, so that two switches never differ in whether they fit.
fn reason() -> String {
    "to fill a disk ".repeat(20)
}

/// A disk of [`DISK_SIZE`] bytes of its own; unmounted when dropped.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    fn mount(folder: PathBuf) -> Option<Self> {
        fs::create_dir(&folder).unwrap();
        let size = format!("size={DISK_SIZE}");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &size, "none"])
            .arg(&folder);
        let mounted = mount.output().is_ok_and(|it| it.status.success());
        mounted.then_some(Self { folder })
    }

    /// Lets nobody write any more.
    fn seal(&self) {
        self.remount("remount,ro");
    }

    fn unseal(&self) {
        self.remount("remount,rw");
    }

    fn remount(&self, how: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", how]).arg(&self.folder);
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whoever still has files open there lets go of it a moment later.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

const DISK_SIZE: usize = 64 * 1024;
/// Far more than fit.
const SWITCHES_LIMIT: usize = 200;

//! Whom commands ask, as whom, and what answers there.

use super::{against, command};
use crate::{
    admin::rig::{OPERATE, Rig, VIEW, answers, loopback, token_file},
    cli::Exit,
    config::AdminAddr,
    control::answering::Answers,
};

#[tokio::test]
async fn nobody_at_the_address_exits_with_5() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for admin in [free.as_str(), "unix:/nowhere/admin.sock"] {
        let ended = command("status", &["--admin", admin]).await;
        assert_eq!(ended.exit, Exit::Unreachable, "{ended:?}");
        assert!(ended.progress.contains(admin), "{ended:?}");
    }
}

#[tokio::test]
async fn what_is_not_cutover_exits_with_1() {
    let answers = |text: &'static str| async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = tokio::io::BufStream::new(stream);
            // The whole head, so that closing does not reset.
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                tokio::io::AsyncBufReadExt::read_line(&mut stream, &mut line)
                    .await
                    .unwrap();
            }
            tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes())
                .await
                .unwrap();
            tokio::io::AsyncWriteExt::shutdown(&mut stream)
                .await
                .unwrap();
        });
        url
    };
    for (text, exit) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
            Exit::Internal,
        ),
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
            Exit::Internal,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi",
            Exit::Unreachable,
        ),
        ("", Exit::Unreachable),
    ] {
        let url = answers(text).await;
        let ended = command("status", &["--admin", &url]).await;
        assert_eq!(ended.exit, exit, "{text:?} {ended:?}");
    }
}

#[tokio::test]
async fn tokens_come_from_a_file() {
    let file = token_file();
    let rig = Rig::listening(answers(), loopback(), Some(file.path().to_owned())).await;
    let token = tempfile::NamedTempFile::new().unwrap();
    let with = format!("--token-file {}", token.path().display());
    for (text, line, exit) in [
        (OPERATE, "rollback shop", Exit::Done),
        (VIEW, "rollback shop", Exit::Refused),
        (VIEW, "status", Exit::Done),
        ("wrong-wrong-wrong-wrong", "status", Exit::Refused),
        ("alice operate token", "status", Exit::Usage),
        ("", "status", Exit::Usage),
    ] {
        std::fs::write(token.path(), format!("{text}\n")).unwrap();
        let ended = against(&rig, &format!("{line} {with}")).await;
        assert_eq!(ended.exit, exit, "{text} {line} {ended:?}");
    }
    let missing = against(&rig, "status --token-file /nowhere/token").await;
    assert_eq!(missing.exit, Exit::Usage);
    assert_eq!(against(&rig, "status").await.exit, Exit::Refused);
}

#[tokio::test]
async fn health_exits_with_0_or_1_only() {
    let rig = Rig::new(answers()).await;
    let ready = against(&rig, "health").await;
    assert_eq!(
        (ready.exit, ready.results.as_str()),
        (Exit::Done, "[+] config\n[+] shop\nready\n")
    );
    let live = against(&rig, "health --live").await;
    assert_eq!((live.exit, live.results.as_str()), (Exit::Done, "live\n"));
    let conditions = [("shop".to_owned(), false)].into();
    let rig = Rig::new(Answers {
        conditions,
        ..answers()
    })
    .await;
    assert_eq!(against(&rig, "health").await.exit, Exit::Internal);
    let ended = command("health --admin unix:/nowhere/admin.sock", &[]).await;
    assert_eq!(ended.exit, Exit::Internal);
}

#[tokio::test]
async fn commands_work_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let _rig = Rig::listening(answers(), AdminAddr::Unix(path.clone()), None).await;
    let admin = format!("unix:{}", path.display());
    for line in ["status", "switch shop green", "health"] {
        let ended = command(line, &["--admin", &admin]).await;
        assert_eq!(ended.exit, Exit::Done, "{ended:?}");
    }
}

//! `GET /` and `/page/{file}`.

use axum::http::{Method, StatusCode};

use super::Rig;
use crate::admin::rig::{answers, loopback, token_file};

#[tokio::test]
async fn the_page_is_given_without_a_token_and_what_it_shows_is_not() {
    let file = token_file();
    let rig = Rig::listening(answers(), loopback(), Some(file.path().to_owned())).await;
    let page = rig.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.starts_with("<!doctype html>"));
    for (path, media_type) in [
        ("/page/page.js", "text/javascript; charset=utf-8"),
        ("/page/page.css", "text/css; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
    ] {
        let asset = rig.get(path).await;
        assert_eq!(
            (asset.status, asset.header("content-type")),
            (StatusCode::OK, media_type)
        );
        assert!(
            asset
                .header("content-security-policy")
                .starts_with("default-src 'none';")
        );
        assert_eq!(asset.header("x-frame-options"), "DENY");
    }
    for path in ["/v1/about", "/v1/events", "/v1/services"] {
        assert_eq!(
            rig.get(path).await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_browser_that_has_it_already_is_told_so() {
    let rig = Rig::new(answers()).await;
    let tag = rig.get("/").await.header("etag").to_owned();
    let again = rig
        .call(Method::GET, "/", &[("if-none-match", &tag)], "")
        .await;
    assert_eq!(
        (again.status, again.text.as_str()),
        (StatusCode::NOT_MODIFIED, "")
    );
}

#[tokio::test]
async fn a_page_by_a_foreign_name_is_not_given() {
    let rig = Rig::new(answers()).await;
    let foreign = [("host", "evil.example")];
    for path in ["/", "/page/page.js"] {
        let answer = rig.call(Method::GET, path, &foreign, "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(
        rig.call(Method::POST, "/", &[], "").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(
        rig.get("/page/../page.js").await.status,
        StatusCode::NOT_FOUND
    );
}

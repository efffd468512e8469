//! `GET /` and `/page/{file}`: the operators' page, which is in the binary.
//!
//! Owns the files and what a browser may do with them: run what came from here, call what answers here, and nothing
//! else. They hold no secret, so they are given to everybody who may knock; what the page shows it asks the API for, with
//! the token of its visitor.

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::call_error::CallError;

/// One file of the page.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    text: &'static str,
}

const INDEX: Asset = Asset {
    name: "index.html",
    media_type: "text/html; charset=utf-8",
    text: include_str!("page/index.html"),
};

/// Everything that `index.html` leads to.
const ASSETS: [Asset; 13] = [
    svg("icon.svg", include_str!("page/icon.svg")),
    css("page.css", include_str!("page/page.css")),
    js("api.js", include_str!("page/api.js")),
    js("dialog.js", include_str!("page/dialog.js")),
    js("dom.js", include_str!("page/dom.js")),
    js("history.js", include_str!("page/history.js")),
    js("lane.js", include_str!("page/lane.js")),
    js("page.js", include_str!("page/page.js")),
    js("progress.js", include_str!("page/progress.js")),
    js("service.js", include_str!("page/service.js")),
    js("stream.js", include_str!("page/stream.js")),
    js("traffic.js", include_str!("page/traffic.js")),
    INDEX,
];

/// The page itself.
pub(super) async fn index(headers: HeaderMap) -> Response {
    answer(&INDEX, &headers)
}

/// What it is made of.
pub(super) async fn file(
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, CallError> {
    let asset = ASSETS.iter().find(|it| it.name == name);
    match asset {
        Some(asset) => Ok(answer(asset, &headers)),
        None => Err(CallError::UnknownPath(format!("/page/{name}"))),
    }
}

fn answer(asset: &Asset, headers: &HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH);
    let response = if known.is_some_and(|it| it == VERSION) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        asset.text.into_response()
    };
    let mut response = response;
    let headers = response.headers_mut();
    let fields = [
        (header::CONTENT_TYPE, asset.media_type),
        // Kept, but asked about each time: with another version comes another page.
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, VERSION),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

const fn js(name: &'static str, text: &'static str) -> Asset {
    Asset {
        name,
        media_type: "text/javascript; charset=utf-8",
        text,
    }
}

const fn css(name: &'static str, text: &'static str) -> Asset {
    Asset {
        name,
        media_type: "text/css; charset=utf-8",
        text,
    }
}

const fn svg(name: &'static str, text: &'static str) -> Asset {
    Asset {
        name,
        media_type: "image/svg+xml",
        text,
    }
}

/// Scripts, styles and pictures from here, calls to here; no frame, no form, no base, no other site.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
const VERSION: &str = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between quotes after each `mark`.
    fn named<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
        let after = text.split(mark).skip(1);
        after.filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn everything_that_is_led_to_is_here_and_nothing_leads_elsewhere() {
        let known = |name: &str| ASSETS.iter().any(|it| it.name == name);
        let mut led = Vec::new();
        for asset in &ASSETS {
            for mark in ["src=\"", "href=\""] {
                for path in named(asset.text, mark) {
                    led.push(path.strip_prefix("/page/").expect(path));
                }
            }
            for path in named(asset.text, " from \"") {
                led.push(path.strip_prefix("./").expect(path));
            }
            let elsewhere = asset.text.replace("http://www.w3.org/2000/svg", "");
            assert!(!elsewhere.contains("://"), "{}", asset.name);
        }
        assert!(led.len() > 20 && led.iter().all(|it| known(it)), "{led:?}");
        let unused = ASSETS.iter().filter(|it| !led.contains(&it.name));
        let unused: Vec<_> = unused.map(|it| it.name).collect();
        assert_eq!(unused, ["index.html"]);
    }

    #[test]
    fn the_page_keeps_to_its_policy() {
        for asset in &ASSETS {
            for inline in [
                "style=",
                "onclick=",
                "innerHTML",
                "eval(",
                "<style",
                "javascript:",
            ] {
                assert!(!asset.text.contains(inline), "{}: {inline}", asset.name);
            }
        }
    }
}

//! Whom a hook calls, and when.

use http::{HeaderValue, Uri, uri::Scheme};
use serde_json::{Value, json};

use super::addr::canonical_host;
use crate::{
    config::{
        form,
        text::{BadValue, Choice, FromText},
    },
    core::gate::spec::{HookPoint, OnFailure},
};

/// Where a hook is called.
#[derive(Clone, Debug)]
pub(in crate::config) struct HookUrl {
    pub(in crate::config) is_https: bool,
    /// `host:port`.
    pub(in crate::config) address: String,
    pub(in crate::config) host: HeaderValue,
    /// Origin-form target, with its query.
    pub(in crate::config) path: String,
    /// Without its query, which may hold a secret.
    pub(in crate::config) name: String,
}

impl FromText for HookUrl {
    const KIND: &'static str = "a URL";
    const EXAMPLE: &'static str = "\"https://deploys.example.com/cutover\"";

    fn text_form() -> Value {
        let scheme = form::any_case("http");
        let mut form = form::pattern(&format!("{scheme}[sS]?://[^@/?#\\s]+([/?][^#\\s]*)?"));
        form["maxLength"] = json!(URL_LIMIT);
        form
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        let wrong = |complaint: &str, suggestion: &str| {
            // What follows a `?`, or stands before an `@`, may be a secret.
            let shown = text.split('?').next().unwrap_or_default();
            let shown = shown.rsplit('@').next().unwrap_or_default();
            BadValue::new(shown, complaint, suggestion)
        };
        let uri: Uri = text
            .parse()
            .map_err(|_| wrong("is not a URL", "write `https://HOST/PATH`"))?;
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let authority = uri
            .authority()
            .filter(|_| is_https || uri.scheme() == Some(&Scheme::HTTP));
        let Some(authority) = authority else {
            return Err(wrong("is not a URL of HTTP", "write `https://HOST/PATH`"));
        };
        if authority.as_str().contains('@') {
            let suggestion = "put the token into a file, and name that as `token_file`";
            return Err(wrong("has a user in it", suggestion));
        }
        if text.contains('#') || text.len() > URL_LIMIT {
            return Err(wrong(
                "is not a URL of a call",
                "remove the `#`, and use 2048 bytes at most",
            ));
        }
        let host = canonical_host(authority.host()).map_err(|bad| bad.into_value(text))?;
        let port = authority
            .port_u16()
            .unwrap_or(if is_https { 443 } else { 80 });
        let written = authority.as_str().to_owned();
        let host_value = HeaderValue::from_str(&written)
            .map_err(|_| wrong("is not a URL", "write `https://HOST/PATH`"))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let scheme = if is_https { "https" } else { "http" };
        Ok(Self {
            is_https,
            address: format!("{}:{port}", host.written()),
            host: host_value,
            path: path.to_owned(),
            name: format!("{scheme}://{written}{}", uri.path()),
        })
    }
}

impl Choice for HookPoint {
    const KIND: &'static str = "a point of a switch";
    const EXAMPLE: &'static str = "\"before_switch\"";
    const ALL: &'static [(&'static str, Self)] = &[
        ("before_switch", Self::BeforeSwitch),
        ("after_commit", Self::AfterCommit),
        ("after_drain", Self::AfterDrain),
        ("before_rollback", Self::BeforeRollback),
        ("after_rollback", Self::AfterRollback),
    ];
}

impl Choice for OnFailure {
    const KIND: &'static str = "a meaning of a failure";
    const EXAMPLE: &'static str = "\"ignore\"";
    const ALL: &'static [(&'static str, Self)] = &[
        ("refuse", Self::Refuse),
        ("rollback", Self::Rollback),
        ("ignore", Self::Ignore),
    ];
}

/// Bytes of a URL.
const URL_LIMIT: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_its_query_is_not_in_its_name() {
        let url = HookUrl::from_text("https://hooks.test/a/b?key=secret").unwrap();
        assert!(url.is_https);
        assert_eq!(url.address, "hooks.test:443");
        assert_eq!(url.path, "/a/b?key=secret");
        assert_eq!(url.name, "https://hooks.test/a/b");
        let url = HookUrl::from_text("http://[::1]:8080").unwrap();
        assert_eq!(
            (url.address.as_str(), url.path.as_str()),
            ("[::1]:8080", "/")
        );
        assert_eq!(url.host, "[::1]:8080");
    }

    #[test]
    fn what_is_wrong_is_told_without_secrets() {
        for text in [
            "hooks.test/a",
            "ftp://hooks.test/",
            "/a",
            "https://",
            "https://u:secret@hooks.test/",
            "http://hooks.test/#secret",
            "http://a b/",
        ] {
            let told = HookUrl::from_text(text).unwrap_err().to_string();
            assert!(!told.contains("u:secret"), "{told}");
        }
    }
}

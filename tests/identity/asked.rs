//! One request by a client of which more or less is believed, and what its endpoint saw.

use crate::support::{
    answering::Answering,
    client::Answer,
    site::{Site, shop},
};

/// A cutover whose access log is read, and one endpoint that tells what it is asked.
pub(crate) struct Asked {
    pub(crate) site: Site,
    pub(crate) endpoint: Answering,
}

/// What is written where the file says nothing else: loopback is a trusted peer.
pub(crate) const TRUSTED: &str = "trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]";
/// Nobody who can connect here is trusted.
pub(crate) const UNTRUSTED: &str = "trusted_proxies = [\"10.0.0.0/8\"]";

impl Asked {
    /// `listener` are keys of the listener, `service` those of the service.
    pub(crate) async fn start(listener: &str, service: &str) -> Self {
        let endpoint = Answering::start("blue").await;
        let config = format!(
            "[process]\nworkers = 1\naccess_log = \"{{dir}}/access.log\"\n\
             [listener.web]\nlisten = \"127.0.0.1:0\"\n{listener}\n{}",
            shop(&[endpoint.addr()], &[], service)
        );
        Self {
            site: Site::start(&config).await,
            endpoint,
        }
    }

    /// Asks with these fields, each a line.
    pub(crate) async fn ask(&self, fields: &[&str]) -> Answer {
        let mut request = "GET / HTTP/1.1\r\nHost: shop.test\r\n".to_owned();
        for field in fields {
            request += &format!("{field}\r\n");
        }
        let mut client = self.site.client().await;
        client.send(request + "\r\n").await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    }
}

/// The values of a field as the endpoint saw it.
pub(crate) fn seen(answer: &Answer, name: &str) -> Vec<String> {
    let head = answer.json();
    let fields = head["headers"].as_array().unwrap();
    let named = fields.iter().filter(|field| field[0] == name);
    named
        .map(|field| field[1].as_str().unwrap().to_owned())
        .collect()
}

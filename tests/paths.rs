//! The promise: a service is reached by its routes and by nothing else, however a client spells its path and host; and
//! what is forwarded is what the client wrote, unless its service asks for another spelling.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

mod support;

use support::{
    answering::Answering,
    client::Answer,
    site::{Site, service},
};

/// Two services that would answer everything, and one that is not for everybody.
struct Town {
    site: Site,
    open: Answering,
    admin: Answering,
}

impl Town {
    /// `keys` are for the service that is open to all, `/admin` keeps the defaults.
    async fn start(keys: &str) -> Self {
        let open = Answering::start("open").await;
        let admin = Answering::start("admin").await;
        let config = [
            service("open", "/", [&[open.addr()], &[]], keys),
            service("admin", "/admin", [&[admin.addr()], &[]], ""),
        ];
        Self {
            site: Site::start(&config.concat()).await,
            open,
            admin,
        }
    }

    async fn get(&self, target: &str) -> Answer {
        let mut client = self.site.client().await;
        client.get(target).await
    }

    /// Who answers, and the target that came there.
    async fn reached(&self, target: &str) -> (String, String) {
        let answer = self.get(target).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        let name = answer.field("x-endpoint").unwrap().to_owned();
        let seen = answer.json()["target"].as_str().unwrap().to_owned();
        (name, seen)
    }

    async fn refuses(&self, target: &str, why: &str) {
        let answer = self.get(target).await;
        let id = answer.field("x-request-id").unwrap();
        let words = format!("400 Bad Request: {why} (client), request {id}\n");
        assert_eq!(answer.said(), (400, words), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_one_path_reach_one_service_as_they_were_sent() {
    let town = Town::start("").await;
    for target in [
        "/admin",
        "/admin/",
        "/%61dmin/x?q=1",
        "/adm%69%6E/x",
        "/admin/./x",
        "/admin//x",
        "/admin/x/../y",
        "/admin/%20?a=/../%2f%00\\",
    ] {
        assert_eq!(town.reached(target).await, ("admin".into(), target.into()));
    }
    for target in [
        "/",
        "/administer",
        "/ADMIN",
        "/x/admin",
        "/.admin",
        "/x/./y//z",
        "/%61dmi%6e%25/x",
        "/%2561dmin",
    ] {
        assert_eq!(town.reached(target).await, ("open".into(), target.into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_leads_past_a_route() {
    let town = Town::start("").await;
    for (target, why) in [
        ("//admin", "spelt for two services"),
        ("/./admin", "spelt for two services"),
        ("/x/../admin", "spelt for two services"),
        ("/x//..//admin", "spelt for two services"),
        ("/admin/../x", "spelt for two services"),
        ("/admin;/x", "spelt for two services"),
        ("/admin;v=1/x", "spelt for two services"),
        ("/admin%3bv=1/x", "spelt for two services"),
        ("/../admin", "above the root"),
        ("/x/../../admin", "above the root"),
        ("/%2e/admin", "encoded dot segment"),
        ("/x/%2e%2e/admin", "encoded dot segment"),
        ("/x/.%2E/admin", "encoded dot segment"),
        ("/x/%2e./admin", "encoded dot segment"),
        ("/x/..;/admin", "dot segment with parameters"),
        ("/x/..;v=1/admin", "dot segment with parameters"),
        ("/%2fadmin", "encoded slash"),
        ("/x%2F..%2fadmin", "encoded slash"),
        ("/admin%2fx", "encoded slash"),
        ("/\\admin", "backslash"),
        ("/x\\..\\admin", "backslash"),
        ("/%5Cadmin", "backslash"),
        ("/admin%00", "encoded nul"),
        ("/admin%", "broken escape"),
        ("/admin%2", "broken escape"),
        ("/%c0%afadmin", "overlong encoding"),
        ("/x/%c0%ae%c0%ae/admin", "overlong encoding"),
    ] {
        town.refuses(target, &format!("ambiguous path: {why}"))
            .await;
    }
    assert_eq!((town.open.requests(), town.admin.requests()), (0, 0));
    let refused = town.site.metric("cutover_refused_requests_total").await;
    assert!((refused - 27.0).abs() < f64::EPSILON, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_leaves_the_connection_and_names_the_service() {
    let town = Town::start("").await;
    let mut client = town.site.client().await;
    assert_eq!(client.get("/admin%2Fx").await.status, 400);
    assert_eq!(client.get("/admin/x").await.status, 200);
    let open = r#"cutover_requests_total{service="open",colour="blue",class="4xx"}"#;
    let admin = r#"cutover_requests_total{service="admin",colour="blue",class="4xx"}"#;
    let counted = town.site.metric(open).await + town.site.metric(admin).await;
    assert!((counted - 1.0).abs() < f64::EPSILON, "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_forwards_gets_the_clients_own_bytes() {
    let town = Town::start("ambiguous_path = \"forward\"").await;
    for target in [
        "/group%2Fproject",
        "/a/%2e%2e/b?c",
        "/a\\b",
        "/%00",
        "/%",
        "/../x",
        "/a/..;/b",
    ] {
        assert_eq!(town.reached(target).await, ("open".into(), target.into()));
    }
    // What could be the other service's is judged as that one wants it.
    town.refuses("/x%2f..%2f..%2fadmin", "ambiguous path: encoded slash")
        .await;
    town.refuses("/x/../admin", "ambiguous path: spelt for two services")
        .await;
    assert_eq!(town.admin.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_normalises_gets_the_one_reading_that_is_left() {
    let town = Town::start("ambiguous_path = \"normalise\"").await;
    for (target, seen) in [
        ("/a%2Fb?c=%2F", "/a/b?c=%2F"),
        ("/a/%2e%2e/b", "/b"),
        ("/a\\..\\b?", "/b?"),
        ("/../x%41;v=1", "/xA;v=1"),
        ("/a/..;y/b", "/b"),
        // Nothing is ambiguous about these.
        ("/a//b", "/a//b"),
        ("/a/../b", "/a/../b"),
    ] {
        assert_eq!(town.reached(target).await, ("open".into(), seen.into()));
    }
    town.refuses("/a%00", "ambiguous path: encoded nul").await;
    town.refuses("/a%", "ambiguous path: broken escape").await;
    assert_eq!(town.admin.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_leads_nowhere_is_not_found_however_it_is_spelt() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&service("api", "/api", [&[blue.addr()], &[]], "")).await;
    let mut client = site.client().await;
    for target in ["/", "/x", "/x%2Fapi", "/%00", "/apis/../x"] {
        assert_eq!(client.get(target).await.status, 404, "{target}");
    }
    for target in ["/api/../x", "/x/../api", "/api%2fx", "/%2e/api"] {
        assert_eq!(client.get(target).await.status, 400, "{target}");
    }
    assert_eq!(blue.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_is_found_by_every_spelling_of_its_own() {
    let blue = Answering::start("blue").await;
    let config = service("odd", "/caf%c3%a9/%7Euser", [&[blue.addr()], &[]], "");
    let site = Site::start(&config).await;
    assert_eq!(site.service("odd").await.routes, ["/caf%C3%A9/~user"]);
    let mut client = site.client().await;
    for target in [
        "/caf%c3%a9/~user",
        "/caf%C3%A9/%7euser/x",
        "/%63af%c3%A9/~user/",
    ] {
        assert_eq!(client.get(target).await.status, 200, "{target}");
    }
    assert_eq!(client.get("/cafe/~user").await.status, 404);
}

/// Services told apart by their hosts.
struct Street {
    site: Site,
    houses: [Answering; 4],
}

impl Street {
    async fn start() -> Self {
        let mut houses = Vec::new();
        let mut config = String::new();
        for (name, route) in [
            ("shop", "shop.example.com/"),
            ("wide", "*.example.com/"),
            ("six", "[2001:db8::1]/"),
            ("any", "/"),
        ] {
            let house = Answering::start(name).await;
            config += &service(name, route, [&[house.addr()], &[]], "");
            houses.push(house);
        }
        let houses = houses.try_into().unwrap_or_else(|_| unreachable!());
        Self {
            site: Site::start(&config).await,
            houses,
        }
    }

    fn requests(&self) -> usize {
        self.houses.iter().map(Answering::requests).sum()
    }

    async fn asked(&self, request: String) -> Answer {
        let mut client = self.site.client().await;
        client.send(request).await;
        client.answer().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_found_by_every_spelling_of_its_own() {
    let street = Street::start().await;
    for (host, name) in [
        ("shop.example.com", "shop"),
        ("SHOP.Example.COM:8080", "shop"),
        ("shop.example.com.", "shop"),
        ("shop.example.com.:80", "shop"),
        ("shop.example.com:", "shop"),
        ("other.example.com", "wide"),
        ("a.b.EXAMPLE.com:1", "wide"),
        ("example.com", "any"),
        ("xshop.example.com.evil", "any"),
        ("[2001:db8::1]", "six"),
        ("[2001:DB8:0:0::1]:80", "six"),
        ("[2001:db8::2]", "any"),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = street.asked(request).await;
        assert_eq!(answer.field("x-endpoint"), Some(name), "{host:?}");
    }
    // HTTP/1.0 clients may name the host in the target alone.
    let request = "GET http://shop.example.com/ HTTP/1.0\r\n\r\n".to_owned();
    let answer = street.asked(request).await;
    assert_eq!(answer.field("x-endpoint"), Some("shop"));
    assert_eq!(answer.json()["target"], "/");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_could_be_read_in_two_ways_reaches_nobody() {
    let street = Street::start().await;
    for host in [
        "user@shop.example.com",
        "shop.example.com:80:80",
        "shop.example.com:x",
        "shop.example.com..",
        "shop%2eexample.com",
        "2001:db8::1",
        "[2001:db8::1",
        "[::1%25eth0]",
        ":80",
        ".",
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(street.asked(request).await.status, 400, "{host}");
    }
    for request in [
        "GET http://user@shop.example.com/ HTTP/1.0\r\n\r\n",
        "GET http://user@shop.example.com/ HTTP/1.1\r\nHost: shop.example.com\r\n\r\n",
        "GET http://user@shop.example.com/ HTTP/1.1\r\nHost: user@shop.example.com\r\n\r\n",
    ] {
        assert_eq!(
            street.asked(request.to_owned()).await.status,
            400,
            "{request}"
        );
    }
    assert_eq!(street.requests(), 0);
}

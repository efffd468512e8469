//! That no spelling leads past a route.

use proptest::prelude::*;

use super::{readers::Reader, *};
use crate::core::service::{Route, RouteHost};

fn table(prefixes: &[&str]) -> RouteTable {
    let routes: Vec<_> = prefixes
        .iter()
        .map(|prefix| Route {
            host: RouteHost::Any,
            prefix: (*prefix).to_owned(),
        })
        .collect();
    RouteTable::new(routes.iter().zip((0..).map(ServiceSlot)))
}

fn lead(prefixes: &[&str], path: &str, policy: AmbiguousPath) -> Lead {
    table(prefixes).lead("", path, |_| policy)
}

#[track_caller]
fn leads(path: &str, to: Option<u32>) {
    let expected = to.map_or(Lead::Nowhere, |slot| Lead::AsSent(ServiceSlot(slot)));
    assert_eq!(
        lead(ROUTES, path, AmbiguousPath::Reject),
        expected,
        "{path}"
    );
}

#[track_caller]
fn refused(path: &str, why: Ambiguity) {
    let lead = lead(ROUTES, path, AmbiguousPath::Reject);
    assert!(
        matches!(lead, Lead::Refused(Some(_), Unclear::Path(found)) if found == why),
        "{path}: {lead:?}"
    );
}

const ROUTES: &[&str] = &["/", "/admin", "/shop/cart", "/caf%C3%A9"];

#[test]
fn equivalent_spellings_lead_to_the_same_service() {
    for path in [
        "/admin",
        "/admin/x",
        "/%61dmin",
        "/adm%69n/x",
        "/admin/./x",
        "/admin//x",
    ] {
        leads(path, Some(1));
    }
    for path in ["/caf%C3%A9/x", "/caf%c3%a9", "/%63af%C3%A9/"] {
        leads(path, Some(3));
    }
    for path in [
        "/",
        "/x/../y",
        "/adminx",
        "/administer/../x",
        "/.well-known/x",
        "/a%20b;v=1",
    ] {
        leads(path, Some(0));
    }
}

#[test]
fn a_spelling_for_two_services_is_refused() {
    for path in [
        "//admin",
        "/x/../admin",
        "/./admin",
        "/admin/../x",
        "/admin;x/y",
        "/admin;/y",
        "/shop//cart/",
        "/admin//../x",
    ] {
        refused(path, Ambiguity::Services);
    }
    refused("/x%2f..%2fadmin", Ambiguity::EncodedSlash);
    refused("/x/..;/admin", Ambiguity::DotParameters);
    refused("/../admin", Ambiguity::AboveRoot);
}

#[test]
fn a_service_may_take_ambiguous_paths() {
    use AmbiguousPath::{Forward, Normalise};
    let own = |path: &str, policy| lead(&["/git"], path, policy);
    let as_sent = Lead::AsSent(ServiceSlot(0));
    let respelt = |path: &str| Lead::Respelt(ServiceSlot(0), path.to_owned());
    assert_eq!(own("/git/a%2Fb", Forward), as_sent);
    assert_eq!(own("/git/%00", Forward), as_sent);
    assert_eq!(own("/git/a%2Fb", Normalise), respelt("/git/a/b"));
    assert_eq!(own("/git/a/%2e%2e/b", Normalise), respelt("/git/b"));
    assert_eq!(own("/x\\..\\git/b%20;c", Normalise), respelt("/git/b%20;c"));
    // What is not ambiguous passes as it was sent, whatever the policy.
    assert_eq!(own("/git/./b", Normalise), as_sent);
    // The normal form leads nowhere, and so does what is settled.
    assert_eq!(own("/git/../x%2F", Forward), Lead::Nowhere);
    assert_eq!(own("/git%2F..%2Fx", Normalise), Lead::Nowhere);
    assert_eq!(own("/x%2F", Normalise), Lead::Nowhere);
    for path in ["/git/%00", "/git/%", "/git/%c0%ae"] {
        let lead = own(path, Normalise);
        assert!(
            matches!(lead, Lead::Refused(Some(_), Unclear::Path(_))),
            "{path}: {lead:?}"
        );
    }
}

#[test]
fn the_strictest_of_the_services_decides() {
    let table = table(&["/", "/admin"]);
    let lead = |path: &str, policies: [AmbiguousPath; 2]| {
        table.lead("", path, |slot| policies[slot.index()])
    };
    use AmbiguousPath::{Forward, Normalise, Reject};
    for path in ["/admin/../x", "/x%2f..%2f..%2fadmin", "/x/..;/admin"] {
        for policies in [[Forward, Reject], [Reject, Forward]] {
            let lead = lead(path, policies);
            assert!(matches!(lead, Lead::Refused(..)), "{path}: {lead:?}");
        }
    }
    let respelt = Lead::Respelt(ServiceSlot(1), "/admin".to_owned());
    assert_eq!(lead("/x/..;/admin", [Normalise, Forward]), respelt);
    // Even settled, it means one service to those who strip parameters and another one to the others.
    let odd = lead("/admin;x/%2e/y", [Normalise, Normalise]);
    assert!(matches!(odd, Lead::Refused(..)), "{odd:?}");
}

#[test]
fn a_malformed_host_is_refused() {
    let route = Route {
        host: RouteHost::Exact("a".to_owned()),
        prefix: "/".to_owned(),
    };
    let by_host = RouteTable::new([(&route, ServiceSlot(0))]);
    let lead = |host: &str| by_host.lead(host, "/", |_| AmbiguousPath::Forward);
    for host in ["a", "A:80", "a."] {
        assert_eq!(lead(host), Lead::AsSent(ServiceSlot(0)), "{host}");
    }
    for host in ["", "b", "a.b"] {
        assert_eq!(lead(host), Lead::Nowhere, "{host}");
    }
    for host in ["x@a", "a:80:80", "%61"] {
        assert_eq!(lead(host), Lead::Refused(None, Unclear::Host), "{host}");
    }
}

/// Where `reader` takes a path to be led, of any host.
fn finds(reader: Reader, prefixes: &[&str], path: &str) -> Option<u32> {
    reader.finds(prefixes.iter().copied().zip(0..), path)
}

/// Pieces of which hostile paths are made.
fn path() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "/", "/", "/", ".", "..", "/../", "%2e", "%2F", "%5c", "\\", ";", "%3b", "%00", "%2525",
        "%", "a", "b", "ab", "%61", "%62", "a/b", ":", "%3a",
    ]);
    prop::collection::vec(pieces, 0..16).prop_map(|pieces| format!("/{}", pieces.concat()))
}

const NESTED: &[&str] = &["/a", "/a/b", "/b", "/ab/a", "/a:", "/"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_passes_means_one_service_to_every_reader(path in path(), routes in 1..=NESTED.len()) {
        let routes = &NESTED[NESTED.len() - routes..];
        if let Lead::AsSent(slot) = lead(routes, &path, AmbiguousPath::Reject) {
            for reader in Reader::all() {
                prop_assert_eq!(finds(reader, routes, &path), Some(slot.0), "{} by {:?}", path, reader);
            }
        }
    }

    #[test]
    fn what_is_settled_means_one_service_to_every_reader(path in path()) {
        if let Lead::Respelt(slot, path) = lead(NESTED, &path, AmbiguousPath::Normalise) {
            for reader in Reader::all() {
                prop_assert_eq!(finds(reader, NESTED, &path), Some(slot.0), "{} by {:?}", path, reader);
            }
        }
    }

    #[test]
    fn escaping_what_needs_no_escape_changes_nothing(path in "(/[ab:]{0,2}){1,4}", escaped: u64) {
        let spelt: String = path.chars().enumerate().map(|(place, char)| {
            let escapes = char != '/' && escaped >> (place % 64) & 1 == 1;
            if escapes { format!("%{:02X}", u32::from(char)) } else { char.to_string() }
        }).collect();
        let policy = AmbiguousPath::Reject;
        prop_assert_eq!(lead(NESTED, &spelt, policy), lead(NESTED, &path, policy), "{}", spelt);
    }

    #[test]
    fn dot_segments_change_nothing_or_are_refused(path in "(/[ab]{1,2}){1,4}", at in 0..4_usize, detour in 0..3_usize) {
        let places: Vec<_> = path.match_indices('/').map(|(place, _)| place).collect();
        let place = places[at % places.len()];
        let detour = ["/.", "/x/..", "/a/.."][detour];
        let spelt = format!("{}{detour}{}", &path[..place], &path[place..]);
        let policy = AmbiguousPath::Reject;
        let (spelt, plain) = (lead(NESTED, &spelt, policy), lead(NESTED, &path, policy));
        prop_assert!(spelt == plain || matches!(spelt, Lead::Refused(..)), "{spelt:?} {plain:?}");
    }

    #[test]
    fn any_host_and_path_lead_somewhere_without_panic(host in "\\PC{0,16}", path in "\\PC{0,32}") {
        let route = Route { host: RouteHost::Wildcard("a".to_owned()), prefix: "/a".to_owned() };
        let table = RouteTable::new([(&route, ServiceSlot(0))]);
        let _ = table.lead(&host, &path, |_| AmbiguousPath::Normalise);
    }
}

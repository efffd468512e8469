//! Whom a trusted peer is believed to speak for. `10.0.0.0/8` is trusted, and `10.0.0.1` is the peer.

use super::*;
use crate::config::Networks;

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        headers.append(name.parse::<HeaderName>().unwrap(), value);
    }
    headers
}

fn read(client_from: ClientFrom, fields: &[(&str, &str)]) -> Hearsay {
    let policy = PeerPolicy {
        trusted: Some(Networks::new(["10.0.0.0/8".parse().unwrap()])),
        client_from,
        ..PeerPolicy::default()
    };
    Hearsay::read(&headers(fields), "10.0.0.1".parse().unwrap(), &policy)
}

/// Client, `X-Forwarded-For` and `Forwarded` of what was read.
#[track_caller]
fn says(hearsay: &Hearsay, client: &str, list: &str, forwarded: &str) {
    assert_eq!(hearsay.client.to_string(), client);
    assert_eq!(hearsay.list, list);
    assert_eq!(hearsay.forwarded("for=10.0.0.1".to_owned()), forwarded);
}

const XFF: &str = "x-forwarded-for";
const AUTO: ClientFrom = ClientFrom::Auto;

#[test]
fn a_list_is_continued_and_its_right_most_untrusted_hop_is_the_client() {
    let hearsay = read(AUTO, &[(XFF, "1.1.1.1, 192.0.2.7, 10.0.0.2")]);
    says(
        &hearsay,
        "192.0.2.7",
        "1.1.1.1, 192.0.2.7, 10.0.0.2, 10.0.0.1",
        "for=192.0.2.7, for=10.0.0.2, for=10.0.0.1",
    );
    assert!(!hearsay.has_forwarded);
    let hearsay = read(
        AUTO,
        &[(XFF, "1.1.1.1"), (XFF, " 192.0.2.7 "), (XFF, "10.0.0.2")],
    );
    assert_eq!(hearsay.client.to_string(), "192.0.2.7");
    assert_eq!(hearsay.list, "1.1.1.1, 192.0.2.7, 10.0.0.2, 10.0.0.1");
}

#[test]
fn without_a_list_the_peer_itself_is_the_client() {
    for fields in [
        &[][..],
        &[(XFF, "")],
        &[(XFF, "unknown")],
        &[(XFF, "192.0.2.7, \u{e9}")],
    ] {
        assert_eq!(
            read(AUTO, fields).client.to_string(),
            "10.0.0.1",
            "{fields:?}"
        );
    }
    says(&read(AUTO, &[]), "10.0.0.1", "10.0.0.1", "for=10.0.0.1");
}

#[test]
fn the_standard_field_speaks_where_the_other_is_missing() {
    let field =
        "for=1.1.1.1, for=\"[2001:db8::1]:4711\";proto=https;host=\"shop:8443\", for=10.0.0.2";
    let hearsay = read(AUTO, &[("forwarded", field)]);
    says(
        &hearsay,
        "2001:db8::1",
        "2001:db8::1, 10.0.0.2, 10.0.0.1",
        &format!("{field}, for=10.0.0.1"),
    );
    assert!(hearsay.has_forwarded);
    assert_eq!(hearsay.proto.unwrap(), "https");
    assert_eq!(hearsay.host.unwrap(), "shop:8443");
}

#[test]
fn where_both_disagree_the_list_decides_and_the_other_is_replaced() {
    let spoofed = [(XFF, "192.0.2.7"), ("forwarded", "for=1.1.1.1")];
    says(
        &read(AUTO, &spoofed),
        "192.0.2.7",
        "192.0.2.7, 10.0.0.1",
        "for=192.0.2.7, for=10.0.0.1",
    );
    assert!(!read(AUTO, &spoofed).has_forwarded);
    let agreed = [(XFF, "192.0.2.7"), ("forwarded", "for=192.0.2.7;by=x")];
    says(
        &read(AUTO, &agreed),
        "192.0.2.7",
        "192.0.2.7, 10.0.0.1",
        "for=192.0.2.7;by=x, for=10.0.0.1",
    );
    assert!(read(AUTO, &agreed).has_forwarded);
}

#[test]
fn the_file_may_name_the_field_that_decides() {
    let both = [(XFF, "192.0.2.7"), ("forwarded", "for=198.51.100.1")];
    let by_list = read(ClientFrom::XForwardedFor, &both);
    says(
        &by_list,
        "192.0.2.7",
        "192.0.2.7, 10.0.0.1",
        "for=192.0.2.7, for=10.0.0.1",
    );
    let by_standard = read(ClientFrom::Forwarded, &both);
    says(
        &by_standard,
        "198.51.100.1",
        "198.51.100.1, 10.0.0.1",
        "for=198.51.100.1, for=10.0.0.1",
    );
    let other_only = read(ClientFrom::XForwardedFor, &both[1..]);
    says(&other_only, "10.0.0.1", "10.0.0.1", "for=10.0.0.1");
    let other_only = read(ClientFrom::Forwarded, &both[..1]);
    says(&other_only, "10.0.0.1", "10.0.0.1", "for=10.0.0.1");
}

#[test]
fn what_cannot_be_read_of_the_standard_field_is_left_out() {
    let hearsay = read(AUTO, &[("forwarded", "for=\"x, for=192.0.2.7;proto=ftp")]);
    says(
        &hearsay,
        "192.0.2.7",
        "192.0.2.7, 10.0.0.1",
        "for=192.0.2.7;proto=ftp, for=10.0.0.1",
    );
    assert_eq!(hearsay.proto, None);
}

#[test]
fn protocol_and_host_are_believed_where_they_are_sound_and_single() {
    let told = |fields: &[(&str, &str)]| {
        let hearsay = read(AUTO, &[&[(XFF, "192.0.2.7")], fields].concat());
        let text = |value: Option<HeaderValue>| value.map(|it| it.to_str().unwrap().to_owned());
        (text(hearsay.proto), text(hearsay.host))
    };
    let (proto, host) = ("x-forwarded-proto", "x-forwarded-host");
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        told(&[(proto, "https"), (host, "a:80")]),
        (some("https"), some("a:80"))
    );
    assert_eq!(told(&[(proto, "https"), (proto, "https")]), (None, None));
    assert_eq!(told(&[(proto, "gopher"), (host, "a@b")]), (None, None));
    assert_eq!(
        told(&[(proto, "https, http"), (host, "a, b")]),
        (None, None)
    );
    let converted = read(
        AUTO,
        &[
            (XFF, "192.0.2.7, 10.0.0.2"),
            (proto, "https"),
            (host, "a:80"),
        ],
    );
    assert_eq!(
        converted.forwarded("own".to_owned()),
        "for=192.0.2.7;host=\"a:80\";proto=https, for=10.0.0.2, own"
    );
}

#[test]
fn long_lists_are_looked_at_up_to_a_bound() {
    let list = vec!["10.0.0.9"; 100].join(", ");
    let hearsay = read(AUTO, &[(XFF, &format!("192.0.2.7, {list}"))]);
    assert_eq!(hearsay.client.to_string(), "10.0.0.9");
    let elements = vec!["for=10.0.0.9"; 100].join(", ");
    let hearsay = read(AUTO, &[("forwarded", &elements)]);
    let kept = hearsay.forwarded("own".to_owned());
    assert_eq!(kept.matches("for=").count(), HOPS_LIMIT);
}

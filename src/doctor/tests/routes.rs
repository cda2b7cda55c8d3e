//! Whether anything leads to what is loaded.

use super::*;

const UNREACHABLE: &str = "Network is unreachable (os error 101)";

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn nothing(from: Option<&str>, to: &str) -> Route {
    Route { from: from.map(ip), to: ip(to), found: Found::Nothing(UNREACHABLE.to_owned()) }
}

#[test]
fn a_target_that_nothing_leads_to_is_refused() {
    let mut readings = readings("default");
    let found = Route { from: None, to: ip("10.0.0.1"), found: Found::From(ip("10.0.0.7")) };
    readings.trials.routes = vec![found.clone()];
    let route = check("route", &need(6_000, 240), &readings);
    assert_eq!((route.verdict, route.reading.value, route.need.value), (Verdict::Ok, Some(1), Some(1)));
    readings.trials.routes = vec![nothing(None, "10.0.0.1")];
    let refused = check("route", &need(6_000, 240), &readings);
    assert_eq!((refused.verdict, refused.reading.value), (Verdict::Refuse, Some(0)));
    let why = "there is no route to the target 10.0.0.1: Network is unreachable (os error 101)";
    assert_eq!((refused.why.as_deref(), commands(&refused)), (Some(why), vec!["ip route get 10.0.0.1"]));
    readings.trials.routes = vec![found, nothing(Some("10.0.0.7"), "10.0.0.1"), nothing(None, "fd00::1")];
    let sources = check("route", &Need { sources: vec![ip("10.0.0.7")], ..need(6_000, 240) }, &readings);
    assert_eq!(commands(&sources), ["ip route get 10.0.0.1 from 10.0.0.7"]);
    assert!(sources.why.as_deref().is_some_and(|why| {
        why.contains("from 10.0.0.7 to the target 10.0.0.1 (2 routes are missing in all): ")
    }));
}

#[test]
fn a_loopback_that_is_down_says_so() {
    let mut readings = readings("default");
    readings.trials.routes = vec![nothing(None, "127.0.0.1")];
    let down = check("route", &on_this_box(6_000, 240), &readings);
    assert_eq!((down.verdict, commands(&down)), (Verdict::Refuse, vec!["ip link set lo up"]));
    assert!(down.fixes[0].needs_root);
}

#[test]
fn another_host_may_never_be_named() {
    let mut readings = readings("default");
    readings.trials.routes = vec![nothing(None, "10.0.0.9")];
    let others = Need { others: vec![(ip("10.0.0.9"), None)], ..need(6_000, 240) };
    let other = check("route", &others, &readings);
    assert_eq!((other.verdict, commands(&other)), (Verdict::Warn, vec!["ip route get 10.0.0.9"]));
    readings.trials.routes[0].found = Found::Unclear;
    assert_eq!(
        check("route", &others, &readings).verdict,
        Verdict::Ok,
        "the source address is what is wrong"
    );
}

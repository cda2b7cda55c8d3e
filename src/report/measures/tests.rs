//! Measures by name, and without this machine's part.

use super::*;

#[test]
fn measures_are_known_by_name() {
    let steps = ["login".to_owned(), "enter".to_owned()];
    for name in [
        "errors.rate",
        "steps.enter.p95_ms",
        "every.ping.missed",
        "servers.misrouted",
        "messages.trade.per_s",
        "messages.a.b.age.p95_ms",
    ] {
        assert!(is_measure(name, &steps), "{name}");
    }
    for name in [
        "errors",
        "steps.enter.p42_ms",
        "steps.open.p95_ms",
        "steps.enter",
        "ping.missed",
        "every.ping.lost",
        "messages.trade.age.p42_ms",
        "messages.trade.lost",
    ] {
        assert!(!is_measure(name, &steps), "{name}");
    }
    assert!(is_share("errors.rate") && !is_share("every.ping.missed") && !is_share("steps.enter.p95_ms"));
}

#[test]
fn names_are_declared_once_and_in_order() {
    assert!(SCALARS.windows(2).all(|pair| pair[0].name < pair[1].name));
}

//! Plans whose sessions come and go.

use std::sync::Arc;

use super::*;
use crate::doctor::fixes::tune as doctor_tune;
use crate::plan::shape::{Shape, Stage};
use crate::plan::turnover::Turnover;
use crate::scenario::every::Interval;

/// 1,000 sessions at once that stay this long, for ten minutes.
fn staying(seconds: u64) -> Need {
    let stage = |span| Stage { name: String::new(), span: Duration::from_secs(span), level: 1_000 };
    let shape = Shape::new(vec![stage(seconds), stage(600)], 1_000_000, 1)
        .living(Interval::Fixed(Duration::from_secs(seconds)));
    Need { turnover: Some(Arc::new(Turnover::of(&shape))), ..need(1_000, seconds) }
}

/// Within a bucket or two of this many a second over a span.
#[track_caller]
fn assert_about(value: Option<u64>, expected: u64) {
    let value = value.expect("a figure");
    assert!((expected..=expected + expected / 20 + 200).contains(&value), "{value}, not {expected}");
}

#[test]
fn who_leaves_has_ports_in_time_wait() {
    let readings = readings("default");
    // 500 HTTP connections a second, 60 s each, beside 1,000 sessions.
    let ports = check("ports", &staying(2), &readings);
    assert_eq!(ports.verdict, Verdict::Refuse, "{ports:#?}");
    assert_about(ports.need.value, 31_000);
    let fixes: Vec<&str> = ports.fixes.iter().map(|fix| fix.text.as_str()).collect();
    assert!(fixes.iter().any(|text| text.contains("stay longer (--lifetime)")), "{fixes:?}");
    let commands = commands(&ports).join("; ");
    assert!(!commands.contains("--ramp"), "{commands}");
    let waiting = check("time-wait", &staying(2), &readings);
    assert_about(waiting.need.value, 60_000);
    assert!(waiting.need.text.ends_with("WebSockets if this side closes first"), "{}", waiting.need.text);
    assert_eq!(check("ports", &staying(60), &readings).verdict, Verdict::Ok);
}

#[test]
fn who_closes_first_is_the_servers_decision() {
    let need = Need { http: HttpConnections::None, ..staying(2) };
    let ports = check("ports", &need, &readings("default"));
    assert_eq!((ports.verdict, ports.need.value), (Verdict::Warn, Some(1_000)), "{ports:#?}");
    assert!(ports.need.text.contains("more if this side closes WebSockets first"), "{}", ports.need.text);
    assert!(ports.why.is_some_and(|why| why.contains("EADDRNOTAVAIL") && why.contains("for 1m")));
    assert!(
        commands(&check("ports", &need, &readings("default"))).iter().any(|it| it.contains("port_range"))
    );
}

#[test]
fn a_row_rests_after_its_session() {
    let (short, long) = (staying(2), staying(600));
    assert_about(Some(short.rows()), 1_000 + 31 * 500);
    assert_about(Some(long.rows()), 1_000 + 52);
    let memory = check("memory", &short, &readings("default"));
    assert!(memory.need.text.contains("rows at rest 5 MB"), "{}", memory.need.text);
}

#[test]
fn closes_that_are_not_answered_take_descriptors() {
    let mut readings = readings("default");
    let limited = |readings: &Readings| check("descriptors", &staying(2), readings);
    readings.trials.descriptors = Ok((10_000, 10_000));
    let fits = limited(&readings);
    assert_eq!(fits.verdict, Verdict::Ok);
    assert_about(fits.need.value, 1_000 + 5 * 500 + 64);
    readings.trials.descriptors = Ok((2_000, 2_000));
    let late = limited(&readings);
    assert_eq!(late.verdict, Verdict::Warn, "the servers may answer in time");
    assert!(late.why.is_some_and(|why| why.contains("that may still be closing (5s each)")));
    readings.trials.descriptors = Ok((900, 900));
    assert_eq!(limited(&readings).verdict, Verdict::Refuse);
}

#[test]
fn sockets_that_were_silenced_stay() {
    let need = Need { storms: storms(&["10%@5m:silent"], (6_000, 0)), ..need(6_000, 240) };
    assert_eq!(need.connections(), 6_600);
    let descriptors = check("descriptors", &need, &readings("default"));
    assert!(
        descriptors.need.text.contains("6,000 sessions and 600 half-open sockets of --drop"),
        "{}",
        descriptors.need.text
    );
}

#[test]
fn what_a_cut_closes_waits_while_its_session_comes_back() {
    let http = |need: Need| Need { http: HttpConnections::None, ..need };
    let of = |drops: &[&str]| {
        check(
            "ports",
            &Need { storms: storms(drops, (20_000, 0)), ..http(need(20_000, 600)) },
            &readings("default"),
        )
    };
    // 20,000 of 28,232 ports are held.
    let refused = of(&["30%@20m:fin", "20%@20m30s:fin", "90%@25m:reset"]);
    assert_eq!(refused.verdict, Verdict::Refuse, "{refused:#?}");
    assert_eq!(
        refused.need.text,
        "30,000: 20,000 sessions and 10,000 WebSockets in TIME_WAIT that --drop closed"
    );
    assert!(!commands(&refused).iter().any(|it| it.starts_with("--ramp")), "{refused:#?}");
    assert_eq!(of(&["30%@20m:fin", "20%@22m:fin"]).verdict, Verdict::Ok, "a minute later they are free");
    assert_eq!(of(&["50%@20m:reset"]).verdict, Verdict::Ok);
}

#[test]
fn who_comes_back_enters_anew() {
    let of = |drop: &str| Need { storms: storms(&[drop], (6_000, 1)), ..need(6_000, 60) };
    let minute = Duration::from_secs(60);
    assert_eq!(of("50%@10m:reset").closed_within(minute), 6_000, "those of the ramp are gone by then");
    assert_eq!(of("50%@90s:reset").closed_within(minute), 9_000);
    assert_eq!(of("50%@10m:fin").websockets_closed_within(minute), 3_000);
}

/// Where its options can say how sessions come and go.
#[test]
fn tune_is_given_the_stages_and_the_lifetime() {
    let need = Need { shape: Some("--stage 2s:1000 --stage 10m:1000 --lifetime 2s".into()), ..staying(2) };
    let ports = check("ports", &need, &readings("default"));
    assert!(!ports.reading.text.contains("from before"), "{ports:#?}");
    assert!(commands(&ports).iter().any(|it| it.starts_with("startline tune apply --stage")), "{ports:#?}");
    let tune = |need: &Need| doctor_tune(need, &readings("default")).and_then(|fix| fix.command);
    let command = "startline tune apply --stage 2s:1000 --stage 10m:1000 --lifetime 2s --sources 1 --targets 1 --workers 2";
    assert_eq!(tune(&need).as_deref(), Some(command));
    let late = Need { close_timeout: Duration::from_secs(9), ..need.clone() };
    let cut = Need { storms: storms(&["10%@1m:fin"], (1_000, 0)), ..need.clone() };
    assert_eq!((tune(&late), tune(&cut), tune(&staying(2))), (None, None, None));
}

//! The target itself: all well, gone, deaf, half there.

use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::common::eventually;
use crate::common::served::{Served, assert_check, assert_others_well, check, found, printed, usual};

#[test]
fn all_is_well_and_nothing_is_spent() {
    let served = Served::ready();
    for _ in 0..2 {
        let report = found(0, &[&usual(&served.url)[..], &["--sample", "all"]].concat());
        assert_others_well(&report, &[]);
        let ids: Vec<&str> =
            report["checks"].as_array().expect("checks").iter().filter_map(|it| it["id"].as_str()).collect();
        let expected = [
            "target",
            "http",
            "clock",
            "members",
            "login-latency",
            "time-zone",
            "challenge",
            "schedule",
            "places",
            "machine",
        ];
        assert_eq!(ids, expected);
        assert_eq!(check(&report, "members")["reading"]["value"], 20);
        assert_eq!(served.count("WAITING"), 20, "nobody has entered");
    }
    let counters = served.call("GET", "/mock/counters", "");
    assert_eq!(counters["upgraded"], 0, "{counters:#}");
}

#[test]
fn the_table_reads_well() {
    let served = Served::ready();
    let finished = printed(&usual(&served.url));
    finished.assert_status(0);
    let out = &finished.stdout;
    assert!(out.starts_with("  check              found"), "{out}");
    assert!(out.contains("\n✓ target reachable   1 of 1 address connected"), "{out}");
    assert!(out.contains("\n✓ members            10 of 10 logged in"), "{out}");
    assert!(out.contains("\nReady: no check fails"), "{out}");
    assert!(!out.contains('\u{1b}'), "no colours where no terminal is");
    for line in out.lines().filter(|line| !line.trim_start().starts_with("→ ")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert_eq!(finished.stderr, "");
}

#[test]
fn a_server_that_is_gone_leaves_the_rest_unknown() {
    let mut served = Served::ready();
    served.kill();
    let report = found(3, &usual(&served.url));
    let target = assert_check(&report, "target", "fail", "refused");
    let command = target["fixes"][0]["command"].as_str().expect("a command");
    assert_eq!(command, format!("curl -v {}", served.url));
    for id in ["http", "clock", "members", "login-latency", "time-zone", "challenge", "schedule", "places"] {
        assert_check(&report, id, "unknown", "not checked, because the target accepts no connection");
    }
    assert_ne!(check(&report, "machine")["verdict"], "unknown", "this machine needs no target");
}

#[test]
fn what_is_not_looked_at_is_one_line() {
    let mut served = Served::ready();
    served.kill();
    let finished = printed(&usual(&served.url));
    finished.assert_status(3);
    let out = finished.stdout.replace("\n  ", " ");
    let line = "? HTTP answers, servers' clock, members, login latency, time zone, challenge, ramp and hold fit, \
                participation: not checked, because the target accepts no connection\n";
    assert!(out.contains(line), "{}", finished.stdout);
    assert_eq!(finished.stdout.matches("because the target").count(), 1, "{}", finished.stdout);
}

#[test]
fn a_name_that_leads_nowhere_could_not_be_asked() {
    let report = found(3, &usual("https://runnity.invalid"));
    assert_check(&report, "target", "fail", "runnity.invalid cannot be resolved");
    for id in ["certificate", "http", "clock", "members", "challenge", "places", "machine"] {
        assert_check(&report, id, "unknown", "not checked, because the target's name has no address");
    }
}

#[test]
fn what_speaks_no_http_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    thread::spawn(move || listener.incoming().for_each(drop));
    let report = found(3, &usual(&url));
    assert_check(&report, "target", "ok", "");
    assert_check(&report, "http", "fail", "no HTTP answer from 127.0.0.1:");
    assert_check(&report, "clock", "unknown", "does not answer over HTTP");
}

/// Two addresses of one name, of which one is this machine's without a server.
#[test]
fn each_address_is_looked_at() {
    let served = Served::ready();
    let port = served.address().rsplit_once(':').expect("a port").1;
    let url = format!("http://runnity.test:{port}");
    let resolve = format!("runnity.test:{port}:127.0.0.1,127.0.0.77");
    let report = found(1, &[&usual(&url)[..], &["--resolve", &resolve]].concat());
    let target = assert_check(&report, "target", "fail", "127.0.0.77");
    let command = target["fixes"][0]["command"].as_str().expect("a command");
    assert_eq!(command, format!("curl -v --resolve runnity.test:{port}:127.0.0.77 {url}"));
    assert_eq!(target["reading"]["text"].as_str().map(|text| &text[..6]), Some("1 of 2"));
    assert_others_well(&report, &["target"]);
}

#[test]
fn a_clock_that_runs_away_is_warned_of() {
    let served = Served::start(&["--time-scale", "20"]);
    eventually("ten minutes there", || {
        // The mock server's clock is looked at by its own Date.
        let answer =
            ureq::get(&served.url).config().http_status_as_error(false).build().call().expect("an answer");
        let date = answer.headers().get("date").and_then(|date| date.to_str().ok()).expect("a date");
        let there = startline::plan::schedule::date_header(date).expect("it reads");
        there.duration_since(jiff::Timestamp::now()).as_secs() > 30
    });
    let report = found(0, &[&usual(&served.url)[..], &["--wait-ready"]].concat());
    assert_check(&report, "clock", "warn", "startAt is judged by the servers' clock");
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let served = Served::ready();
    assert!(TcpStream::connect(served.address()).is_ok());
    let mut child = crate::common::served::preflight(&usual(&served.url)).spawn().expect("the binary starts");
    drop(child.stdout.take());
    crate::common::finish(child).assert_status(0);
}

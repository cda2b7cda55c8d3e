//! Faults by chance: what happened is what is counted, and what a run finds.

use std::time::{Duration, Instant};

use serde_json::json;
use startline_mock::Config;
use startline_mock::injection::Injection;
use startline_mock::loss::{Counts, Leg};

use super::stand::*;
use crate::common::{Run, kinds, number, results, summary};

fn with(faults: &[&str]) -> Config {
    let injections = faults.iter().map(|fault| fault.parse().expect("a fault")).collect();
    Config { injections, ..ready() }
}

#[track_caller]
fn injected(stand: &Stand, name: &str) -> u64 {
    stand.counters().injected.get(name).copied().unwrap_or(0)
}

#[test]
fn a_lost_pong_is_not_sent_and_counted() {
    let stand = Stand::start(with(&["pong-lost@0.3"]));
    let (mut client, _) = stand.open(13);
    for _ in 0..200 {
        client.say(&json!({"type": "PING", "timestamp": 1}));
    }
    client.say(&json!({"type": "END"}));
    let mut pongs = 0;
    while client.text()["type"] == "PONG" {
        pongs += 1;
    }
    let lost = injected(&stand, "pong-lost");
    assert_eq!((pongs, stand.counters().pings), (200 - lost, 200 - lost));
    assert!((30..90).contains(&lost), "{lost} of 200 at 0.3");
}

#[test]
fn a_late_pong_comes_all_the_same() {
    let stand = Stand::start(with(&["pong-late=300ms"]));
    let (mut client, _) = stand.open(13);
    let asked = Instant::now();
    client.ping();
    assert!(asked.elapsed() >= Duration::from_millis(299), "{:?}", asked.elapsed());
    assert_eq!(injected(&stand, "pong-late"), 1);
}

#[test]
fn answers_may_be_late_or_a_proxy_s() {
    let stand = Stand::start(with(&["enter-slow=300ms"]));
    let asked = Instant::now();
    let (ticket, _) = stand.enter(13);
    assert!(asked.elapsed() >= Duration::from_millis(299), "{:?}", asked.elapsed());
    assert_eq!(stand.upgrade(&ticket).text()["type"], "CONNECTED");
    assert_eq!(injected(&stand, "enter-slow"), 1);

    let stand = Stand::start(with(&["pool-exhausted=300ms"]));
    let asked = Instant::now();
    let answer = stand.call("POST", "/api/v1/auth/test-login?memberId=13", None, None);
    answer.assert_refused(500, 500, "서버 내부 오류입니다.");
    assert!(asked.elapsed() >= Duration::from_millis(299), "{:?}", asked.elapsed());

    let stand = Stand::start(with(&["http-status=502"]));
    let answer = stand.call("POST", "/api/v1/auth/test-login?memberId=13", None, None);
    assert_eq!((answer.status, answer.kind.as_str()), (502, "text/html"));
    assert_eq!(injected(&stand, "http-status"), 1);
}

/// A run of as many sessions against it, with these options, and its summary.
#[track_caller]
fn played(
    stand: &Stand,
    sessions: u32,
    options: &[(&str, &str)],
) -> (crate::common::Finished, serde_json::Value) {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let mut run = Run::against(&format!("http://{}", stand.addr()), sessions, &out)
        .with("time-zone", "UTC")
        .with("ramp", "2s")
        .with("hold", "4s")
        .with("ramp-down", "0s");
    for (option, value) in options {
        run = run.with(option, value);
    }
    // A CONNECTED that does not come is not waited for.
    let file = out.with_file_name("patient.toml");
    let source = std::fs::read_to_string(&file).expect("the scenario of such runs");
    std::fs::write(&file, source.replace("open_timeout = \"10s\"", "open_timeout = \"2s\""))
        .expect("written");
    (run.finish(), summary(&out))
}

#[test]
fn a_run_finds_every_broadcast_that_was_cut_and_fails_for_it() {
    let stand = Stand::start(with(&["broadcast-cut@0.5"]));
    let (finished, summary) = played(&stand, 80, &[]);
    finished.assert_status(1);
    let withheld = found_again(&stand, &summary).withheld;
    assert!(withheld > 100, "{withheld} of 3,160");
    let entered = number(&summary, "/messages/by_type/USER_ENTERED") as u64;
    assert_eq!(entered + withheld, 80 * 79 / 2);
    assert!(finished.stdout.contains("broadcasts-missing"), "{}", finished.stdout);
    says(&finished, "broadcasts reached only some receivers");
    says(&finished, "receivers here and there miss them; both servers alike");
}

/// What the mock kept from receivers is what the run misses, in all and between each two servers.
#[track_caller]
fn found_again(stand: &Stand, summary: &serde_json::Value) -> Counts {
    let lost = stand.counters().broadcasts_lost.remove("entered").unwrap_or_default();
    let shape = &summary["ledger"]["shape"];
    let counts = |it: &serde_json::Value| {
        let count = |field: &str| it[field].as_u64().expect("a count");
        Counts { cut: count("cut"), lost: count("lost"), withheld: count("missing") }
    };
    assert_eq!(counts(shape), lost.all, "{shape:#}");
    assert_eq!(number(summary, "/ledger/missing") as u64, lost.all.withheld, "{shape:#}");
    let name = |url: &serde_json::Value| {
        url.as_str().and_then(|url| url.rsplit('/').next()).map(str::to_owned).expect("a server")
    };
    let legs = shape["by_servers"].as_array().expect("a list").iter();
    let leg = |leg: &serde_json::Value| Leg {
        from: Some(name(&leg["announcing"])),
        to: name(&leg["delivering"]),
        lost: counts(leg),
    };
    let legs: Vec<Leg> = legs.map(leg).filter(|leg| leg.lost.withheld > 0).collect();
    assert_eq!(legs, lost.by_servers);
    lost.all
}

/// The summary has these words, wherever its lines are broken.
#[track_caller]
fn says(finished: &crate::common::Finished, words: &str) {
    let text = finished.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(words), "{words:?} in {}", finished.stdout);
}

/// The run does not pass. Where this machine stalls meanwhile it may be in doubt.
#[track_caller]
fn fails(finished: &crate::common::Finished) {
    let first = finished.stdout.split_whitespace().next();
    assert!(matches!(first, Some("FAIL" | "INCONCLUSIVE")), "{}", finished.stdout);
}

#[test]
fn a_fan_out_that_stops_is_told_by_its_last_receivers() {
    let stand = Stand::start(with(&["broadcast-cut=10@0.5"]));
    let (finished, summary) = played(&stand, 80, &[]);
    fails(&finished);
    let lost = found_again(&stand, &summary);
    assert!((15..50).contains(&lost.cut) && lost.lost == 0, "{lost:?}");
    let patterns = &summary["ledger"]["shape"]["receivers"]["patterns"];
    let missing = |pattern: &str| patterns[pattern]["missing"].as_u64().expect("a count");
    assert!(missing("last") * 10 >= lost.withheld * 9, "{patterns:#}");
    // Here receivers are in the order in which they opened, which is about that of the server.
    let after = number(&summary, "/ledger/shape/receivers/last_reached/median");
    assert!((9.0..=13.0).contains(&after), "{after}");
    says(&finished, "the receivers that opened last miss them (median: after receiver");
}

#[test]
fn a_server_that_is_not_told_is_named() {
    let stand = Stand::start(with(&["bridge-lost=ws2@0.4"]));
    let (finished, summary) = played(&stand, 80, &[]);
    fails(&finished);
    let lost = found_again(&stand, &summary);
    assert!(lost.cut > 15, "{lost:?}");
    assert_eq!(number(&summary, "/ledger/shape/stages/fan_out/missing"), 0.0);
    says(&finished, "a server passed on nothing of them while others did; only receivers at ws://");
    says(&finished, "/ws/ws2;");
}

#[test]
fn broadcasts_that_reach_nobody_are_told_from_those_that_are_cut() {
    let stand = Stand::start(with(&["broadcast-lost@0.3"]));
    let (finished, summary) = played(&stand, 80, &[]);
    fails(&finished);
    let lost = found_again(&stand, &summary);
    assert!(lost.lost > 10 && lost.cut == 0, "{lost:?}");
    let all = number(&summary, "/ledger/shape/stages/everywhere/missing") as u64;
    assert_eq!(all, lost.withheld);
    says(
        &finished,
        &format!("{} of 79 broadcasts reached nobody; lost before any server passed them on", lost.lost),
    );
}

#[test]
fn a_run_finds_every_connected_that_was_lost_and_calls_nobody_burned() {
    let stand = Stand::start(with(&["connected-lost@0.3"]));
    let (finished, summary) = played(&stand, 60, &[]);
    finished.assert_status(1);
    let lost = injected(&stand, "connected-lost");
    assert!((5..40).contains(&lost), "{lost} of 60 at 0.3");
    assert_eq!(kinds(&summary), [("timeout".to_owned(), lost)], "{:#}", summary["errors"]);
    assert_eq!(number(&summary, "/errors/member_burned"), 0.0, "their sockets reached a server");
}

#[test]
fn a_run_finds_every_pong_that_was_lost() {
    let stand = Stand::start(with(&["pong-lost@0.3"]));
    // One PING a session, and time for each to be missed.
    let options = [("ramp", "500ms"), ("hold", "6500ms"), ("ping-interval", "4s"), ("pong-timeout", "2s")];
    let (finished, summary) = played(&stand, 60, &options);
    finished.assert_status(1);
    let lost = injected(&stand, "pong-lost");
    assert!((5..40).contains(&lost), "{lost} of 60 at 0.3");
    let ping = |field: &str| number(&summary, &format!("/ping/{field}")) as u64;
    assert_eq!((ping("sent"), ping("unanswered"), ping("answered")), (60, lost, 60 - lost));
}

/// The guide's own criteria: what the real servers lose is what a run fails for.
#[test]
fn a_lossy_server_fails_the_guide_s_run_and_the_run_says_why() {
    let stand = Stand::start(Config { injections: Injection::lossy().to_vec(), ..ready() });
    let (finished, summary) = played(&stand, 200, &[("preset", "guide")]);
    finished.assert_status(1);
    found_again(&stand, &summary);
    let missing = number(&summary, "/ledger/missing");
    let share = missing / (200.0 * 199.0);
    // 3,405 of 39,800 on the real servers.
    assert!((0.05..0.13).contains(&share), "{share}");
    let why = finished.stdout.lines().find(|line| line.contains("broadcasts-missing"));
    assert!(why.is_some_and(|line| line.contains("should be at most 0")), "{}", finished.stdout);
    assert!(stand.counters().injected["broadcast-cut"] > 30, "{:?}", stand.counters().injected);
}

/// From the upgrade to USER_ENTERED, by pair of servers: what one server adds is found where it is.
#[test]
fn a_run_finds_the_server_whose_announcements_are_late() {
    let stand = Stand::start(with(&["broadcast-delay=400ms"]));
    let (finished, summary) = played(&stand, 60, &[("record-interval", "1s"), ("ramp-down", "2s")]);
    for (name, least) in [("entered", 60 * 59 / 4), ("record", 60 * 59)] {
        let of = |field: &str| number(&summary, &format!("/propagation/{name}/{field}"));
        // This machine may have stalled, with other tests on it.
        let came = (of("received") + of("stalled")) as u64;
        assert!(came > least, "{name}: {:#}", summary["propagation"]);
        let pairs = summary["propagation"][name]["by_servers"].as_array().expect("a list");
        assert_eq!(pairs.len(), 4, "{pairs:#?}");
        let mut received = 0.0;
        for pair in pairs {
            let is_late = pair["to"].as_str().expect("a server").ends_with("/ws2");
            let figure = |field: &str| number(pair, field);
            received += figure("/received");
            match is_late {
                true => assert!(figure("/min_ms") >= 300.0 && figure("/p50_ms") < 600.0, "{name}: {pair:#}"),
                false => assert!(figure("/p50_ms") < 200.0, "{name}: {pair:#}"),
            }
        }
        assert_eq!(received, of("received"));
        // A receipt has the time of its worker's last look at the clock, which may be some events ago.
        // Of each act the first receiver is on the quick server, the last one on the late one.
        assert!(of("first/p50_ms") < 200.0 && of("last/min_ms") >= 300.0, "{:#}", summary["propagation"]);
        assert!(of("acts") + of("acts_stalled") > 50.0, "{:#}", summary["propagation"]);
        assert_eq!(of("early"), 0.0, "{:#}", summary["propagation"]);
    }
    let delayed = injected(&stand, "broadcast-delay");
    assert!(delayed > 60 * 59 / 2, "{delayed}");
    assert_eq!(number(&summary, "/propagation/left/received"), 0.0, "nobody left in the hold");
    let left = number(&summary, "/ramp_down/propagation/left/received");
    assert!(left > 0.0, "{:#}", summary["ramp_down"]);
    assert!(finished.stdout.contains("Propagation entered: "), "{}", finished.stdout);
}

/// A limit on it is a criterion like any other.
#[test]
fn a_limit_on_the_last_receiver_fails_a_run_whose_server_is_late() {
    let stand = Stand::start(with(&["broadcast-delay=400ms"]));
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let file = temp.path().join("limited.toml");
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/runnity.toml"));
    let limit = |name: &str, measure: &str| {
        format!("\n[[criteria]]\nname = \"{name}\"\nmeasure = \"propagation.{measure}_ms\"\nbelow = 300\n")
    };
    let limits =
        [limit("first", "entered.first.p50"), limit("last", "entered.last.p99"), limit("gone", "left.p50")];
    std::fs::write(&file, source.expect("the scenario") + &limits.concat()).expect("written");
    let run = Run::against(&format!("http://{}", stand.addr()), 40, &out)
        .with("scenario", file.to_str().expect("a path"))
        .with("time-zone", "UTC")
        .with("ramp", "1s")
        .with("hold", "3s")
        .with("ramp-down", "0s");
    let finished = run.finish();
    finished.assert_status(1);
    let summary = summary(&out);
    let outcome = |name: &str| {
        let criteria = summary["criteria"].as_array().expect("a list");
        let found = criteria.iter().find(|one| one["name"] == name).expect("a criterion");
        found["outcome"].as_str().expect("text").to_owned()
    };
    assert_eq!([outcome("first"), outcome("last"), outcome("gone")], ["pass", "fail", "not-measured"]);
    assert!(finished.stdout.contains("not measured: no session left"), "{}", finished.stdout);
}

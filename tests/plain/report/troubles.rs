//! Troubles by name: each alone, on one side and on both, every two together, and what only looks like one.

use startline::lang::Lang;
use startline::members::{MemberId, SessionNumber};
use startline::report::{
    Certainty, ErrorDetail, ErrorSample, MissingPair, Outcome, RunResult, ServerFailure, ServerResult,
    WatchEvent, WatchResult, WatchedResult, troubles,
};
use startline::watch::EventKind;

use super::fixture::Run;

const ONE: &str = "wss://a.example/ws/1";
const TWO: &str = "wss://b.example/ws/2";

/// A trouble as it is played, at one server where it has one.
struct Trouble {
    name: &'static str,
    client: fn(&mut RunResult, &str),
    servers: fn(&mut RunResult, &str),
    /// Whether the servers' side is enough.
    is_seen_there: bool,
}

const ALL: [Trouble; 10] = [
    Trouble {
        name: "ticket-expired",
        client: |result, url| fail(result, url, "open", "INVALID_TICKET", 40, (20.0, 200.0)),
        servers: |result, _| watched(result, "log", "tickets_refused", None),
        is_seen_there: true,
    },
    Trouble {
        name: "pool-exhausted",
        client: |result, _| fail_before(result, "enter", "POOL_EXHAUSTED", 30),
        servers: |result, _| {
            let expression = "sum(hikaricp_connections_timeout_total)";
            watched(result, "prometheus", expression, Some(Outcome::Fail));
        },
        is_seen_there: true,
    },
    Trouble {
        name: "pubsub-slow-or-lost",
        client: |result, _| result.ledger.as_mut().expect("a ledger").missing = 100_000,
        servers: |result, _| watched(result, "redis", "pubsub.round_trip.p95_ms", Some(Outcome::Fail)),
        is_seen_there: true,
    },
    Trouble {
        name: "server-out-of-memory",
        client: |result, url| {
            let opened = server(result, url).opened;
            server(result, url).ping_failed = opened;
            fail(result, url, "hold", "closed-1006", opened, (900.0, 901.0));
        },
        servers: |result, _| event(result, EventKind::OutOfMemory, "/var/log/ws.log", 890),
        is_seen_there: true,
    },
    Trouble {
        name: "wrong-server",
        client: |result, _| {
            result.servers.0.iter_mut().for_each(|(_, server)| server.misrouted = Some(100));
            result.routing.misrouted = Some(200);
        },
        servers: |result, _| watched(result, "log", "minute heartbeats_lost", None),
        is_seen_there: false,
    },
    Trouble {
        name: "idle-timeout",
        client: |result, url| {
            server(result, url).ping_failed += 110;
            fail(result, url, "hold", "closed-1000", 50, (400.0, 1_700.0));
        },
        servers: |result, _| watched(result, "log", "timeouts_detected", None),
        is_seen_there: false,
    },
    Trouble {
        name: "bad-gateway",
        client: |result, _| fail_before(result, "login", "nginx-502", 300),
        servers: |result, _| watched(result, "nginx", "count status=499,502", None),
        is_seen_there: false,
    },
    Trouble {
        name: "server-down",
        client: |result, url| {
            let opened = server(result, url).opened;
            fail(result, url, "hold", "reset", opened - 7, (1_000.0, 1_000.4));
            fail(result, url, "hold", "closed-1006", 7, (1_000.1, 1_000.6));
        },
        servers: |result, url| event(result, EventKind::Down, url.trim_start_matches("wss://"), 1_010),
        is_seen_there: true,
    },
    Trouble {
        name: "server-restarted",
        client: |result, url| fail(result, url, "hold", "closed-1006", 700, (60.0, 60.3)),
        servers: |result, url| {
            let host = url.trim_start_matches("wss://").split('/').next().expect("a host");
            event(result, EventKind::Restarted, &format!("http://{host}/actuator/prometheus"), 65);
        },
        is_seen_there: true,
    },
    Trouble {
        name: "connection-limit",
        client: |result, url| fail(result, url, "connect", "connect-timeout", 500, (250.0, 270.0)),
        servers: |result, _| watched(result, "log", "worker_connections_exhausted", None),
        is_seen_there: true,
    },
];

fn healthy() -> RunResult {
    let mut result = Run::good().result();
    result.watch = Some(WatchResult::default());
    result
}

fn server<'r>(result: &'r mut RunResult, url: &str) -> &'r mut ServerResult {
    let servers = result.servers.0.iter_mut();
    servers
        .map(|(name, server)| (name.as_str(), server))
        .find(|(name, _)| *name == url)
        .expect("it is there")
        .1
}

/// As many sessions fail at this server.
fn fail(
    result: &mut RunResult,
    url: &str,
    step: &str,
    kind: &str,
    count: u64,
    (first_seconds, last_seconds): (f64, f64),
) {
    let (step, kind) = (step.to_owned(), kind.to_owned());
    let failure =
        ServerFailure { step: step.clone(), kind: kind.clone(), count, first_seconds, last_seconds };
    server(result, url).failures.push(failure);
    detail(result, &step, &kind, count, first_seconds);
}

/// As many sessions fail before they have a server.
fn fail_before(result: &mut RunResult, step: &str, kind: &str, at: u32) {
    detail(result, step, kind, 40, f64::from(at));
}

fn detail(result: &mut RunResult, step: &str, kind: &str, count: u64, at_seconds: f64) {
    let details = &mut result.errors.details;
    if let Some(known) = details.iter_mut().find(|one| one.step == step && one.kind == kind) {
        known.count += count;
        return;
    }
    details.push(ErrorDetail {
        step: step.into(),
        kind: kind.into(),
        blame: "server".into(),
        count,
        next: String::new(),
        sample: Some(ErrorSample {
            session: SessionNumber(1),
            member_id: MemberId(14).into(),
            server: None,
            at_seconds,
            evidence: String::new(),
        }),
    });
}

fn event(result: &mut RunResult, kind: EventKind, subject: &str, second: i64) {
    let time = result.started_at + jiff::SignedDuration::from_secs(second);
    let event = WatchEvent { time, kind, subject: subject.into(), evidence: "it says so".into() };
    result.watch.as_mut().expect("watched").events.push(event);
}

/// A figure of twelve; without an outcome it has no limit.
fn watched(result: &mut RunResult, source: &str, expression: &str, outcome: Option<Outcome>) {
    result.watch.as_mut().expect("watched").items.push(WatchedResult {
        name: format!("my {expression}"),
        source: source.into(),
        place: None,
        expression: expression.into(),
        judge: "end".into(),
        unit: String::new(),
        good: "at-most".into(),
        warn: None,
        fail: outcome.map(|_| 10.0),
        value: Some(12.0),
        outcome,
        why: startline::lang::Sentence::plain("12, should be at most 10"),
        fix: startline::lang::Sentence::default(),
        readings: 60,
        missed: 0,
    });
}

fn names(result: &RunResult) -> Vec<String> {
    troubles::diagnose(result).into_iter().map(|trouble| trouble.name).collect()
}

#[track_caller]
fn assert_named(result: &RunResult, mut expected: Vec<&str>) {
    let mut found = names(result);
    found.sort_unstable();
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(found, expected, "{:#?}", troubles::diagnose(result));
}

#[test]
fn a_healthy_run_has_none() {
    assert_named(&healthy(), vec![]);
    assert_eq!(Run::good().result().troubles, []);
}

#[test]
fn each_is_named_from_either_side_and_both() {
    for trouble in &ALL {
        let mut seen_here = healthy();
        (trouble.client)(&mut seen_here, ONE);
        assert_named(&seen_here, vec![trouble.name]);
        let mut seen_there = healthy();
        (trouble.servers)(&mut seen_there, ONE);
        assert_named(&seen_there, if trouble.is_seen_there { vec![trouble.name] } else { vec![] });
        let mut seen_on_both = seen_here.clone();
        (trouble.servers)(&mut seen_on_both, ONE);
        assert_named(&seen_on_both, vec![trouble.name]);

        let certainty = |result: &RunResult| troubles::diagnose(result).first().map(|one| one.certainty);
        assert_eq!(certainty(&seen_here), Some(Certainty::ClientOnly), "{}", trouble.name);
        assert_eq!(certainty(&seen_on_both), Some(Certainty::BothSides), "{}", trouble.name);
        let there = trouble.is_seen_there.then_some(Certainty::ServersOnly);
        assert_eq!(certainty(&seen_there), there, "{}", trouble.name);
    }
}

/// Each with each: both names, and no third.
#[test]
fn two_at_once_are_named_and_nothing_else_is() {
    for (k, first) in ALL.iter().enumerate() {
        for second in &ALL[k + 1..] {
            for (one, other) in [(first, second), (second, first)] {
                let both = vec![one.name, other.name];
                let mut seen_here = healthy();
                (one.client)(&mut seen_here, ONE);
                (other.client)(&mut seen_here, TWO);
                assert_named(&seen_here, both.clone());
                (one.servers)(&mut seen_here, ONE);
                (other.servers)(&mut seen_here, TWO);
                assert_named(&seen_here, both.clone());

                let mut seen_there = healthy();
                (one.servers)(&mut seen_there, ONE);
                (other.servers)(&mut seen_there, TWO);
                let seen = [one, other].into_iter().filter(|trouble| trouble.is_seen_there);
                assert_named(&seen_there, seen.map(|trouble| trouble.name).collect());
            }
        }
    }
}

#[test]
fn what_one_trouble_causes_is_no_other_trouble() {
    let played = |name: &str, more: fn(&mut RunResult)| {
        let mut result = healthy();
        let trouble = ALL.iter().find(|trouble| trouble.name == name).expect("one of them");
        (trouble.client)(&mut result, ONE);
        (trouble.servers)(&mut result, ONE);
        more(&mut result);
        assert_named(&result, vec![name]);
    };
    // nginx's 502, and refused connections, while that server is down.
    played("server-down", |result| {
        fail(result, ONE, "connect", "upgrade-refused-502", 90, (1_001.0, 1_100.0))
    });
    played("server-down", |result| fail(result, ONE, "connect", "connect-refused", 90, (1_001.0, 1_100.0)));
    played("server-restarted", |result| fail(result, ONE, "connect", "connect-refused", 9, (60.0, 70.0)));
    // Its members go to the other one in the meantime.
    played("server-restarted", |result| server(result, TWO).misrouted = Some(250));
    // The health key of a server that ran out of memory vanishes, and its container is started again.
    played("server-out-of-memory", |result| {
        event(result, EventKind::Down, "a.example/ws/1", 905);
        event(result, EventKind::Restarted, "10.0.0.5:8081", 930);
        fail(result, ONE, "connect", "upgrade-refused-502", 90, (901.0, 930.0));
    });
    // Nobody who enters later learns of a member whom the servers took for gone.
    for (is_all, expected) in
        [(true, vec!["idle-timeout"]), (false, vec!["idle-timeout", "pubsub-slow-or-lost"])]
    {
        let mut result = healthy();
        let ledger = result.ledger.as_mut().expect("a ledger");
        let pair = |observer, member| MissingPair {
            observer: MemberId(observer).into(),
            member: MemberId(member).into(),
        };
        (ledger.missing, ledger.gone_while_open) = (40_000, 2);
        ledger.gone_samples = vec![MemberId(14).into(), MemberId(15).into()];
        ledger.missing_samples = vec![pair(20, 14), pair(15, 30), pair(if is_all { 15 } else { 16 }, 31)];
        assert_named(&result, expected);
    }
    // Refused connections that nobody can place explain no 502 of others.
    let mut result = healthy();
    fail_before(&mut result, "connect", "connect-refused", 12);
    fail_before(&mut result, "enter", "http-502", 12);
    assert_named(&result, vec!["bad-gateway", "server-down"]);
    // What refuses from the first connection on has not gone down: nothing listens there.
    let mut result = healthy();
    fail(&mut result, ONE, "connect", "connect-refused", 90, (0.1, 100.0));
    let refusing = server(&mut result, ONE);
    (refusing.opened, refusing.first_opened_seconds, refusing.last_opened_seconds) = (0, None, None);
    assert_named(&result, vec!["connect-refused"]);
    let mut result = healthy();
    result.steps.0.iter_mut().for_each(|(_, step)| step.count = 0);
    fail_before(&mut result, "login", "connect-refused", 12);
    assert_named(&result, vec!["connect-refused"]);
    // A business server is down, and nginx says so.
    let mut result = healthy();
    event(&mut result, EventKind::Down, "business 10.0.0.6:8080", 290);
    fail_before(&mut result, "login", "nginx-502", 285);
    assert_named(&result, vec!["server-down"]);
}

#[test]
fn what_only_looks_like_a_trouble_has_no_name() {
    let check = |play: fn(&mut RunResult)| {
        let mut result = healthy();
        play(&mut result);
        assert_named(&result, vec![]);
    };
    // This machine's own part: a stall, tickets used too late, and what it read too late.
    check(|result| fail(result, ONE, "hold", "stalled-here", 3_000, (900.0, 901.0)));
    check(|result| fail(result, ONE, "open", "ticket-aged-here", 40, (20.0, 60.0)));
    check(|result| {
        result.generator.lag_p99_ms = Some(9_000.0);
        result.ledger.as_mut().expect("a ledger").missing = 100_000;
        fail(result, ONE, "connect", "timeout", 500, (250.0, 270.0));
    });
    check(|result| {
        result.stalls.longest_seconds = Some(61.0);
        server(result, ONE).ping_failed = 3_000;
        fail(result, ONE, "hold", "closed-1000", 3_000, (900.0, 930.0));
        result.ledger.as_mut().expect("a ledger").gone_while_open = 3_000;
    });
    // The scenario's: members who may not enter.
    check(|result| fail_before(result, "enter", "INVALID_PARTICIPATION_STATUS", 5));
    // The challenge is over, and PINGs were answered.
    check(|result| {
        fail(result, ONE, "hold", "closed-1000", 3_000, (1_500.0, 1_500.2));
        fail(result, TWO, "hold", "closed-1000", 3_000, (1_500.0, 1_500.2));
    });
    // A proxy's timeout cuts one after the other.
    check(|result| fail(result, ONE, "hold", "closed-1006", 900, (300.0, 1_500.0)));
    // A server that is slow to take connections, and takes them.
    check(|result| fail(result, ONE, "connect", "connect-timeout", 500, (100.0, 270.0)));
    // The servers' own race at the opening.
    check(|result| result.ledger.as_mut().expect("a ledger").missing = 2);
    // A pool that has a queue and times nobody out; timeouts of an earlier day.
    check(|result| watched(result, "prometheus", "max(hikaricp_connections_pending)", Some(Outcome::Warn)));
    check(|result| watched(result, "prometheus", "sum(hikaricp_connections_timeout_total)", None));
    // Another figure of a like name, and a figure within its limit.
    check(|result| watched(result, "log", "count not_out_of_memory", None));
    check(|result| watched(result, "redis", "pubsub.round_trip.p95_ms", Some(Outcome::Pass)));
    check(|result| watched(result, "redis", "pubsub.round_trip.p95_ms", Some(Outcome::NotMeasured)));
}

#[test]
fn a_trouble_says_where_when_and_what_to_do() {
    let mut result = healthy();
    fail(&mut result, ONE, "connect", "connect-timeout", 500, (250.0, 270.0));
    let found = &troubles::diagnose(&result)[0];
    assert_eq!((found.first_seconds, found.server.as_deref()), (Some(250.0), Some(ONE)));
    let said = "wss://a.example/ws/1 opened 3,000 sessions and none after that; connecting there failed 500 times, \
                and open sessions went on";
    assert_eq!(found.evidence[0].why.to_string(), said);
    assert!(found.next.contains("server.tomcat.max-connections (8,192)"), "{}", found.next);
    assert!(found.advice(Lang::Ko).contains("한도"), "{}", found.advice(Lang::Ko));
    // Two servers have it: no one of them is named.
    fail(&mut result, TWO, "connect", "connect-timeout", 500, (251.0, 270.0));
    assert_eq!(troubles::diagnose(&result)[0].server, None);
}

#[test]
fn a_rare_heartbeat_is_a_sign_of_the_idle_rule_however_its_interval_was_given() {
    let named = |plan: serde_json::Value| {
        let mut result = healthy();
        fail(&mut result, ONE, "hold", "closed-1000", 50, (400.0, 1_700.0));
        for key in ["ping_interval", "every"] {
            result.plan[key] = plan[key].clone();
        }
        assert!(result.ping.answered > 0);
        names(&result).iter().any(|name| name == "idle-timeout")
    };
    assert!(named(serde_json::json!({ "ping_interval": "90s" })));
    assert!(named(serde_json::json!({ "every": ["ping.interval=90s"] })));
    assert!(named(serde_json::json!({ "every": ["ping.interval=~2m"] })));
    assert!(named(serde_json::json!({ "ping_interval": "20s", "every": ["ping.interval=90s"] })));
    assert!(!named(serde_json::json!({ "every": ["ping.interval=50s..2m"] })));
    assert!(!named(serde_json::json!({ "every": ["record.interval=90s"] })));
    assert!(!named(serde_json::json!({})));
}

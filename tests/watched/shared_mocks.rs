//! Mock servers that share a challenge over a real Redis, as the real servers do.

use serde_json::Value;

use crate::common::served::{CHALLENGE, Served};
use crate::common::{Finished, Run, eventually, number, results, summary};
use crate::watching::Watched;

use startline::watch::redis::{Redis, RedisSource};
use startline::watch::source::DEADLINE;
use startline::watch::{EventKind, Source};

/// Two mock servers of one WebSocket server each, that know each other.
struct Two {
    redis: Watched,
    mocks: [Served; 2],
}

impl Two {
    #[track_caller]
    fn start(members: &str, options: &[&str]) -> Self {
        let redis = Watched::redis(&[]);
        let url = format!("redis://{}", redis.address());
        let args = ["--ready", "--members", members, "--servers", "1", "--redis", &url];
        let mocks = [(), ()].map(|()| Served::start(&[&args[..], options].concat()));
        for mock in &mocks {
            eventually("each to see the other", || counters(mock)["others"][0]["up"] == true);
        }
        Self { redis, mocks }
    }

    /// What a counter has come to at both.
    #[track_caller]
    fn sum(&self, pointer: &str) -> u64 {
        self.mocks
            .iter()
            .map(|mock| counters(mock).pointer(pointer).and_then(Value::as_u64).unwrap_or(0))
            .sum()
    }

    fn source(&self) -> RedisSource {
        RedisSource::new(&Redis::at(&self.redis.address()).expect("an address"), None)
    }
}

#[track_caller]
fn counters(mock: &Served) -> Value {
    mock.call("GET", "/mock/counters", "")
}

/// A run whose sessions log in at the first of them.
#[track_caller]
fn played(two: &Two, sessions: u32, options: &[(&str, &str)]) -> (Finished, Value) {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let mut run = Run::against(&two.mocks[0].url, sessions, &out).with("ramp", "2s").with("hold", "4s");
    for (option, value) in options {
        run = run.with(option, value);
    }
    (run.finish(), summary(&out))
}

#[test]
fn every_announcement_arrives_whichever_server_a_member_is_on() {
    // Workers have descriptors of their own.
    let two = Two::start("13-92", &["--workers", "2"]);
    let (finished, summary) = played(&two, 80, &[("record-interval", "1s")]);
    finished.assert_status(0);
    let ledger = |field: &str| number(&summary, &format!("/ledger/{field}")) as u64;
    assert_eq!((ledger("expected"), ledger("missing"), ledger("duplicate")), (80 * 79, 0, 0), "{summary:#}");
    for mock in &two.mocks {
        let connected = counters(mock)["connected"].as_u64().expect("a number");
        assert_eq!(connected, 40, "the hash splits members evenly");
    }
    let updates = number(&summary, "/messages/by_type/PARTICIPANT_UPDATE");
    assert!(updates >= 2.0 * 80.0 * 79.0, "{updates}");
    assert_eq!(two.sum("/broadcasts_dropped"), 0);
}

/// Each server cuts its own broadcasts, as the real ones do.
#[test]
fn what_is_cut_on_either_server_is_found() {
    let two = Two::start("13-72", &["--fault", "broadcast-cut@0.3"]);
    let (finished, summary) = played(&two, 60, &[]);
    finished.assert_status(1);
    let withheld = two.sum("/broadcasts_lost/entered/withheld");
    assert!(withheld > 50, "{withheld} of 1,770");
    assert_eq!(number(&summary, "/ledger/missing") as u64, withheld, "{}", finished.stdout);
}

#[test]
fn leaving_is_announced_and_free_members_may_come_back_at_either() {
    let two = Two::start("13-32", &[]);
    for round in 0..2 {
        // The whole ramp-down is watched.
        let (finished, summary) = played(&two, 20, &[("ramp-down", "2s"), ("hold", "2s")]);
        finished.assert_status(0);
        // Two that enter at one moment on different servers are both announced, and not listed.
        let entered = number(&summary, "/messages/by_type/USER_ENTERED");
        assert!(entered >= f64::from(20 * 19 / 2), "{entered} in round {round}");
        let ledger = |field: &str| number(&summary, &format!("/ledger/{field}"));
        assert_eq!((ledger("missing"), ledger("duplicate")), (0.0, 0.0), "in round {round}");
        eventually("the business server to hear that all have left", || {
            two.mocks[0].count("DISCONNECTED") == 20
        });
    }
}

/// Racy servers list whom they have heard of, and may do both or neither.
#[test]
fn racy_servers_share_too() {
    let two = Two::start("13-52", &["--racy"]);
    let (finished, summary) = played(&two, 40, &[]);
    let missing = number(&summary, "/ledger/missing");
    finished.assert_status(i32::from(missing > 0.0));
    assert!(missing < 40.0, "{missing}");
}

#[test]
fn the_servers_are_seen_as_the_real_ones_are() {
    let mut two = Two::start("13-32", &[]);
    let mut source = two.source();
    let mut look = |expressions: &[&str]| source.look(expressions, std::time::Instant::now() + DEADLINE);
    let both = ["ws_health.up", "pubsub.numsub(challenge:enter)", "keys(ws_ticket:*)"];
    assert_eq!(look(&both).values, [Ok(2.0), Ok(2.0), Ok(0.0)]);
    let token = two.mocks[0].login(13);
    let entered = two.mocks[0].call("POST", &format!("/api/v1/challenges/{CHALLENGE}/enter"), &token);
    assert!(entered["data"]["ticket"].is_string(), "{entered}");
    assert_eq!(look(&["keys(ws_ticket:*)"]).values, [Ok(1.0)]);

    let place = two.mocks[1].address().to_owned();
    two.mocks[1].call("POST", "/mock/servers/ws1/down", "");
    eventually("its heartbeat to be gone", || {
        let events = look(&[]).events;
        events.iter().any(|it| it.kind == EventKind::Down && it.subject == format!("{place}/ws/ws1"))
    });
    eventually("the other to know", || counters(&two.mocks[0])["others"][0]["up"] == false);
    two.mocks[1].call("POST", "/mock/servers/ws1/up", "");
    eventually("it to be there again", || look(&[]).events.iter().any(|it| it.kind == EventKind::Up));
    two.mocks[1].kill();
    // Its heartbeat outlives it by half a minute, as the real ones do; its subscription does not.
    eventually("one subscriber", || look(&["pubsub.numsub(challenge:enter)"]).values == [Ok(1.0)]);
    assert_eq!(look(&["ws_health.up"]).values, [Ok(2.0)]);
}

fn watched<'s>(summary: &'s Value, name: &str) -> &'s Value {
    let items = summary["watch"]["items"].as_array().expect("items");
    items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("{name}: {items:#?}"))
}

#[test]
fn a_run_measures_redis_and_sees_a_server_go() {
    let two = Two::start("13-52", &[]);
    let address = two.redis.address();
    let (_, summary) = played(&two, 40, &[("redis", &address), ("hold", "7s")]);
    for name in ["redis-ping", "pubsub-ping", "pubsub-round-trip"] {
        let item = watched(&summary, name);
        assert!(item["value"].as_f64().is_some_and(|ms| ms > 0.0), "{item:#}");
        assert!(item["outcome"] != "not-measured" && item["place"] == address.as_str(), "{item:#}");
    }
    for (name, value) in [
        ("pubsub-servers", 2.0),
        ("websocket-servers-down", 0.0),
        ("redis-rejected-connections", 0.0),
        ("redis-evicted-keys", 0.0),
    ] {
        let item = watched(&summary, name);
        assert_eq!(
            (item["value"].as_f64(), item["outcome"].as_str()),
            (Some(value), Some("pass")),
            "{item:#}"
        );
    }
    assert!(watched(&summary, "redis-memory")["value"].as_f64().is_some_and(|bytes| bytes > 1e5));

    let (_, summary) = std::thread::scope(|scope| {
        scope.spawn(|| {
            // Of this round: the hash sends half of them there.
            eventually("sessions on both", || two.sum("/connected") >= 40 + 30);
            two.mocks[1].call("POST", "/mock/servers/ws1/down", "");
        });
        played(&two, 40, &[("redis", &address), ("hold", "12s")])
    });
    let events = summary["watch"]["events"].as_array().expect("events");
    let gone = events.iter().find(|event| event["kind"] == "down").unwrap_or_else(|| panic!("{events:#?}"));
    assert_eq!(gone["subject"], format!("{}/ws/ws1", two.mocks[1].address()));
    let down = watched(&summary, "websocket-servers-down");
    assert_eq!((down["value"].as_f64(), down["outcome"].as_str()), (Some(1.0), Some("fail")), "{down:#}");
}

#[test]
fn without_its_redis_nobody_enters_and_nobody_is_burned() {
    let mut two = Two::start("13-32", &[]);
    let token = two.mocks[0].login(13);
    let enter = |two: &Two| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let url = format!("{}/api/v1/challenges/{CHALLENGE}/enter", two.mocks[0].url);
        let request = agent.post(url).header("Authorization", format!("Bearer {token}"));
        request.send_empty().expect("an answer").status().as_u16()
    };
    two.redis.kill();
    assert_eq!(enter(&two), 500, "TICKET_ISSUE_FAILED");
    two.redis.restart();
    eventually("a ticket", || enter(&two) == 200);
    // Both listen again, and everything goes on.
    eventually("each to see the other", || {
        two.mocks.iter().all(|mock| counters(mock)["others"][0]["up"] == true)
    });
    let mut source = two.source();
    eventually("both to listen", || {
        let deadline = std::time::Instant::now() + DEADLINE;
        source.look(&["pubsub.numsub(challenge:enter)"], deadline).values == [Ok(2.0)]
    });
}

#[test]
fn a_redis_that_is_not_there_is_said() {
    let port = crate::common::processes::free_port();
    let url = format!("redis://127.0.0.1:{port}");
    let finished = crate::common::run(&["serve", "--listen", "127.0.0.1:0", "--redis", &url]);
    finished.assert_status(2);
    let said = format!("--redis: cannot share challenges: {url}: ");
    assert!(finished.stderr.contains(&said), "{}", finished.stderr);
    for wrong in ["127.0.0.1:6379", "rediss://x", "redis://a:geheim@x"] {
        let finished = crate::common::run(&["serve", "--redis", wrong]);
        finished.assert_status(2);
        assert!(finished.stderr.contains("error: --redis: it ") && !finished.stderr.contains("geheim"));
    }
}

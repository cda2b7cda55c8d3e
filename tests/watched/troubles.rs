//! The guide's troubles in whole runs with sources on: each is injected and found again by its name, and by no
//! other one.

use std::cell::Cell;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::common::served::Served;
use crate::common::{Run, eventually, let_pass, results, summary, text};
use crate::proxy::Proxy;
use crate::watching::Watched;

use std::process::Child;
use std::time::Duration;

/// A mock server of two WebSocket servers, a Redis, a log; nginx and Prometheus where they are the evidence.
struct Stage {
    directory: tempfile::TempDir,
    redis: Watched,
    options: Vec<String>,
    mock: Served,
    /// Blocks of the watch file besides.
    blocks: String,
    target: String,
    run: Vec<(&'static str, String)>,
    sessions: u32,
}

impl Stage {
    /// With these options of the mock server's.
    #[track_caller]
    fn with(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("server.log");
        fs::write(&log, "").expect("a log");
        let usual = ["--ready", "--members", "13-112", "--actuator", "--log", text(&log)];
        let options: Vec<String> = [&usual[..], options].concat().into_iter().map(str::to_owned).collect();
        let mock = serve(&options);
        let target = mock.url.clone();
        let run = vec![("ramp", "2s".to_owned()), ("hold", "3s".into()), ("ping-interval", "1s".into())];
        let redis = Watched::redis(&[]);
        Self { directory, redis, options, mock, blocks: String::new(), target, run, sessions: 40 }
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("server.log")
    }

    fn and(mut self, option: &'static str, value: &str) -> Self {
        self.run.retain(|(own, _)| *own != option);
        self.run.push((option, value.to_owned()));
        self
    }

    fn of(self, sessions: u32) -> Self {
        Self { sessions, ..self }
    }

    /// Adds a figure that is read several times a second.
    fn figure(mut self, name: &str, keys: &str) -> Self {
        self.blocks += &block(name, keys);
        self
    }

    /// Behind this nginx, whose access log is read.
    fn behind(self, proxy: &Proxy) -> Self {
        let target = format!("http://127.0.0.1:{}", proxy.port);
        let log = format!("source = \"nginx\"\nfile = {:?}\n", proxy.path("access.log"));
        let staged = Self { target, ..self };
        staged.figure("nginx-502", &format!("{log}expression = \"count status=502\"\njudge = \"end\""))
    }

    /// The log's lines, the mock's page and, from the built-in set, Redis; limits of time are as wide as a busy
    /// machine needs.
    fn content(&self) -> String {
        let log = format!("source = \"log\"\nfile = {:?}\njudge = \"end\"\n", self.log());
        let lines =
            ["tickets_refused", "broadcasts_cut", "timeouts_detected", "pool_exhausted", "out_of_memory"];
        let lines = lines.map(|name| block(name, &format!("{log}expression = \"count {name}\"")));
        let page = format!("source = \"metrics\"\nurl = \"{}/actuator/prometheus\"\n", self.mock.url);
        let page = block("open-files", &format!("{page}expression = \"max(process_files_open_files)\""));
        let round_trip = "source = \"redis-pubsub\"\nexpression = \"pubsub.round_trip.p95_ms\"\nfail_over = 1500\n\
                          judge = \"worst\"";
        [lines.concat(), page, block("pubsub-round-trip", round_trip), self.blocks.clone()].concat()
    }

    #[track_caller]
    fn start(&self) -> Child {
        let file = self.directory.path().join("watch.toml");
        fs::write(&file, self.content()).expect("written");
        let mut run = Run::against(&self.target, self.sessions, &results(&self.directory));
        for (option, value) in &self.run {
            run = run.with(option, value);
        }
        run.with("watch", text(&file)).with("redis", self.redis.address()).start()
    }

    /// Asserts that the run finds these troubles, seen by these sides, and no other.
    #[track_caller]
    fn assert_named(&self, child: Child, expected: &[(&str, &str)]) -> Value {
        let finished = crate::common::finish(child);
        let summary = summary(&results(&self.directory));
        STALLED.set(summary["stalls"]["longest_seconds"].as_f64() > Some(1.0));
        let troubles = summary["troubles"].as_array().expect("a list");
        let mut named: Vec<_> = troubles.iter().map(|one| json!([one["name"], one["certainty"]])).collect();
        let mut wanted: Vec<_> = expected.iter().map(|one| json!(one)).collect();
        named.sort_by_key(Value::to_string);
        wanted.sort_by_key(Value::to_string);
        assert_eq!(named, wanted, "{troubles:#?}\n{}\n{:#}", finished.stdout, summary["watch"]);
        for (name, _) in expected {
            let has_line = finished.stdout.lines().any(|line| line.starts_with(&format!("  {name}: ")));
            assert!(has_line, "{name} in\n{}", finished.stdout);
        }
        summary
    }

    /// Plays it to its end.
    #[track_caller]
    fn finds(&self, expected: &[(&str, &str)]) -> Value {
        self.assert_named(self.start(), expected)
    }

    #[track_caller]
    fn await_open(&self, count: u64) {
        let connected = || self.mock.call("GET", "/mock/counters", "")["connected"].as_u64();
        eventually("sessions open", || connected().is_some_and(|connected| connected >= count));
    }
}

fn block(name: &str, keys: &str) -> String {
    format!("[[watch]]\nname = {name:?}\nevery = \"200ms\"\n{keys}\n")
}

thread_local! {
    /// The last run of this test was on a machine that stood still for over a second.
    static STALLED: Cell<bool> = const { Cell::new(false) };
}

/// Plays what depends on when a server ends, and once more, up to three times, where it failed and this
/// machine did not run the load generator for a while: the servers' end is then not all that happened.
#[track_caller]
fn undisturbed(play: impl Fn()) {
    for _ in 0..2 {
        STALLED.set(false);
        match catch_unwind(AssertUnwindSafe(&play)) {
            Ok(()) => return,
            Err(panic) if !STALLED.get() => resume_unwind(panic),
            Err(_) => eprintln!("this machine stalled: once more"),
        }
    }
    play();
}

#[track_caller]
fn serve(options: &[String]) -> Served {
    Served::start(&options.iter().map(String::as_str).collect::<Vec<_>>())
}

/// One request in five comes to an upstream that is gone, and nginx answers 502 itself.
#[track_caller]
fn failing(stage: &Stage) -> Proxy {
    Proxy::failing_before(stage.mock.address(), "access_log access.log;")
}

#[test]
fn a_healthy_run_has_no_trouble() {
    let stage = Stage::with(&["--fault", "pool-exhausted@0"]);
    let proxy = Proxy::before(stage.mock.address(), "access_log access.log;");
    let stage = pool(stage.behind(&proxy), None);
    let summary = stage.finds(&[]);
    assert_eq!(summary["errors"]["total"], 0, "{summary:#}");
    let items = summary["watch"]["items"].as_array().expect("items");
    let read =
        |name: &str| items.iter().any(|item| item["name"] == name && item["readings"].as_u64() > Some(0));
    for name in ["tickets_refused", "open-files", "pubsub-round-trip", "nginx-502", "pool", "redis-ping"] {
        assert!(read(name), "{name} in {items:#?}");
    }
}

#[test]
fn expired_tickets() {
    let options = ["--ticket-ttl", "150ms", "--fault", "enter-slow=500ms@0.4"];
    Stage::with(&options).finds(&[("ticket-expired", "both-sides")]);
}

/// The pool's counter, from Prometheus or from the page itself.
fn pool(stage: Stage, prometheus: Option<&Watched>) -> Stage {
    let source = match prometheus {
        Some(server) => format!("source = \"prometheus\"\nurl = \"http://{}\"\n", server.address()),
        None => format!("source = \"metrics\"\nurl = \"{}/actuator/prometheus\"\n", stage.mock.url),
    };
    let keys = "expression = \"sum(hikaricp_connections_timeout_total)\"\nfail_over = 0\njudge = \"growth\"";
    stage.figure("pool", &format!("{source}{keys}"))
}

/// The real 30 s of a request are the real servers'; the counter tells, and the sessions' 500s confirm it.
#[test]
fn an_exhausted_pool_by_prometheus() {
    let stage = Stage::with(&["--fault", "pool-exhausted=400ms@0.3"]);
    let prometheus = Watched::scraping(&[stage.mock.address()]);
    eventually("a scrape", || {
        let url = format!("http://{}/api/v1/query", prometheus.address());
        let answer = ureq::get(&url).query("query", "hikaricp_connections_timeout_total").call();
        answer.is_ok_and(|mut it| it.body_mut().read_to_string().is_ok_and(|text| text.contains("Runnity")))
    });
    let stage = pool(stage, Some(&prometheus));
    let summary = stage.finds(&[("pool-exhausted", "both-sides")]);
    let evidence = summary["troubles"][0]["evidence"].to_string();
    assert!(evidence.contains("pool: ") && evidence.contains("INTERNAL_SERVER_ERROR"), "{evidence}");
}

#[test]
fn lost_announcements() {
    Stage::with(&["--fault", "broadcast-cut@0.5"]).finds(&[("pubsub-slow-or-lost", "both-sides")]);
}

/// A Redis that stands still for a while loses nothing, and is slow.
#[test]
fn slow_announcements_by_redis() {
    undisturbed(|| {
        let stage = Stage::with(&[]).and("hold", "7s");
        let child = stage.start();
        stage.await_open(40);
        stage.redis.stop();
        let_pass(Duration::from_millis(2_500));
        stage.redis.go_on();
        stage.assert_named(child, &[("pubsub-slow-or-lost", "servers-only")]);
    });
}

/// What thrashes answers nothing any more, and is killed at last. There is no JVM: its line is the test's.
#[test]
fn a_server_out_of_memory() {
    undisturbed(|| {
        let mut stage = Stage::with(&[]).and("hold", "8s").and("pong-timeout", "400ms");
        let child = stage.start();
        stage.await_open(40);
        stage.mock.freeze();
        let line = "java.lang.OutOfMemoryError: Java heap space\n";
        fs::write(stage.log(), line).expect("appended");
        let_pass(Duration::from_millis(3_500));
        stage.mock.kill();
        stage.assert_named(child, &[("server-out-of-memory", "both-sides")]);
    });
}

/// Lists of servers that differ: nobody's log says so.
#[test]
fn members_on_the_wrong_server() {
    let stage = Stage::with(&["--fault", "wrong-server@0.3"]).and("expect-servers", "2");
    let summary = stage.finds(&[("wrong-server", "client-only")]);
    let moved: u64 = summary["routing"]["moves"]
        .as_array()
        .expect("moves")
        .iter()
        .map(|it| it["sessions"].as_u64().expect("a count"))
        .sum();
    let injected = stage.mock.call("GET", "/mock/counters", "")["injected"]["wrong-server"].as_u64();
    assert_eq!(Some(moved), injected, "{:#}", summary["routing"]);
}

#[test]
fn members_taken_for_idle() {
    let stage = Stage::with(&["--idle-timeout", "2s", "--idle-check", "300ms"]);
    stage.and("ping-interval", "70s").and("ramp", "1s").finds(&[("idle-timeout", "both-sides")]);
}

#[test]
fn a_gateway_without_a_server_by_nginx() {
    let stage = Stage::with(&[]);
    let proxy = failing(&stage);
    stage.behind(&proxy).finds(&[("bad-gateway", "both-sides")]);
}

/// Others still arrive: a run that has no session left ends before a source looks again.
#[test]
fn a_server_that_goes_down() {
    undisturbed(|| {
        let mut stage = Stage::with(&[]).and("ramp", "4s").and("abort-on", "off");
        let child = stage.start();
        stage.await_open(20);
        stage.mock.kill();
        stage.assert_named(child, &[("server-down", "both-sides")]);
    });
}

#[test]
fn a_server_that_restarts() {
    undisturbed(|| {
        let mut stage = Stage::with(&[]).and("ramp", "12s").and("hold", "2s").of(180);
        let child = stage.start();
        stage.await_open(30);
        let listen = stage.mock.address().to_owned();
        stage.mock.kill();
        // Whoever has a ticket of the old process is refused: the new one does not know it.
        let_pass(Duration::from_millis(500));
        stage.options.extend(["--listen".to_owned(), listen]);
        stage.mock = serve(&stage.options);
        stage.assert_named(child, &[("server-restarted", "both-sides")]);
    });
}

#[test]
fn a_limit_of_connections() {
    let stage = Stage::with(&["--max-connections", "10"]).of(60);
    let stage = stage.and("abort-on", "off");
    stage.finds(&[("connection-limit", "client-only")]);
}

/// nginx says in its error log what it lacks.
#[test]
fn a_limit_of_connections_by_nginx() {
    let stage = Stage::with(&[]).of(60).and("abort-on", "off");
    let proxy = Proxy::narrow_before(stage.mock.address(), "access_log access.log;", 64);
    let log = format!("source = \"log\"\nfile = {:?}\njudge = \"end\"\n", proxy.path("error.log"));
    let stage = stage.behind(&proxy);
    let keys = format!("{log}expression = \"count worker_connections_exhausted\"");
    let summary = stage.figure("nginx-full", &keys).finds(&[("connection-limit", "servers-only")]);
    assert!(
        summary["troubles"][0]["evidence"].to_string().contains("nginx-full"),
        "{:#}",
        summary["troubles"]
    );
}

/// Two at once give these two names, and no third.
#[test]
fn lost_announcements_and_members_on_the_wrong_server() {
    let faults = ["--fault", "broadcast-cut@0.5", "--fault", "wrong-server@0.3"];
    let stage = Stage::with(&faults).and("expect-servers", "2");
    stage.finds(&[("pubsub-slow-or-lost", "both-sides"), ("wrong-server", "client-only")]);
}

#[test]
fn expired_tickets_and_a_gateway_without_a_server() {
    let stage = Stage::with(&["--ticket-ttl", "150ms", "--fault", "enter-slow=500ms@0.4"]);
    let proxy = failing(&stage);
    let expected = [("ticket-expired", "both-sides"), ("bad-gateway", "both-sides")];
    stage.behind(&proxy).finds(&expected);
}

#[test]
fn an_exhausted_pool_and_members_taken_for_idle() {
    let options = ["--fault", "pool-exhausted=300ms@0.2", "--idle-timeout", "2s", "--idle-check", "300ms"];
    let stage = pool(Stage::with(&options).and("ping-interval", "70s").and("ramp", "1s"), None);
    stage.finds(&[("pool-exhausted", "both-sides"), ("idle-timeout", "both-sides")]);
}

#[test]
fn a_limit_of_connections_and_lost_announcements() {
    let stage = Stage::with(&["--max-connections", "12", "--fault", "broadcast-cut@0.5"]);
    let stage = stage.of(60).and("abort-on", "off");
    stage.finds(&[("connection-limit", "client-only"), ("pubsub-slow-or-lost", "both-sides")]);
}

#[test]
fn a_server_that_goes_down_and_a_gateway_without_a_server() {
    let mut stage = Stage::with(&[]).and("ramp", "4s").and("abort-on", "off");
    let proxy = failing(&stage);
    stage = stage.behind(&proxy);
    let child = stage.start();
    stage.await_open(15);
    stage.mock.kill();
    // The 502s before it are none of its own.
    stage.assert_named(child, &[("bad-gateway", "both-sides"), ("server-down", "both-sides")]);
}

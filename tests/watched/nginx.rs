//! nginx's page and access log, of traffic that really went through it.

use std::fs;
use std::time::{Duration, Instant};

use startline::watch::{Event, EventKind, Network, Reading, Source, Unseen, Watch};

use crate::common::processes::MockServer;
use crate::common::{Run, eventually, results, summary};
use crate::proxy::Proxy;

/// A format that is not nginx's own, as its block gives it.
const FORMAT: &str =
    r#"$remote_addr [$time_local] "$request" $status $upstream_addr $upstream_response_time"#;
const CONNECTIONS: u32 = 512;

/// The source that a block of this source describes.
#[track_caller]
fn open(keys: &str) -> Box<dyn Source> {
    let text = format!("[[watch]]\nname = \"a\"\nsource = \"nginx\"\n{keys}");
    let watch = Watch::read("watch.toml", &text, &|_| None, Default::default()).expect("it reads");
    let agent =
        ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None).build();
    watch.sources[0].spec.open(&Network { tls: None, agent: agent.into() }).expect("it has figures")
}

fn look(source: &mut dyn Source, expressions: &[&str]) -> Reading {
    source.look(expressions, Instant::now() + Duration::from_secs(5))
}

#[track_caller]
fn figure(source: &mut dyn Source, expression: &str) -> f64 {
    look(source, &[expression]).values.remove(0).unwrap_or_else(|unseen| panic!("{expression}: {unseen:?}"))
}

/// Waits until the log has this many lines.
#[track_caller]
fn await_lines(source: &mut dyn Source, lines: f64) {
    eventually("a line of each request", || look(source, &["count"]).values[0] == Ok(lines));
}

fn access_log(proxy: &Proxy) -> String {
    format!("file = {:?}\n", proxy.path("access.log"))
}

#[test]
fn an_access_log_tells_upgrades_by_upstream_and_what_failed() {
    let proxy = Proxy::start(&format!("log_format own '{FORMAT}'; access_log access.log own;"), CONNECTIONS);
    assert_eq!(proxy.get("/api/before"), 200);
    let mut source = open(&format!("{}log_format = '''{FORMAT}'''\n", access_log(&proxy)));
    let [one, two] = proxy.upstreams.clone();
    let upgrades_of =
        [format!("count status=101 upstream={one}"), format!("count status=101 upstream={two}")];
    let expressions: Vec<(&str, f64)> = [
        ("count", 13.0),
        (&upgrades_of[0], 3.0),
        (&upgrades_of[1], 1.0),
        ("upstreams status=101", 2.0),
        ("spread status=101", 0.5),
        ("count status=499", 2.0),
        ("count status=502", 1.0),
        ("share status=499,502", 300.0 / 13.0),
        ("share status=499 uri=/api/v1/challenges/*/slow", 100.0),
        ("count status=2xx uri=/api/v1/challenges/*/enter", 5.0),
        // One upstream refused and the other answered.
        ("count status=200 uri=/either", 1.0),
    ]
    .map(|(expression, expected): (&str, f64)| (expression, expected))
    .into();
    let mut asked: Vec<&str> = expressions.iter().map(|(expression, _)| *expression).collect();
    asked.extend(["p95 uri=/api/v1/challenges/*/enter", "mean", "rate status=200"]);
    let silent = look(&mut *source, &asked);
    assert!(
        silent.values.iter().all(|value| value.as_ref().is_err_and(|unseen| unseen.is_early)),
        "{silent:?}"
    );
    for path in ["/ws/ws1?ticket=a", "/ws/ws1?ticket=b", "/ws/ws2?ticket=c", "/ws/ws1?ticket=d"] {
        assert_eq!(proxy.get(path), 101);
    }
    for _ in 0..5 {
        assert_eq!(proxy.get("/api/v1/challenges/38/enter"), 200);
    }
    proxy.give_up_on("/api/v1/challenges/38/slow");
    proxy.give_up_on("/api/v1/challenges/39/slow");
    assert_eq!((proxy.get("/gone"), proxy.get("/either")), (502, 200));
    await_lines(&mut *source, 13.0);
    for (expression, expected) in expressions {
        assert_eq!(figure(&mut *source, expression), expected, "{expression}");
    }
    for time in ["p95 uri=/api/v1/challenges/*/enter", "mean"] {
        let ms = figure(&mut *source, time);
        assert!((0.0..60_000.0).contains(&ms), "{time} {ms}");
    }
}

#[test]
fn rotation_loses_no_line_and_counts_none_twice() {
    let proxy = Proxy::start("access_log access.log combined;", CONNECTIONS);
    let mut source = open(&access_log(&proxy));
    let mut lines = 0.0;
    let mut request = |source: &mut dyn Source| {
        assert_eq!(proxy.get("/api/x"), 200);
        lines += 1.0;
        await_lines(source, lines);
    };
    let _ = look(&mut *source, &["count"]);
    let (log, old) = (proxy.path("access.log"), proxy.path("access.log.1"));
    request(&mut *source);
    // As logrotate does it: nginx writes to the renamed file until it is told.
    fs::rename(&log, &old).expect("renamed");
    request(&mut *source);
    proxy.signal("reopen", || log.exists());
    request(&mut *source);
    assert_eq!(
        fs::read_to_string(&old).expect("it is there").lines().count(),
        2,
        "the rest is in the new one"
    );
    request(&mut *source);
    // And with copytruncate, with a line that was not seen before.
    assert_eq!((proxy.get("/api/x"), proxy.get("/api/x")), (200, 200));
    eventually("both lines", || fs::read_to_string(&log).expect("there").lines().count() == 4);
    fs::copy(&log, proxy.path("access.log-20261128")).expect("copied");
    fs::File::options().write(true).open(&log).and_then(|file| file.set_len(0)).expect("cut");
    assert_eq!(proxy.get("/api/x"), 200);
    await_lines(&mut *source, 7.0);
    assert_eq!(proxy.get("/api/x"), 200);
    await_lines(&mut *source, 8.0);
}

/// What is printed as the fix is what makes nginx write it.
#[test]
fn a_log_that_lacks_the_upstream_has_the_line_to_add() {
    let mut proxy = Proxy::start("access_log access.log;", CONNECTIONS);
    let mut source = open(&access_log(&proxy));
    let asked = ["count", "spread status=101", "p95"];
    let _ = look(&mut *source, &asked);
    assert_eq!((proxy.get("/api/x"), proxy.get("/ws/ws2")), (200, 101));
    await_lines(&mut *source, 2.0);
    let seen = look(&mut *source, &asked);
    let unseen: Vec<&Unseen> = seen.values.iter().filter_map(|value| value.as_ref().err()).collect();
    let whys: Vec<String> = unseen.iter().map(|unseen| unseen.why.to_string()).collect();
    assert_eq!(
        whys,
        ["the access log has no $upstream_addr", "the access log has no $upstream_response_time"]
    );
    let directives = unseen[0].fix.to_string().strip_prefix("add to nginx: ").expect("directives").to_owned();
    let config = fs::read_to_string(proxy.path("nginx.conf")).expect("it is there");
    fs::write(proxy.path("nginx.conf"), config.replace("access_log access.log;", "")).expect("written");
    proxy.restart_with(&directives);
    let mut source = open(&access_log(&proxy));
    let _ = look(&mut *source, &asked);
    assert_eq!((proxy.get("/api/x"), proxy.get("/ws/ws2")), (200, 101));
    await_lines(&mut *source, 2.0);
    assert_eq!(figure(&mut *source, "spread status=101"), 1.0);
    assert!(figure(&mut *source, "p95") < 60_000.0);
}

fn stub_status(proxy: &Proxy) -> Box<dyn Source> {
    open(&format!("url = \"http://127.0.0.1:{}/stub_status\"\n", proxy.port))
}

#[test]
fn stub_status_is_read_and_its_totals_are_rates() {
    let mut proxy = Proxy::start("access_log off;", CONNECTIONS);
    let mut source = stub_status(&proxy);
    let asked = ["active", "writing", "waiting", "reading", "dropped", "requests", "accepts", "handled"];
    let first = look(&mut *source, &asked);
    assert!(first.values[..5].iter().all(Result::is_ok), "{first:?}");
    assert!(
        first.values[5..].iter().all(|value| value.as_ref().is_err_and(|unseen| unseen.is_early)),
        "{first:?}"
    );
    let idle: Vec<_> = (0..3).map(|_| proxy.idle()).collect();
    for _ in 0..20 {
        assert_eq!(proxy.get("/api/x"), 200);
    }
    eventually("open connections", || figure(&mut *source, "active") >= 4.0);
    let grows = |value: &Result<f64, Unseen>| value.as_ref().is_ok_and(|rate| *rate > 0.0);
    eventually("a rate", || grows(&look(&mut *source, &["requests"]).values[0]));
    assert_eq!(figure(&mut *source, "dropped"), 0.0);
    drop(idle);
    proxy.kill();
    let gone = look(&mut *source, &["active"]);
    let events: Vec<EventKind> = gone.events.iter().map(|event: &Event| event.kind).collect();
    assert_eq!(events, [EventKind::Down], "{gone:?}");
    assert!(
        gone.values[0].as_ref().is_err_and(|unseen| unseen.why.to_string().contains("refused")),
        "{gone:?}"
    );
    proxy.restart_with("");
    let back = look(&mut *source, &["active"]);
    let events: Vec<EventKind> = back.events.iter().map(|event| event.kind).collect();
    assert!(events.contains(&EventKind::Up), "{back:?}");
}

#[test]
fn connections_beyond_worker_connections_are_dropped() {
    let proxy = Proxy::start("access_log off;", 16);
    let mut source = stub_status(&proxy);
    assert_eq!(figure(&mut *source, "dropped"), 0.0);
    // Idle connections would be closed to make room, those in mid-request are not.
    let mut busy = Vec::new();
    let log = proxy.path("error.log");
    let is_full = || {
        let log = fs::read_to_string(&log).unwrap_or_default();
        log.lines().any(|line| line.contains("are not enough") && !line.contains("reusing"))
    };
    eventually("a connection too many", || {
        busy.push(proxy.begin_half());
        is_full()
    });
    drop(busy);
    eventually("the page", || look(&mut *source, &["dropped"]).values[0].is_ok());
    assert!(figure(&mut *source, "dropped") > 0.0);
}

#[test]
fn a_page_that_is_not_stub_status_says_what_to_add() {
    let proxy = Proxy::start("access_log off;", CONNECTIONS);
    let mut source = open(&format!("url = \"http://127.0.0.1:{}/api/x\"\n", proxy.port));
    let seen = look(&mut *source, &["active", "count"]);
    let unseen = seen.values[0].clone().expect_err("JSON");
    assert!(unseen.why.to_string().contains("is not a stub_status page; it says \"{}\""), "{unseen:?}");
    assert!(unseen.fix.to_string().contains("stub_status;"), "{unseen:?}");
    let unseen = seen.values[1].clone().expect_err("no log");
    assert!(unseen.fix.to_string().contains("access.log"), "{unseen:?}");
}

/// nginx writes a WebSocket's line when it closes, which is after the accounts are: it counts all the same.
#[test]
fn a_run_counts_its_upgrades_and_what_a_command_saw_until_it_ended() {
    let mock = MockServer::start(&["--ready", "--members", "13-32", "--challenge", "38"]);
    let address = mock.url.strip_prefix("http://").expect("plain");
    let proxy = Proxy::before(address, "access_log access.log;");
    let temp = tempfile::tempdir().expect("a directory");
    let block = |name: &str, keys: &str| {
        format!("[[watch]]\nname = {name:?}\nevery = \"200ms\"\njudge = \"end\"\n{keys}\n")
    };
    let nginx = format!("source = \"nginx\"\n{}", access_log(&proxy));
    let ends = "source = \"log\"\ncommand = [\"sh\", \"-c\", \"for k in 1 2 3; do echo $k; sleep 0.2; done; echo lost >&2\"]\n";
    let content = [
        block("upgrades", &format!("{nginx}expression = \"count status=101\"\nfail_under = 20")),
        block(
            "enter",
            "source = \"nginx\"\nexpression = \"count status=200 uri=/api/v1/challenges/*/enter\"\nfail_under = 20",
        ),
        block("ends", &format!("{ends}expression = \"broadcasts_cut\"\nwarn_over = 0")),
    ];
    let file = temp.path().join("watch.toml");
    fs::write(&file, content.concat()).expect("written");
    let out = results(&temp);
    let target = format!("http://127.0.0.1:{}", proxy.port);
    let run = Run::against(&target, 20, &out).with("hold", "3s").with("ping-interval", "1s");
    run.with("watch", file.display()).finish().assert_status(0);
    let summary = summary(&out);
    let item = |name: &str| {
        let items = summary["watch"]["items"].as_array().expect("items");
        items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("no {name} in {items:?}"))
    };
    assert_eq!((&item("upgrades")["value"], &item("enter")["value"]), (&20.0.into(), &20.0.into()));
    assert_eq!(item("ends")["outcome"], "not-measured", "{:#}", item("ends"));
    let why = item("ends")["why"].as_str().expect("why");
    assert!(why.ends_with("ended (exit status 0): lost"), "{why}");
}

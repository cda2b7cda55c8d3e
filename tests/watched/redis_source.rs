//! The source `redis` against real servers, and against peers that are none.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use startline::watch::redis::{Redis, RedisSource};
use startline::watch::source::DEADLINE;
use startline::watch::{Event, EventKind, Reading, Secret, Source};

use crate::common::served::{Served, check, found_by, preflight, usual};
use crate::common::{eventually, let_pass, text};
use crate::programs::program;
use crate::watching::Watched;

/// What redis-cli prints.
#[track_caller]
fn cli(server: &Watched, args: &[&str]) -> String {
    let redis_cli = program(&["redis-cli"], "apt-get install --no-install-recommends redis-tools");
    let port = server.port.to_string();
    let output = Command::new(redis_cli).args(["-p", &port]).args(args).output().expect("redis-cli starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Keeps the server from everything else for so long.
#[track_caller]
fn keep_busy(server: &Watched, micros: u32) {
    let now = "local function now() local t = redis.call('TIME'); return t[1] * 1000000 + t[2] end";
    let script = format!("{now}; local start = now(); repeat until now() - start > {micros}; return 'done'");
    assert_eq!(cli(server, &["EVAL", &script, "0"]), "done");
}

fn source(server: &Watched) -> RedisSource {
    RedisSource::new(&Redis::at(&server.address()).expect("an address"), None)
}

/// A look; it must end in time.
#[track_caller]
fn look(source: &mut RedisSource, expressions: &[&str]) -> Reading {
    let began = Instant::now();
    let reading = source.look(expressions, began + DEADLINE);
    assert!(began.elapsed() < DEADLINE + Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(reading.values.len(), expressions.len());
    reading
}

#[track_caller]
fn figure(source: &mut RedisSource, expression: &str) -> f64 {
    match look(source, &[expression]).values.remove(0) {
        Ok(figure) => figure,
        Err(unseen) => panic!("{expression}: {unseen:?}"),
    }
}

/// Why a figure was not seen, and what to do.
#[track_caller]
fn unseen(source: &mut RedisSource, expression: &str) -> (String, String) {
    let unseen = look(source, &[expression]).values.remove(0).expect_err(expression);
    (unseen.why.to_string(), unseen.fix.to_string())
}

fn kinds(events: &[Event]) -> Vec<(EventKind, &str)> {
    events.iter().map(|event| (event.kind, event.subject.as_str())).collect()
}

#[test]
fn every_figure_is_redis_cli_s() {
    let server =
        Watched::redis(&["--maxmemory", "100mb", "--maxclients", "200", "--slowlog-log-slower-than", "0"]);
    let keys: Vec<String> = (0..2_500).map(|key| format!("ws_ticket:{key}")).collect();
    let pairs: Vec<&str> = keys.iter().flat_map(|key| [key.as_str(), "x"]).collect();
    cli(&server, &[&["MSET", "other", "x"], &pairs[..]].concat());
    let mut ears = Watched::subscribed(&server, "challenge:enter");
    let mut source = source(&server);
    assert_eq!(figure(&mut source, "dbsize"), 2_501.0);
    assert_eq!(cli(&server, &["DBSIZE"]), "2501");
    assert_eq!(figure(&mut source, "keys(ws_ticket:*)"), 2_500.0);
    assert_eq!(figure(&mut source, "keys(nothing:*)"), 0.0);
    assert_eq!(figure(&mut source, "pubsub.numsub(challenge:enter)"), 1.0);
    assert_eq!(figure(&mut source, "pubsub.numsub(challenge:*)"), 1.0);
    assert_eq!(figure(&mut source, "pubsub.numsub(challenge:leave)"), 0.0);
    ears.kill();
    eventually("no subscriber", || figure(&mut source, "pubsub.numsub(challenge:*)") == 0.0);
    assert_eq!(figure(&mut source, "info.maxmemory"), 100.0 * f64::from(1 << 20));
    assert_eq!(figure(&mut source, "info.rejected_connections"), 0.0);
    assert_eq!(figure(&mut source, "info.evicted_keys"), 0.0);
    let clients = figure(&mut source, "info.connected_clients");
    assert_eq!(figure(&mut source, "info.connected_clients.percent"), clients / 2.0);
    let memory = figure(&mut source, "info.used_memory");
    let theirs = cli(&server, &["INFO", "memory"]);
    let theirs = theirs.lines().find_map(|line| line.strip_prefix("used_memory:")).expect("the field");
    let theirs: f64 = theirs.trim().parse().expect("a number");
    assert!((memory / theirs - 1.0).abs() < 0.2, "{memory}, {theirs}");
    let share = figure(&mut source, "info.used_memory.percent");
    assert!((share - memory / f64::from(1 << 20)).abs() < 1.0, "{share} %");
    let length: f64 = cli(&server, &["SLOWLOG", "LEN"]).parse().expect("a number");
    assert!(figure(&mut source, "slowlog.length") >= length && length > 5.0);
    let (why, _) = unseen(&mut source, "info.no_such_field");
    assert_eq!(why, "INFO has no no_such_field");
}

#[test]
fn slow_commands_are_counted_and_shown_without_what_keys_hold() {
    let server = Watched::redis(&["--slowlog-log-slower-than", "0"]);
    cli(&server, &["PING"]);
    let mut source = source(&server);
    assert_eq!(figure(&mut source, "slowlog.new"), 0.0);
    cli(&server, &["CONFIG", "SET", "slowlog-log-slower-than", "20000"]);
    let after_setting = figure(&mut source, "slowlog.new");
    keep_busy(&server, 50_000);
    cli(&server, &["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
    cli(&server, &["GET", "ws_ticket:geheim"]);
    cli(&server, &["CONFIG", "SET", "slowlog-log-slower-than", "20000"]);
    let reading = look(&mut source, &["slowlog.new"]);
    assert!(reading.values[0].as_ref().is_ok_and(|new| *new >= after_setting + 2.0), "{reading:?}");
    let said: Vec<&str> = reading.events.iter().map(|event| event.evidence.as_str()).collect();
    assert!(reading.events.iter().all(|event| event.kind == EventKind::SlowCommand));
    assert!(said.iter().any(|line| line.starts_with("SLOWLOG: EVAL … took ")), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("SLOWLOG: GET ws_ticket:… took ")), "{said:?}");
    assert!(!format!("{reading:?}").contains("geheim"), "{reading:?}");
}

#[test]
fn pings_and_messages_are_timed_between_looks() {
    let server = Watched::redis(&[]);
    let mut source = source(&server);
    let expressions = ["ping.p50_ms", "ping.p95_ms", "pubsub.round_trip.p95_ms", "pubsub.round_trip.mean_ms"];
    for _ in 0..2 {
        let reading = look(&mut source, &expressions);
        for (expression, value) in expressions.iter().zip(&reading.values) {
            let ms = value.as_ref().unwrap_or_else(|unseen| panic!("{expression}: {unseen:?}"));
            assert!((0.0..2_000.0).contains(ms) && *ms > 0.0, "{expression}: {ms} ms");
        }
        let_pass(Duration::from_millis(300));
    }
    // A server that stops for a while has been slow for all who would have asked meanwhile.
    let before = Instant::now();
    keep_busy(&server, 1_000_000);
    let_pass(Duration::from_millis(200));
    let median = figure(&mut source, "ping.p50_ms");
    let slept = before.elapsed();
    assert!(slept >= Duration::from_secs(1) && median > 100.0, "{median} ms after {slept:?}");
}

/// One that hangs has been slow for at least as long, which is a figure and fails.
#[test]
fn a_server_that_hangs_after_it_has_answered_is_slow() {
    let server = Watched::redis(&[]);
    let mut source = source(&server);
    assert!(figure(&mut source, "ping.max_ms") < 2_000.0);
    server.stop();
    let reading = look(&mut source, &["ping.max_ms", "dbsize"]);
    assert!(
        reading.values[1].as_ref().is_err_and(|unseen| unseen.why.to_string().contains("no answer in time")),
        "{reading:?}"
    );
    assert_eq!(kinds(&reading.events), [(EventKind::Down, server.address().as_str())]);
    let reading = look(&mut source, &["ping.max_ms"]);
    assert!(reading.values[0].as_ref().is_ok_and(|ms| *ms >= 4_500.0), "{reading:?}");
    server.go_on();
    let reading = look(&mut source, &["dbsize"]);
    assert_eq!(
        (kinds(&reading.events), reading.values),
        (vec![(EventKind::Up, server.address().as_str())], vec![Ok(0.0)])
    );
}

#[test]
fn a_user_who_may_little_is_told_what_to_ask_for() {
    let server = Watched::redis(&[]);
    cli(&server, &["ACL", "SETUSER", "monitor", "on", ">geheim", "+ping"]);
    cli(&server, &["SET", "ws_health:127.0.0.1/ws/ws1", "x"]);
    let at = |password: &str| {
        let at = Redis::at(&format!("redis://monitor@{}", server.address())).expect("an address");
        RedisSource::new(&Redis { password: Some(Secret(password.into())), ..at }, None)
    };
    let mut source = at("geheim");
    assert!(figure(&mut source, "ping.p95_ms") > 0.0);
    let others = [
        "info.used_memory",
        "dbsize",
        "keys(a*)",
        "slowlog.length",
        "slowlog.new",
        "pubsub.numsub(a)",
        "pubsub.numsub(a*)",
        "pubsub.round_trip.p95_ms",
        "ws_health.up",
    ];
    let mut fixes: Vec<String> = Vec::new();
    for expression in others {
        let (why, fix) = unseen(&mut source, expression);
        assert!(why.starts_with(&format!("{}: NOPERM ", server.address())), "{expression}: {why}");
        fixes.push(fix);
    }
    let line = fixes[0].split_once(": ").expect("the line").1;
    assert!(
        line.starts_with("ACL SETUSER monitor ") && fixes.iter().all(|fix| *fix == fixes[0]),
        "{fixes:?}"
    );
    assert_eq!(cli(&server, &line.split(' ').collect::<Vec<_>>()), "OK");
    for expression in others {
        // What failed a moment ago is asked again after a pause.
        eventually(expression, || look(&mut source, &[expression]).values[0].is_ok());
    }
    let (why, fix) = unseen(&mut at("falsch"), "dbsize");
    assert!(
        why.contains("WRONGPASS") && fix.contains("refused the password of the user \"monitor\""),
        "{why} {fix}"
    );
    cli(&server, &["CONFIG", "SET", "requirepass", "geheim"]);
    let (why, fix) = unseen(&mut self::source(&server), "dbsize");
    assert!(why.contains("NOAUTH") && fix.contains("password_env") && !fix.contains("geheim"), "{why} {fix}");
}

#[test]
fn a_replica_without_its_master_says_so() {
    let server = Watched::redis(&[]);
    cli(&server, &["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    cli(&server, &["REPLICAOF", "127.0.0.1", "1"]);
    let (why, fix) = unseen(&mut source(&server), "dbsize");
    assert!(why.contains("MASTERDOWN") && fix.contains("address of the master"), "{why} {fix}");
}

#[test]
fn a_websocket_server_that_vanishes_is_down_and_comes_up_again() {
    let server = Watched::redis(&[]);
    let (one, two) = ("ws_health:127.0.0.1:8080/ws/ws1", "ws_health:127.0.0.1:8080/ws/ws2");
    cli(&server, &["MSET", one, "1", two, "1"]);
    let mut source = source(&server);
    let both = ["ws_health.up", "ws_health.down"];
    let reading = look(&mut source, &both);
    assert_eq!((reading.values, reading.events), (vec![Ok(2.0), Ok(0.0)], Vec::new()));
    cli(&server, &["DEL", two]);
    let reading = look(&mut source, &both);
    assert_eq!(reading.values, [Ok(1.0), Ok(1.0)]);
    assert_eq!(kinds(&reading.events), [(EventKind::Down, "127.0.0.1:8080/ws/ws2")]);
    assert!(look(&mut source, &both).events.is_empty(), "said once");
    cli(&server, &["SET", two, "1"]);
    assert_eq!(kinds(&look(&mut source, &[]).events), [(EventKind::Up, "127.0.0.1:8080/ws/ws2")]);
}

#[test]
fn a_server_that_ends_is_down_and_one_that_is_another_has_restarted() {
    let mut server = Watched::redis(&[]);
    let mut source = source(&server);
    assert!(figure(&mut source, "dbsize") == 0.0);
    server.kill();
    let reading = look(&mut source, &["dbsize", "ping.p95_ms"]);
    assert_eq!(kinds(&reading.events), [(EventKind::Down, server.address().as_str())]);
    let why = reading.values[1].as_ref().expect_err("nobody answers").why.to_string();
    assert!(why.contains("refused"), "{why}");
    server.restart();
    let reading = look(&mut source, &["dbsize"]);
    assert_eq!(kinds(&reading.events), [(EventKind::Restarted, server.address().as_str())]);
    assert_eq!(reading.values, [Ok(0.0)]);
}

/// A peer that does this with each connection.
fn peer(serve: impl Fn(std::net::TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    address
}

#[track_caller]
fn assert_unseen(address: SocketAddr, tls: bool, in_why: &str, in_fix: &str) {
    let scheme = if tls { "rediss" } else { "redis" };
    let at = Redis::at(&format!("{scheme}://{address}")).expect("an address");
    let mut source = RedisSource::new(&at, tls.then(trusting_nobody));
    for expression in ["dbsize", "ping.p95_ms"] {
        let (why, fix) = unseen(&mut source, expression);
        assert!(why.contains(in_why) && fix.contains(in_fix), "{why}; {fix}");
    }
}

fn config(roots: rustls::RootCertStore) -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

fn trusting_nobody() -> Arc<rustls::ClientConfig> {
    config(rustls::RootCertStore::empty())
}

#[test]
fn a_peer_that_hangs_delays_nobody() {
    let silent = peer(|stream| {
        let_pass(Duration::from_secs(60));
        drop(stream);
    });
    assert_unseen(silent, false, "no answer in time", "what keeps the server busy");
}

#[test]
fn a_peer_that_drips_is_given_up_in_time() {
    let drips = peer(|mut stream| {
        let _ = stream.write_all(b"$1000\r\n");
        while stream.write_all(b"x").is_ok() {
            let_pass(Duration::from_millis(200));
        }
    });
    assert_unseen(drips, false, "no answer in time", "");
}

#[test]
fn a_tls_handshake_that_hangs_is_given_up_in_time() {
    let silent = peer(|stream| {
        let_pass(Duration::from_secs(60));
        drop(stream);
    });
    assert_unseen(silent, true, "no answer in time", "redis:// instead of rediss://");
}

#[test]
fn what_is_no_redis_is_told() {
    let http = peer(|mut stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    assert_unseen(http, false, "not Redis's protocol", "check that the port is Redis's");
    let closes = peer(drop);
    assert_unseen(closes, false, "closed the connection", "check that the port is Redis's");
    let endless = peer(|mut stream| {
        let _ = stream.write_all(b"$99999999999\r\n");
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    assert_unseen(endless, false, "an answer of over 16 MiB", "");
    let many = peer(|mut stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"*9223372036854775807\r\n+a\r\n*-5\r\n$-7\r\n");
    });
    assert_unseen(many, false, "closed the connection", "");
}

/// A Redis with TLS beside its port, the TLS port, and its certificate's file.
fn secured(temp: &tempfile::TempDir) -> (Watched, u16, rcgen::CertifiedKey<rcgen::KeyPair>, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (cert, key) = (temp.path().join("cert.pem"), temp.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let tls_port = crate::common::processes::free_port();
    let port = tls_port.to_string();
    let files =
        ["--tls-cert-file", text(&cert), "--tls-key-file", text(&key), "--tls-ca-cert-file", text(&cert)];
    let server = Watched::redis(&[&files[..], &["--tls-port", &port, "--tls-auth-clients", "no"]].concat());
    (server, tls_port, made, cert)
}

/// The options, from the command line to the servers: TLS, a user, the password, Pub/Sub apart.
#[test]
fn cache_and_pubsub_are_given_by_options() {
    let temp = tempfile::tempdir().expect("a directory");
    let ((cache, port, _, cert), pubsub) = (secured(&temp), Watched::redis(&[]));
    cli(&cache, &["ACL", "SETUSER", "monitor", "on", ">geheim", "+@all", "~*", "&*"]);
    cli(&cache, &["CONFIG", "SET", "requirepass", "other"]);
    let ears = Watched::subscribed(&pubsub, "challenge:enter");
    let served = Served::ready();
    let (url, apart) = (format!("rediss://monitor@localhost:{port}"), pubsub.address());
    let options = ["--json", "--redis", &url, "--redis-pubsub", &apart, "--ca", text(&cert)];
    let found = |status: i32, password: &str| {
        let mut command = preflight(&[&usual(&served.url)[..], &options].concat());
        found_by(status, command.env("REDISCLI_AUTH", password))
    };
    let report = found(0, "geheim");
    let checks: Vec<&serde_json::Value> =
        report["checks"].as_array().expect("checks").iter().filter(|it| it["id"] == "watch-redis").collect();
    let titles: Vec<&str> = checks.iter().filter_map(|it| it["title"].as_str()).collect();
    assert_eq!(titles, [format!("Redis rediss://localhost:{port}"), format!("Redis {apart}")]);
    assert!(checks.iter().all(|it| it["verdict"] == "ok"), "{checks:#?}");
    drop(ears);
    let report = found(1, "falsch");
    let failed = check(&report, "watch-redis");
    assert_eq!(failed["verdict"], "fail", "{failed:#}");
    let fix = failed["fixes"][0]["text"].as_str().expect("text");
    assert!(fix.contains("refused the password of the user \"monitor\""), "{fix}");
    assert!(!report.to_string().contains("falsch"));
}

#[test]
fn a_server_over_tls_is_asked_and_its_certificate_judged() {
    let temp = tempfile::tempdir().expect("a directory");
    let (server, port, made, _) = secured(&temp);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let at = |host: &str| Redis::at(&format!("rediss://{host}:{port}")).expect("an address");
    let mut secure = RedisSource::new(&at("localhost"), Some(config(roots.clone())));
    assert_eq!(figure(&mut secure, "dbsize"), 0.0);
    assert!(figure(&mut secure, "pubsub.round_trip.p95_ms") > 0.0);
    for (host, config, why) in [
        ("localhost", trusting_nobody(), "UnknownIssuer"),
        ("127.0.0.1", config(roots), "not valid for name"),
    ] {
        let (said, fix) = unseen(&mut RedisSource::new(&at(host), Some(config)), "dbsize");
        assert!(said.contains(why) && fix.contains("--ca FILE"), "{said}; {fix}");
    }
    let clear = RedisSource::new(&Redis::at(&format!("127.0.0.1:{port}")).expect("an address"), None);
    let (why, fix) = unseen(&mut { clear }, "dbsize");
    assert!(why.contains("closed the connection") && fix.contains("rediss://"), "{why}; {fix}");
    let plain = Redis::at(&format!("rediss://{}", server.address())).expect("an address");
    let (why, fix) = unseen(&mut RedisSource::new(&plain, Some(trusting_nobody())), "dbsize");
    assert!(fix.contains("redis:// instead of rediss://") || fix.contains("--ca"), "{why}; {fix}");
}

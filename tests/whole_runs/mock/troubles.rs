//! The guide's troubles, played by the mock server and found again by name.

use std::net::SocketAddr;
use std::process::Child;
use std::time::Duration;

use startline_mock::Config;

use super::stand::*;
use crate::common::{Run, finish, let_pass, results, summary};

fn with(faults: &[&str], config: Config) -> Config {
    let injections = faults.iter().map(|fault| fault.parse().expect("a fault")).collect();
    Config { injections, ..config }
}

/// A run against this address, by a scenario changed in these places.
struct Played {
    run: Run,
    directory: tempfile::TempDir,
}

impl Played {
    fn new(addr: SocketAddr, sessions: u32, changes: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let out = results(&directory);
        let run = Run::against(&format!("http://{addr}"), sessions, &out)
            .with("time-zone", "UTC")
            .with("ramp", "2s")
            .with("hold", "2s")
            .with("ramp-down", "0s");
        let file = out.with_file_name("patient.toml");
        let mut scenario = std::fs::read_to_string(&file).expect("the scenario of such runs");
        for (from, to) in changes {
            assert!(scenario.contains(from), "{from:?} is in the scenario");
            scenario = scenario.replace(from, to);
        }
        std::fs::write(&file, scenario).expect("written");
        Self { run, directory }
    }

    fn with(self, option: &str, value: &str) -> Self {
        Self { run: self.run.with(option, value), ..self }
    }

    /// Asserts that it is found by this name and no other, from the client's side, and printed.
    #[track_caller]
    fn assert_named(&self, name: &str) {
        self.assert_ended(self.run.start(), name);
    }

    #[track_caller]
    fn assert_ended(&self, child: Child, name: &str) {
        let finished = finish(child);
        let summary = summary(&results(&self.directory));
        let troubles = summary["troubles"].as_array().expect("a list");
        let named: Vec<_> = troubles.iter().map(|one| (&one["name"], &one["certainty"])).collect();
        assert_eq!(named, [(&name.into(), &"client-only".into())], "{troubles:#?}\n{}", finished.stdout);
        let line =
            finished.stdout.lines().position(|line| line.trim_start().starts_with(&format!("{name}: ")));
        let criteria = finished.stdout.lines().position(|line| line.trim_start().starts_with("criterion "));
        assert!(line.is_some() && line < criteria, "{}", finished.stdout);
    }
}

#[test]
fn a_healthy_run_has_no_trouble() {
    let stand = Stand::start(ready());
    let played = Played::new(stand.addr(), 40, &[]).with("ping-interval", "1s");
    let finished = played.run.finish();
    finished.assert_status(0);
    assert_eq!(summary(&results(&played.directory))["troubles"], serde_json::json!([]));
}

#[test]
fn expired_tickets_are_found() {
    let config = Config { ticket_ttl: Duration::from_millis(100), ..ready() };
    let stand = Stand::start(with(&["enter-slow=400ms@0.5"], config));
    Played::new(stand.addr(), 40, &[]).assert_named("ticket-expired");
}

#[test]
fn an_exhausted_pool_is_found() {
    let stand = Stand::start(with(&["pool-exhausted=500ms@0.3"], ready()));
    let sooner = [("after = \"29s500ms..31s\"", "after = \"400ms..30s\"")];
    Played::new(stand.addr(), 40, &sooner).assert_named("pool-exhausted");
}

#[test]
fn lost_announcements_are_found() {
    let stand = Stand::start(with(&["broadcast-cut@0.5"], ready()));
    Played::new(stand.addr(), 40, &[]).assert_named("pubsub-slow-or-lost");
}

#[test]
fn a_server_that_gets_nobody_is_found_once_it_is_expected() {
    let stand = Stand::start(ready());
    stand.control("servers/ws2/down");
    let played = Played::new(stand.addr(), 40, &[]).with("expect-servers", "2").with("hold", "500ms");
    played.assert_named("wrong-server");
    let summary = summary(&results(&played.directory));
    assert_eq!(summary["routing"]["expected_servers"], 2);
    assert!(summary["routing"]["misrouted"].as_u64().is_some_and(|count| (5..35).contains(&count)));
}

#[test]
fn members_taken_for_idle_are_found() {
    let config =
        Config { idle_timeout: Duration::from_secs(1), idle_check: Duration::from_millis(500), ..ready() };
    let stand = Stand::start(config);
    Played::new(stand.addr(), 40, &[]).with("ping-interval", "70s").assert_named("idle-timeout");
}

#[test]
fn a_gateway_without_a_server_is_found() {
    let stand = Stand::start(with(&["http-status=502@0.3"], ready()));
    Played::new(stand.addr(), 40, &[]).with("hold", "500ms").assert_named("bad-gateway");
}

#[test]
fn a_limit_of_connections_is_found() {
    let stand = Stand::start(Config { connections_max: Some(10), ..ready() });
    let sooner = [("connect_timeout = \"10s\"", "connect_timeout = \"3s\"")];
    Played::new(stand.addr(), 60, &sooner).assert_named("connection-limit");
}

/// Waits for the run's sessions to be open, as the server sees them.
#[track_caller]
fn await_open(stand: &Stand, count: u64) {
    await_that("sessions open", || stand.counters().connected >= count);
}

#[test]
fn a_server_that_goes_down_is_found() {
    let stand = Stand::start(ready());
    let played = Played::new(stand.addr(), 40, &[]).with("hold", "4s");
    let child = played.run.start();
    await_open(&stand, 40);
    stand.stop();
    played.assert_ended(child, "server-down");
}

#[test]
fn a_server_that_restarts_is_found() {
    let stand = Stand::start(ready());
    let config = Config { listen: stand.addr(), ..ready() };
    let played = Played::new(stand.addr(), 90, &[]).with("ramp", "6s").with("hold", "1s");
    let child = played.run.start();
    await_open(&stand, 30);
    stand.stop();
    // Whoever has a ticket of the old process is refused meanwhile: the new one does not know it.
    let_pass(Duration::from_millis(500));
    let restarted = Stand::start(config);
    played.assert_ended(child, "server-restarted");
    restarted.stop();
}

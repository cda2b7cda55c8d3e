//! How far it is, and what is left of it when somebody asks for the end.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::peer::{OK, Peer, logged_in};
use crate::common::served::{assert_check, check, preflight, usual};
use crate::common::{DEADLINE, Finished, finish, signal};

/// A request is waited for up to 35 s: who ends much earlier has not waited.
const AT_ONCE: Duration = Duration::from_secs(15);

/// A server that never answers the request with this in it, and says when it was asked.
fn silent_at(place: &'static str) -> (Peer, Receiver<()>) {
    let (sender, asked) = mpsc::channel();
    let sender = Mutex::new(sender);
    let peer = Peer::start(move |request| match request {
        silent if silent.contains(place) => {
            let _ = sender.lock().expect("nobody panicked").send(());
            None
        }
        login if login.starts_with("POST ") => logged_in(),
        _ => Some((OK, String::new())),
    });
    (peer, asked)
}

#[track_caller]
fn interrupted(child: Child, number: i32) -> Finished {
    signal(child.id(), number);
    let at = Instant::now();
    let finished = finish(child);
    assert!(at.elapsed() < AT_ONCE, "{:?}", at.elapsed());
    finished.assert_status(3);
    finished
}

/// Which checks there are, and which of them are unknown for no other reason than the signal.
fn ids(report: &Value) -> (Vec<&str>, Vec<&str>) {
    let checks = report["checks"].as_array().expect("checks");
    let all = checks.iter().filter_map(|one| one["id"].as_str()).collect();
    let unasked = checks.iter().filter(|one| one["why"] == "not checked, because preflight was interrupted");
    (all, unasked.filter_map(|one| one["id"].as_str()).collect())
}

/// With a line that says how far it is, which comes by time.
#[test]
fn what_was_found_is_printed_and_the_rest_is_unknown() {
    let (peer, asked) = silent_at("memberId=16");
    let args = [&usual(&peer.url)[..], &["--sample", "all", "--json"]].concat();
    let mut child = preflight(&args).spawn().expect("the binary starts");
    asked.recv_timeout(DEADLINE).expect("it is asked");
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("a line");
    let end = ": members log in, 3 of 20 done; waiting for member 16\n";
    assert!(line.starts_with("preflight, 1") && line.ends_with(end), "{line}");
    let finished = interrupted(child, libc::SIGINT);
    let rest: Vec<String> = stderr.lines().map_while(Result::ok).collect();
    assert!(rest.iter().any(|line| line.starts_with("ending: no more checks")), "{rest:?}");
    let report: Value = serde_json::from_str(&finished.stdout).expect("nothing but JSON");
    assert_eq!(report["interrupted"], true);
    let members = assert_check(
        &report,
        "members",
        "unknown",
        "preflight was interrupted before 17 members had logged in",
    );
    assert_eq!(members["reading"]["text"], "3 of 20 logged in");
    assert_eq!(check(&report, "target")["verdict"], "ok");
    let (all, unasked) = ids(&report);
    let left = ["time-zone", "challenge", "schedule", "places", "machine"];
    assert_eq!(unasked, left);
    assert_eq!(all, [&["target", "http", "clock", "members", "login-latency"], &left[..]].concat());
}

#[test]
fn whatever_is_waited_for_a_signal_ends_it() {
    for (place, number, left) in [
        ("GET /", libc::SIGTERM, "HTTP answers, servers' clock, members, login latency, time zone"),
        ("memberId=13", libc::SIGTERM, "members, login latency, time zone"),
        ("/challenges/38", libc::SIGINT, "time zone, challenge"),
    ] {
        let (peer, asked) = silent_at(place);
        let child = preflight(&usual(&peer.url)).spawn().expect("the binary starts");
        asked.recv_timeout(DEADLINE).expect("it is asked");
        let finished = interrupted(child, number);
        let out = finished.stdout.replace("\n  ", " ");
        let line = format!("\n? {left}");
        let is_skipped = out.contains(": not checked, because preflight was interrupted");
        assert!(out.contains(&line) && is_skipped, "{place}: {out}");
        assert!(out.contains("\nInterrupted: no check that was made fails; "), "{out}");
    }
}

#[test]
fn who_was_refused_by_then_fails_all_the_same() {
    let (sender, asked) = mpsc::channel();
    let sender = Mutex::new(sender);
    let peer = Peer::start(move |request| match request.split_once("memberId=") {
        Some((_, "13")) => Some(("404 Not Found", String::new())),
        Some(_) => {
            let _ = sender.lock().expect("nobody panicked").send(());
            None
        }
        None => Some((OK, String::new())),
    });
    let child = preflight(&usual(&peer.url)).spawn().expect("the binary starts");
    asked.recv_timeout(DEADLINE).expect("it is asked");
    let out = interrupted(child, libc::SIGINT).stdout.replace("\n    ", " ");
    assert!(
        out.contains(": member 13; 9 members had not logged in yet when preflight was interrupted"),
        "{out}"
    );
    assert!(out.contains("\nInterrupted, and not ready: 1 check fails; "), "{out}");
}

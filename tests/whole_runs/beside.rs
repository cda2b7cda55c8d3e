//! Requests that a session makes beside its WebSocket: against a server whose rooms are joined by HTTP
//! once the socket is there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::common::{Run, eventually, number, run, summary, text};
use crate::foreign::rooms::{self, Joining, Seen};

const SESSIONS: u32 = 20;

const SCENARIO: &str = r#"
name = "rooms"

[websocket]
url = "/socket"

[websocket.messages]
hello = {}
joined = {}
pong = {}
no_room = "error"

[[websocket.steps]]
name = "greeted"
await = "hello"
take = { socket = "/socketId" }

[[websocket.steps]]
name = "join"
await = "joined"
timeout = "2s"

[websocket.steps.request]
method = "POST"
path = "/rooms/lobby"
body = '{"socketId":"{socket}"}'
expect = 201
follow = 1
take = { seat = "/seat" }

[[websocket.steps.request.errors]]
name = "ROOM_FULL"
field = "/code"
equals = "FULL"

[[websocket.steps]]
name = "sit"
send = '{"type":"sit","seat":"{seat}"}'

[[websocket.every]]
name = "ping"
send = 'ping'
interval = "500ms"
reply = "pong"
timeout = "2s"
"#;

/// The file, in this directory.
fn scenario(dir: &Path) -> String {
    let path = dir.join("rooms.toml");
    std::fs::write(&path, SCENARIO).expect("written");
    text(&path).to_owned()
}

fn played(joining: Joining, dir: &Path, status: i32) -> (Value, Arc<Seen>) {
    let (url, seen) = rooms::start(joining);
    let out = dir.join("out");
    let run = Run::against(&url, SESSIONS, &out)
        .without("challenge")
        .without("members")
        .with("scenario", scenario(dir))
        .with("ramp", "300ms")
        .with("hold", "1200ms")
        .with("ramp-down", "100ms");
    run.finish().assert_status(status);
    (summary(&out), seen)
}

#[track_caller]
fn assert_all_joined(joining: Joining) {
    let temp = tempfile::tempdir().expect("a directory");
    let (summary, seen) = played(joining, temp.path(), 0);
    let count = |pointer: &str| number(&summary, pointer) as u32;
    assert_eq!(count("/sessions/held_to_end"), SESSIONS, "{summary:#}");
    assert_eq!(seen.joined.load(Ordering::Relaxed), SESSIONS);
    // What the answer said is there in the step after it.
    assert_eq!(seen.seated.load(Ordering::Relaxed), SESSIONS);
    assert_eq!(count("/steps/join/count"), SESSIONS);
    let requests = if joining == Joining::Redirects { 2 * SESSIONS } else { SESSIONS };
    assert_eq!(
        (count("/http/requests"), count("/http/connections")),
        (requests, requests),
        "{}",
        summary["http"]
    );
    // The later of the answer and the message ends the step.
    assert!(
        number(&summary, "/steps/join/min_ms") >= rooms::THE_LATER_AFTER.as_millis() as f64,
        "{}",
        summary["steps"]["join"]
    );
}

#[test]
fn a_request_and_the_message_it_causes_end_a_step_in_either_order() {
    assert_all_joined(Joining::TellsFirst);
    assert_all_joined(Joining::TellsLater);
}

#[test]
fn a_request_follows_redirects_beside_its_websocket() {
    assert_all_joined(Joining::Redirects);
}

/// All sessions fail in the step, for this.
#[track_caller]
fn assert_all_fail(joining: Joining, fault: &str) -> (Value, Arc<Seen>) {
    let temp = tempfile::tempdir().expect("a directory");
    let (summary, seen) = played(joining, temp.path(), 1);
    let [failed] = &summary["errors"]["details"].as_array().expect("a list")[..] else {
        panic!("{:#}", summary["errors"]);
    };
    let found = (failed["step"].as_str(), failed["kind"].as_str(), failed["count"].as_u64());
    assert_eq!(found, (Some("join"), Some(fault), Some(SESSIONS.into())), "{:#}", summary["errors"]);
    (summary, seen)
}

/// The client hangs up on each of its requests; the server may see that after the client has ended.
#[track_caller]
fn assert_all_given_up(seen: &Seen) {
    eventually("every request is given up", || seen.given_up.load(Ordering::Relaxed) == SESSIONS);
}

#[test]
fn a_refused_request_fails_its_step_under_the_name_that_the_scenario_gives_it() {
    assert_all_fail(Joining::Refuses, "ROOM_FULL");
}

#[test]
fn a_request_without_an_answer_times_out() {
    let (_, seen) = assert_all_fail(Joining::IsSilent, "timeout");
    assert_all_given_up(&seen);
}

#[test]
fn a_session_that_ends_takes_its_request_with_it() {
    let (_, seen) = assert_all_fail(Joining::TellsOfAnError, "refused:no_room");
    assert_all_given_up(&seen);
}

#[test]
fn a_request_is_tried_with_its_answer_and_what_came_meanwhile() {
    let temp = tempfile::tempdir().expect("a directory");
    let (url, _) = rooms::start(Joining::TellsFirst);
    let tried = run(&["try", &scenario(temp.path()), "--target", &url]);
    tried.assert_status(0);
    let position =
        |part: &str| tried.stdout.find(part).unwrap_or_else(|| panic!("no {part} in {}", tried.stdout));
    let order = [
        "join    > POST /rooms/lobby",
        "{\"socketId\":\"s-0\"}",
        "joined",
        "join    < 201 Created",
        "seat = 17-B",
        "sit     > {\"type\":\"sit\"",
    ];
    assert!(order.map(position).is_sorted(), "{}", tried.stdout);

    let (url, _) = rooms::start(Joining::Refuses);
    let refused = run(&["try", &scenario(temp.path()), "--target", &url]);
    refused.assert_status(1);
    assert!(refused.stdout.contains("ROOM_FULL"), "{}", refused.stdout);
}

#[test]
fn a_request_is_secure_where_its_target_is() {
    let temp = tempfile::tempdir().expect("a directory");
    let runnity = std::fs::read_to_string("scenarios/runnity.toml").expect("the built-in one");
    let beside = r#"
[[websocket.steps]]
name = "connected"
await = "CONNECTED"

[[websocket.steps]]
name = "look"
request = { method = "GET", path = "/api/v1/challenges/{challenge_id}", headers = { Authorization = "Bearer {access_token}" } }

[[websocket.every]]
"#;
    let open = "[[websocket.steps]]\nname = \"open\"\nawait = \"CONNECTED\"\ntimeout = \"10s\"\n\n[[websocket.every]]\n";
    assert!(runnity.contains(open));
    let scenario = temp.path().join("look.toml");
    std::fs::write(&scenario, runnity.replacen(open, beside, 1)).expect("written");
    let out = temp.path().join("out");
    let counts = ["-n", "40", "--ramp", "400ms", "--hold", "500ms", "--ramp-down", "0", "--lag-limit", "30s"];
    let rest = ["--workers", "2", "--scenario", text(&scenario), "--out", text(&out)];
    run(&[&["run", "--tls"], &counts[..], &rest].concat()).assert_status(0);
    let summary = summary(&out);
    assert_eq!(number(&summary, "/steps/look/count"), 40.0, "{:#}", summary["steps"]);
    // Its own HTTP connection, its WebSocket, and the request's.
    let handshakes = number(&summary, "/tls/full") + number(&summary, "/tls/resumed");
    assert_eq!(handshakes, 120.0, "{:#}", summary["tls"]);
}

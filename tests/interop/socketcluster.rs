//! SocketCluster: empty messages as pings, calls by number, a channel.

use serde_json::json;

use crate::common::kinds;
use crate::played::{SESSIONS, playing};
use crate::server::{Server, counted};

const SCENARIO: &str = include_str!("scenarios/socketcluster.toml");

#[test]
fn everyone_logs_in_calls_and_answers_empty_pings() {
    let mut server = Server::node("socketcluster", &json!({}));
    let played = playing(SCENARIO, &server.url()).finish(0);
    let sessions = u64::from(SESSIONS);
    let books = server.closed_books(sessions);
    played.assert_all_held();
    for pointer in ["/sessions/connected", "/sessions/entered", "/sessions/subscribed", "/closes/1000"] {
        assert_eq!(counted(&books, pointer), sessions, "{pointer} of {books:#}");
    }
    let pings = counted(&books, "/out/empty");
    assert!(pings >= 2 * sessions, "each session is pinged more than once: {books:#}");
    played.assert_answers(&[("ping", counted(&books, "/in/empty"))]);
    played.assert_sent(&[("call", counted(&books, "/calls/echo"))]);
    let sent = [
        ("ping", pings),
        ("reply", counted(&books, "/out/reply")),
        ("news", counted(&books, "/out/#publish")),
    ];
    played.assert_heard(&sent);
}

/// The answers are what keeps a socket open.
#[test]
fn without_the_empty_answers_the_server_gives_up() {
    let mut server =
        Server::node("socketcluster", &json!({"ping_interval_ms": 500, "ping_timeout_ms": 1000}));
    let silent = SCENARIO.replace(", answer = \"\"", "").replace("times = 3", "times = 1");
    let played = playing(&silent, &server.url()).finish(1);
    let books = server.closed_books(u64::from(SESSIONS));
    assert_eq!(counted(&books, "/in/empty"), 0, "{books:#}");
    assert_eq!(played.count("/sessions/held_to_end"), 0);
}

#[test]
fn a_wrong_password_is_named() {
    let server = Server::node("socketcluster", &json!({}));
    let played = playing(SCENARIO, &server.url()).with("set", "password=wrong").finish(1);
    let started = played.count("/sessions/started");
    assert_eq!(kinds(&played.summary), [("WRONG_PASSWORD".to_owned(), started)]);
}

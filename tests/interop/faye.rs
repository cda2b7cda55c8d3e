//! Bayeux, by Faye's own server: arrays, an id that later messages repeat, a poll that is held.

use serde_json::json;

use crate::common::kinds;
use crate::played::{SESSIONS, playing};
use crate::server::{Server, counted};

const SCENARIO: &str = include_str!("scenarios/faye.toml");

#[test]
fn everyone_subscribes_says_and_polls() {
    let mut server = Server::node("faye", &json!({}));
    let played = playing(SCENARIO, &server.url()).finish(0);
    let sessions = u64::from(SESSIONS);
    let books = server.closed_books(sessions);
    played.assert_all_held();
    let heard = |name: &str| counted(&books, &format!("/in/~1{name}"));
    let sent = |name: &str| counted(&books, &format!("/out/~1{name}"));
    assert_eq!((heard("meta~1handshake"), heard("meta~1subscribe")), (sessions, sessions), "{books:#}");
    let polls = heard("meta~1connect");
    assert!(polls >= 2 * sessions, "each session polls more than once: {books:#}");
    played.assert_answers(&[("connected", polls - sessions)]);
    played.assert_sent(&[("say", heard("room"))]);
    let replies =
        ["meta~1handshake", "meta~1subscribe", "room"].map(|name: &str| sent(&format!("{name} replied")));
    played.assert_heard(&[
        ("done", replies.iter().sum()),
        // Each one's last poll is answered once its connection is gone.
        ("connected", polls - sessions),
        ("tick", sent("tick")),
        ("said", sent("room")),
    ]);
}

#[test]
fn a_wrong_token_is_named() {
    let server = Server::node("faye", &json!({}));
    let played = playing(SCENARIO, &server.url()).with("set", "token=wrong").finish(1);
    let started = played.count("/sessions/started");
    assert_eq!(kinds(&played.summary), [("UNKNOWN_TOKEN".to_owned(), started)]);
}

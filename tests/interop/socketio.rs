//! Socket.IO: its own server, whose books count Engine.IO's packets.

use serde_json::{Value, json};

use crate::common::kinds;
use crate::played::{Played, SESSIONS, built_in, playing, quiet_at_the_end};
use crate::server::{Server, counted};

/// Sessions that upgrade from polling to a WebSocket, as Socket.IO's clients do by default.
const POLLING: &str = include_str!("scenarios/socketio-polling.toml");

/// What the server sent by packet, under the kinds of the built-in scenario. The first packet is on its
/// way before the session is known.
fn sent(books: &Value) -> [(&'static str, u64); 7] {
    let kinds = [
        ("handshake", "/sessions/connected"),
        ("engine_ping", "/out/ping"),
        ("connected", "/out/message 0"),
        ("acknowledged", "/out/message 3"),
        ("joined", "/out/message 2 joined"),
        ("tick", "/out/message 2 tick"),
        ("said", "/out/message 2 said"),
    ];
    kinds.map(|(kind, pointer)| (kind, counted(books, pointer)))
}

fn assert_pings_answered(played: &Played, books: &Value) {
    let pings = counted(books, "/out/ping");
    assert!(pings >= 2 * u64::from(SESSIONS), "each session is pinged more than once: {pings}");
    played.assert_answers(&[("engine_ping", counted(books, "/in/pong"))]);
}

#[test]
fn everyone_joins_says_and_answers_pings() {
    // Nor is anyone pinged, or sent a tick, as the run ends.
    let mut server = Server::node("socketio", &json!({"ping_interval_ms": 1300, "ticks_max": 8}));
    let playing = playing(&quiet_at_the_end("socketio"), &server.url());
    let played = playing.and("every", "say.interval=600ms..1s").with("end", "quit").finish(0);
    let sessions = u64::from(SESSIONS);
    let books = server.closed_books(sessions);
    played.assert_all_held();
    for (pointer, expected) in [
        ("/sessions/connected", sessions),
        ("/transports/websocket", sessions),
        ("/sessions/entered", sessions),
        ("/sessions/joined", sessions),
        ("/in/message 2 join", sessions),
        // Each has left the namespace before it closed.
        ("/in/message 1", sessions),
        ("/disconnects/client namespace disconnect", sessions),
        ("/open", 0),
    ] {
        assert_eq!(counted(&books, pointer), expected, "{pointer} of {books:#}");
    }
    played.assert_sent(&[("say", counted(&books, "/in/message 2 say"))]);
    assert_pings_answered(&played, &books);
    played.assert_heard(&sent(&books));
    // The age of each tick is that of a message of this machine, by this machine's clock.
    let ages = played.count("/messages/ages/tick/count");
    assert_eq!(ages, played.count("/messages/by_type/tick"));
}

#[test]
fn a_wrong_token_is_refused_by_name() {
    let mut server = Server::node("socketio", &json!({}));
    let played = playing(&built_in("socketio"), &server.url()).with("set", "token=wrong").finish(1);
    let started = played.count("/sessions/started");
    let books = server.closed_books(started);
    assert_eq!(counted(&books, "/sessions/refused"), started);
    assert_eq!(counted(&books, "/sessions/joined"), 0);
    assert_eq!(kinds(&played.summary), [("refused:connect_error".to_owned(), started)]);
}

/// Without the answers the server ends every session: what an unanswered ping looks like.
#[test]
fn without_answers_the_server_gives_up() {
    let mut server = Server::node("socketio", &json!({}));
    let source = built_in("socketio").replace(r#"is = "2", answer = "3""#, r#"is = "2""#);
    let played = playing(&source, &server.url()).finish(1);
    let books = server.closed_books(u64::from(SESSIONS));
    assert_eq!(counted(&books, "/in/pong"), 0);
    assert_eq!(counted(&books, "/closes/ping timeout"), u64::from(SESSIONS), "{books:#}");
    assert_eq!(played.count("/sessions/held_to_end"), 0);
}

#[test]
fn sessions_that_begin_with_polling_upgrade() {
    let mut server = Server::node("socketio", &json!({}));
    let played = playing(POLLING, &server.url()).finish(0);
    let sessions = u64::from(SESSIONS);
    let books = server.closed_books(sessions);
    played.assert_all_held();
    assert_eq!(counted(&books, "/transports/upgraded to websocket"), sessions, "{books:#}");
    assert_eq!(counted(&books, "/sessions/joined"), sessions);
    assert!(played.count("/messages/by_type/tick") >= sessions);
    played.assert_answers(&[("ping", counted(&books, "/in/pong"))]);
}

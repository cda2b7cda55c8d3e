//! Socket.IO: its own server, whose books count Engine.IO's packets.

use serde_json::{Value, json};

use crate::common::kinds;
use crate::played::{Played, SESSIONS, built_in, playing, quiet_at_the_end};
use crate::server::{Server, counted};

/// Sessions that upgrade from polling to a WebSocket, as Socket.IO's clients do by default.
const POLLING: &str = include_str!("scenarios/socketio-polling.toml");

/// Whose part "Lost messages" is added to the built-in scenario.
const PAGE: &str = include_str!("../../docs/systems/socketio.md");

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

#[test]
fn lost_messages_are_found_with_the_keys_of_the_page() {
    let mut server = Server::node("socketio", &json!({}));
    let (_, block) = PAGE.split_once("```toml\n").expect("a block of TOML");
    let (block, _) = block.split_once("\n```").expect("its end");
    let source = block.split("\n\n").fold(quiet_at_the_end("socketio"), with_keys);
    // Updates are expected of messages around which everyone is there for some seconds.
    let playing = playing(&source, &server.url()).with("hold", "7s");
    let played = playing.and("every", "say.interval=1500ms..2s").finish(0);
    let books = server.closed_books(u64::from(SESSIONS));
    played.assert_all_held();
    let sent = counted(&books, "/in/message 2 say");
    assert_eq!(played.count("/updates/sent"), sent);
    assert!(played.count("/updates/expected") > sent, "{:#}", played.summary["updates"]);
    assert_eq!(played.count("/updates/missing"), 0);
    assert!(played.count("/propagation/say/received") > sent, "{:#}", played.summary["propagation"]);
}

/// A scenario with the keys of a table: put into the table of this name, or below all others.
fn with_keys(scenario: String, table: &str) -> String {
    let (header, keys) = table.split_once('\n').expect("keys below a header");
    let (before, rest) = match scenario.split_once(&format!("{header}\n")) {
        Some((before, rest)) if header != "[[criteria]]" => (before, rest),
        _ => return format!("{scenario}\n{table}\n"),
    };
    let (own, after) = rest.split_once("\n[").unwrap_or((rest, ""));
    let key = |line: &str| line.split_once(" = ").map(|(key, _)| key.to_owned());
    let given: Vec<_> = keys.lines().map(key).collect();
    let mut lines: Vec<&str> = Vec::new();
    for line in own.lines() {
        let place = given.iter().position(|given| given.is_some() && *given == key(line));
        lines.push(place.and_then(|place| keys.lines().nth(place)).unwrap_or(line));
    }
    let own_keys: Vec<_> = own.lines().map(key).collect();
    lines.extend(keys.lines().filter(|line| !own_keys.contains(&key(line))));
    format!("{before}{header}\n{}\n\n[{after}", lines.join("\n"))
}

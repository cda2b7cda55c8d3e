//! Phoenix's channel protocol, by a server that its own client accepts.

use std::process::Command;

use serde_json::{Value, json};

use crate::common::{finish, kinds, piped};
use crate::played::{SESSIONS, built_in, playing};
use crate::server::{Server, counted};

/// The server is ours, so that somebody else's client has to be content with it first.
#[test]
fn phoenix_s_own_client_is_content_with_the_server() {
    let server = Server::node("phoenix", &json!({}));
    let mut client: Command = Server::node_script("phoenix_client.js");
    let client = finish(piped(client.arg(server.port.to_string())).spawn().expect("it starts"));
    let seen: Value = serde_json::from_str(&client.assert_status(0).stdout).expect("JSON");
    let expected = json!({
        "join": "ok", "push": "ok", "heard": "hello", "heartbeat": "ok", "elsewhere": "error", "leave": "ok",
    });
    assert_eq!(seen, expected);
}

#[test]
fn everyone_joins_pushes_and_beats() {
    let mut server = Server::node("phoenix", &json!({}));
    let playing = playing(&built_in("phoenix"), &server.url());
    let playing = playing.and("every", "say.interval=800ms..1200ms").and("every", "heartbeat.interval=1s");
    let played = playing.finish(0);
    let sessions = u64::from(SESSIONS);
    let books = server.closed_books(sessions);
    played.assert_all_held();
    for (pointer, expected) in [
        ("/sessions/connected", sessions),
        ("/sessions/joined", sessions),
        ("/in/phx_join", sessions),
        ("/out/phx_reply error", 0),
        ("/closes/1000", sessions),
    ] {
        assert_eq!(counted(&books, pointer), expected, "{pointer} of {books:#}");
    }
    let heard = |event| counted(&books, &format!("/in/{event}"));
    played.assert_sent(&[("say", heard("new_msg")), ("heartbeat", heard("heartbeat"))]);
    let replies = counted(&books, "/out/phx_reply ok") - sessions;
    let out = |event| counted(&books, &format!("/out/{event}"));
    let sent = [("joined", sessions), ("replied", replies), ("said", out("new_msg")), ("event", out("tick"))];
    played.assert_heard(&sent);
}

/// The heartbeat is what keeps a socket open.
#[test]
fn without_the_heartbeat_the_server_gives_up() {
    let mut server = Server::node("phoenix", &json!({"silence_ms": 1000}));
    let playing = playing(&built_in("phoenix"), &server.url());
    // Neither comes in the hold's time.
    let played = playing.and("every", "heartbeat.interval=1m").and("every", "say.interval=1m").finish(1);
    let books = server.closed_books(u64::from(SESSIONS));
    assert_eq!(counted(&books, "/closes/1000"), u64::from(SESSIONS), "{books:#}");
    assert_eq!(played.count("/sessions/held_to_end"), 0);
}

#[test]
fn a_topic_that_does_not_exist_is_refused() {
    let mut server = Server::node("phoenix", &json!({}));
    let played = playing(&built_in("phoenix"), &server.url()).with("set", "topic=elsewhere").finish(1);
    let started = played.count("/sessions/started");
    let books = server.closed_books(started);
    assert_eq!(counted(&books, "/out/phx_reply error"), started);
    assert_eq!(kinds(&played.summary), [("refused:error_reply".to_owned(), started)]);
}

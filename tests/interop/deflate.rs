//! permessage-deflate with npm's `ws` and PyPI's `websockets`: as many messages, and as many bytes, as
//! the servers say that they have compressed.

use serde_json::json;

use crate::common::kinds;
use crate::played::{SESSIONS, built_in, playing};
use crate::server::{Server, counted};

/// A built-in scenario that offers it.
fn compressed(name: &str) -> String {
    built_in(name).replacen("[websocket]\n", "[websocket]\ncompression = \"deflate\"\n", 1)
}

#[track_caller]
fn assert_echoed(mut server: Server) {
    let played = playing(&compressed("echo"), &server.url()).with("ping-interval", "500ms").finish(0);
    let sessions = u64::from(SESSIONS);
    let books = server.closed_books(sessions);
    played.assert_all_held();
    assert_eq!(counted(&books, "/extensions/permessage-deflate"), sessions, "{books:#}");
    assert_eq!(counted(&books, "/closes/1000"), sessions);
    played.assert_sent(&[("ping", counted(&books, "/in/text"))]);
    let received = played.count("/messages/received");
    assert_eq!(received + played.count("/ramp_down/messages"), counted(&books, "/out/text"));
    assert_eq!(played.count("/messages/compressed/sessions"), sessions);
    assert_eq!(played.count("/messages/compressed/messages"), received, "every one of them");
    assert_eq!(played.count("/messages/compressed/inflated_bytes"), played.count("/messages/bytes"));
    let said = &played.finished.stdout;
    assert!(said.contains("of them compressed (permessage-deflate)"), "{said}");
}

#[test]
fn ws_compresses_what_it_echoes() {
    assert_echoed(Server::node("echo", &json!({ "compression": true })));
}

#[test]
fn websockets_compresses_what_it_echoes() {
    assert_echoed(Server::python("echo", &json!({ "compression": true })));
}

#[test]
fn pushed_messages_have_the_bytes_that_ws_compresses_them_to() {
    let settings = json!({ "compression": true, "push_ms": 100, "push_bytes": 2_000 });
    let mut server = Server::node("echo", &settings);
    let played = playing(&compressed("plain"), &server.url()).finish(0);
    let books = server.closed_books(SESSIONS.into());
    played.assert_all_held();
    let messages = played.count("/messages/compressed/messages");
    assert!(messages > 500, "{messages}");
    assert_eq!(messages + played.count("/ramp_down/messages"), counted(&books, "/out/pushed"));
    let each = counted(&books, "/pushed_bytes/compressed");
    assert!(0 < each && each < 100, "{each}");
    assert_eq!(played.count("/messages/compressed/bytes"), messages * each);
    assert_eq!(played.count("/messages/compressed/inflated_bytes"), messages * 2_000);
    assert_eq!(played.count("/messages/bytes"), messages * 2_000);
}

#[test]
fn a_server_that_declines_goes_on_without() {
    let mut server = Server::node("echo", &json!({}));
    let played = playing(&compressed("echo"), &server.url()).finish(0);
    let books = server.closed_books(SESSIONS.into());
    played.assert_all_held();
    assert_eq!(counted(&books, "/extensions/none"), u64::from(SESSIONS));
    assert_eq!(played.count("/messages/compressed/sessions"), 0);
    let said = &played.finished.stdout;
    assert!(said.contains("warning: no server agreed on the compression"), "{said}");
}

/// `ws` answers an offer that its settings do not allow with a 400.
#[test]
fn a_server_that_wants_to_keep_its_context_refuses() {
    let server = Server::node("echo", &json!({ "compression": true, "takeover": true }));
    let played = playing(&compressed("echo"), &server.url()).finish(1);
    let started = played.count("/sessions/started");
    assert_eq!(kinds(&played.summary), [("upgrade-refused-400".to_owned(), started)]);
}

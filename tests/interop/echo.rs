//! The echo servers of npm's `ws` and of PyPI's `websockets`.

use serde_json::json;

use crate::played::{SESSIONS, built_in, playing};
use crate::server::{Server, counted};

#[track_caller]
fn assert_echoed(mut server: Server) {
    let played = playing(&built_in("echo"), &server.url()).with("ping-interval", "500ms").finish(0);
    let sessions = u64::from(SESSIONS);
    let books = server.closed_books(sessions);
    played.assert_all_held();
    assert_eq!(counted(&books, "/sessions/connected"), sessions);
    assert_eq!(counted(&books, "/extensions/none"), sessions);
    assert_eq!(counted(&books, "/closes/1000"), sessions);
    played.assert_sent(&[("ping", counted(&books, "/in/text"))]);
    let heard = played.count("/messages/received") + played.count("/ramp_down/messages");
    assert_eq!(heard, counted(&books, "/out/text"));
}

#[test]
fn ws_echoes() {
    assert_echoed(Server::node("echo", &json!({})));
}

#[test]
fn websockets_echoes() {
    assert_echoed(Server::python("echo", &json!({})));
}

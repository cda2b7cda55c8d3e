//! graphql-ws: its own server, whose books count the messages of the protocol.

use serde_json::{Value, json};

use crate::common::kinds;
use crate::played::{SESSIONS, built_in, playing};
use crate::server::{Server, counted};

#[test]
fn everyone_subscribes_and_follows_the_results() {
    let mut server = Server::node("graphqlws", &json!({}));
    let playing = playing(&built_in("graphql-ws"), &server.url());
    let played = playing.and("every", "keep-alive.interval=1s").with("end", "quit").finish(0);
    let sessions = u64::from(SESSIONS);
    server.closed_books(sessions);
    // A subscription ends with its next result.
    let over = |books: &Value| counted(books, "/subscriptions/ended") == sessions;
    let books = server.books_once("the end of every subscription", over);
    played.assert_all_held();
    for (pointer, expected) in [
        ("/sessions/connected", sessions),
        ("/sessions/entered", sessions),
        ("/in/connection_init", sessions),
        ("/in/subscribe", sessions),
        ("/in/complete", sessions),
        ("/subscriptions/begun", sessions),
        ("/closes/1000", sessions),
    ] {
        assert_eq!(counted(&books, pointer), expected, "{pointer} of {books:#}");
    }
    assert!(counted(&books, "/keep_alive/pongs") >= sessions, "{books:#}");
    played.assert_sent(&[("keep-alive", counted(&books, "/in/ping"))]);
    let sent = |kind| counted(&books, &format!("/out/{kind}"));
    played.assert_heard(&["connection_ack", "next", "pong"].map(|kind| (kind, sent(kind))));
    // Each result has a time and a number.
    assert_eq!(played.count("/messages/ages/next/count"), played.count("/messages/by_type/next"));
    assert_eq!(played.count("/messages/sequences/next/missing"), 0);
}

#[test]
fn a_wrong_token_closes_with_4403() {
    let mut server = Server::node("graphqlws", &json!({}));
    let played = playing(&built_in("graphql-ws"), &server.url()).with("set", "token=wrong").finish(1);
    let started = played.count("/sessions/started");
    let books = server.closed_books(started);
    assert_eq!(counted(&books, "/sessions/refused"), started);
    assert_eq!(counted(&books, "/closes/4403"), started, "{books:#}");
    assert_eq!(kinds(&played.summary), [("closed-4403".to_owned(), started)]);
}

#[test]
fn a_subscription_that_does_not_exist_is_an_error() {
    let mut server = Server::node("graphqlws", &json!({}));
    let wrong = "query=subscription { tack { n } }";
    let played = playing(&built_in("graphql-ws"), &server.url()).with("set", wrong).finish(1);
    let started = played.count("/sessions/started");
    let books = server.closed_books(started);
    assert_eq!(counted(&books, "/out/error"), started, "{books:#}");
    assert_eq!(kinds(&played.summary), [("refused:error".to_owned(), started)]);
    let failures = &played.summary["errors"]["details"];
    assert!(failures.to_string().contains("Cannot query field"), "{failures:#}");
}

//! The ticket and the WebSocket URL that *enter* hands out.

use crate::common::peer::Script;
use crate::common::played::{SESSIONS, against, run_with};

fn entering(data: &'static str) -> Script {
    Script::good().enter(move |to| to.json(&format!(r#"{{"data":{data}}}"#)))
}

#[test]
fn ticket_missing() {
    let played = against(entering(r#"{"wsUrl":"ws://127.0.0.1:1/ws"}"#));
    played.assert_all_failed("enter", "value-missing:ticket", "server");
}

#[test]
fn ws_url_missing() {
    against(entering(r#"{"ticket":"t"}"#)).assert_all_failed("enter", "value-missing:ws_url", "server");
}

#[test]
fn ws_url_null() {
    let played = against(entering(r#"{"ticket":"t","wsUrl":null}"#));
    played.assert_all_failed("enter", "value-missing:ws_url", "server");
}

#[test]
fn ticket_with_a_line_break() {
    let played = against(entering(r#"{"ticket":"t\r\nX-Evil: 1","wsUrl":"ws://127.0.0.1:1/ws"}"#));
    played.assert_all_failed("enter", "value-unusable:ticket", "server");
}

#[test]
fn ws_url_is_not_a_url() {
    let played = against(entering(r#"{"ticket":"t","wsUrl":"the usual place"}"#));
    played.assert_all_failed("connect", "url-invalid", "scenario");
    assert_eq!(played.connections(), SESSIONS, "no further socket was opened");
}

#[test]
fn ws_url_with_what_no_websocket_url_has() {
    for (url, ticket, kind, blame) in [
        ("ws://me@127.0.0.1:1/ws", "t", "url-userinfo", "scenario"),
        ("ws://127.0.0.1:1/ws#x", "t", "url-fragment", "scenario"),
        ("ws://127.0.0.1:1/ws", "t#x", "value-unusable:ticket", "server"),
    ] {
        let script = Script::good().enter(move |to| {
            to.json(&format!(r#"{{"data":{{"ticket":"{ticket}","wsUrl":"{url}"}}}}"#));
        });
        let played = against(script);
        played.assert_all_failed("connect", kind, blame);
        assert_eq!(played.connections(), SESSIONS, "no further socket was opened");
    }
}

#[test]
fn ws_url_of_another_host() {
    let played = against(entering(r#"{"ticket":"t","wsUrl":"ws://production.example/ws"}"#));
    played.assert_all_failed("connect", "ws-host-not-allowed", "scenario");
    assert_eq!(played.connections(), SESSIONS, "no further socket was opened");
    assert!(played.finished.stdout.contains("--allow-host"), "{}", played.finished.stdout);
}

#[test]
fn ws_url_of_another_host_rewritten() {
    let script = Script::good().enter(|to| {
        to.json(r#"{"data":{"ticket":"t","wsUrl":"wss://production.example/ws/ws1"}}"#);
    });
    // The port is known only once the peer listens, so the map's other side is written into the answer's host by hand.
    let peer_first = Script::good().start();
    let to = format!("wss://production.example=ws://{}", peer_first.address);
    let played = run_with(script, |run| run.with("ws-map", to));
    played.assert_undisturbed();
}

#[test]
fn ws_url_is_wss_and_ws_is_spoken_there() {
    // As of a load balancer whose TLS was taken away: what answers the hello is HTTP.
    let plain = Script::accepted(|to| {
        to.more();
        to.answer("400 Bad Request", "text/plain", "");
        to.fall_silent();
    });
    let address = plain.start().address;
    let script = Script::good().enter(move |to| {
        to.json(&format!(r#"{{"data":{{"ticket":"t","wsUrl":"wss://{address}/ws"}}}}"#));
    });
    let played = against(script);
    played.assert_all_failed("connect", "tls-not-tls", "server");
    assert!(played.evidence().contains("HTTP/1.1 400 Bad Request"), "{}", played.evidence());
}

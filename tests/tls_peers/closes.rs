//! Ends that are TLS's and not the WebSocket's.

use serde_json::{Value, json};

use crate::common::{eventually, finish, results, summary};
use crate::nginx::Proxied;
use crate::s_server::{Manners, SServer};

/// What one session of openssl's came to after this command in the middle of it.
#[track_caller]
fn after_command(letter: &'static str) -> Value {
    let server = SServer::start(Manners::default(), move |line, ping| {
        line.pong();
        if ping == 2 {
            line.command(letter);
        }
    });
    let finished = server.run().finish();
    let played = server.ended(&finished);
    assert_eq!(played.count("/sessions/established"), 1);
    assert_eq!(played.count("/sessions/held_to_end"), 0, "{:#}", played.summary);
    assert_eq!(played.summary["errors"]["total"], 1, "{:#}", played.summary["errors"]);
    played.summary["errors"].clone()
}

#[test]
fn close_notify_without_a_close_frame_is_a_named_close() {
    let errors = after_command("q");
    assert_eq!(errors["by_kind"], json!({ "closed-1006": 1 }), "{errors:#}");
}

#[test]
fn what_nobody_sealed_ends_the_session() {
    let errors = after_command("P");
    assert_eq!(errors["by_kind"], json!({ "tls-record:unexpected-message": 1 }), "{errors:#}");
    assert_eq!(errors["by_blame"]["server"], 1);
}

#[test]
fn nginx_says_goodbye_for_a_server_that_died() {
    const SESSIONS: u32 = 30;
    let mut proxied = Proxied::start("");
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let child = proxied.run(SESSIONS, &out).with("hold", "60s").start();
    eventually("everyone", || proxied.connected() == u64::from(SESSIONS));
    proxied.mock.kill();
    let finished = finish(child);
    assert_ne!(finished.status, 0, "{}", finished.stdout);
    let errors = &summary(&out)["errors"];
    assert_eq!(errors["by_kind"], json!({ "closed-1006": SESSIONS }), "{errors:#}");
    assert_eq!(errors["by_blame"]["server"], SESSIONS);
}

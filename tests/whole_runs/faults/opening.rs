//! From the 101 to CONNECTED.

use crate::common::peer::{CONNECTED, Script};
use crate::common::played::{SESSIONS, against};

const ENTERED: &str = r#"{"type":"USER_ENTERED","userId":15,"nickname":"x","timestamp":1}"#;

#[test]
fn user_entered_before_connected() {
    let script = Script::good().opened(|to| {
        to.text(ENTERED);
        to.text(CONNECTED);
    });
    let played = against(script);
    played.assert_undisturbed();
    assert_eq!(played.count("/messages/by_type/USER_ENTERED"), u64::from(SESSIONS));
}

#[test]
fn connected_never() {
    against(Script::good().opened(|_| {})).assert_all_failed("open", "timeout", "server");
}

#[test]
fn invalid_ticket_after_the_101() {
    let script = Script::good().opened(|to| {
        to.text(r#"{"type":"ERROR","errorCode":"INVALID_TICKET","message":"no"}"#);
        to.frame(0x88, &1008_u16.to_be_bytes());
        to.fall_silent();
    });
    let played = against(script);
    played.assert_all_failed("open", "INVALID_TICKET", "server");
    assert!(played.evidence().contains("errorCode"), "{}", played.evidence());
}

#[test]
fn an_unknown_error_after_the_101() {
    let script = Script::good().opened(|to| to.text(r#"{"type":"ERROR","errorCode":"NEW"}"#));
    against(script).assert_all_failed("open", "refused:ERROR", "server");
}

#[test]
fn closed_before_connected() {
    let script = Script::good().opened(|to| to.frame(0x88, &1013_u16.to_be_bytes()));
    against(script).assert_all_failed("open", "closed-1013", "server");
}

#[test]
fn connected_of_1_mb() {
    let script = Script::good().opened(|to| to.text(&connected_of(12_000)));
    let played = against(script);
    played.assert_undisturbed();
    assert!(played.count("/messages/bytes") > u64::from(SESSIONS) << 20);
}

/// A CONNECTED that lists this many strangers.
fn connected_of(participants: u32) -> String {
    let listed: Vec<String> = (0..participants)
        .map(|k| {
            format!(
                r#"{{"userId":{},"nickname":"테스트유저 {k}","profileImage":null,"distance":0.0,"pace":0}}"#,
                1_000 + k
            )
        })
        .collect();
    format!(r#"{{"type":"CONNECTED","userId":13,"participants":[{}],"timestamp":1}}"#, listed.join(","))
}

//! Answers to the upgrade.

use crate::common::frames::frame;
use crate::common::peer::{CONNECTED, Script};
use crate::common::played::against;

fn upgrading(status: &'static str) -> Script {
    Script::good().upgrade(move |to| {
        to.answer(status, "text/plain", "no");
        to.fall_silent();
    })
}

#[test]
fn upgrade_answered_200() {
    against(upgrading("200 OK")).assert_all_failed("connect", "upgrade-refused-200", "server");
}

#[test]
fn upgrade_answered_403() {
    against(upgrading("403 Forbidden")).assert_all_failed("connect", "upgrade-refused-403", "server");
}

#[test]
fn upgrade_answered_502() {
    let played = against(upgrading("502 Bad Gateway"));
    played.assert_all_failed("connect", "upgrade-refused-502", "server");
    assert_eq!(
        played.count("/errors/member_burned"),
        played.count("/sessions/planned"),
        "their tickets are spent"
    );
}

#[test]
fn upgrade_never_answered() {
    let script = Script::good().upgrade(|to| to.fall_silent());
    against(script).assert_all_failed("connect", "timeout", "server");
}

#[test]
fn wrong_accept_key() {
    let script = Script::good().upgrade(|to| {
        let wrong = to.switching().replace("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x");
        to.send(wrong);
    });
    against(script).assert_all_failed("connect", "upgrade-invalid", "server");
}

#[test]
fn an_extension_that_was_not_offered() {
    let script = Script::good().upgrade(|to| {
        let more =
            to.switching().replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
        to.send(more);
    });
    against(script).assert_all_failed("connect", "upgrade-invalid", "server");
}

#[test]
fn a_subprotocol_that_was_not_offered() {
    let script = Script::good().upgrade(|to| {
        let more = to.switching().replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
        to.send(more);
    });
    against(script).assert_all_failed("connect", "subprotocol-refused", "server");
}

#[test]
fn connected_in_the_packet_of_the_101() {
    let script = Script::good()
        .upgrade(|to| {
            let mut both = to.switching().into_bytes();
            both.extend_from_slice(&frame(0x81, CONNECTED.as_bytes()));
            to.send(both);
        })
        .opened(|_| {});
    against(script).assert_undisturbed();
}

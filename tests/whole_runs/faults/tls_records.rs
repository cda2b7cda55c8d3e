//! What may not follow a handshake: in an HTTP connection, whose TLS is rustls's, and in a held session, whose records are the
//! client's own to judge.

use rustls::version::TLS12;

use crate::common::frames::frame;
use crate::common::peer::{CONNECTED, Connection, PONG, Script};
use crate::common::played::Played;
use crate::common::tls_peer::{
    ALERT, APPLICATION_DATA, Authority, CHANGE_CIPHER_SPEC, HANDSHAKE, against_secured, against_secured_with,
    header_of, run_secured,
};

/// Every session opens, and its first PING is answered by this.
#[track_caller]
fn struck(strike: impl Fn(&mut Connection) + Send + Sync + 'static) -> Played {
    against_secured(Script::good().ping(strike))
}

/// Sends a record with one bit changed.
fn send_changed(to: &mut Connection) {
    let mut record = to.seal(b"whatever it was");
    *record.last_mut().expect("a record") ^= 1;
    to.send_raw(record);
    to.fall_silent_for_good();
}

/// The record of a PONG.
fn pong(to: &mut Connection) -> Vec<u8> {
    to.seal(&frame(0x81, PONG.as_bytes()))
}

#[test]
fn a_good_server_over_tls() {
    struck(|to| to.text(PONG)).assert_undisturbed();
}

#[test]
fn bad_record_mac_in_mid_hold() {
    let played = struck(send_changed);
    played.assert_all_lost("tls-record:bad-record-mac", "server");
    assert!(played.evidence().contains("changed on its way"), "{}", played.evidence());
}

#[test]
fn bad_record_mac_in_mid_hold_over_tls_1_2() {
    let authority = Authority::new();
    let tls = authority.good().config_of(&[&TLS12], None);
    let played = run_secured(&authority, Script::good().ping(send_changed).secured(tls));
    played.assert_all_lost("tls-record:bad-record-mac", "server");
}

#[test]
fn bad_record_mac_in_an_answer() {
    let played = against_secured(Script::good().login(send_changed));
    played.assert_all_failed("login", "tls-record:bad-record-mac", "server");
}

#[test]
fn bad_record_mac_in_place_of_the_101() {
    let played = against_secured(Script::good().upgrade(send_changed).opened(|_| {}));
    played.assert_all_failed("connect", "tls-record:bad-record-mac", "server");
    assert_eq!(played.count("/errors/member_burned"), played.count("/sessions/planned"));
}

#[test]
fn bad_record_mac_in_place_of_connected() {
    let played = against_secured(Script::good().opened(send_changed));
    played.assert_all_failed("open", "tls-record:bad-record-mac", "server");
}

/// The session is over by then: how its connection ends is nobody's loss.
#[test]
fn bad_record_mac_in_place_of_the_close() {
    against_secured(Script::good().closing(send_changed)).assert_undisturbed();
}

#[test]
fn record_overflow_in_mid_hold() {
    let played = struck(|to| {
        to.send_raw(header_of(APPLICATION_DATA, 16_384 + 257));
        to.fall_silent_for_good();
    });
    played.assert_all_lost("tls-record:record-overflow", "server");
}

#[test]
fn plain_alert_in_mid_hold() {
    let played = struck(|to| {
        to.send_plain(ALERT, &[2, 80]);
        to.fall_silent_for_good();
    });
    played.assert_all_lost("tls-record:unexpected-message", "server");
}

#[test]
fn change_cipher_spec_in_mid_hold() {
    let played = struck(|to| {
        to.send_plain(CHANGE_CIPHER_SPEC, &[1]);
        to.fall_silent_for_good();
    });
    played.assert_all_lost("tls-record:unexpected-message", "server");
}

#[test]
fn plain_text_in_mid_hold() {
    let played = struck(|to| {
        to.send_raw("HTTP/1.1 502 Bad Gateway\r\n\r\n");
        to.fall_silent_for_good();
    });
    played.assert_all_lost("tls-record:unexpected-message", "server");
}

/// The handshake was TLS: whatever this is, the port is not to blame.
#[test]
fn plain_text_in_place_of_an_answer() {
    let played = against_secured(Script::good().login(|to| {
        to.send_raw("HTTP/1.1 502 Bad Gateway\r\n\r\n");
        to.fall_silent_for_good();
    }));
    played.assert_all_failed("login", "tls-record:unexpected-message", "server");
}

/// Strikes with one sealed record of this type.
#[track_caller]
fn struck_by(kind: u8, content: &'static [u8]) -> Played {
    struck(move |to| {
        let record = to.records().seal(kind, content);
        to.send_raw(record);
        to.fall_silent_for_good();
    })
}

#[test]
fn a_handshake_message_that_is_not_allowed() {
    // CertificateRequest: no certificate was offered to be asked for.
    struck_by(HANDSHAKE, &[13, 0, 0, 3, 0, 0, 0]).assert_all_lost("tls-record:unexpected-message", "server");
}

#[test]
fn a_ticket_too_short() {
    struck_by(HANDSHAKE, &[4, 0, 0, 1, 0]).assert_all_lost("tls-record:decode-error", "server");
}

#[test]
fn a_key_update_that_asks_for_nothing_known() {
    struck_by(HANDSHAKE, &[24, 0, 0, 1, 9]).assert_all_lost("tls-record:illegal-parameter", "server");
}

#[test]
fn fatal_alert_in_mid_hold() {
    let played = struck_by(ALERT, &[2, 80]);
    played.assert_all_lost("tls-alert:internal-error", "server");
    assert!(played.evidence().contains("fatal alert"), "{}", played.evidence());
}

#[test]
fn unknown_alert_in_mid_hold() {
    struck_by(ALERT, &[2, 99]).assert_all_lost("tls-alert:unknown-99", "server");
}

#[test]
fn an_unexpected_message_in_an_answer() {
    let played = against_secured(Script::good().login(|to| {
        let record = to.records().seal(HANDSHAKE, &[13, 0, 0, 3, 0, 0, 0]);
        to.send_raw(record);
        to.fall_silent_for_good();
    }));
    played.assert_all_failed("login", "tls-record:unexpected-message", "server");
}

#[test]
fn fatal_alert_in_place_of_an_answer() {
    let played = against_secured(Script::good().login(|to| {
        let record = to.records().seal(ALERT, &[2, 80]);
        to.send_raw(record);
        to.fall_silent_for_good();
    }));
    played.assert_all_failed("login", "tls-alert:internal-error", "server");
}

/// It announces a close_notify, which does not come: nothing is wrong yet.
#[test]
fn user_canceled_is_no_fault() {
    let script = Script::good().opened(|to| {
        let mut records = to.records();
        to.send_raw(records.seal(ALERT, &[1, 90]));
        to.send_raw(records.seal(APPLICATION_DATA, &frame(0x81, CONNECTED.as_bytes())));
        to.fall_silent();
    });
    let played = against_secured(script);
    assert_eq!(played.count("/sessions/held_to_end"), played.count("/sessions/planned"));
}

#[test]
fn close_notify_without_a_close_frame() {
    let played = struck(|to| {
        to.close_notify();
        to.fall_silent_for_good();
    });
    played.assert_all_lost("closed-1006", "server");
}

#[test]
fn cut_without_close_notify() {
    struck(Connection::hang_up).assert_all_lost("closed-1006", "server");
}

#[test]
fn a_truncated_record_and_the_end() {
    let played = struck(|to| {
        let record = pong(to);
        to.send_raw(&record[..record.len() - 1]);
        to.hang_up();
    });
    played.assert_all_lost("closed-1006", "server");
}

#[test]
fn records_byte_by_byte_are_no_fault() {
    struck(|to| {
        for byte in pong(to) {
            to.send_raw([byte]);
            std::thread::yield_now();
        }
    })
    .assert_undisturbed();
}

#[test]
fn one_broken_session_leaves_the_others_alone() {
    let script = Script::good()
        .login(|to| {
            let member = to.head.split("memberId=").nth(1).and_then(|rest| rest.split(' ').next());
            let body = format!(r#"{{"data":{{"accessToken":"{}"}}}}"#, member.unwrap_or_default());
            to.json(&body);
        })
        .enter(|to| {
            let ticket = if to.head.contains("Bearer 1\r") { "bad" } else { "good" };
            let url = to.ws_url();
            to.json(&format!(r#"{{"data":{{"ticket":"{ticket}","wsUrl":"{url}"}}}}"#));
        })
        .ping(|to| match to.head.contains("ticket=bad") {
            true => send_changed(to),
            false => to.text(PONG),
        });
    let played = against_secured_with(script, |run| {
        run.with("members", "1-10").with("sessions", 10).with("hold", "2500ms")
    });
    played.finished.assert_status(1);
    assert_eq!(played.kinds(), [("tls-record:bad-record-mac".to_owned(), 1)]);
    assert_eq!(played.count("/sessions/held_to_end"), 9);
    assert!(played.count("/ping/answered") >= 18, "{:#}", played.summary["ping"]);
}

//! Frames that break RFC 6455, and those that only look unusual.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::frames::frame;
use crate::common::let_pass;
use crate::common::peer::{CONNECTED, Connection, PONG, Script};
use crate::common::played::{Played, against};

/// At the first PING of each session.
fn instead_of_pong(act: impl Fn(&mut Connection) + Send + Sync + 'static) -> Played {
    against(Script::good().ping(act))
}

/// The connection is failed under this name, and the server told why.
#[track_caller]
fn assert_refused(played: &Played, violation: &str, code: u16) {
    played.assert_all_lost(&format!("violation:{violation}"), "server");
    assert!(played.peer_saw(0x8, &code.to_be_bytes()), "a close with {code}");
}

#[test]
fn frames_masked() {
    let played = instead_of_pong(|to| to.send([0x81, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2]));
    assert_refused(&played, "mask-bit", 1002);
}

#[test]
fn frames_fragmented() {
    let played = instead_of_pong(|to| {
        let (first, rest) = PONG.as_bytes().split_at(5);
        let (second, third) = rest.split_at(9);
        to.frame(0x01, first);
        to.frame(0x00, second);
        to.frame(0x80, third);
    });
    played.assert_undisturbed();
}

#[test]
fn frames_fragmented_and_interleaved_with_control_frames() {
    let played = instead_of_pong(|to| {
        let (first, second) = PONG.as_bytes().split_at(5);
        to.frame(0x01, first);
        to.frame(0x89, b"still there?");
        to.frame(0x8a, b"nobody asked");
        to.frame(0x80, second);
    });
    played.assert_undisturbed();
    assert!(played.peer_saw(0xa, b"still there?"));
}

#[test]
fn frames_with_a_reserved_opcode() {
    assert_refused(&instead_of_pong(|to| to.frame(0x83, b"x")), "reserved-opcode", 1002);
}

#[test]
fn frames_with_a_reserved_bit() {
    assert_refused(&instead_of_pong(|to| to.frame(0xc1, b"x")), "reserved-bit", 1002);
}

#[test]
fn frames_oversized() {
    // 16 MiB and a byte, said and not even sent.
    let played = instead_of_pong(|to| {
        let mut header = vec![0x81, 127];
        header.extend_from_slice(&((16_u64 << 20) + 1).to_be_bytes());
        to.send(header);
    });
    assert_refused(&played, "message-too-long", 1009);
}

#[test]
fn frames_oversized_beyond_any_memory() {
    let played = instead_of_pong(|to| to.send([0x81, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255]));
    assert_refused(&played, "message-too-long", 1009);
}

#[test]
fn control_frames_oversized() {
    assert_refused(&instead_of_pong(|to| to.frame(0x89, &[0; 126])), "control-too-long", 1002);
}

#[test]
fn control_frames_fragmented() {
    assert_refused(&instead_of_pong(|to| to.frame(0x09, b"x")), "control-fragmented", 1002);
}

#[test]
fn continuation_of_nothing() {
    assert_refused(&instead_of_pong(|to| to.frame(0x80, b"x")), "unexpected-continuation", 1002);
}

#[test]
fn text_not_utf_8() {
    assert_refused(&instead_of_pong(|to| to.frame(0x81, b"{\"type\":\"\xff\"}")), "bad-utf8", 1007);
}

#[test]
fn text_not_utf_8_in_fragments() {
    let played = instead_of_pong(|to| {
        to.frame(0x01, b"{\"type\":\"\xed\xa0");
        to.frame(0x80, b"\x80\"}");
    });
    assert_refused(&played, "bad-utf8", 1007);
}

#[test]
fn close_with_an_impossible_code() {
    assert_refused(&instead_of_pong(|to| to.frame(0x88, &1005_u16.to_be_bytes())), "bad-close", 1002);
}

#[test]
fn a_ping_frame() {
    let script = Script::good().opened(|to| {
        to.text(CONNECTED);
        to.frame(0x89, b"are you there");
    });
    let played = against(script);
    played.assert_undisturbed();
    assert!(played.peer_saw(0xa, b"are you there"));
}

#[test]
fn text_that_is_not_json() {
    let played = instead_of_pong(|to| {
        to.text("hello");
        to.text(PONG);
    });
    played.assert_undisturbed();
    let (other, pongs) = ("/messages/by_type/other", "/ping/answered");
    assert_eq!(played.count(other), played.count(pongs), "{:#}", played.summary["messages"]);
}

#[test]
fn an_announcement_without_its_member() {
    instead_of_pong(|to| to.text(r#"{"type":"USER_ENTERED"}"#))
        .assert_all_lost("message-malformed", "server");
}

#[test]
fn a_binary_message() {
    let played = instead_of_pong(|to| {
        to.frame(0x82, &[0, 159, 146, 150]);
        to.text(PONG);
    });
    played.assert_undisturbed();
}

/// Each PING is answered in two writes, cut at the next place: over all sessions and PINGs of a run that is every byte of the
/// frame, header included.
#[test]
fn a_message_split_at_every_byte() {
    let (cuts, places) = (Arc::new(AtomicUsize::new(0)), frame(0x81, PONG.as_bytes()).len() - 1);
    let next = Arc::clone(&cuts);
    let played = crate::common::played::run_with(
        Script::good().opened(|to| to.send_byte_by_byte(frame(0x81, CONNECTED.as_bytes()))).ping(move |to| {
            let whole = frame(0x81, PONG.as_bytes());
            let cut = 1 + next.fetch_add(1, Ordering::Relaxed) % places;
            to.send(&whole[..cut]);
            // The client reads what there is before the rest comes.
            let_pass(std::time::Duration::from_millis(5));
            to.send(&whole[cut..]);
        }),
        |run| run.with("ping-interval", "60ms").with("hold", "2500ms"),
    );
    assert_eq!(
        played.count("/sessions/held_to_end"),
        played.count("/sessions/planned"),
        "{:#}",
        played.summary["errors"]
    );
    let made = cuts.load(Ordering::Relaxed);
    assert!(made >= places, "{made} PONGs were cut, and a PONG has {places} places");
    // On a busy machine an answer may come late, or after the next PING was due; none may be taken for something else.
    let of_time = ["ping-timeout", "ping-missed"];
    let other: Vec<_> =
        played.kinds().into_iter().filter(|(kind, _)| !of_time.contains(&kind.as_str())).collect();
    assert_eq!(other, []);
}

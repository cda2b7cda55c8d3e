//! Ends of open sessions that are not ours.

use crate::common::peer::Script;
use crate::common::played::{against, run_with};

fn closing(code: u16) -> Script {
    // At the first PING: the session has long been open.
    Script::good().ping(move |to| to.frame(0x88, &code.to_be_bytes()))
}

#[test]
fn close_1000_in_mid_hold() {
    against(closing(1000)).assert_all_lost("closed-1000", "server");
}

#[test]
fn close_1006_cut_in_mid_hold() {
    against(Script::good().ping(|to| to.hang_up())).assert_all_lost("closed-1006", "server");
}

#[test]
fn close_1006_by_reset_in_mid_hold() {
    let script = Script::good().ping(|to| {
        to.cut();
        to.hang_up();
    });
    against(script).assert_all_lost("closed-1006", "server");
}

#[test]
fn close_1008_in_mid_hold() {
    against(closing(1008)).assert_all_lost("closed-1008", "server");
}

#[test]
fn close_1011_in_mid_hold() {
    against(closing(1011)).assert_all_lost("closed-1011", "server");
}

#[test]
fn close_without_a_code_in_mid_hold() {
    against(Script::good().ping(|to| to.frame(0x88, &[]))).assert_all_lost("closed-1005", "server");
}

#[test]
fn one_lost_session_leaves_the_others_alone() {
    let script = Script::good().ping(|to| match to.head.contains("ticket=bad") {
        true => to.frame(0x88, &1011_u16.to_be_bytes()),
        false => to.text(crate::common::peer::PONG),
    });
    let script = script.enter(|to| {
        let ticket = if to.head.contains("Bearer 13") { "bad" } else { "good" };
        let url = to.ws_url();
        to.json(&format!(r#"{{"data":{{"ticket":"{ticket}","wsUrl":"{url}"}}}}"#));
    });
    let script = script.login(|to| {
        let member =
            to.head.split("memberId=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let body = format!(r#"{{"data":{{"accessToken":"{member}"}}}}"#);
        to.json(&body);
    });
    let played =
        run_with(script, |run| run.with("members", "13-22").with("sessions", 10).with("hold", "2500ms"));
    played.finished.assert_status(1);
    assert_eq!(played.kinds(), [("closed-1011".to_owned(), 1)]);
    assert_eq!(played.count("/sessions/held_to_end"), 9);
    assert!(played.count("/ping/answered") >= 18, "{:#}", played.summary["ping"]);
}

/// How the closing handshakes of three sessions ended.
#[track_caller]
fn closes(script: Script) -> (u64, u64, u64, String) {
    let played = against(script);
    played.assert_undisturbed();
    let count = |key: &str| played.count(&format!("/ramp_down/{key}"));
    (count("clean"), count("cut"), count("timed_out"), played.finished.text())
}

#[test]
fn closing_handshakes_are_counted_by_how_they_end() {
    let (clean, cut, timed_out, said) = closes(Script::good());
    assert_eq!((clean, cut, timed_out, said.contains("Closes")), (3, 0, 0, false), "{said}");
    let (clean, cut, timed_out, said) = closes(Script::good().closing(|to| to.hang_up()));
    assert_eq!((clean, cut, timed_out), (0, 3, 0));
    assert!(said.contains("3 cut without one"), "{said}");
    let (clean, cut, timed_out, said) = closes(Script::good().closing(|to| to.fall_silent()));
    assert_eq!((clean, cut, timed_out), (0, 0, 3));
    assert!(said.contains("3 not answered in time"), "{said}");
}

/// Whoever ends a TCP connection has its TIME_WAIT: not the client (RFC 6455, 7.1.1).
#[test]
fn the_client_waits_for_the_server_to_end_the_connection() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    let (ended_first, seen) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (first, all) = (Arc::clone(&ended_first), Arc::clone(&seen));
    let script = Script::good().closing(move |to| {
        to.frame(0x88, &1000_u16.to_be_bytes());
        // Long enough for a client that would not wait, and short of its close timeout.
        let _ = to.stream.set_read_timeout(Some(std::time::Duration::from_millis(300)));
        first.fetch_add(u32::from(matches!(to.stream.peek(&mut [0]), Ok(0))), Ordering::Relaxed);
        all.fetch_add(1, Ordering::Relaxed);
    });
    against(script).assert_undisturbed();
    assert_eq!((seen.load(Ordering::Relaxed), ended_first.load(Ordering::Relaxed)), (3, 0));
}

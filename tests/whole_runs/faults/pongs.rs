//! PONGs: never, late, twice, unasked.

use std::time::Duration;

use crate::common::let_pass;
use crate::common::peer::{CONNECTED, PONG, Script};
use crate::common::played::{against, run_with};

#[test]
fn pong_never() {
    let played = run_with(Script::good().ping(|_| {}), |run| {
        run.with("ping-interval", "1500ms").with("pong-timeout", "1s").with("hold", "2800ms")
    });
    played.finished.assert_status(1);
    assert_eq!(played.count("/ping/answered"), 0);
    let unanswered = played.count("/ping/unanswered");
    assert!(unanswered > 0);
    assert_eq!(played.kinds(), [("ping-timeout".to_owned(), unanswered)]);
    assert_eq!(played.count("/sessions/held_to_end"), played.count("/sessions/planned"), "the sessions stay");
}

#[test]
fn pong_late() {
    let script = Script::good().ping(|to| {
        // Far from the timeout and from the next PING.
        let_pass(Duration::from_millis(1_500));
        to.text(PONG);
    });
    let played = run_with(script, |run| {
        run.with("ping-interval", "2s").with("pong-timeout", "1s").with("hold", "4200ms")
    });
    played.finished.assert_status(1);
    assert_eq!(played.count("/ping/answered"), 0, "{:#}", played.summary["ping"]);
    assert!(played.count("/ping/late") > 0, "{:#}", played.summary["ping"]);
}

#[test]
fn pong_twice() {
    let script = Script::good().ping(|to| {
        to.text(PONG);
        to.text(PONG);
    });
    let played = against(script);
    played.assert_undisturbed();
    assert_eq!(played.count("/ping/unasked_pongs"), played.count("/ping/answered"));
}

#[test]
fn pong_unasked() {
    let script = Script::good().opened(|to| {
        to.text(CONNECTED);
        to.text(PONG);
    });
    let played = against(script);
    played.assert_undisturbed();
    assert_eq!(played.count("/ping/unasked_pongs"), played.count("/sessions/planned"));
}

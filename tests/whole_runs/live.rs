//! The live view of the built binary, in a terminal of its own.

use std::time::Duration;

use crate::common::terminal::{ENTERS, INTERRUPT, LEAVES, OnTerminal, PAUSE, shown};
use crate::common::{Run, let_pass, number, results, summary};

/// After the alternate screen was left, which happens once.
#[track_caller]
fn after_leaving(seen: &str) -> String {
    assert_eq!((seen.matches(ENTERS).count(), seen.matches(LEAVES).count()), (1, 1), "{seen:?}");
    let (_, after) = seen.split_once(LEAVES).expect("left");
    assert!(after.starts_with("\x1b[?25h"), "the cursor is shown: {after:?}");
    shown(after)
}

#[test]
fn a_run_is_drawn_explained_and_ended_with_a_key() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::small(50, &out).with("hold", "4m").with("ramp-down", "1m");
    let mut terminal = OnTerminal::start(&mut run.command(), 80, 24);
    terminal.wait_for("open 50");
    terminal.wait_for("against the built-in mock server");
    for part in [
        "Sessions open",
        "Step (ms)",
        "login",
        "Errors none in",
        "Messages",
        "Servers",
        "Generator",
        "✓ error-rate",
    ] {
        terminal.wait_for(part);
    }
    assert!(!terminal.has_lines());
    terminal.press(b"?");
    terminal.wait_for("latency from scheduled time, which is judged");
    terminal.press(b"x");
    terminal.wait_for("Criteria");
    // A second one is no second Ctrl-C, which would quit at once.
    terminal.press(b"q");
    terminal.wait_for("press Ctrl-C again to quit at once");
    let_pass(Duration::from_millis(600));
    terminal.press(b"q");
    let (status, seen) = terminal.finish();
    assert_eq!(status, 3, "{}", shown(&seen));
    let after = after_leaving(&seen);
    assert!(
        after.contains("INCONCLUSIVE") && after.contains("stopped early: ended with q in the live view"),
        "{after}"
    );
    assert!(!after.contains("press Ctrl-C again"), "true no more: {after}");
    let summary = summary(&out);
    assert_eq!((number(&summary, "/ramp_down/closed"), number(&summary, "/errors/total")), (50.0, 0.0));
}

#[test]
fn a_dead_target_is_named_while_the_run_goes_on() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let scenario = temp.path().join("short.toml");
    std::fs::write(&scenario, crate::common::played::scenario()).expect("written");
    let dead = format!("http://127.0.0.1:{}", crate::common::processes::free_port());
    let run = Run::against(&dead, 8, &out).with("scenario", scenario.display()).with("ramp", "60s");
    let mut terminal = OnTerminal::start(&mut run.command(), 80, 24);
    terminal.wait_for("connect-refused in login (network)");
    terminal.wait_for("→ Nothing listens there");
    terminal.press(INTERRUPT);
    let (status, seen) = terminal.finish();
    assert_eq!(status, 3, "{}", shown(&seen));
    assert!(after_leaving(&seen).contains("connect-refused"));
}

#[test]
fn a_paused_terminal_costs_frames_and_nothing_else() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::small(20, &out).with("hold", "5s");
    let mut terminal = OnTerminal::start(&mut run.command(), 100, 30);
    terminal.wait_for("open");
    terminal.press(PAUSE);
    let (status, _) = terminal.finish();
    assert_eq!(status, 0);
    let summary = summary(&out);
    assert_eq!((summary["ending"].as_str(), summary["verdict"].as_str()), (Some("finished"), Some("pass")));
    let held = number(&summary, "/hold/seconds");
    assert!((5.0..20.0).contains(&held), "{held}");
    assert!(number(&summary, "/ping/answered") > 0.0);
}

#[test]
fn a_second_interrupt_leaves_the_screen_before_it_quits() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::small(50, &out).with("hold", "1s").with("ramp-down", "60s");
    let mut terminal = OnTerminal::start(&mut run.command(), 80, 24);
    terminal.wait_for("ramp-down");
    terminal.press(INTERRUPT);
    // Sooner it would be the same signal.
    let_pass(Duration::from_millis(600));
    terminal.press(INTERRUPT);
    let (status, seen) = terminal.finish();
    assert_eq!(status, 3, "{}", shown(&seen));
    let after = after_leaving(&seen);
    assert!(after.contains("quit at once: the results up to the last second are in"), "{after}");
}

#[test]
fn without_the_view_there_is_one_line() {
    let temp = tempfile::tempdir().expect("a directory");
    let small = |name| Run::small(5, &temp.path().join(name)).with("ramp", "1s").with("hold", "1s");
    for run in [
        small("option").flag("no-live"),
        small("dumb").variable("TERM", "dumb"),
        small("quiet").flag("quiet"),
    ] {
        let (status, seen) = OnTerminal::start(&mut run.command(), 80, 24).finish();
        assert_eq!(status, 0, "{}", shown(&seen));
        assert!(!seen.contains(ENTERS) && seen.contains("PASS"), "{seen:?}");
    }
}

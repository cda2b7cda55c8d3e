//! A run that is stopped, or killed, and taken up.

use std::time::{Duration, Instant};

use super::played::Played;
use crate::common::{eventually, finish, signal};

/// Starts 250 at 50 a second and stops it by this signal when some have joined.
fn stopped(played: &Played, number: i32) -> crate::common::Finished {
    let child = played.start("join", "13-262", &["--rate", "50/s"]);
    // Some have been written down, too.
    eventually("outcomes on the way", || {
        std::fs::read_to_string(played.file()).is_ok_and(|text| text.contains(",done,"))
    });
    signal(child.id(), number);
    finish(child)
}

#[test]
fn an_interrupt_keeps_everything_and_says_how_to_go_on() {
    let played = Played::with_room_for(300);
    let finished = stopped(&played, libc::SIGINT);
    finished.assert_status(3);
    assert!(finished.stderr.contains("stopped early: interrupted (SIGINT)"), "{}", finished.stderr);
    assert!(finished.stderr.contains("--resume"), "{}", finished.stderr);
    assert_eq!(played.rows().len(), 250, "everyone is in the file");
    let done = played.count("done");
    assert!(done > 0 && done < 250, "{done}");
    // Whoever joined is known, but for those who were under way.
    let joined = played.joined() - 1;
    assert!(joined >= done && joined - done <= 10, "{done} of {joined}");

    let before = played.way.joins();
    played.resume("join", &[]).assert_status(0);
    assert_eq!((played.count("done") + played.count("already"), played.joined()), (250, 251));
    assert_eq!(played.way.joins() - before, 250 - joined, "nobody who is in joins again");
}

#[test]
fn a_killed_run_is_taken_up_from_its_last_second() {
    let played = Played::with_room_for(300);
    let finished = stopped(&played, libc::SIGKILL);
    assert_eq!(finished.status, -1);
    let text = std::fs::read_to_string(played.file()).expect("the file");
    assert!(text.lines().count() > 251, "rows are appended while it goes on");
    played.resume("join", &[]).assert_status(0);
    assert_eq!((played.rows().len(), played.joined()), (250, 251));
    assert_eq!(played.count("done") + played.count("already"), 250);
}

#[test]
fn an_interrupt_before_the_first_answer_is_heard() {
    for step in ["join", "leave"] {
        let played = Played::with_room_for(300);
        played.way.fall_mute();
        let child = played.start(step, "13-22", &[]);
        eventually("a request", || played.way.unanswered() > 0);
        let asked_at = Instant::now();
        signal(child.id(), libc::SIGINT);
        let finished = finish(child);
        finished.assert_status(3);
        // Far less than a look-up's timeout of 35 s.
        assert!(asked_at.elapsed() < Duration::from_secs(15), "{:?}", asked_at.elapsed());
        let expected = format!("stopped: interrupted (SIGINT); no member was sent to {step}");
        assert!(finished.stderr.contains(&expected), "{}", finished.stderr);
        assert!(!finished.stderr.contains("check that the target is up"), "{}", finished.stderr);
        assert!(!finished.stderr.contains("outcomes"), "there are none: {}", finished.stderr);
        assert!(played.files().is_empty(), "{:?}", played.files());
    }
}

#[test]
fn an_interrupt_before_the_first_answer_leaves_a_file_as_it_was() {
    let played = Played::with_room_for(300);
    played.join("311-314", &[]).assert_status(1);
    let before = std::fs::read_to_string(played.file()).expect("the file");
    played.way.fall_mute();
    let child = played.start_resume("join", &[]);
    eventually("a request", || played.way.unanswered() > 0);
    signal(child.id(), libc::SIGTERM);
    let finished = finish(child);
    finished.assert_status(3);
    assert!(finished.stderr.contains("stopped: asked to end (SIGTERM)"), "{}", finished.stderr);
    assert_eq!(std::fs::read_to_string(played.file()).expect("the file"), before);
}

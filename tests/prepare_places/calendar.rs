//! Joining against the challenge's life.

use startline::target::Config;

use crate::common::{eventually, finish};
use crate::played::{ADMIN, Played};
use crate::stand::plain;

#[test]
fn a_rate_that_cannot_finish_before_ready_is_refused_with_one_that_can() {
    let played = Played::of(plain(), 300, 11);
    let finished = played.join("13-212", &["--rate", "10/m"]);
    finished.assert_status(2);
    assert!(
        finished.stderr.contains("200 members at 10/m take 20m, and the challenge becomes READY in "),
        "{}",
        finished.stderr
    );
    assert!(finished.stderr.contains("--rate 1/s would do"), "{}", finished.stderr);
    assert_eq!(played.way.joins(), 0);
}

#[test]
fn a_challenge_past_recruiting_is_refused() {
    // A minute of its life passes in a second.
    let played = Played::of(Config { time_scale: 60.0, ..plain() }, 300, 11);
    eventually("READY", || {
        played.stand.about(ADMIN, "GET", played.challenge, "").data(200)["status"] == "READY"
    });
    let finished = played.join("13-22", &[]);
    finished.assert_status(2);
    assert!(
        finished.stderr.contains("the challenge is READY: members can join only while it is RECRUITING"),
        "{}",
        finished.stderr
    );
    eventually("RUNNING", || {
        played.stand.about(ADMIN, "GET", played.challenge, "").data(200)["status"] == "RUNNING"
    });
    let finished = finish(played.start("leave", "13-22", &[]));
    finished.assert_status(0);
    assert!(finished.stdout.contains("10  not in it"), "{}", finished.stdout);
}

#[test]
fn ready_in_the_middle_stops_it_with_the_reason() {
    // READY comes six minutes, here three seconds, after the start; the plan, which takes the server's word for its clock, has room.
    let played = Played::of(Config { time_scale: 120.0, ..plain() }, 300, 11);
    let finished = played.join("13-262", &["--rate", "40/s"]);
    finished.assert_status(1);
    let done = played.count("done");
    assert!(done > 0 && done < 250, "{done}");
    assert!(
        finished.stderr.contains("the rest was not tried: join is refused with CHALLENGE_NOT_RECRUITING"),
        "{}",
        finished.stderr
    );
    assert!(played.count("pending") > 0);
}

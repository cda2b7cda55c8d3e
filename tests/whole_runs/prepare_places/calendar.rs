//! Joining against the challenge's life.

use startline_mock::Config;

use super::played::{ADMIN, Played};
use crate::common::{eventually, finish};
use crate::mock::stand::plain;

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
    assert!(finished.stderr.contains("--rate 1/s is enough"), "{}", finished.stderr);
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
        finished
            .stderr
            .contains("the other members were not tried: join is refused with CHALLENGE_NOT_RECRUITING"),
        "{}",
        finished.stderr
    );
    assert!(played.count("pending") > 0);
    // Who is in it overlaps with any other at that time.
    let told = format!(
        "the {done} members who are in it can be in no other at that time until they leave, which they can until startAt: startline prepare leave --target {} --rate 40/s --members {}\n  create another challenge: startline prepare challenge\n  then: startline prepare join",
        played.way.url(),
        played.file().display()
    );
    assert!(finished.stderr.contains(&told), "{}", finished.stderr);
}

#[test]
fn a_wrong_time_zone_is_told_and_what_is_likelier_counts() {
    // The servers are in UTC: by this zone READY is 15 hours away, and the challenge is yet to be made.
    let played = Played::of(plain(), 300, 11);
    let finished = played.join("13-212", &["--rate", "10/m", "--time-zone", "-09:00"]);
    finished.assert_status(2);
    for told in ["in the future in this zone", "give --time-zone +00:00", "--rate 1/s is enough"] {
        assert!(finished.stderr.contains(told), "{told}: {}", finished.stderr);
    }
    assert_eq!(played.way.joins(), 0);
    // By this one READY is over.
    let finished = played.join("13-22", &["--time-zone", "+12:00"]);
    finished.assert_status(0);
    let told = "the servers' zone may be ";
    assert!(
        finished.stderr.contains("RECRUITING with startAt ") && finished.stderr.contains(told),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_range_that_is_a_typing_error_is_refused_before_anybody_is_asked() {
    let played = Played::with_room_for(300);
    let finished = played.join("1-4000000000", &[]);
    finished.assert_status(2);
    let told = "--members: 4,000,000,000 is more than 10,000,000 at a time: is the range right?";
    assert!(finished.stderr.contains(told), "{}", finished.stderr);
    assert!(!played.file().exists());
    let finished = played.join("/dev/zero", &[]);
    finished.assert_status(2);
    assert!(
        finished.stderr.contains("/dev/zero is longer than 256 MiB: is it a list of members?"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_list_of_members_nobody_of_whom_is_there_says_who_was_asked() {
    let played = Played::with_room_for(300);
    let finished = played.join("1000-1100", &[]);
    finished.assert_status(2);
    assert!(
        finished.stderr.contains("member 1000 cannot log in, nor can the 4 after it"),
        "{}",
        finished.stderr
    );
}

//! Starts in several zones and over changes of their clocks, and runs against distances.

use super::*;
use crate::plan::schedule::{Status, zone};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn local(text: &str) -> DateTime {
    text.parse().expect("a local time")
}

fn named(name: &str) -> TimeZone {
    zone(name).expect("a zone")
}

const fn per_s(count: u32) -> Rate {
    Rate { count, per: s(1) }
}

#[test]
fn joins_have_their_time_and_half_as_much_again() {
    // 10,000 at 20/s are 500 s, and 250 s more.
    assert_eq!(ahead(10_000, per_s(20)), s(300 + 750));
    // To the second above.
    assert_eq!(ahead(4_801, per_s(20)), s(300 + 361));
    assert_eq!(ahead(1, per_s(20)), s(660), "never under 11 minutes");
    let a_minute = Rate { count: 1, per: s(60) };
    assert_eq!(ahead(6_720, a_minute), s(300 + 6_720 * 90), "more than a week, which the servers accept");
}

#[test]
fn the_start_is_in_the_server_s_local_time() {
    for (name, expected) in [
        ("UTC", "2026-03-01T10:11:00"),
        ("Asia/Seoul", "2026-03-01T19:11:00"),
        ("-03:30", "2026-03-01T06:41:00"),
        ("Asia/Kathmandu", "2026-03-01T15:56:00"),
    ] {
        assert_eq!(by_default(at("2026-03-01T10:00:00Z"), &named(name), s(660)), local(expected), "{name}");
    }
}

#[test]
fn a_start_in_the_second_of_two_equal_hours_is_put_off() {
    // New York's clocks go from 02:00 back to 01:00 at 06:00 UTC.
    let new_york = named("America/New_York");
    // 01:30 for the first time: 01:41 is read as the first one too, which is meant.
    assert_eq!(by_default(at("2026-11-01T05:30:00Z"), &new_york, s(660)), local("2026-11-01T01:41:00"));
    // 01:55 for the first time: 11 minutes on it is 01:06 for the second, which would be read as the first, long past.
    assert_eq!(by_default(at("2026-11-01T05:55:00Z"), &new_york, s(660)), local("2026-11-01T02:06:00"));
    // 01:30 for the second time.
    assert_eq!(by_default(at("2026-11-01T06:30:00Z"), &new_york, s(660)), local("2026-11-01T02:00:00"));
    for minute in 0..240 {
        let now = at("2026-11-01T04:00:00Z") + SignedDuration::from_mins(minute);
        let start = by_default(now, &new_york, s(660));
        let read = new_york.to_timestamp(start).expect("an instant");
        let away = now.duration_until(read);
        assert!(away >= signed(s(660)), "{start} is {away} after {now}");
        assert!(
            start >= new_york.to_datetime(now) + signed(s(660)),
            "{start} for who compares local times at {now}"
        );
    }
}

#[test]
fn a_start_after_a_skipped_hour_is_in_the_new_time() {
    // Berlin's clocks go from 02:00 to 03:00 at 01:00 UTC.
    let berlin = named("Europe/Berlin");
    assert_eq!(by_default(at("2026-03-29T00:55:00Z"), &berlin, s(660)), local("2026-03-29T03:06:00"));
}

fn checked(start_at: &str, now: &str, name: &str) -> Result<(), String> {
    check(local(start_at), at(now), &named(name)).map_err(|error| error.to_string())
}

#[test]
fn a_start_has_to_be_ten_minutes_ahead() {
    let now = "2026-03-01T10:00:00Z";
    // A clock that says 10:00:00 is some way past it: ten minutes on to the second is too near.
    let error = checked("2026-03-01T19:10:00", now, "Asia/Seoul").expect_err("too near");
    assert_eq!(
        error,
        "--start-at 2026-03-01 19:10:00+09:00 is in 10m by the server's clock, which says 2026-03-01 19:00:00+09:00: challenges \
         must start more than 10 minutes ahead; is Asia/Seoul the server's time zone (--time-zone)?"
    );
    assert_eq!(checked("2026-03-01T19:10:01", now, "Asia/Seoul"), Ok(()));
    assert_eq!(checked("2026-03-11T19:00:01", now, "Asia/Seoul"), Ok(()), "there is no upper bound");
    let error = checked("2026-03-01T18:00:00", now, "+09:00").expect_err("over");
    assert!(error.contains(" is 1h ago by "), "{error}");
    assert!(error.contains("is +09 the server's"), "{error}");
    // The same local time in another zone is another instant.
    assert_eq!(checked("2026-03-01T19:10:00", now, "UTC"), Ok(()));
    let error = checked("9999-12-31T23:59:59", now, "-12:00").expect_err("in the year 10000");
    assert!(error.ends_with("is beyond the years that can be calculated with"), "{error}");
    assert!(checked("-009999-01-01T00:00:00", now, "+12:00").is_err());
}

#[test]
fn a_start_that_is_no_time_or_two_is_refused() {
    let error = checked("2026-03-29T02:30:00", "2026-03-28T12:00:00Z", "Europe/Berlin").expect_err("skipped");
    assert_eq!(
        error,
        "--start-at 2026-03-29T02:30:00 does not exist in Europe/Berlin, whose clocks are put forward over it: choose another time"
    );
    let error = checked("2026-10-25T02:30:00", "2026-10-24T12:00:00Z", "Europe/Berlin").expect_err("twice");
    assert!(error.contains("occurs twice in Europe/Berlin"), "{error}");
}

#[test]
fn what_follows_from_the_start_is_in_the_server_s_zone() {
    let challenge = Challenge {
        status: Status::Recruiting,
        start_at: local("2026-03-29T03:02:00"),
        end_at: local("2026-03-29T04:02:00"),
    };
    let times = Timetable::of(&challenge, &named("Europe/Berlin")).expect("times");
    // Five minutes before 03:02 it is not yet 02:00: between the two nothing is skipped.
    assert_eq!(LocalTime(times.ready).to_string(), "2026-03-29 01:57:00+01:00");
    assert_eq!(LocalTime(times.start).to_string(), "2026-03-29 03:02:00+02:00");
    assert_eq!(LocalTime(times.end).to_string(), "2026-03-29 04:02:00+02:00");
}

#[test]
fn a_wrong_zone_shows_in_what_the_server_writes() {
    let offset = |created_at: &str, name: &str| {
        other_offset(local(created_at), at("2026-03-01T10:00:00Z"), &named(name))
            .map(|offset| offset.to_string())
    };
    assert_eq!(offset("2026-03-01T10:00:00.731", "UTC"), None);
    assert_eq!(offset("2026-03-01T09:59:59", "UTC"), None);
    assert_eq!(offset("2026-03-01T19:00:00.731", "Asia/Seoul"), None);
    assert_eq!(offset("2026-03-01T19:00:01", "UTC"), Some("+09".into()));
    assert_eq!(offset("2026-03-01T10:00:00", "Asia/Seoul"), Some("+00".into()));
    assert_eq!(offset("2026-03-01T15:44:59", "Asia/Seoul"), Some("+05:45".into()));
    assert_eq!(offset("2026-03-01T10:07:00", "UTC"), None, "a clock that is wrong, not a zone");
    assert_eq!(offset("1970-01-01T00:00:00", "UTC"), None, "no clock at all");
}

fn distance(name: &str) -> Distance {
    Distance::named(name).expect("a distance")
}

#[test]
fn ramps_and_holds_by_default_fit() {
    assert_eq!(ramp_for(6000), s(240));
    assert_eq!(ramp_for(60_000), s(240));
    assert_eq!(ramp_for(26), s(2));
    assert_eq!(ramp_for(1), s(1));
    assert_eq!(hold_for(distance("FIVE"), s(240)), s(1800));
    // 5 minutes of READY and 5 of running, less 4 of ramp and one to spare.
    assert_eq!(hold_for(distance("M100"), s(240)), s(300));
    for distance in DISTANCES {
        for ramp in [s(1), s(240), RAMP_MAX] {
            assert_eq!(misfits(distance, ramp, hold_for(distance, ramp)), [], "{distance:?} {ramp:?}");
        }
    }
}

#[test]
fn a_run_that_does_not_fit_is_told_what_would() {
    let told = |name, ramp, hold| {
        misfits(distance(name), ramp, hold).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let refusal = |name, ramp, hold| {
        let told = told(name, ramp, hold);
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    };
    assert_eq!(
        refusal("FIVE", s(240), s(5400)),
        "a ramp of 4m and a hold of 1h30m take 1h34m, but a challenge of FIVE ends 1h5m after READY: --hold 1h1m is the \
         longest that fits, --distance SEVEN the shortest that does for it"
    );
    assert!(refusal("HALF", s(240), s(86_400)).ends_with("--hold 3h1m is the longest that fits"));
    assert_eq!(
        refusal("HALF", s(300), s(0)),
        "--ramp 5m does not fit the five minutes from READY to startAt in which members can enter: 4m55s is the longest that does"
    );
    assert_eq!(misfits(distance("FIVE"), s(240), s(3660)), []);
}

#[test]
fn a_ramp_and_a_hold_that_do_not_fit_are_both_told() {
    let told: Vec<String> =
        misfits(distance("ONE"), s(300), s(3600)).iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("--ramp 5m does not fit"), "{told:?}");
    // The second holds once the first is fixed.
    assert_eq!(
        told[1],
        "a ramp of 4m55s and a hold of 1h take 1h4m55s, but a challenge of ONE ends 25m after READY: --hold 20m5s is the \
         longest that fits, --distance FOUR the shortest that does for it"
    );
    assert_eq!(misfits(distance("ONE"), RAMP_MAX, s(1205)), []);
}

//! Plans against challenges at every stage of their lives, on clocks in several zones.

use super::*;

const GUIDE: Demand = Demand {
    ramp: Duration::from_secs(240),
    hold: Duration::from_secs(1800),
    entry: Entry::First,
    wait_ready: false,
    steps: None,
};

/// A challenge that starts at 10:00 in Seoul's offset and lasts an hour, judged at this time of that day.
fn judged(status: &str, now: &str, demand: Demand) -> Result<Start, String> {
    let challenge = Challenge::read(status, "2026-03-01T10:00:00", "2026-03-01T11:00:00").expect("readable");
    let now: Timestamp = format!("2026-03-01T{now}+09:00").parse().expect("an instant");
    let zone = zone("+09:00").expect("an offset");
    judge(&challenge, &zone, now, &demand).map_err(|error| error.to_string())
}

#[test]
fn a_ready_challenge_starts_at_once() {
    assert_eq!(judged("READY", "09:55:01", GUIDE), Ok(Start::Now));
}

#[test]
fn the_guide_s_own_ramp_never_fits() {
    let ramp_300 = Demand { ramp: Duration::from_secs(300), ..GUIDE };
    assert_eq!(
        judged("READY", "09:55:00", ramp_300),
        Err("the ramp would end at 2026-03-01 10:00:00+09:00, and members can enter only until startAt, \
             2026-03-01 10:00:00+09:00: --ramp 4m55s is the longest that fits"
            .into())
    );
}

#[test]
fn a_ramp_past_start_at_is_refused_with_both_instants() {
    assert_eq!(
        judged("READY", "09:57:00", GUIDE),
        Err("the ramp would end at 2026-03-01 10:01:00+09:00, and members can enter only until startAt, \
             2026-03-01 10:00:00+09:00: --ramp 2m55s is the longest that fits"
            .into())
    );
    let error = judged("READY", "09:59:58", GUIDE).expect_err("2 s are left");
    assert!(error.ends_with("create another challenge, and start as soon as it is READY"), "{error}");
}

#[test]
fn the_last_arrival_needs_time_to_enter() {
    let error = judged("READY", "09:55:58", GUIDE).expect_err("2 s before startAt");
    assert!(error.contains("09:59:58+09:00"), "{error}");
    assert!(error.contains("(the last session needs 5 s to log in and enter)"), "{error}");
    assert_eq!(judged("READY", "09:55:55", GUIDE), Ok(Start::Now));
}

#[test]
fn a_hold_past_end_at_is_refused_with_both_instants() {
    let long = Demand { hold: Duration::from_secs(3900), ..GUIDE };
    assert_eq!(
        judged("READY", "09:55:00", long),
        Err("the hold would end at 2026-03-01 11:04:00+09:00, and the challenge is over at endAt, 2026-03-01 \
             11:00:00+09:00: --hold 1h1m is the longest that fits, or create a longer challenge"
            .into())
    );
    let exact = Demand { hold: Duration::from_secs(3660), ..GUIDE };
    assert_eq!(judged("READY", "09:55:00", exact), Ok(Start::Now));
}

#[test]
fn a_recruiting_challenge_is_waited_for_only_if_asked() {
    assert_eq!(
        judged("RECRUITING", "09:50:00", GUIDE),
        Err("the challenge is still RECRUITING: members can enter from 2026-03-01 09:55:00+09:00 (5 min before \
             startAt) and the server's time is 2026-03-01 09:50:00+09:00; start again then, or give \
             --wait-ready"
            .into())
    );
    let waiting = Demand { wait_ready: true, ..GUIDE };
    let at: Timestamp = "2026-03-01T09:55:00+09:00".parse().expect("an instant");
    assert_eq!(
        judged("RECRUITING", "09:50:00", waiting),
        Ok(Start::WhenReady { at, after: Duration::from_secs(300) })
    );
}

#[test]
fn a_server_that_is_late_with_ready_is_waited_for() {
    let waiting = Demand { wait_ready: true, ramp: Duration::from_secs(60), ..GUIDE };
    let start = judged("RECRUITING", "09:55:10", waiting).expect("it fits");
    assert!(matches!(start, Start::WhenReady { after: Duration::ZERO, .. }), "{start:?}");
}

#[test]
fn waiting_is_refused_when_it_would_be_in_vain() {
    let waiting = Demand { wait_ready: true, ramp: Duration::from_secs(300), ..GUIDE };
    assert!(judged("RECRUITING", "09:00:00", waiting).expect_err("too long").contains("--ramp 4m55s"));
}

#[test]
fn running_takes_only_those_who_were_in() {
    let error = judged("RUNNING", "10:10:00", GUIDE).expect_err("too late");
    assert!(error.contains("RUNNING since startAt, 2026-03-01 10:00:00+09:00"), "{error}");
    let again = Demand { entry: Entry::Again, ..GUIDE };
    assert_eq!(judged("RUNNING", "10:10:00", again), Ok(Start::Now));
    assert!(judged("RUNNING", "10:40:00", again).expect_err("too long").contains("endAt"));
}

#[test]
fn done_is_done() {
    let error = judged("DONE", "12:00:00", GUIDE).expect_err("over");
    assert_eq!(error, "the challenge is DONE since endAt, 2026-03-01 11:00:00+09:00: create another one");
}

#[test]
fn a_wrong_zone_shows_as_a_contradiction() {
    let error = judged("READY", "18:55:00", GUIDE).expect_err("nine hours off");
    assert!(error.ends_with("or +09 is not the servers' time zone (--time-zone)"), "{error}");
}

#[test]
fn a_challenge_that_stays_behind_its_time_names_the_scheduler() {
    for status in ["RECRUITING", "READY"] {
        let error = judged(status, "10:01:20", GUIDE).expect_err("80 s past startAt");
        assert!(error.starts_with(&format!("the challenge is {status} though its startAt")), "{error}");
        assert!(
            error.contains("the servers' scheduler, which changes the status, is down or late"),
            "{error}"
        );
    }
}

#[test]
fn what_the_look_up_says_may_be_odd() {
    let error = Challenge::read("STARTED", "x", "y").expect_err("odd").to_string();
    assert!(error.starts_with("the challenge's status is \"STARTED\": it is not a known status"), "{error}");
    let error = Challenge::read("READY", "tomorrow", "2026-03-01T11:00:00").expect_err("odd").to_string();
    assert!(error.starts_with("the challenge's startAt is \"tomorrow\": "), "{error}");
    assert!(Challenge::read("READY", "2026-03-01T10:00", "2026-03-01T11:00:00.123").is_ok());
}

#[test]
fn the_date_header_is_the_server_s_now() {
    let expected: Timestamp = "2026-03-01T00:55:01Z".parse().expect("an instant");
    assert_eq!(date_header("Sun, 01 Mar 2026 00:55:01 GMT"), Some(expected));
    assert_eq!(date_header("soon"), None);
}

//! Checks the challenge: its status, and whether the plan fits the time that is left of it.
//!
//! By one look-up and the server's own clock; [`schedule::judge`] decides, as it does before a run.

use std::time::Duration;

use jiff::{SignedDuration, Zoned};
use startline_os::units::duration_text;

use super::format::clean;
use super::look_up::{CREATE_ANOTHER, LookUp, LookUpFailure, Wanted};
use super::{participants, zone};
use crate::checks::{Check, Figure, Fix, Verdict};
use crate::plan::course::{Finish, Misfit};
use crate::plan::schedule::{
    self, Challenge, Demand, ENTER_MARGIN, Entry, ScheduleError, Standing, Start, Status,
};
use crate::plan::zone::Clues;
use crate::scenario::runner::km_text;

const CHALLENGE: (&str, &str, &str) = ("challenge", "challenge", "READY");
/// What is needed of it where the run waits.
const WAITED_FOR: &str = "READY, or RECRUITING until then";
const SCHEDULE: (&str, &str, &str) =
    ("schedule", "ramp and hold fit", "the ramp 5 s before startAt, the hold by endAt");

const WRONG_ZONE: &str = "the challenge's times cannot be read in a wrong time zone";

/// The checks that were not made.
pub fn skipped(wait_ready: bool, cause: &str) -> Vec<Check> {
    let (id, title, _) = CHALLENGE;
    with_others_skipped(Check::skipped(id, title, status_need(wait_ready), cause), cause)
}

/// The challenge's own check, and those that depend on it.
fn with_others_skipped(status: Check, cause: &str) -> Vec<Check> {
    vec![zone::skipped(cause), status, skipped_schedule(cause), participants::skipped(cause)]
}

/// The look-up failed, though its member had logged in.
pub fn not_found(wait_ready: bool, failure: LookUpFailure, why: &str) -> Vec<Check> {
    let (id, title, _) = CHALLENGE;
    let reading = Figure::words("no usable answer");
    let fixes = vec![Fix::advice(failure.fix())];
    let status = Check::ok(id, title, reading, status_need(wait_ready)).but(Verdict::Fail, why, fixes);
    with_others_skipped(status, "the look-up of the challenge failed")
}

/// The status that a run needs which begins now.
fn status_need(wait_ready: bool) -> Figure {
    Figure::words(if wait_ready { WAITED_FOR } else { CHALLENGE.2 })
}

fn skipped_schedule(cause: &str) -> Check {
    let (id, title, need) = SCHEDULE;
    Check::skipped(id, title, Figure::words(need), cause)
}

/// Judges a look-up.
pub fn checks(look_up: &LookUp<'_>, wanted: &Wanted<'_>) -> Vec<Check> {
    let challenge = match Challenge::read(look_up.status, look_up.starts_at, look_up.ends_at) {
        Ok(challenge) => challenge,
        Err(error) => return unreadable(&error, look_up, wanted),
    };
    let now = look_up.server_now.to_zoned(wanted.zone.clone());
    let clues = Clues::new(&challenge, look_up.created_at, look_up.server_now, wanted.zone);
    let zone = zone::check(&clues, wanted.zone);
    let entry = look_up.standing.map_or(Entry::First, Standing::entry);
    let demand = Demand { ramp: wanted.ramp, hold: wanted.hold, entry, wait_ready: true, steps: None };
    let judged = schedule::judge(&challenge, wanted.zone, look_up.server_now, &demand);
    let is_zone_wrong = zone.verdict == Verdict::Fail;
    let status = match challenge.status {
        Status::Recruiting | Status::Ready if is_zone_wrong => without_times(&challenge, wanted),
        _ => status(&challenge, &now, &judged, wanted, entry),
    };
    let fit = match is_zone_wrong {
        true => skipped_schedule(WRONG_ZONE),
        false => fit(&challenge, &now, &judged, wanted),
    };
    let mut checks = vec![zone, status, fit, participants::check(look_up, wanted, challenge.status)];
    checks.extend(look_up.course_cm.zip(wanted.finish).map(|(course_cm, it)| finish(course_cm, it)));
    checks
}

/// Whether sessions finish where the challenge does.
fn finish(course_cm: u64, finish: Finish) -> Check {
    let (course, own) = (km_text(course_cm), km_text(finish.runner.finish_cm));
    let reading = Figure::words(format!("finish_km {own}"));
    let check =
        Check::ok("finish", "finish", reading, Figure::words(format!("{course} km, the challenge's")));
    match finish.check(course_cm) {
        Ok(()) => check,
        Err(misfit) => {
            let verdict = if matches!(misfit, Misfit::Beyond { .. }) { Verdict::Fail } else { Verdict::Warn };
            check.but(verdict, misfit.to_string(), vec![Fix::advice(misfit.fix())])
        }
    }
}

fn unreadable(error: &ScheduleError, look_up: &LookUp<'_>, wanted: &Wanted<'_>) -> Vec<Check> {
    let cause = "the answer to the look-up has values that startline cannot read";
    let fix = Fix::advice("the scenario's [schedule] says where status, startAt and endAt are in the answer");
    let (id, title, _) = CHALLENGE;
    let reading = Figure::words(clean(look_up.status));
    let why = clean(&error.to_string());
    let status =
        Check::ok(id, title, reading, status_need(wanted.wait_ready)).but(Verdict::Fail, why, vec![fix]);
    // As if it were over: nobody can join a challenge that cannot be read.
    let participants = participants::check(look_up, wanted, Status::Done);
    vec![zone::skipped(cause), status, skipped_schedule(cause), participants]
}

/// Its status is known, and its times are not.
fn without_times(challenge: &Challenge, wanted: &Wanted<'_>) -> Check {
    let (id, title, _) = CHALLENGE;
    let reading = Figure::words(format!("{} {}", wanted.id, challenge.status.key()));
    Check::ok(id, title, reading, status_need(wanted.wait_ready)).but(
        Verdict::Unknown,
        WRONG_ZONE,
        Vec::new(),
    )
}

/// Its status, and the time until the next one.
fn status(
    challenge: &Challenge,
    now: &Zoned,
    judged: &Result<Start, ScheduleError>,
    wanted: &Wanted<'_>,
    entry: Entry,
) -> Check {
    let (id, title, _) = CHALLENGE;
    let ready_in = challenge.ready(wanted.zone).map(|ready| now.duration_until(&ready)).unwrap_or_default();
    let zoned = |time: jiff::civil::DateTime| time.to_zoned(wanted.zone.clone());
    let start_in = zoned(challenge.start_at).map(|start| now.duration_until(&start)).unwrap_or_default();
    let number = wanted.id;
    let text = match challenge.status {
        Status::Ready => format!("{number} READY, {} to startAt", span(start_in)),
        Status::Recruiting => {
            format!("{number} RECRUITING, READY in {}, startAt in {}", span(ready_in), span(start_in))
        }
        other => format!("{number} {}", other.key()),
    };
    let seconds = u64::try_from(start_in.as_secs())
        .ok()
        .filter(|_| matches!(challenge.status, Status::Recruiting | Status::Ready));
    let reading = match seconds {
        Some(seconds) => Figure::new(seconds, "seconds to startAt", text),
        None => Figure::words(text),
    };
    let check = Check::ok(id, title, reading, status_need(wanted.wait_ready));
    match judged {
        Err(
            error @ (ScheduleError::Done { .. }
            | ScheduleError::Running { .. }
            | ScheduleError::Contradiction { .. }
            | ScheduleError::Unreadable { .. }),
        ) => check.but(Verdict::Fail, error.to_string(), vec![Fix::advice(CREATE_ANOTHER)]),
        _ if challenge.status == Status::Recruiting && !wanted.wait_ready => check.but(
            Verdict::Fail,
            "members can enter only once it is READY; a run that begins earlier is refused",
            vec![Fix::advice(begin_then(ready_in)), Fix::advice("give --wait-ready to preflight and to run")],
        ),
        _ if wanted.has_others => check.but(
            Verdict::Warn,
            "the members are in several challenges, and only the first member's was looked up",
            vec![Fix::advice("give the members of one challenge at a time to preflight and to run")],
        ),
        _ if entry == Entry::Again && challenge.status == Status::Running => check.but(
            Verdict::Warn,
            "it has begun: only members who have entered before can come back",
            vec![Fix::advice(CREATE_ANOTHER)],
        ),
        _ => check,
    }
}

/// When a run may begin that does not wait for READY.
fn begin_then(ready_in: SignedDuration) -> String {
    match ready_in > SignedDuration::ZERO {
        true => format!("begin the run in {}, when the challenge is READY", span(ready_in)),
        false => {
            "begin the run as soon as the servers have made the challenge READY, which is due".to_owned()
        }
    }
}

/// Whether ramp and hold fit the time that is left.
fn fit(
    challenge: &Challenge,
    now: &Zoned,
    judged: &Result<Start, ScheduleError>,
    wanted: &Wanted<'_>,
) -> Check {
    let (id, title, need) = SCHEDULE;
    let plan = format!("ramp {}, hold {}", duration_text(wanted.ramp), duration_text(wanted.hold));
    let check = |text: String| Check::ok(id, title, Figure::words(text), Figure::words(need));
    match judged {
        Ok(Start::Now) => {
            let last =
                challenge.start_at.to_zoned(wanted.zone.clone()).map(|start| now.duration_until(&start));
            let slack = last.unwrap_or_default() - signed(wanted.ramp) - signed(ENTER_MARGIN);
            match challenge.status {
                Status::Ready if slack > SignedDuration::ZERO => {
                    check(format!("{plan}: fits if begun within {}", span(slack)))
                }
                _ => check(format!("{plan}: fits if begun now")),
            }
        }
        Ok(Start::WhenReady { .. }) => check(format!("{plan}: fits if begun once it is READY")),
        Err(ScheduleError::TooLong { misfit, fix }) => {
            check(plan).but(Verdict::Fail, misfit.to_string(), vec![Fix::advice(fix.as_str())])
        }
        Err(_) => skipped_schedule("nobody can enter this challenge any more, or its times are wrong"),
    }
}

/// To the second, since servers' clocks are read to the second.
fn span(span: SignedDuration) -> String {
    let text = duration_text(Duration::from_secs(span.as_secs().unsigned_abs()));
    if span < SignedDuration::ZERO { format!("-{text}") } else { text }
}

fn signed(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::scenario::runner::Runner;

    static ZONE: TimeZone = TimeZone::UTC;
    const START: &str = "2026-11-26T19:05:00";
    const END: &str = "2026-11-26T20:05:00";

    fn look_up(status: &'static str, now: &str) -> LookUp<'static> {
        let standing = Standing { first: 10, ..Standing::default() };
        LookUp {
            status,
            starts_at: START,
            ends_at: END,
            created_at: Some("2026-11-26T18:00:00"),
            course_cm: Some(500_000),
            server_now: format!("2026-11-26T{now}Z").parse().expect("an instant"),
            standing: Some(standing),
            barred: BTreeMap::new(),
            places_left: Some(3),
        }
    }

    fn wanted() -> Wanted<'static> {
        Wanted {
            id: 38,
            has_others: false,
            sessions: 10,
            ramp: Duration::from_secs(60),
            hold: Duration::from_secs(1800),
            finish: None,
            wait_ready: false,
            zone: &ZONE,
            waiting: "WAITING",
            join: Fix::command("has them join", "startline prepare join"),
        }
    }

    fn verdicts(checks: &[Check]) -> Vec<Verdict> {
        checks.iter().map(|check| check.verdict).collect()
    }

    use Verdict::{Fail, Ok as Well, Unknown, Warn};

    #[test]
    fn a_ready_challenge_says_how_long_is_left() {
        let checks = checks(&look_up("READY", "19:01:00"), &wanted());
        assert_eq!(verdicts(&checks), [Well; 4], "{checks:#?}");
        assert_eq!(checks[1].reading.text, "38 READY, 4m to startAt");
        assert_eq!(checks[2].reading.text, "ramp 1m, hold 30m: fits if begun within 2m55s");
        assert_eq!(checks[3].reading.text, "10 WAITING");
    }

    #[test]
    fn a_recruiting_challenge_says_until_when() {
        let checks_of =
            |wait_ready| checks(&look_up("RECRUITING", "18:30:00"), &Wanted { wait_ready, ..wanted() });
        let waiting = checks_of(true);
        assert_eq!(verdicts(&waiting), [Well; 4]);
        assert_eq!(waiting[1].need.text, "READY, or RECRUITING until then");
        let early = checks_of(false);
        assert_eq!(verdicts(&early), [Well, Fail, Well, Well], "a run is refused");
        assert_eq!(early[1].need.text, "READY");
        assert_eq!(early[1].fixes[0].text, "begin the run in 30m, when the challenge is READY");
        assert!(early[1].fixes[1].text.contains("--wait-ready"));
        assert_eq!(early[1].reading.text, "38 RECRUITING, READY in 30m, startAt in 35m");
    }

    #[test]
    fn a_challenge_that_has_begun_or_is_over_fails() {
        let running = checks(&look_up("RUNNING", "19:30:00"), &wanted());
        assert_eq!(verdicts(&running), [Well, Fail, Unknown, Well]);
        let done = checks(&look_up("DONE", "21:00:00"), &wanted());
        assert_eq!(verdicts(&done), [Well, Fail, Unknown, Well]);
        let standing = Some(Standing { may_return: 10, ..Standing::default() });
        let again = LookUp { standing, ..look_up("RUNNING", "19:06:00") };
        assert_eq!(verdicts(&checks(&again, &wanted())), [Well, Warn, Well, Well]);
    }

    #[test]
    fn what_does_not_fit_comes_with_what_would() {
        let late = checks(&look_up("READY", "19:04:30"), &wanted());
        assert_eq!(verdicts(&late), [Well, Well, Fail, Well]);
        assert!(
            late[2].why.as_deref().is_some_and(|why| why.ends_with("startAt, 2026-11-26 19:05:00+00:00")),
            "{late:?}"
        );
        assert_eq!(late[2].fixes[0].text, "--ramp 25s is the longest that fits");
        let long =
            checks(&look_up("READY", "19:01:00"), &Wanted { hold: Duration::from_secs(7200), ..wanted() });
        assert!(long[2].fixes[0].text.starts_with("--hold 1h3m is the longest"), "{:?}", long[2]);
    }

    #[test]
    fn a_wrong_zone_leaves_the_fit_open() {
        let checks = checks(&look_up("READY", "10:01:00"), &wanted());
        assert_eq!(verdicts(&checks), [Fail, Unknown, Unknown, Well]);
        assert_eq!(checks[1].reading.text, "38 READY");
    }

    #[test]
    fn everyone_s_place_is_counted() {
        let with = |status, standing| {
            let barred = BTreeMap::from([("RUNNING".to_owned(), 2), ("QU\x1bIT".to_owned(), 1)]);
            let look_up = LookUp { standing, barred, ..look_up(status, "18:30:00") };
            checks(&look_up, &wanted()).remove(3)
        };
        let absent = Standing { first: 7, absent: 3, ..Standing::default() };
        let check = with("RECRUITING", Some(absent));
        assert_eq!((check.verdict, check.reading.text.as_str()), (Warn, "7 WAITING, 3 absent"));
        assert_eq!(
            (check.reading.value, check.need.text.as_str()),
            (Some(7), "all 10 WAITING, or may return")
        );
        assert_eq!(check.fixes[0].command.as_deref(), Some("startline prepare join"));
        assert_eq!(check.why.as_deref(), Some("3 have not joined: the server refuses them at enter"));
        let barred = Standing { first: 5, may_return: 2, barred: 3, ..Standing::default() };
        let check = with("RECRUITING", Some(barred));
        assert_eq!(check.reading.text, "5 WAITING, 2 may return, 3 barred");
        let why = check.why.expect("a reason");
        assert_eq!(why, "3 cannot enter (1 QU IT, 2 RUNNING): the server refuses them at enter");
        assert_eq!(with("RECRUITING", None).verdict, Unknown);
        let nobody = Standing { absent: 7, barred: 3, ..Standing::default() };
        let check = with("RECRUITING", Some(nobody));
        assert_eq!(check.verdict, Fail);
        assert!(check.why.expect("a reason").ends_with("nobody can enter, so a run is refused"));
        let again = Standing { may_return: 10, ..Standing::default() };
        let check = with("READY", Some(again));
        assert_eq!((check.verdict, check.reading.value), (Well, Some(10)));
        let late = with("READY", Some(absent));
        assert!(late.fixes[0].text.starts_with("members can join only while it is RECRUITING"));
    }

    #[test]
    fn joining_is_no_fix_where_there_is_no_room() {
        let standing = Some(Standing { first: 6, absent: 4, ..Standing::default() });
        let look_up = LookUp { standing, ..look_up("RECRUITING", "18:30:00") };
        let check = checks(&look_up, &wanted()).remove(3);
        assert_eq!((check.verdict, check.fixes.len()), (Warn, 1));
        assert_eq!(check.fixes[0].command, None);
        assert!(check.fixes[0].text.starts_with("the challenge has room for 3 more: "), "{check:?}");
        let unknown = LookUp { places_left: None, ..look_up };
        assert!(checks(&unknown, &wanted()).remove(3).fixes[0].command.is_some());
    }

    #[test]
    fn an_answer_that_cannot_be_read_fails() {
        let checks = checks(&LookUp { status: "REDY", ..look_up("READY", "19:01:00") }, &wanted());
        assert_eq!(verdicts(&checks), [Unknown, Fail, Unknown, Well]);
        assert!(checks[1].why.as_deref().is_some_and(|why| why.contains("did you mean")));
    }

    /// Verdict for verdict what a run makes of the same look-up.
    #[test]
    fn a_run_s_refusals_fail_here() {
        for (status, now) in [
            ("RECRUITING", "18:30:00"),
            ("RECRUITING", "19:00:30"),
            ("READY", "19:01:00"),
            ("READY", "19:04:30"),
            ("READY", "19:05:30"),
            ("RUNNING", "19:30:00"),
            ("RUNNING", "20:05:30"),
            ("DONE", "20:10:00"),
        ] {
            for wait_ready in [false, true] {
                for has_others in [false, true] {
                    let look_up = look_up(status, now);
                    let wanted = Wanted { wait_ready, has_others, ..wanted() };
                    let challenge = Challenge::read(status, START, END).expect("it reads");
                    let demand = Demand {
                        ramp: wanted.ramp,
                        hold: wanted.hold,
                        entry: Entry::First,
                        wait_ready,
                        steps: None,
                    };
                    let run = schedule::judge(&challenge, &ZONE, look_up.server_now, &demand);
                    let fails = verdicts(&checks(&look_up, &wanted)).contains(&Fail);
                    assert_eq!(fails, run.is_err(), "{status} {now} {wait_ready} {has_others}: {run:?}");
                }
            }
        }
    }

    #[test]
    fn sessions_that_run_on_behind_the_finish_fail() {
        let finished = |finish_cm| {
            let runner = Runner { pace_s_per_km: 360, finish_cm };
            let finish = Some(Finish { runner, within: Duration::from_secs(3_600) });
            checks(&look_up("READY", "19:01:00"), &Wanted { finish, ..wanted() }).remove(4)
        };
        assert_eq!([500_000, 1_000_000, 100_000].map(|cm| finished(cm).verdict), [Well, Fail, Warn]);
        let beyond = finished(1_000_000);
        assert_eq!(
            (&*beyond.reading.text, &*beyond.need.text),
            ("finish_km 10.0", "5.0 km, the challenge's")
        );
        assert_eq!(beyond.fixes[0].text, "give --set finish_km=5.0");
    }

    #[test]
    fn several_challenges_are_warned_of() {
        let checks = checks(&look_up("READY", "19:01:00"), &Wanted { has_others: true, ..wanted() });
        assert_eq!(verdicts(&checks), [Well, Warn, Well, Well]);
    }
}

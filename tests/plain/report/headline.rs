//! The verdict in one sentence, for each kind of run.

use std::time::Duration;

use startline::fault::Fault;
use startline::lang::{Lang, Reason};
use startline::measure::{PingEvent, Recorder};
use startline::members::SessionNumber;
use startline::report::headline::{headline, stable};
use startline::report::{CUT_ON_PURPOSE, DropsResult, Ending, ReconnectsResult, RunResult};
use startline::scenario::Good;

use super::fixture::{ENTER, HOLD, LOGIN, Run, criterion, layout, micros, rich, timed_of};

#[track_caller]
fn assert_says(result: &RunResult, english: &str, korean: &str) {
    assert_eq!((headline(result, Lang::En).as_str(), headline(result, Lang::Ko).as_str()), (english, korean));
}

#[test]
fn a_pass_says_how_many_were_held_and_for_how_long() {
    assert_says(
        &Run::good().result(),
        "Passed: at least 5,998 of 6,000 sessions were open throughout the hold of 30 min; all 9 criteria were met.",
        "합격: 30분의 유지 구간 내내 세션 6,000개 중 5,998개 이상이 열려 있었습니다. 기준 9개를 모두 충족했습니다.",
    );
    let mut run = Run::good();
    run.facts.min_in_hold = Some(6000);
    run.judge_only(criterion("login", "steps.login.p95_ms", Good::Below, 100.0, "ms"));
    assert_says(
        &run.result(),
        "Passed: all 6,000 sessions were open throughout the hold of 30 min; the one criterion that was measured was met.",
        "합격: 30분의 유지 구간 내내 세션 6,000개가 모두 열려 있었습니다. 측정한 기준 1개를 충족했습니다.",
    );
}

#[test]
fn who_was_cut_on_purpose_was_not_open() {
    let mut run = Run::good();
    run.judge_only(criterion("login", "steps.login.p95_ms", Good::Below, 100.0, "ms"));
    let mut result = run.result();
    let dropped = DropsResult { dropped: 600, ..DropsResult::default() };
    let by_cause = [(CUT_ON_PURPOSE.to_owned(), dropped)].into_iter().collect();
    result.reconnects = Some(ReconnectsResult { by_cause, ..ReconnectsResult::default() });
    assert_says(
        &result,
        "Passed: at least 5,998 of 6,000 sessions were open throughout the hold of 30 min, but for 600 cut on \
         purpose; the one criterion that was measured was met.",
        "합격: 30분의 유지 구간 내내 세션 6,000개 중 5,998개 이상이 열려 있었습니다(일부러 끊은 600건 제외). \
         측정한 기준 1개를 충족했습니다.",
    );
}

#[test]
fn warnings_and_criteria_without_a_measure_are_told() {
    let mut run = Run::good();
    run.facts.ledger = None;
    (0..6000).for_each(|_| run.recorder.step_ok(ENTER, timed_of(300_000, 300_000)));
    let text = headline(&run.result(), Lang::En);
    assert!(text.ends_with("all 8 criteria that could be measured were met, 1 with a warning."), "{text}");
}

#[test]
fn a_failure_names_the_most_frequent_of_them() {
    let mut run = Run::good();
    (0..212).for_each(|_| run.fail(HOLD, Fault::Cut, ""));
    (0..100).for_each(|_| run.fail(HOLD, Fault::Closed(1011), ""));
    run.facts.min_in_hold = Some(5688);
    assert_says(
        &run.result(),
        "Failed: 312 of 6,000 sessions were closed by the servers in the hold (closed-1006, closed-1011); \
         1 of 9 criteria failed.",
        "불합격: 유지 구간에서 세션 6,000개 중 312개를 서버가 닫았습니다(closed-1006, closed-1011). \
         기준 9개 중 1개가 실패했습니다.",
    );
    assert_says(
        &rich(),
        "Failed: 4,001 of 6,000 sessions failed in enter (http-502, CHALLENGE_NOT_READY); 2 of 9 criteria failed.",
        "불합격: enter 단계에서 세션 6,000개 중 4,001개가 실패했습니다(http-502, CHALLENGE_NOT_READY). 기준 9개 중 2개가 실패했습니다.",
    );
}

#[test]
fn a_refused_and_a_late_answer_have_words_of_their_own() {
    let said = |fault: Fault| {
        let mut run = Run::good();
        (0..3000).for_each(|_| run.fail(ENTER, fault, ""));
        headline(&run.result(), Lang::En)
    };
    assert!(
        said(Fault::ConnectRefused).starts_with("Failed: 3,000 of 6,000 sessions could not connect in enter")
    );
    assert!(
        said(Fault::StepTimeout).starts_with("Failed: 3,000 of 6,000 sessions were not answered in time in")
    );
}

#[test]
fn a_criterion_that_counts_no_sessions_speaks_for_itself() {
    let mut run = Run::good();
    (0..6000).for_each(|_| run.recorder.step_ok(LOGIN, timed_of(800_000, 790_000)));
    // There are other failures, which it was not failed for.
    run.fail(ENTER, Fault::HttpStatus(500), "");
    let result = run.result();
    let login = result.criteria.iter().find(|one| one.name == "login").expect("judged").why.to_string();
    let text = headline(&result, Lang::En);
    assert_eq!(text, format!("Failed: login p95: {login}; 1 of 9 criteria failed."));
    let text = headline(&result, Lang::Ko);
    assert!(text.starts_with("불합격: 로그인 p95: ") && text.contains("기준은 100 ms 미만"), "{text}");
}

#[test]
fn sessions_that_finish_are_not_said_to_have_been_held() {
    let mut run = Run::good();
    let counts = &mut run.recorder.tally().counts;
    (counts.finished, counts.closed) = (5_990, 5_990);
    let result = run.result();
    let (en, ko) = (headline(&result, Lang::En), headline(&result, Lang::Ko));
    assert!(en.starts_with("Passed: 6,000 of 6,000 sessions opened, and 5,990 finished; "), "{en}");
    assert!(ko.starts_with("합격: 세션 6,000개 중 6,000개가 열렸고 5,990개가 완주했습니다"), "{ko}");
}

#[test]
fn pings_are_counted_as_pings() {
    let mut run = Run::good();
    (0..40).for_each(|_| run.ping(PingEvent::TimedOut { stalled: false }));
    (0..9).for_each(|_| run.fail(ENTER, Fault::HttpStatus(500), ""));
    (0..90).for_each(|_| run.fail(HOLD, Fault::Cut, ""));
    run.judge_only(criterion("unanswered", "every.ping.unanswered", Good::AtMost, 0.0, ""));
    assert_says(
        &run.result(),
        "Failed: 40 of 60,040 ping heartbeats were not answered in time (ping-timeout); 1 of 1 criterion failed.",
        "불합격: ping 하트비트 60,040개 중 40개가 제때 응답을 받지 못했습니다(ping-timeout). 기준 1개 중 1개가 실패했습니다.",
    );
}

#[test]
fn without_a_verdict_it_says_why() {
    let mut run = Run::good();
    run.lag_badly();
    (0..6000).for_each(|_| run.fail(ENTER, Fault::StepTimeout, ""));
    let text = headline(&run.result(), Lang::En);
    assert!(text.starts_with("Inconclusive: the load generator was overloaded: lag p99 900 ms"), "{text}");

    let mut run = Run::good();
    run.facts.ending = Ending::Stopped(Reason::Interrupted.into());
    assert_says(
        &run.result(),
        "Inconclusive: the run was stopped early: interrupted (SIGINT).",
        "판정 불가: 테스트가 중간에 중단되었습니다: 사용자가 중단함(SIGINT).",
    );
}

#[test]
fn a_run_that_a_rule_ended_says_so() {
    let aborted = || Ending::Aborted(Reason::AbortRule.with("errors.rate>50%:10s").with("61 %"));
    let mut run = Run::good();
    (0..3000).for_each(|_| run.fail(ENTER, Fault::ConnectRefused, ""));
    run.facts.ending = aborted();
    let text = headline(&run.result(), Lang::En);
    assert!(text.ends_with("criteria failed, and the run was ended early by its --abort-on rule."), "{text}");

    let mut run = Run::good();
    run.facts.ending = aborted();
    assert_says(
        &run.result(),
        "Inconclusive: the run was ended early by --abort-on errors.rate>50%:10s: it was 61 %.",
        "판정 불가: 중단 규칙에 따라 테스트를 일찍 끝냈습니다: --abort-on errors.rate>50%:10s: 측정값 61 %.",
    );
}

#[test]
fn a_killed_run_says_how_far_it_was() {
    let mut run = Run::good();
    run.facts.ending = Ending::Running;
    run.facts.min_in_hold = None;
    let text = headline(&run.result(), Lang::En);
    assert_eq!(
        text,
        "Inconclusive: the run had not finished when this was written: it was killed, or was still going on. \
         6,000 of 6,000 sessions opened."
    );
}

#[test]
fn stable_claims_what_was_open_at_every_instant_of_the_hold() {
    let said = |min_in_hold: Option<u64>, seconds: u64| {
        let mut run = Run::without_pings();
        run.facts.min_in_hold = min_in_hold;
        run.facts.hold_actual = Duration::from_secs(seconds);
        let result = run.result();
        [stable(&result, Lang::En), stable(&result, Lang::Ko)].map(Option::unwrap_or_default)
    };
    assert_eq!(
        said(Some(5998), 1800),
        ["Stable: 5,998 sessions for 30 min", "안정: 세션 5,998개, 30분 동안"]
    );
    assert_eq!(
        said(Some(1), 1780),
        ["Stable: 1 session for 29 min 40 s of 30 min", "안정: 세션 1개, 30분 중 29분 40초 동안"]
    );
    assert_eq!(
        said(Some(0), 1800)[0],
        "Not stable: the hold of 30 min had an instant without any open session"
    );
    assert_eq!(
        said(None, 0),
        ["Not stable: the hold never began", "불안정: 유지 구간이 시작되지 않았습니다"]
    );
}

#[test]
fn sessions_that_hold_nothing_are_not_called_stable() {
    let mut run = Run::good();
    run.recorder = Recorder::new(&layout());
    for session in 0..6000 {
        run.recorder.session_started(micros(200));
        run.recorder.session_completed(SessionNumber(session));
    }
    run.judge_only(criterion("completed", "sessions.completed_share", Good::AtLeast, 1.0, "%"));
    let result = run.result();
    assert_eq!(stable(&result, Lang::En), None);
    assert_says(
        &result,
        "Passed: 6,000 of 6,000 sessions completed; the one criterion that was measured was met.",
        "합격: 세션 6,000개 중 6,000개가 모든 단계를 마쳤습니다. 측정한 기준 1개를 충족했습니다.",
    );
}

//! What a run proves, rule by rule, in the order of precedence that `report::verdict` documents.

use std::time::Duration;

use startline::fault::{Blame, Fault};
use startline::lang::Reason;
use startline::measure::{PingEvent, Timed};
use startline::report::{CriterionResult, Ending, Outcome, RunResult, Verdict};
use startline::scenario::every::EveryIndex;
use startline::scenario::{Good, MessageError};

use super::fixture::{CONNECT, ENTER, HOLD, LOGIN, OPEN, Run, criterion, timed_of};

fn one<'a>(result: &'a RunResult, name: &str) -> &'a CriterionResult {
    result.criteria.iter().find(|criterion| criterion.name == name).unwrap()
}

#[track_caller]
fn assert_verdict(result: &RunResult, verdict: Verdict, reason: &str) {
    assert_eq!(result.verdict, verdict, "{:#?}", result.reasons);
    assert_eq!(result.exit_status, verdict.exit_status());
    assert!(
        result.reasons.iter().any(|own| own.to_string().contains(reason)),
        "{reason:?} in {:#?}",
        result.reasons
    );
}

#[test]
fn a_run_that_meets_every_criterion_passes() {
    let result = Run::good().result();
    assert_verdict(&result, Verdict::Pass, "All 9 criteria");
    assert_eq!(result.exit_status, 0);
    assert!(result.criteria.iter().all(|criterion| criterion.outcome == Outcome::Pass && criterion.stands));
}

#[test]
fn exit_statuses_are_those_documented() {
    assert_eq!([Verdict::Pass, Verdict::Fail, Verdict::Inconclusive].map(Verdict::exit_status), [0, 1, 3]);
}

// 1. Not over, or not to be believed.

#[test]
fn a_run_stopped_early_proves_nothing_even_with_a_failed_criterion() {
    let mut run = Run::good();
    (0..6000).for_each(|_| run.fail(ENTER, Fault::HttpStatus(500), ""));
    run.facts.ending = Ending::Stopped(Reason::Interrupted.into());
    let result = run.result();
    assert_verdict(&result, Verdict::Inconclusive, "stopped early: interrupted");
    assert!(result.reasons[0].to_string().contains("interrupted"), "the weightiest first");
    assert!(
        result.reasons.iter().any(|reason| reason.to_string().starts_with("error-rate")),
        "what failed so far is told"
    );
    assert_eq!((result.exit_status, result.ending.as_str()), (3, "stopped"));
}

#[test]
fn a_run_under_way_is_not_finished() {
    let mut run = Run::good();
    // A PING is out: the sums are open by nature, and that is no defect.
    run.recorder.ping(EveryIndex(0), PingEvent::Due);
    run.recorder.ping(EveryIndex(0), PingEvent::Sent);
    run.facts.ending = Ending::Running;
    let result = run.result();
    assert_verdict(&result, Verdict::Inconclusive, "not finished");
    assert_eq!(result.reasons.len(), 1);
}

#[test]
fn accounts_that_do_not_close_prove_nothing() {
    let mut run = Run::good();
    run.recorder.ping(EveryIndex(0), PingEvent::Due);
    assert_verdict(&run.result(), Verdict::Inconclusive, "heartbeats due = sent + missed");
}

// 2. A failure that stands.

#[test]
fn a_slow_server_fails() {
    let mut run = Run::good();
    (0..6000).for_each(|_| run.recorder.step_ok(ENTER, timed_of(800_000, 790_000)));
    let result = run.result();
    assert_verdict(&result, Verdict::Fail, "enter: ");
    assert_eq!(result.exit_status, 1);
    assert!(one(&result, "enter").stands);
}

#[test]
fn server_errors_fail_even_when_fewer_arrivals_were_achieved() {
    let mut run = Run::good();
    (0..6000).for_each(|_| run.fail(ENTER, Fault::HttpStatus(502), ""));
    run.facts.last_start = Some(Duration::from_secs(300));
    assert_verdict(&run.result(), Verdict::Fail, "error-rate");
}

#[test]
fn server_errors_fail_even_when_the_workers_lag() {
    let mut run = Run::good();
    run.lag_badly();
    (0..6000).for_each(|_| run.fail(ENTER, Fault::HttpStatus(502), ""));
    assert_verdict(&run.result(), Verdict::Fail, "error-rate");
}

// 3. The generator was not fit.

#[test]
fn too_few_arrivals_prove_nothing_though_all_else_passes() {
    let mut run = Run::good();
    run.judge_only(criterion("enter", "steps.enter.p95_ms", Good::Below, 200.0, "ms"));
    run.facts.last_start = Some(Duration::from_secs(245));
    let result = run.result();
    assert_verdict(&result, Verdict::Inconclusive, "Sessions arrived at");
    assert_eq!(one(&result, "enter").outcome, Outcome::Pass);
}

#[test]
fn a_short_ramp_is_forgiven_a_wake_up() {
    let mut run = Run::good();
    run.plan.settings.ramp = Duration::from_secs(1);
    run.facts.last_start = Some(Duration::from_millis(1_100));
    let result = run.result();
    assert!(result.arrivals.achieved_per_s.unwrap() < 0.95 * 6000.0);
    assert_eq!(result.arrivals.achieved_share, Some(1.0));
    assert_eq!(result.verdict, Verdict::Pass);
}

#[test]
fn sessions_that_never_started_prove_nothing() {
    let mut run = Run::good();
    run.plan.settings.sessions = 7000;
    run.scenario.criteria.retain(|criterion| criterion.name == "enter");
    assert_verdict(&run.result(), Verdict::Inconclusive, "Only 6,000 of 7,000");
}

#[test]
fn lag_beyond_a_tenth_of_the_tightest_timeout_proves_nothing() {
    let mut run = Run::good();
    run.lag_badly();
    assert_verdict(&run.result(), Verdict::Inconclusive, "The load generator was overloaded: lag p99");
    let mut run = Run::good();
    run.lag_badly();
    let websocket = run.scenario.websocket.as_mut().expect("it has one");
    websocket.every[0].timeout = Duration::from_secs(10);
    assert_eq!(run.result().verdict, Verdict::Pass, "900 ms are within a tenth of 10 s");
}

#[test]
fn lag_is_judged_by_the_plans_own_limit_where_it_has_one() {
    let limited = |limit_ms| {
        let mut run = Run::good();
        run.lag_badly();
        run.plan.settings.lag_limit = Some(Duration::from_millis(limit_ms));
        run.result()
    };
    assert_eq!(limited(1000).verdict, Verdict::Pass, "900 ms are within what the plan allows");
    assert_verdict(&limited(1), Verdict::Inconclusive, "over 1.00 ms (--lag-limit)");
}

// 4. A failure that does not stand.

#[test]
fn a_latency_that_passes_from_sent_is_inconclusive() {
    let mut run = Run::good();
    (0..6000).for_each(|_| run.recorder.step_ok(LOGIN, timed_of(300_000, 20_000)));
    let result = run.result();
    assert_verdict(&result, Verdict::Inconclusive, "login: ");
    let login = one(&result, "login");
    assert_eq!((login.outcome, login.stands), (Outcome::Fail, false));
    assert!(login.why.to_string().contains("without this machine's own part"), "{}", login.why);
}

#[test]
fn failures_of_this_box_do_not_fail_the_servers() {
    let mut run = Run::good();
    (0..1500).for_each(|_| run.fail(LOGIN, Fault::DescriptorsExhausted, ""));
    run.facts.min_in_hold = Some(4500);
    let result = run.result();
    assert_verdict(&result, Verdict::Inconclusive, "error-rate");
    assert_eq!((one(&result, "held").outcome, one(&result, "held").stands), (Outcome::Fail, false));
    assert_eq!(result.errors.by_blame.get("machine"), Some(&1500));
}

#[test]
fn what_the_plan_is_to_blame_for_fails_the_run_and_says_so() {
    let mut run = Run::good();
    let index = run.scenario.error_names.iter().position(|name| name == "CHALLENGE_NOT_JOINED");
    let fault = run.scenario.named(index.expect("a name") as u8);
    (0..1500).for_each(|_| run.fail(ENTER, fault, "{}"));
    let result = run.result();
    assert_verdict(&result, Verdict::Fail, "error-rate");
    assert_eq!(result.errors.by_blame.get("scenario"), Some(&1500));
    let detail = &result.errors.details[0];
    assert_eq!((detail.kind.as_str(), detail.blame.as_str()), ("CHALLENGE_NOT_JOINED", "scenario"));
    assert!(detail.next.contains("The plan asked"), "{}", detail.next);
}

#[test]
fn burned_is_who_was_marked_and_reached_no_server() {
    let mut run = Run::good();
    run.scenario.error_names.push("INVALID_TICKET".into());
    run.scenario.error_blames.push(Blame::Server);
    let ticket = run.scenario.error_names.len() as u8 - 1;
    let code = MessageError { code: "INVALID_TICKET".into(), error: ticket, ticket: true };
    run.scenario.websocket.as_mut().expect("it has one").kinds.error_codes.push(code);
    let bad_ticket = run.scenario.named(ticket);
    for (step, fault, count) in [
        // Whether it took effect, nobody heard.
        (ENTER, Fault::StepTimeout, 1),
        (CONNECT, Fault::ConnectRefused, 10),
        (CONNECT, Fault::UpgradeRefused(502), 100),
        (OPEN, bad_ticket, 1_000),
        // Not marked, or free again.
        (LOGIN, Fault::StepTimeout, 1),
        (ENTER, Fault::HttpStatus(502), 1),
        (OPEN, Fault::StepTimeout, 1),
        (OPEN, Fault::Cut, 1),
        (HOLD, Fault::Cut, 1),
    ] {
        (0..count).for_each(|_| run.fail(step, fault, ""));
    }
    assert_eq!(run.result().errors.member_burned, 1_111);
}

#[test]
fn failures_beyond_those_of_this_box_stand() {
    let mut run = Run::good();
    (0..100).for_each(|_| run.fail(LOGIN, Fault::DescriptorsExhausted, ""));
    (0..1400).for_each(|_| run.fail(LOGIN, Fault::HttpStatus(500), ""));
    run.facts.min_in_hold = Some(4500);
    let result = run.result();
    assert_verdict(&result, Verdict::Fail, "held");
    assert!(one(&result, "error-rate").stands && one(&result, "held").stands);
}

#[test]
fn timeouts_of_a_lagging_box_do_not_stand() {
    let spoil = |run: &mut Run| {
        (0..600).for_each(|_| run.fail(ENTER, Fault::StepTimeout, ""));
        (0..3000).for_each(|_| run.ping(PingEvent::TimedOut { stalled: false }));
        run.judge_only(criterion("error-rate", "errors.rate", Good::Below, 0.01, "%"));
    };
    let mut run = Run::good();
    spoil(&mut run);
    assert_eq!(run.result().verdict, Verdict::Fail, "on time, they are the server's");
    let mut run = Run::good();
    spoil(&mut run);
    run.lag_badly();
    let result = run.result();
    assert_verdict(&result, Verdict::Inconclusive, "The load generator was overloaded");
    assert!(!one(&result, "error-rate").stands);
}

/// A client that reads late does not make a server close the connection.
#[test]
fn a_lag_explains_no_closed_connection() {
    for fault in [Fault::Cut, Fault::Closed(1000), Fault::ClosedEarly] {
        let mut run = Run::good();
        (0..600).for_each(|_| run.fail(HOLD, fault, ""));
        run.lag_badly();
        run.judge_only(criterion("error-rate", "errors.rate", Good::Below, 0.001, "%"));
        assert_verdict(&run.result(), Verdict::Fail, "error-rate");
    }
}

#[test]
fn what_was_attempted_and_never_succeeded_fails() {
    let mut run = Run::without_pings();
    (0..41).for_each(|_| run.ping(PingEvent::TimedOut { stalled: false }));
    run.judge_only(criterion("pong", "steps.ping.p95_ms", Good::Below, 100.0, "ms"));
    let result = run.result();
    assert_verdict(&result, Verdict::Fail, "41 were attempted and none succeeded");
    assert_eq!(result.criteria[0].measured, None);

    let mut run = Run::without_pings();
    (0..41).for_each(|_| run.ping(PingEvent::TimedOut { stalled: true }));
    run.judge_only(criterion("pong", "steps.ping.p95_ms", Good::Below, 100.0, "ms"));
    assert_verdict(&run.result(), Verdict::Inconclusive, "this machine may have caused this");

    let mut run = Run::without_pings();
    run.ping(PingEvent::Pending);
    run.judge_only(criterion("pong", "steps.ping.p95_ms", Good::Below, 100.0, "ms"));
    let result = run.result();
    assert_eq!(result.criteria[0].outcome, Outcome::NotMeasured, "nobody knows yet");
}

#[test]
fn what_a_stall_of_this_machine_explains_does_not_stand() {
    let mut run = Run::good();
    (0..3000).for_each(|_| run.ping(PingEvent::TimedOut { stalled: true }));
    (0..600).for_each(|_| run.fail(HOLD, Fault::StalledHere, ""));
    run.recorder.stalled(Duration::from_millis(12_000), Duration::from_millis(12_550));
    run.judge_only(criterion("error-rate", "errors.rate", Good::Below, 0.001, "%"));
    run.scenario.criteria.push(criterion("pings", "every.ping.unanswered", Good::AtMost, 0.0, ""));
    let result = run.result();
    assert_verdict(&result, Verdict::Inconclusive, "without this machine's own part");
    assert!(!one(&result, "error-rate").stands && !one(&result, "pings").stands);
    assert_eq!(
        result.errors.by_blame.iter().find(|it| it.0 == "machine").map(|it| it.1).copied(),
        Some(3600)
    );
    assert_eq!((result.stalls.count, result.stalls.longest_seconds), (1, Some(0.55)));
    assert_eq!(result.generator.lag_max_ms, Some(550.0), "a stall is a lag");
}

#[test]
fn latencies_that_a_stall_made_long_do_not_stand() {
    let slow = |stalled| {
        let mut run = Run::good();
        let timed = Timed { stalled, ..timed_of(700_000, 700_000) };
        (0..600).for_each(|_| run.recorder.step_ok(ENTER, timed));
        run.judge_only(criterion("enter", "steps.enter.p95_ms", Good::Below, 200.0, "ms"));
        run.result()
    };
    assert_eq!(slow(false).verdict, Verdict::Fail);
    assert_eq!(slow(true).verdict, Verdict::Inconclusive);
}

/// The lag is far below its own limit, and far above what the criterion allows.
#[test]
fn the_lag_that_excuses_is_measured_against_the_criterion() {
    let judged = |lag_micros| {
        let mut run = Run::good();
        (0..6000).for_each(|_| run.recorder.step_ok(LOGIN, timed_of(232_000, 180_000)));
        (0..60_000).for_each(|_| {
            run.recorder.lag(startline_os::tick::Ticks::from_duration(Duration::from_micros(lag_micros)))
        });
        run.judge_only(criterion("login", "steps.login.p95_ms", Good::Below, 100.0, "ms"));
        run.result()
    };
    assert_verdict(&judged(300), Verdict::Fail, "login");
    assert_verdict(&judged(90_000), Verdict::Inconclusive, "login");
}

#[test]
fn a_hold_that_ends_early_says_so() {
    let mut run = Run::good();
    run.facts.hold_actual = Duration::from_millis(2_600);
    (0..6000).for_each(|_| run.fail(HOLD, Fault::Cut, ""));
    let result = run.result();
    assert!(
        result.reasons.iter().any(|why| why.to_string().starts_with("The hold ended after 2.6 s of")),
        "{:?}",
        result.reasons
    );
}

#[test]
fn a_rule_that_ends_the_run_leaves_its_failures_standing() {
    let mut run = Run::good();
    (0..3000).for_each(|_| run.fail(ENTER, Fault::ConnectRefused, ""));
    run.facts.ending = Ending::Aborted(Reason::AbortRule.with("errors.rate>50%:10s").with("61 %"));
    run.judge_only(criterion("error-rate", "errors.rate", Good::Below, 0.01, "%"));
    let result = run.result();
    assert_verdict(&result, Verdict::Fail, "error-rate");
    assert!(result.reasons.iter().any(|why| why.to_string().contains("--abort-on")), "{:?}", result.reasons);

    let mut run = Run::good();
    run.facts.ending = Ending::Aborted(Reason::AbortRule.with("steps.login.p95_ms>1:10s").with("41.0"));
    assert_verdict(&run.result(), Verdict::Inconclusive, "--abort-on");
}

/// What was on its way to an address that is gone never arrived, whoever sent it.
#[test]
fn silence_after_a_source_address_was_lost_does_not_stand() {
    let spoil = |run: &mut Run| {
        (0..3000).for_each(|_| run.ping(PingEvent::TimedOut { stalled: false }));
        (0..600).for_each(|_| run.fail(ENTER, Fault::StepTimeout, ""));
        run.judge_only(criterion("error-rate", "errors.rate", Good::Below, 0.01, "%"));
        run.scenario.criteria.push(criterion("pings", "every.ping.unanswered", Good::AtMost, 0.0, ""));
    };
    let mut run = Run::good();
    spoil(&mut run);
    assert_eq!(run.result().verdict, Verdict::Fail, "without that, it is the servers'");
    let mut run = Run::good();
    spoil(&mut run);
    run.fail(ENTER, Fault::SourceNotLocal, "");
    let result = run.result();
    assert_verdict(
        &result,
        Verdict::Inconclusive,
        "this machine lost a source address, which may have caused this",
    );
    assert!(!one(&result, "error-rate").stands && !one(&result, "pings").stands);
    run = Run::good();
    (0..1400).for_each(|_| run.fail(ENTER, Fault::HttpStatus(500), ""));
    run.fail(ENTER, Fault::SourceNotLocal, "");
    run.judge_only(criterion("error-rate", "errors.rate", Good::Below, 0.01, "%"));
    assert_eq!(run.result().verdict, Verdict::Fail, "an answer is the servers' all the same");
}

#[test]
fn arrivals_are_this_box_s_own_and_never_fail_the_servers() {
    let mut run = Run::good();
    run.judge_only(criterion("arrivals", "arrivals.achieved_per_s", Good::AtLeast, 100.0, "/s"));
    assert_verdict(
        &run.result(),
        Verdict::Inconclusive,
        "25/s, should be at least 100/s; the load generator itself caused this",
    );
}

// 5. and 6.

#[test]
fn criteria_that_cannot_be_measured_prove_nothing() {
    let mut run = Run::good();
    let mut large = criterion("held-9000", "sessions.min_in_hold", Good::AtLeast, 9000.0, "sessions");
    large.needs_sessions = Some(9000);
    run.judge_only(large);
    let result = run.result();
    assert_verdict(&result, Verdict::Inconclusive, "No criterion");
    assert_eq!(result.criteria[0].outcome, Outcome::NotMeasured);
    assert_eq!(result.criteria[0].why.to_string(), "needs 9,000 sessions; the plan has 6,000");
}

#[test]
fn a_criterion_beyond_the_plan_is_not_measured_and_the_rest_decides() {
    let mut run = Run::good();
    run.plan.settings.hold = Duration::from_secs(60);
    let result = run.result();
    assert_verdict(&result, Verdict::Pass, "All 8 criteria");
    assert_eq!(one(&result, "held-4000").why.to_string(), "needs a hold of 20 min; the plan's is 1 min");
}

#[test]
fn a_warning_passes_and_is_told() {
    let mut run = Run::good();
    (0..6000).for_each(|_| run.recorder.step_ok(ENTER, timed_of(300_000, 300_000)));
    let result = run.result();
    assert_verdict(&result, Verdict::Pass, "One of them with a warning");
    assert_eq!(one(&result, "enter").outcome, Outcome::Warn);
}

#[test]
fn limits_are_inclusive_but_for_below() {
    let outcome = |good: Good, limit: f64| {
        let mut run = Run::good();
        run.judge_only(criterion("held", "sessions.min_in_hold", good, limit, "sessions"));
        run.result().criteria[0].outcome
    };
    assert_eq!(outcome(Good::AtLeast, 5998.0), Outcome::Pass);
    assert_eq!(outcome(Good::AtLeast, 5999.0), Outcome::Fail);
    assert_eq!(outcome(Good::AtMost, 5998.0), Outcome::Pass);
    assert_eq!(outcome(Good::Below, 5998.0), Outcome::Fail);
}

// Figures that criteria read.

#[test]
fn every_measure_can_be_read() {
    let measures = [
        ("sessions.min_in_hold_share", 5998.0 / 6000.0),
        ("sessions.min_in_hold", 5998.0),
        ("sessions.established", 6000.0),
        ("sessions.established_share", 1.0),
        ("sessions.held_to_end", 5998.0),
        ("errors.rate", 0.0),
        ("arrivals.achieved_per_s", 25.0),
        ("arrivals.achieved_share", 1.0),
        ("every.ping.missed", 0.0),
        ("every.ping.late", 0.0),
        ("every.ping.unanswered", 0.0),
        ("ledger.missing", 0.0),
        ("ledger.duplicate", 0.0),
        ("servers.smallest_share", 1.0),
        ("servers.misrouted", 0.0),
    ];
    for (measure, value) in measures {
        let mut run = Run::good();
        run.judge_only(criterion("one", measure, Good::AtLeast, 0.0, ""));
        let result = run.result();
        let measured =
            result.criteria[0].measured.unwrap_or_else(|| panic!("{measure}: {}", result.criteria[0].why));
        assert!((measured - value).abs() < 1e-6, "{measure}: {measured}");
    }
    for step in ["login", "enter", "connect", "open", "ping"] {
        for figure in ["mean", "min", "p50", "p90", "p95", "p99", "p999", "max"] {
            let mut run = Run::good();
            let measure = format!("steps.{step}.{figure}_ms");
            run.judge_only(criterion("one", &measure, Good::AtLeast, 1.0, "ms"));
            assert_eq!(run.result().verdict, Verdict::Pass, "{measure}");
        }
    }
}

#[test]
fn what_was_not_kept_is_not_measured() {
    let mut run = Run::good();
    run.facts.ledger = None;
    run.scenario.criteria.push(criterion("nonsense", "no.such", Good::AtMost, 0.0, ""));
    let result = run.result();
    let missing = one(&result, "missing");
    assert_eq!((missing.outcome, &missing.why), (Outcome::NotMeasured, &Reason::NoLedger.into()));
    assert_eq!(one(&result, "nonsense").why.to_string(), "there is no measure no.such");
    assert_eq!(result.verdict, Verdict::Pass);
}

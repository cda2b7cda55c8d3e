//! The age of tickets in the verdict.

use startline::report::Verdict;
use startline::scenario::Good;

use super::fixture::{Run, criterion, micros};

#[test]
fn an_old_ticket_fails_unless_this_machine_was_late() {
    let verdict = |lags: bool| {
        let mut run = Run::good();
        run.judge_only(criterion("ticket-age", "ticket_age.p95_ms", Good::Below, 1_000.0, "ms"));
        (0..100).for_each(|_| run.recorder.ticket_sent(micros(1_200_000)));
        if lags {
            run.lag_badly();
        }
        run.result().verdict
    };
    assert_eq!([verdict(false), verdict(true)], [Verdict::Fail, Verdict::Inconclusive]);
    let mut run = Run::good();
    run.judge_only(criterion("ticket-age", "ticket_age.p95_ms", Good::Below, 1_000.0, "ms"));
    assert_eq!(run.result().criteria[0].why.to_string(), "no upgrade was sent with a ticket");
    for (measure, value) in [("ticket_age.p95_ms", 12.0), ("ticket_age.max_ms", 12.0)] {
        let mut run = Run::good();
        run.judge_only(criterion("one", measure, Good::AtMost, 12.1, "ms"));
        (0..10).for_each(|_| run.recorder.ticket_sent(micros(12_000)));
        let measured = run.result().criteria[0].measured.expect("measured");
        assert!((measured - value).abs() < 0.1, "{measure}: {measured}");
    }
}

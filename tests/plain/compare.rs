//! Comparisons of results, from recorders down: what is claimed, what is only shown, what is refused.

use std::time::Duration;

use serde_json::Value;
use startline::checks::Page;
use startline::compare::{
    Call, Comparison, Direction, FailOn, GateOutcome, Run, Warning, compare, page, text,
};
use startline::fault::Fault;
use startline::report::recorded::Timeline;
use startline::report::{Ending, RunResult};
use textwrap::core::display_width;

use super::report::fixture::{self, ENTER, LOGIN, timed_of};

fn run_of(name: &str, result: RunResult) -> Run {
    Run { directory: name.into(), result, timeline: Timeline::default() }
}

/// A run whose logins took these milliseconds longer.
fn slower(name: &str, millis: u64) -> Run {
    let mut run = fixture::Run::without_pings();
    let login = millis * 1_000 + 10_000;
    (0..20_000).for_each(|_| run.recorder.step_ok(LOGIN, timed_of(login, login)));
    run_of(name, run.result())
}

fn failing(name: &str) -> Run {
    let mut run = fixture::Run::good();
    (0..60).for_each(|_| run.fail(ENTER, Fault::HttpStatus(502), "<b>bad</b>"));
    run_of(name, run.result())
}

fn measure<'c>(comparison: &'c Comparison, name: &str) -> &'c startline::compare::Compared {
    comparison.measures.iter().find(|it| it.measure == name).unwrap_or_else(|| panic!("no {name}"))
}

fn json(comparison: &Comparison) -> Value {
    let schema: Value = serde_json::from_str(include_str!("../../schema/compare.schema.json")).expect("JSON");
    jsonschema::meta::validate(&schema).expect("the schema is a schema");
    let value = serde_json::to_value(comparison).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    value
}

#[test]
fn one_run_a_side_shows_differences_and_claims_none() {
    let comparison = compare(&[slower("a", 0)], &[slower("b", 80)], Some(FailOn::Worse));
    let login = measure(&comparison, "steps.login.p95_ms");
    assert_eq!((login.call, login.direction, login.p), (Call::Differs, Some(Direction::Worse), None));
    assert!(comparison.measures.iter().all(|it| !matches!(it.call, Call::Better | Call::Worse)));
    assert_eq!(measure(&comparison, "steps.enter.p95_ms").call, Call::Same);
    let gate = comparison.gate.as_ref().expect("asked for");
    assert_eq!(gate.outcome, GateOutcome::Failed);
    assert!(gate.by.contains(&"steps.login.p95_ms".to_owned()), "{gate:?}");
    let text = text(&comparison, false, Page::PLAIN);
    assert!(text.contains("\n~ login p95"), "{text}");
    assert!(text.contains("differs, looks worse") && text.contains("one run a side, no test"), "{text}");
    json(&comparison);
}

#[test]
fn three_runs_a_side_are_tested() {
    let base = [slower("a1", 0), slower("a2", 1), slower("a3", 2)];
    let new = [slower("b1", 80), slower("b2", 70), slower("b3", 60)];
    let comparison = compare(&base, &new, Some(FailOn::Worse));
    let login = measure(&comparison, "steps.login.p95_ms");
    assert_eq!((login.call, login.p), (Call::Worse, Some(0.1)));
    assert_eq!(comparison.method.p_min, Some(0.1));
    let text = text(&comparison, false, Page::PLAIN);
    assert!(text.contains("\n✗ login p95") && text.contains("Mann-Whitney U test"), "{text}");
    let back = compare(&new, &base, Some(FailOn::Worse));
    assert_eq!(measure(&back, "steps.login.p95_ms").call, Call::Better);
    assert_eq!(back.gate.as_ref().map(|gate| gate.outcome), Some(GateOutcome::Passed));
    assert_eq!(json(&back)["method"]["test"], "mann-whitney");
    json(&comparison);
}

#[test]
fn runs_alike_have_no_difference() {
    let comparison = compare(&[slower("a", 0)], &[slower("b", 0)], Some(FailOn::Differs));
    assert!(comparison.measures.iter().all(|it| it.call == Call::Same));
    assert!(comparison.warnings.is_empty());
    assert_eq!(comparison.gate.as_ref().map(|gate| gate.outcome), Some(GateOutcome::Passed));
    let text = text(&comparison, false, Page::PLAIN);
    assert!(text.starts_with("No difference in "), "{text}");
}

#[test]
fn a_criterion_that_fails_on_one_side_alone_is_told() {
    let good = run_of("a", fixture::Run::good().result());
    let comparison = compare(&[good], &[failing("b")], Some(FailOn::Worse));
    let rate = comparison.criteria.iter().find(|it| it.name == "error-rate").expect("a criterion");
    assert_eq!(rate.turned, None, "60 failures are a warning");
    let login = measure(&comparison, "steps.enter.error_share");
    assert_eq!((login.call, login.direction), (Call::Differs, Some(Direction::Worse)));

    let rich = run_of("c", fixture::rich());
    let comparison = compare(&[run_of("a", fixture::Run::good().result())], &[rich], None);
    let rate = comparison.criteria.iter().find(|it| it.name == "error-rate").expect("a criterion");
    assert_eq!(rate.turned, Some(Direction::Worse));
    let text = text(&comparison, false, Page::PLAIN);
    assert!(text.contains("\n✗ error-rate"));
    // The troubles by name stand under their run.
    assert!(comparison.base[0].troubles.is_empty() && !comparison.new[0].troubles.is_empty());
    let names = format!("sessions\n      troubles: {}", comparison.new[0].troubles.join(", "));
    assert!(text.contains(&names), "{text}");
    json(&comparison);
}

#[test]
fn what_makes_a_comparison_doubtful_is_said() {
    let mut other = fixture::Run::good();
    other.plan.settings.hold = Duration::from_secs(60);
    other.plan.settings.seed = 7;
    other.facts.ending = Ending::Running;
    other.facts.host.cores = 2;
    let comparison = compare(
        &[run_of("a", fixture::Run::good().result())],
        &[run_of("b", other.result())],
        Some(FailOn::Worse),
    );
    let plan = Warning::Plan { setting: "hold".into(), base: vec!["30m".into()], new: vec!["1m".into()] };
    assert!(comparison.warnings.contains(&plan), "{:?}", comparison.warnings);
    let run = Warning::Run { directory: "b".into(), ending: "running".into() };
    assert!(comparison.warnings.contains(&run));
    assert!(comparison.warnings.iter().any(|it| matches!(it, Warning::Machine { .. })));
    assert_eq!(comparison.warnings.len(), 3, "seeds are drawn: {:?}", comparison.warnings);
    let text = text(&comparison, false, Page::PLAIN);
    assert!(text.contains("b: the run was killed, or still goes on"), "{text}");
    assert!(text.contains("\n  hold     30m   1m\n"), "{text}");
    // Nothing is worse, and half a run shows nothing.
    let gate = comparison.gate.as_ref().expect("asked for");
    assert!(gate.outcome == GateOutcome::Inconclusive || !gate.by.is_empty(), "{gate:?}");
    json(&comparison);
}

#[test]
fn a_step_of_one_side_alone_stands_with_the_steps() {
    let mut without = fixture::Run::good();
    without.scenario.http.truncate(1);
    let mut result = without.result();
    result.steps.0.retain(|(name, _)| name != "login");
    let good = || run_of("a", fixture::Run::good().result());
    let comparison = compare(&[good()], &[run_of("b", result)], None);
    let login = measure(&comparison, "steps.login.p50_ms");
    assert_eq!((login.call, login.direction, login.new.median), (Call::OneSided, None, None));
    assert!(text(&comparison, false, Page::PLAIN).contains("only in base"));
}

#[test]
fn text_fits_eighty_columns() {
    let good = run_of("a", fixture::Run::good().result());
    let comparison = compare(&[good], &[run_of("b", fixture::rich())], None);
    for all in [false, true] {
        for line in text(&comparison, all, Page::PLAIN).lines() {
            assert!(display_width(line) <= 80, "{line}");
        }
    }
}

#[test]
fn the_page_needs_no_network_and_escapes_what_it_is_given() {
    let mut result = fixture::rich();
    result.scenario = "<script>alert(1)</script>".into();
    let base = run_of("a & \"b\"", fixture::Run::good().result());
    let page = page(&compare(&[base], &[run_of("b", result)], Some(FailOn::Differs)));
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("a &amp; &quot;b&quot;"), "{page}");
    for word in ["<script", "http:", "https:", "src=", "@import", "url("] {
        let found: Vec<&str> =
            page.match_indices(word).map(|(at, _)| &page[at..(at + 60).min(page.len())]).collect();
        // A target in the plan is text.
        assert!(found.iter().all(|it| it.starts_with("https://runnity.example")), "{found:?}");
    }
}

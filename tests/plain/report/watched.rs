//! The servers' side in the verdict: measured, beyond its limits, not measured.

use std::time::Duration;

use startline::checks::Page;
use startline::lang::{Lang, Reason};
use startline::report::{Outcome, RunResult, Verdict, headline, text};
use startline::watch::{Event, EventKind, Item, Judge, Limits, Seen, SeenItem, SeenSource, Unseen};

use super::fixture::Run;

fn item(name: &str, limits: Limits, figure: Result<f64, Unseen>) -> SeenItem {
    let item = Item {
        name: name.into(),
        expression: "x".into(),
        unit: "ms".into(),
        judge: Judge::P95,
        limits,
        every: Duration::from_secs(5),
        requests: None,
    };
    SeenItem { item, figure, grew_for: None, readings: 60, missed: 0 }
}

fn over(warn: Option<f64>, fail: Option<f64>) -> Limits {
    Limits { warn, fail, is_least: false }
}

fn unseen() -> Result<f64, Unseen> {
    Err(Unseen::new("no source was given", "give --redis"))
}

/// A good run, of which these items were seen.
fn run(items: Vec<SeenItem>, events: Vec<Event>) -> Run {
    let mut run = Run::good();
    let source = SeenSource { kind: "redis", place: "10.0.0.7:6379".into(), looks: 60, items };
    run.facts.watch = Some(Seen { sources: vec![source], events });
    run
}

fn outcomes(result: &RunResult) -> Vec<(String, Outcome, String)> {
    let watched = result.criteria.iter().filter(|one| one.is_watched());
    watched.map(|one| (one.name.clone(), one.outcome, one.why.to_string())).collect()
}

fn items() -> Vec<SeenItem> {
    let guide = over(Some(10.0), Some(50.0));
    vec![
        item("fine", guide, Ok(10.0)),
        item("slow", guide, Ok(11.0)),
        item("shown", Limits::default(), Ok(7.0)),
        item("least", Limits { warn: None, fail: Some(2.0), is_least: true }, Ok(2.0)),
    ]
}

/// A result with all that a watched run can have.
pub fn every_outcome() -> RunResult {
    let more = [item("bad", over(None, Some(1.0)), Ok(2.0)), item("gone", over(Some(1.0), None), unseen())];
    let event = Event {
        at: "2026-01-31T09:40:11Z".parse().expect("a time"),
        kind: EventKind::OutOfMemory,
        subject: "ws1".into(),
        evidence: "java.lang.OutOfMemoryError".into(),
    };
    run(items().into_iter().chain(more).collect(), vec![event]).result()
}

#[test]
fn figures_with_limits_are_criteria() {
    let result = run(items(), Vec::new()).result();
    assert_eq!(result.verdict, Verdict::Pass, "{:?}", result.reasons);
    let outcomes = outcomes(&result);
    let expected = [
        ("fine", Outcome::Pass, "10.0 ms, at most 10.0 ms"),
        ("slow", Outcome::Warn, "11.0 ms, should be at most 10.0 ms; a warning only"),
        ("least", Outcome::Pass, "2.00 ms, at least 2.00 ms"),
        ("servers-up", Outcome::Pass, "no restart and no outage was seen"),
    ];
    assert_eq!(outcomes, expected.map(|(name, outcome, why)| (name.into(), outcome, why.into())));
    let shown = &result.watch.as_ref().expect("watched").items[2];
    assert_eq!((shown.value, shown.outcome), (Some(7.0), None));
}

#[test]
fn a_figure_beyond_its_limit_fails_the_run() {
    let result = run(vec![item("ping", over(Some(10.0), Some(50.0)), Ok(51.0))], Vec::new()).result();
    assert_eq!((result.verdict, result.exit_status), (Verdict::Fail, 1));
    assert_eq!(result.reasons[0].to_string(), "ping: 51.0 ms, should be at most 50.0 ms.");
}

#[test]
fn a_restart_fails_the_run_at_its_instant() {
    let event = |kind| Event {
        at: "2026-01-31T09:40:11Z".parse().expect("a time"),
        kind,
        subject: "business 10.0.0.5:8080".into(),
        evidence: "process_start_time_seconds was 1 and is 2".into(),
    };
    let result = run(Vec::new(), vec![event(EventKind::Restarted)]).result();
    assert_eq!(result.verdict, Verdict::Fail);
    let why = "servers-up: business 10.0.0.5:8080 restarted at 09:40:11 UTC (process_start_time_seconds was 1 and is 2).";
    assert_eq!(result.reasons[0].to_string(), why);
    assert_eq!(result.watch.expect("watched").events.len(), 1);
    // Coming back is no outage of its own.
    assert_eq!(run(Vec::new(), vec![event(EventKind::Up)]).result().verdict, Verdict::Pass);
}

#[test]
fn what_is_not_measured_never_passes_silently() {
    let items =
        || vec![item("a", over(None, Some(1.0)), Ok(0.0)), item("b", over(None, Some(1.0)), unseen())];
    let result = run(items(), Vec::new()).result();
    assert_eq!((result.verdict, result.exit_status), (Verdict::Pass, 0));
    // 9 of the scenario, two figures, and that servers were up.
    let said = "11 of 12 criteria were met; 1 not measured (1 of the servers)";
    let statement = headline::statement(&result, Lang::En);
    assert!(statement.contains(said), "{statement}");
    let why = &outcomes(&result)[1];
    assert_eq!((why.1, why.2.as_str()), (Outcome::NotMeasured, "no source was given; give --redis"));
    let listed = result.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    assert!(listed.contains("1 of 12 criteria was not measured, 1 of them of the servers"), "{listed}");
}

#[test]
fn require_all_makes_it_inconclusive() {
    let mut run = run(vec![item("b", over(None, Some(1.0)), unseen())], Vec::new());
    run.facts.requires_all = true;
    let result = run.result();
    assert_eq!((result.verdict, result.exit_status), (Verdict::Inconclusive, 3));
    let why = "b was not measured, and --require all wants it: no source was given; give --redis.";
    assert_eq!(result.reasons[0].to_string(), why);
    // What is measured passes, and what fails still fails.
    let mut measured = Run::good();
    measured.facts.requires_all = true;
    assert_eq!(measured.result().verdict, Verdict::Pass);
}

/// Nobody wants to read the same reason twenty times.
#[test]
fn what_lacks_the_same_is_one_row() {
    let limits = over(None, Some(1.0));
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let mut items: Vec<SeenItem> = names.map(|name| item(name, limits, unseen())).into();
    items.insert(3, item("fine", limits, Ok(0.0)));
    items.push(item("other", limits, Err(Unseen::new("no such series", "add it"))));
    let mut run = run(items, Vec::new());
    let source = &mut run.facts.watch.as_mut().expect("watched").sources[0];
    (source.looks, source.place) = (0, String::new());
    run.facts.requires_all = true;
    let result = run.result();
    let text = text::summary(&result, None, Lang::En, Page { columns: 120, colour: false });
    let said = "11 criteria of the servers not measured: no source was given; give --redis";
    assert!(text.contains(said) && text.matches("no source was given").count() == 2, "{text}");
    assert!(text.contains("a, b, c, d, e, f, g, h +3"), "{text}");
    assert!(text.contains("fine") && text.contains("not measured: no such series; add it"), "{text}");
    let why = "11 criteria of the servers were not measured, and --require all wants them: no source was given; give \
               --redis.";
    assert_eq!(result.reasons[0].to_string(), why);
}

#[test]
fn sources_that_never_answered_show_no_restart() {
    let mut run = run(vec![item("a", Limits::default(), unseen())], Vec::new());
    run.facts.watch.as_mut().expect("watched").sources[0].looks = 0;
    let result = run.result();
    assert_eq!(outcomes(&result)[0].1, Outcome::NotMeasured);
}

/// The sources' own words are data: read back, they are shown in any language.
#[test]
fn why_not_and_what_to_do_are_korean_too() {
    let unseen =
        Unseen::new(Reason::NoMetric.with("http://x/").with("jvm_memory_used_bytes"), Reason::AddSpring);
    let run = run(vec![item("b", over(None, Some(1.0)), Err(unseen))], Vec::new());
    let json = serde_json::to_value(run.result()).expect("JSON");
    let written = &json["watch"]["items"][0];
    assert_eq!(written["why"], "http://x/ has no jvm_memory_used_bytes");
    assert_eq!(written["fix_parts"], serde_json::json!({"key": "add-spring"}));
    let result: RunResult = serde_json::from_value(json).expect("what was written");
    let text = text::summary(&result, None, Lang::Ko, Page { columns: 400, colour: false });
    for part in ["http://x/에 jvm_memory_used_bytes 메트릭이 없습니다; 서버의 의존성에", "설정에 management."]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

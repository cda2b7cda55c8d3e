//! Stages and lifetimes: what was planned is what the server saw.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::served::Served;
use crate::common::{Finished, Run, results, summary};

fn mock() -> Served {
    Served::start(&["--ready", "--members", "13-112"])
}

/// A run of these stages, with a hundred members unless the options say otherwise.
fn run(options: &[(&str, &str)], mock: &Served, out: &Path) -> Finished {
    let run = Run::against(&mock.url, 100, out).without("sessions").without("ramp").without("hold");
    let add = |run: Run, (option, value): &(&str, &str)| match *option {
        "stage" => run.and(option, value),
        _ => run.with(option, value),
    };
    options.iter().fold(run, add).with("ramp-down", "500ms").finish()
}

fn played(options: &[(&str, &str)], mock: &Served) -> (TempDir, Value) {
    let temp = tempfile::tempdir().expect("a directory");
    run(options, mock, &results(&temp)).assert_status(0);
    let summary = summary(&results(&temp));
    (temp, summary)
}

#[track_caller]
fn count(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {value:#}"))
}

#[test]
fn levels_rise_hold_and_fall() {
    let mock = mock();
    let stages = ["1s:20", "1s:20", "spike=500ms:60", "top=1s:60", "500ms:10", "1s:10"];
    let (temp, summary) = played(&stages.map(|stage| ("stage", stage)), &mock);
    let expected = [("1", 20, None), ("2", 20, Some(20)), ("spike", 60, None), ("top", 60, Some(60))];
    let expected = expected.into_iter().chain([("5", 60, None), ("6", 60, Some(10))]);
    let mut began = 0;
    for (stage, (name, planned, held)) in summary["stages"].as_array().expect("stages").iter().zip(expected) {
        assert_eq!(stage["name"], name);
        assert_eq!(stage["min_held"], held.map_or(Value::Null, Value::from), "{stage:#}");
        // A busy machine may begin a stage's last ones in the next.
        began += count(stage, "/started");
        assert!(began <= planned, "{began} began by the end of {name}");
    }
    assert_eq!((count(&summary, "/sessions/started"), count(&summary, "/sessions/held_to_end")), (60, 10));
    assert_eq!(count(&mock.call("GET", "/mock/counters", ""), "/connected"), 60);
    // What repeats it.
    let plan = std::fs::read_to_string(results(&temp).join("plan.toml")).expect("a plan");
    assert!(plan.contains("\"spike=500ms:60\""), "{plan}");
}

#[test]
fn who_leaves_is_replaced_and_members_come_again() {
    let mock = mock();
    let options = [("stage", "500ms:20"), ("stage", "6s:20"), ("lifetime", "1s..2s"), ("members", "13-92")];
    let (_temp, summary) = played(&options, &mock);
    let started = count(&summary, "/sessions/started");
    // 20 places for 6.25 s on average, 1.5 s each.
    assert!((70..=100).contains(&started), "{started}");
    assert_eq!(started, count(&summary, "/sessions/planned"));
    assert_eq!(started, count(&summary, "/sessions/established"));
    assert_eq!(count(&summary, "/errors/total"), 0, "{:#}", summary["errors"]);
    assert_eq!(count(&summary, "/stages/1/min_held"), 20);
    assert_eq!(count(&mock.call("GET", "/mock/counters", ""), "/connected"), started);
}

#[test]
fn a_criterion_is_of_one_stage() {
    let mock = mock();
    let source = include_str!("../../scenarios/runnity.toml").to_owned()
        + "\n[[criteria]]\nname = \"spike-open\"\nmeasure = \"stage.spike.open.p95_ms\"\nbelow = 30000\n";
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("scenario.toml");
    std::fs::write(&file, source).expect("written");
    let scenario = file.display().to_string();
    let spike_called = |stage| {
        [("scenario", scenario.as_str()), ("stage", "500ms:10"), ("stage", stage), ("stage", "1s:30")]
    };
    let finished = run(&spike_called("spike=500ms:30"), &mock, &results(&temp));
    let summary = summary(&results(&temp));
    let criteria = summary["criteria"].as_array().expect("criteria");
    let spike = criteria.iter().find(|it| it["name"] == "spike-open");
    let spike = spike.unwrap_or_else(|| panic!("{}", finished.stdout));
    assert_eq!(spike["outcome"], "pass", "{spike:#}");
    assert_eq!(spike["measured"], summary["stages"][1]["steps"]["open"]["p95_ms"]);
    // A stage of another name is refused before anything opens.
    let refused = run(&spike_called("spikes=500ms:30"), &mock, &temp.path().join("refused"));
    refused.assert_status(2);
    assert!(
        refused.stderr.contains("of a stage \"spike\" that the plan does not have"),
        "{}",
        refused.stderr
    );
}

#[test]
fn there_are_as_many_members_as_sessions_at_once() {
    let mock = mock();
    let temp = tempfile::tempdir().expect("a directory");
    let refused = run(&[("stage", "1s:101")], &mock, &results(&temp));
    refused.assert_status(2);
    assert!(refused.stderr.contains("101 sessions are open at once"), "{}", refused.stderr);
}

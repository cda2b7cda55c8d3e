//! Other forms of a run's result: from the binary to the readers that others wrote.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::common::{Run, number, results, run, summary, text};

/// Runs a Python script with the packages of `tests/requirements.txt`; what it prints is JSON.
#[track_caller]
fn python(script: &str, file: &Path) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = root.join("target/python");
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", &packages).args(["-c", script]).arg(file);
    let output = command.output().expect("python3 is installed; if not, scripts/test installs it");
    assert!(
        output.status.success(),
        "{}\nIf a package is missing, run scripts/test, or in {}:\n  \
         python3 -m pip install --target target/python -r tests/requirements.txt",
        String::from_utf8_lossy(&output.stderr),
        root.display()
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

const READ_LOG: &str = "
import json, sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
whole = {}
reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 3_600_000_000, 3))
while (histogram := reader.get_next_interval_histogram()) is not None:
    tag = histogram.get_tag()
    whole[tag].add(histogram) if tag in whole else whole.update({tag: histogram})
print(json.dumps({tag: [h.get_total_count(), h.get_mean_value(), h.get_max_value()]
    for tag, h in whole.items()}))
";

const READ_JUNIT: &str = "
import json, sys
from junitparser import JUnitXml
whole = JUnitXml.fromfile(sys.argv[1])
[suite] = list(whole)
properties = {one.name: one.value for one in suite.properties()}
cases = {case.name: [type(one).__name__ for one in case.result] for case in suite}
print(json.dumps({'tests': whole.tests, 'failures': whole.failures, 'errors': whole.errors,
    'skipped': suite.skipped, 'properties': properties, 'cases': cases}))
";

/// A short run that writes these forms; the paths are in a directory that goes away with the test.
#[track_caller]
fn reported(formats: &[&str]) -> (tempfile::TempDir, PathBuf, Vec<PathBuf>) {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let paths: Vec<PathBuf> = formats.iter().map(|format| temp.path().join(format)).collect();
    let played = formats.iter().zip(&paths).fold(Run::small(20, &out), |run, (format, path)| {
        run.and("report", &format!("{format}={}", path.display()))
    });
    played.finish().assert_status(0);
    (temp, out, paths)
}

#[test]
fn a_foreign_reader_finds_the_same_latencies_in_the_histogram_log() {
    let (_temp, out, paths) = reported(&["hlog"]);
    let (read, summary) = (python(READ_LOG, &paths[0]), summary(&out));
    let steps = summary["steps"].as_object().expect("steps");
    assert!(steps.len() >= 5);
    for (step, figures) in steps {
        let read = &read[step];
        assert_eq!(read[0], figures["count"], "{step}");
        // Not percentiles: readers do not agree on the rank of one between two values.
        for (k, figure) in [(1, "mean_ms"), (2, "max_ms")] {
            let (theirs, ours) = (read[k].as_f64().expect("a value") / 1e3, figures[figure].as_f64());
            let ours = ours.expect("a value");
            // To the end of a bucket, 0.8 %.
            assert!((theirs - ours).abs() <= 0.001 + ours * 0.01, "{step} {figure}: {theirs} and {ours}");
        }
    }
}

#[test]
fn a_foreign_reader_finds_the_criteria_in_junit_xml() {
    let (_temp, out, paths) = reported(&["junit"]);
    let (read, summary) = (python(READ_JUNIT, &paths[0]), summary(&out));
    let criteria = summary["criteria"].as_array().expect("criteria");
    for criterion in criteria {
        let name = criterion["name"].as_str().expect("a name");
        let expected = if criterion["outcome"] == "not-measured" { &["Skipped", ""][..1] } else { &[] };
        assert_eq!(read["cases"][name], serde_json::json!(expected), "{name}");
    }
    assert_eq!(read["tests"], criteria.len() + 1);
    assert_eq!((&read["failures"], &read["errors"]), (&Value::from(0), &Value::from(0)));
    assert_eq!(read["properties"]["plan.sessions"], "20");
}

#[test]
fn a_report_later_is_the_one_that_the_run_wrote() {
    let formats = ["csv", "hlog", "json", "junit", "markdown", "text"];
    let (temp, out, paths) = reported(&formats);
    for (format, path) in formats.iter().zip(&paths) {
        let written = std::fs::read_to_string(path).expect("it is written");
        let later = run(&["report", text(&out), "--format", format]);
        assert_eq!(later.assert_status(0).stdout, written, "{format}");
        let again = temp.path().join("again");
        run(&["report", text(&out), "--format", format, "--out", text(&again)]).assert_status(0);
        assert_eq!(std::fs::read_to_string(&again).expect("it is written"), written, "{format}");
    }
    let summary = std::fs::read_to_string(out.join("summary.json")).expect("a summary");
    assert_eq!(std::fs::read_to_string(&paths[2]).expect("json"), summary);
    assert!(run(&["report", text(&out)]).assert_status(0).stdout.starts_with("PASS"));
    run(&["report", text(&out), "--format", "junit-xml"]).assert_status(2);
    run(&["report", text(temp.path())]).assert_status(2);
}

#[test]
fn what_cannot_be_written_is_refused_before_the_run() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let own = format!("json={}", out.join("summary.json").display());
    let below = format!("json={}", out.join("none/x").display());
    for (report, why) in [
        ("jsn=x", "did you mean \"json\"?"),
        ("json=/proc/nothing/x", "there is no directory /proc/nothing"),
        ("json=/proc", "it is a directory"),
        ("json=/proc/x", "no file can be created in /proc"),
        (own.as_str(), "a run writes summary.json itself"),
        (below.as_str(), "there is no directory"),
    ] {
        let refused = Run::small(5, &out).and("report", report).finish();
        assert!(refused.assert_status(2).stderr.contains(why), "{report}: {}", refused.stderr);
        assert!(!out.exists(), "{report}");
    }
    let twice = format!("json={}", temp.path().join("x").display());
    let refused = Run::small(5, &out).and("report", &twice).and("report", &twice).finish();
    assert!(refused.assert_status(2).stderr.contains("another --report"), "{}", refused.stderr);
}

#[test]
fn a_report_that_fails_at_the_end_makes_the_run_inconclusive() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let finished = Run::small(5, &out).and("report", "json=/dev/full").finish();
    finished.assert_status(3);
    assert!(finished.stderr.contains("error: the json report cannot be written to /dev/full"));
    assert_eq!(summary(&out)["verdict"], "pass");
}

#[test]
fn markdown_is_appended_to_the_page_of_a_job_on_github() {
    let temp = tempfile::tempdir().expect("a directory");
    let (page, out) = (temp.path().join("page.md"), results(&temp));
    std::fs::write(&page, "# Before\n").expect("written");
    let played = Run::small(5, &out).variable("GITHUB_STEP_SUMMARY", page.display()).finish();
    played.assert_status(0);
    let shown = std::fs::read_to_string(&page).expect("a page");
    assert!(shown.starts_with("# Before\n## ✅ Passed: "), "{shown}");
    assert_eq!(number(&summary(&out), "/sessions/established"), 5.0);
    // A page that cannot be written costs a warning.
    let played = Run::small(5, &temp.path().join("b")).variable("GITHUB_STEP_SUMMARY", "/proc/x").finish();
    assert!(played.assert_status(0).stderr.contains("warning: GITHUB_STEP_SUMMARY"), "{}", played.stderr);
}

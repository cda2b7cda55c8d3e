//! The servers' side of several shards: each figure once, of the first shard that watched it.

use std::path::Path;

use serde_json::Value;
use startline::report::recorded::WatchSeries;
use startline::report::{Outcome, WatchEvent, WatchResult, WatchedPartsResult, WatchedResult};
use startline::watch::EventKind;

use super::*;

fn item(name: &str, place: &str, value: f64) -> WatchedResult {
    WatchedResult {
        name: name.into(),
        source: "prometheus".into(),
        place: Some(place.into()),
        expression: "cpu".into(),
        judge: "max".into(),
        unit: "%".into(),
        good: "at-most".into(),
        warn: None,
        fail: Some(90.0),
        value: Some(value),
        outcome: Some(Outcome::Pass),
        why: startline::lang::Sentence::plain("85 %"),
        fix: startline::lang::Sentence::default(),
        readings: 2,
        missed: 0,
    }
}

fn restart(subject: &str) -> WatchEvent {
    WatchEvent {
        time: "2026-01-31T09:30:02Z".parse().expect("an instant"),
        kind: EventKind::Restarted,
        subject: subject.into(),
        evidence: "its start is later".into(),
    }
}

/// Has the shard's results say that it watched these, with a reading of each at these seconds.
fn watches(directory: &Path, items: Vec<WatchedResult>, events: Vec<WatchEvent>, seconds: &[u32]) {
    let mut rows = "at_s,time,item,value\n".to_owned();
    for second in seconds {
        for item in &items {
            let value = item.value.expect("it was read");
            rows += &format!("{second},2026-01-31T09:30:{second:02}Z,{},{value}\n", item.name);
        }
    }
    // Killed while it wrote.
    rows += "3,2026-01-31T09:3";
    std::fs::write(directory.join("watch.csv"), rows).expect("written");
    let path = directory.join("summary.json");
    let mut summary: Value = serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("JSON");
    let watch = WatchResult { items, events, requests: Vec::new() };
    summary["watch"] = serde_json::to_value(watch).expect("JSON");
    std::fs::write(path, summary.to_string()).expect("written");
}

fn shown(watch: &[WatchSeries]) -> Vec<(&str, &[(f64, f64)])> {
    watch.iter().map(|series| (series.item.as_str(), &series.points[..])).collect()
}

#[test]
fn each_figure_has_the_readings_of_one_shard() {
    let temp = tempfile::tempdir().expect("a directory");
    let directories = shards(&temp, &[0]);
    let one = "http://one:9090";
    // Killed: what another watched as well is the other's.
    watches(&directories[0], vec![item("CPU", one, 1.0)], vec![restart("api-1")], &[0, 1]);
    watches(&directories[1], vec![item("CPU", one, 2.0)], vec![restart("api-1"), restart("api-2")], &[1, 9]);
    let other = vec![item("CPU", "http://two:9090", 3.0), item("memory", one, 4.0)];
    watches(&directories[2], other, Vec::new(), &[2]);

    let sum = merged(&directories);
    let (result, out) = (sum.result(), temp.path().join("merged"));
    let watch = result.watch.as_ref().expect("it was watched");
    let figures: Vec<_> = watch.items.iter().map(|item| (item.name.as_str(), item.value)).collect();
    assert_eq!(figures, [("CPU", Some(2.0)), ("CPU (shard 2)", Some(3.0)), ("memory", Some(4.0))]);
    let subjects: Vec<_> = watch.events.iter().map(|event| event.subject.as_str()).collect();
    assert_eq!(subjects, ["api-1", "api-2"], "once each, whoever saw it");
    let counts = result.merged.as_ref().and_then(|merged| merged.watched);
    assert_eq!(counts, Some(WatchedPartsResult { figures: 3, by_several: 1 }));

    sum.write(&out, &result, PATIENCE).expect("written");
    let read = startline::report::recorded::read(&out).expect("it reads");
    assert_eq!(
        shown(&read.watch),
        [
            ("CPU", &[(1.0, 2.0), (9.0, 2.0)][..]),
            ("CPU (shard 2)", &[(2.0, 3.0)][..]),
            ("memory", &[(2.0, 4.0)][..]),
        ]
    );
}

/// As where one shard of many is told where the servers' Prometheus is.
#[test]
fn a_shard_that_knew_no_source_leaves_the_figure_to_one_that_did() {
    let temp = tempfile::tempdir().expect("a directory");
    let directories = shards(&temp, &[]);
    let unread = WatchedResult {
        place: None,
        value: None,
        outcome: Some(Outcome::NotMeasured),
        readings: 0,
        ..item("CPU", "", 0.0)
    };
    for k in [0, 1, 3] {
        watches(&directories[k], vec![unread.clone()], Vec::new(), &[]);
    }
    watches(&directories[2], vec![item("CPU", "http://one:9090", 2.0)], Vec::new(), &[1]);
    let sum = merged(&directories);
    let (result, out) = (sum.result(), temp.path().join("merged"));
    let watch = result.watch.as_ref().expect("it was watched");
    let figures: Vec<_> = watch.items.iter().map(|item| (item.name.as_str(), item.value)).collect();
    assert_eq!(figures, [("CPU", Some(2.0))]);
    let counts = result.merged.as_ref().and_then(|merged| merged.watched);
    assert_eq!(counts, Some(WatchedPartsResult { figures: 1, by_several: 0 }));
    sum.write(&out, &result, PATIENCE).expect("written");
    let read = startline::report::recorded::read(&out).expect("it reads");
    assert_eq!(shown(&read.watch), [("CPU", &[(1.0, 2.0)][..])]);
}

#[test]
fn shards_that_watched_nothing_add_nothing() {
    let temp = tempfile::tempdir().expect("a directory");
    let sum = merged(&shards(&temp, &[])).result();
    assert_eq!((sum.watch, sum.merged.and_then(|merged| merged.watched)), (None, None));
}

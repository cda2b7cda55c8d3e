//! Updates of RECORDs, finishers, and who was announced as gone: what the mock lost is found again.

use serde_json::Value;
use startline::scenario::Scenario;
use startline_mock::Config;
use startline_mock::world::Distance;

use super::stand::*;
use crate::common::{Finished, Run, number, results, summary};

/// The built-in scenario for short runners, whose RECORD is changed so.
fn scenario(record: &str) -> String {
    let (_, source) = Scenario::find("runnity").expect("built in");
    let every = format!("interval = \"4s\"\n{record}");
    let changes = [
        ("interval = \"10s\"\nstart = \"off\"\nfinishes = true", &*every),
        ("finish_km = 5", "finish_km = 0.1"),
        ("pace_s_per_km = 360", "pace_s_per_km = 36"),
    ];
    changes.iter().fold(source, |source, (from, to)| {
        assert!(source.contains(from), "{from}");
        source.replace(from, to)
    })
}

fn with(faults: &[&str], distance: Distance) -> Config {
    let injections = faults.iter().map(|fault| fault.parse().expect("a fault")).collect();
    let mut config = Config { injections, ..ready() };
    config.preload.as_mut().expect("a challenge").distance = distance;
    config
}

/// 60 sessions that play it; RECORDs are due four seconds after each has opened.
fn played(stand: &Stand, scenario: &str) -> (Finished, Value) {
    let temp = tempfile::tempdir().expect("a directory");
    let (out, file) = (results(&temp), temp.path().join("told.toml"));
    let run = Run::against(&format!("http://{}", stand.addr()), 60, &out);
    std::fs::write(&file, scenario).expect("written");
    let finished = run
        .with("scenario", file.display())
        .with("time-zone", "UTC")
        .with("hold", "9s")
        .with("ping-interval", "2s")
        .with("lag-limit", "30s")
        .finish();
    (finished, summary(&out))
}

fn count(summary: &Value, place: &str) -> u64 {
    number(summary, place) as u64
}

#[test]
fn a_run_finds_every_update_that_was_lost() {
    let stand = Stand::start(with(&["broadcast-cut@0.5"], Distance::Five));
    let (finished, summary) = played(&stand, &scenario("times = 1"));
    finished.assert_status(1);
    let lost = stand.counters().broadcasts_lost.remove("updated").unwrap_or_default().all;
    assert!(lost.withheld > 100 && lost.cut > 10, "{lost:?}");
    let updates = &summary["updates"];
    let of = |field: &str| updates[field].as_u64().expect("a count");
    assert_eq!((of("sent"), of("expected")), (60, 60 * 59), "{updates:#}");
    assert_eq!((of("missing"), of("received")), (lost.withheld, 60 * 59 - lost.withheld), "{updates:#}");
    assert_eq!((of("duplicate"), of("out_of_order"), of("unknown"), of("own")), (0, 0, 0, 0));
    assert!(!updates["missing_samples"].as_array().expect("a list").is_empty());
    let text = finished.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = format!("60 messages sent, 3,540 updates expected: {} missing", of("missing"));
    assert!(text.contains(&said) && text.contains("updates-missing"), "{text}");
}

#[test]
fn who_has_finished_is_neither_failed_nor_lost() {
    let stand = Stand::start(with(&[], Distance::M100));
    let (finished, summary) = played(&stand, &scenario("share = 0.5\nfinishes = true"));
    let sessions = |field: &str| count(&summary, &format!("/sessions/{field}"));
    assert_eq!((sessions("finished"), sessions("failed"), sessions("held_to_end")), (30, 0, 30));
    assert_eq!(sessions("min_in_hold"), 60, "finishers count as held");
    assert_eq!(count(&summary, "/every/record/sent"), 30, "none after the finish");
    assert_eq!(count(&summary, "/messages/by_type/ERROR"), 0);
    let membership = |field: &str| count(&summary, &format!("/membership/{field}"));
    assert_eq!((membership("closed"), membership("pending")), (30, 0));
    assert_eq!((membership("expected"), membership("missing")), (30 * 30, 0));
    // A finisher gets no more broadcasts, so that of those who finish together none is expected.
    assert_eq!((count(&summary, "/updates/missing"), count(&summary, "/updates/expected")), (0, 30 * 30));
    assert!(finished.text().contains("30 finished"), "{}", finished.stdout);
}

#[test]
fn a_leave_that_nobody_is_told_of_is_found_and_named_by_server() {
    let stand = Stand::start(with(&["leave-lost"], Distance::M100));
    let (finished, summary) = played(&stand, &scenario("share = 0.5\nfinishes = true"));
    finished.assert_status(1);
    let membership = &summary["membership"];
    assert_eq!(membership["unannounced"], 30, "{membership:#}");
    assert_eq!(membership["missing"], 30 * 30);
    let servers = membership["unannounced_by_server"].as_object().expect("servers");
    assert!(servers.keys().all(|url| url.contains("/ws/ws")), "{servers:?}");
    assert_eq!(servers.values().filter_map(Value::as_u64).sum::<u64>(), 30);
    assert!(finished.stdout.contains("left-unannounced"), "{}", finished.stdout);
}

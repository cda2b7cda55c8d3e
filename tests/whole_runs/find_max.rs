//! Searches for the most sessions that hold, on mock servers that slow down above a number of sessions.

use std::io::BufReader;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::http::{read_request, respond};
use crate::common::served::Served;
use crate::common::{Finished, Run, eventually, finish, let_pass, results, run, signal, summary, text};
use crate::schema::assert_valid;

/// Only what the fault changes is judged, so that other programs of this machine fail no step.
const CRITERIA: &str = r#"
[[criteria]]
name = "connections-held"
measure = "sessions.min_in_hold_share"
at_least = 0.999

[[criteria]]
name = "enter"
measure = "steps.enter.p95_ms"
below = 500
"#;

/// Who learns of whom, as in the built-in scenario.
const PAIRS: &str = "\n[[criteria]]\nname = \"pairs\"\nmeasure = \"ledger.missing\"\nat_most = 0\n";

fn mock(capacity: u32) -> Served {
    Served::start(&["--ready", "--members", "13-212", "--fault", &format!("slow-above={capacity}")])
}

/// Writes Runnity's scenario with these criteria.
fn scenario(temp: &TempDir, reentry: bool, more: &str) -> String {
    let source = include_str!("../../scenarios/runnity.toml");
    let (before, _) = source.split_once("[[criteria]]").expect("criteria");
    let before = before.replace("reentry = false", &format!("reentry = {reentry}"));
    let file = temp.path().join("scenario.toml");
    std::fs::write(&file, format!("{before}{CRITERIA}{more}")).expect("written");
    file.display().to_string()
}

fn search(mock: &Served, options: &[(&str, &str)], out: &Path) -> Finished {
    let run = Run::against(&mock.url, 200, out).with("lag-limit", "20s").with("ramp-down", "500ms");
    let run = run.flag("find-max").with("ramp", "500ms").with("hold", "2s");
    options.iter().fold(run, |run, (option, value)| run.with(option, value)).finish()
}

fn levels(summary: &Value) -> Vec<(u64, String)> {
    let steps = summary["find_max"]["steps"].as_array().expect("steps");
    let outcome = |step: &Value| step["outcome"].as_str().unwrap_or_default().to_owned();
    steps.iter().map(|step| (step["level"].as_u64().expect("a level"), outcome(step))).collect()
}

fn outcomes(levels: &[(u64, &str)]) -> Vec<(u64, String)> {
    levels.iter().map(|(level, outcome)| (*level, (*outcome).to_owned())).collect()
}

#[test]
fn the_load_rises_until_the_servers_slow_down_and_the_level_before_is_held_again() {
    let (mock, temp) = (mock(35), tempfile::tempdir().expect("a directory"));
    let file = scenario(&temp, false, PAIRS);
    let options = [("sessions", "100"), ("step", "10"), ("scenario", file.as_str())];
    let finished = search(&mock, &options, &results(&temp));
    finished.assert_status(0);
    assert_valid(&results(&temp));
    let found = summary(&results(&temp));
    for step in found["find_max"]["steps"].as_array().expect("steps") {
        let pairs = criterion(step, "pairs");
        assert_eq!((&pairs["outcome"], &pairs["measured"]), (&"pass".into(), &0.0.into()), "{pairs:#}");
    }
    let expected = [(10, "held"), (20, "held"), (30, "held"), (40, "failed"), (30, "held")];
    assert_eq!(levels(&found), outcomes(&expected), "{}", finished.stdout);
    let result = &found["find_max"];
    assert_eq!((&result["sessions"], &result["confirmed"]), (&Value::from(30), &Value::from(true)));
    assert_eq!((&result["bound"], &result["broke"]["level"]), (&Value::from("servers"), &Value::from(40)));
    assert_eq!(result["broke"]["criterion"], "enter");
    assert!(finished.stdout.contains("The stable maximum is 30 sessions"), "{}", finished.stdout);
    assert!(finished.text().contains("At 40 sessions enter failed first"), "{}", finished.stdout);
    // Those of the step that failed were closed, and nobody else.
    assert_eq!((&found["sessions"]["started"], &found["sessions"]["held_to_end"]), (&40.into(), &30.into()));
    let page = std::fs::read_to_string(results(&temp).join("report.html")).expect("a page");
    assert!(page.contains("id=\"find-max\"") && page.contains("<polyline"));

    // What was decided can be played again, in the same stages.
    let plan = results(&temp).join("plan.toml");
    let decided = std::fs::read_to_string(&plan).expect("a plan");
    assert!(decided.contains("\"5-fall=500ms:30\""), "{decided}");
    let again = temp.path().join("again");
    let played = run(&["run", "--plan", text(&plan), "--out", text(&again)]);
    played.assert_status(0);
    let again = summary(&again);
    assert_eq!(levels(&again), outcomes(&expected), "{}", played.stdout);
    assert_eq!(again["sessions"]["started"], 40);
}

#[test]
fn where_members_may_come_back_levels_between_are_tried() {
    let (mock, temp) = (mock(50), tempfile::tempdir().expect("a directory"));
    let goal = "\n[[criteria]]\nname = \"goal\"\nmeasure = \"find_max.sessions\"\nat_least = 51\n";
    let file = scenario(&temp, true, goal);
    let options = [("sessions", "200"), ("step", "40"), ("scenario", file.as_str())];
    let finished = search(&mock, &options, &results(&temp));
    // The goal is missed by one.
    finished.assert_status(1);
    let found = summary(&results(&temp));
    let expected = [(40, "held"), (80, "failed"), (60, "failed"), (50, "held"), (55, "failed"), (50, "held")];
    assert_eq!(levels(&found), outcomes(&expected), "{}", finished.stdout);
    assert_eq!(found["find_max"]["sessions"], 50);
    assert_eq!(found["criteria"][2]["name"], "goal");
    assert_eq!(found["criteria"][2]["outcome"], "fail");
}

fn criterion<'v>(of: &'v Value, name: &str) -> &'v Value {
    let all = of["criteria"].as_array().expect("criteria");
    all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name} in {all:#?}"))
}

/// Each level is judged by the pairs of those who are open at its end.
#[test]
fn announcements_that_are_lost_fail_a_step() {
    let mock = Served::start(&["--ready", "--members", "13-212", "--fault", "broadcast-lost"]);
    let temp = tempfile::tempdir().expect("a directory");
    let file = scenario(&temp, false, PAIRS);
    // All of them have been open for the two seconds from which on pairs are judged.
    let options = [("sessions", "40"), ("step", "10"), ("hold", "4s"), ("scenario", file.as_str())];
    let finished = search(&mock, &options, &results(&temp));
    finished.assert_status(1);
    let found = summary(&results(&temp));
    assert_eq!(levels(&found), outcomes(&[(10, "failed")]), "{}", finished.stdout);
    assert_eq!(finished.text().matches("No step held").count(), 1, "{}", finished.stdout);
    assert_eq!(found["find_max"]["broke"]["criterion"], "pairs");
    // Every pair is announced to the one who was there first.
    assert_eq!(criterion(&found["find_max"]["steps"][0], "pairs")["measured"], 45.0);
    assert_eq!(criterion(&found, "pairs")["outcome"], "fail");
}

/// The sessions of a step that failed are closed, and the others are to be told.
#[test]
fn departures_that_nobody_is_told_of_fail_the_step_after_them() {
    let faults = ["--fault", "slow-above=15", "--fault", "broadcast-lost"];
    let mock = Served::start(&[&["--ready", "--members", "13-212"], &faults[..]].concat());
    let temp = tempfile::tempdir().expect("a directory");
    let left = "\n[[criteria]]\nname = \"left\"\nmeasure = \"membership.unannounced\"\nat_most = 0\n";
    let file = scenario(&temp, false, left);
    let options = [("sessions", "40"), ("step", "10"), ("hold", "3s"), ("scenario", file.as_str())];
    let finished = search(&mock, &options, &results(&temp));
    finished.assert_status(3);
    let found = summary(&results(&temp));
    let expected = [(10, "held"), (20, "failed"), (10, "failed")];
    assert_eq!(levels(&found), outcomes(&expected), "{}", finished.stdout);
    let measured = |step: usize| criterion(&found["find_max"]["steps"][step], "left")["measured"].clone();
    assert_eq!([0, 1, 2].map(measured), [0.0, 0.0, 10.0].map(Value::from));
}

/// Serves how many connections a mock server has as metrics.
fn page_of(mock: &Served) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/metrics", listener.local_addr().expect("its address"));
    let counters = format!("{}/mock/counters", mock.url);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            if read_request(&mut reader).is_some() {
                let counts = ureq::get(&counters).call().expect("an answer").body_mut().read_to_string();
                let counts: Value = serde_json::from_str(&counts.expect("a body")).expect("JSON");
                let of = |name: &str| counts[name].as_u64().expect("a count");
                let body = format!("queue {}\n", of("accepted") - of("disconnected"));
                // Whoever asked may have gone.
                let _ = respond(reader.get_mut(), "200 OK\r\nContent-Type: text/plain", &body);
            }
        }
    });
    url
}

/// What is watched is judged by the readings of each step.
#[test]
fn what_the_servers_show_fails_a_step() {
    let (mock, temp) = (mock(1_000), tempfile::tempdir().expect("a directory"));
    let file = scenario(&temp, false, "");
    let watch = temp.path().join("watch.toml");
    let page = page_of(&mock);
    let limits = "judge = \"worst\"\nfail_over = 25\nevery = \"500ms\"\n";
    let block = format!(
        "[[watch]]\nsource = \"metrics\"\nurl = \"{page}\"\nname = \"queue\"\nexpression = \"queue\"\n"
    );
    std::fs::write(&watch, block + limits).expect("written");
    let options =
        [("sessions", "40"), ("step", "10"), ("hold", "3s"), ("scenario", &file), ("watch", text(&watch))];
    let finished = search(&mock, &options, &results(&temp));
    finished.assert_status(0);
    assert_valid(&results(&temp));
    let found = summary(&results(&temp));
    let expected = [(10, "held"), (20, "held"), (30, "failed"), (20, "held")];
    assert_eq!(levels(&found), outcomes(&expected), "{}", finished.stdout);
    assert_eq!(found["find_max"]["broke"]["criterion"], "queue");
    assert_eq!((&found["find_max"]["sessions"], &found["find_max"]["confirmed"]), (&20.into(), &true.into()));
    let measured = criterion(&found, "queue")["measured"].as_f64().expect("a figure");
    assert!((20.0..=25.0).contains(&measured), "of the level that was found: {measured}");
}

#[test]
fn a_load_generator_that_lags_is_not_the_servers_maximum() {
    let (mock, temp) = (mock(1_000), tempfile::tempdir().expect("a directory"));
    let (file, out) = (scenario(&temp, false, ""), results(&temp));
    let run = Run::against(&mock.url, 200, &out).with("scenario", &file).with("lag-limit", "50ms");
    let run = run.flag("find-max").with("step", "40").with("ramp", "5s").with("hold", "2s").start();
    // In its first step it is stopped for a while.
    let has_begun =
        || std::fs::read_to_string(out.join("timeline.csv")).is_ok_and(|it| it.lines().count() > 1);
    eventually("its first second", has_begun);
    signal(run.id(), libc::SIGSTOP);
    let_pass(Duration::from_secs(1));
    signal(run.id(), libc::SIGCONT);
    let finished = finish(run);
    finished.assert_status(3);
    let found = summary(&out);
    let why = found["reasons"][0].as_str().expect("a reason");
    assert!(why.contains("the load generator, not the servers"), "{why}");
    assert_eq!(
        (&found["find_max"]["bound"], &found["find_max"]["sessions"]),
        (&"generator".into(), &Value::Null)
    );
    assert_eq!(levels(&found), outcomes(&[(40, "unclear")]));
}

#[test]
fn all_entries_have_to_fit_into_the_minutes_before_the_start() {
    let (mock, temp) = (mock(1_000), tempfile::tempdir().expect("a directory"));
    let run = Run::against(&mock.url, 200, &results(&temp)).flag("find-max");
    let refused = run.with("ramp", "1m").with("hold", "1m").finish();
    refused.assert_status(2);
    assert!(refused.stderr.contains("steps of 2m1s fit"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--step"), "{}", refused.stderr);
}

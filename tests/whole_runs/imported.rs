//! `startline scenario import`: what it prints, writes and refuses; and a plan that JMeter wrote for Runnity, imported and run
//! against the built-in mock server.

use std::path::PathBuf;

use crate::common::served::{CHALLENGE, Served};
use crate::common::{Run, number, results, run, summary};

const SESSIONS: u32 = 20;

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import").join(name);
    path.display().to_string()
}

/// Words, however they are wrapped, also a command's.
fn words(text: &str) -> String {
    text.split_whitespace().filter(|word| *word != "\\").collect::<Vec<_>>().join(" ")
}

#[test]
fn a_plan_for_runnity_is_imported_and_run() {
    let temp = tempfile::tempdir().expect("a directory");
    let scenario = temp.path().join("runnity.toml").display().to_string();
    let made = run(&["scenario", "import", &fixture("runnity.jmx"), "--out", &scenario]);
    made.assert_status(0);
    let said = words(&made.stderr);
    assert!(
        said.contains("on a server that broadcasts it takes the oldest broadcast that waits, not the reply"),
        "{said}"
    );
    assert!(said.contains("--target http://127.0.0.1:21000"), "{said}");
    assert!(said.contains("--sessions 300 --ramp 10s --hold 1m9s"), "{said}");
    assert!(made.stdout.contains("runnity.toml is written"), "{}", made.stdout);
    assert!(!made.stderr.contains("Save it"), "{}", made.stderr);
    let members = fixture("members.csv");
    run(&["scenario", "check", &scenario, "--members", &members]).assert_status(0);

    let served = Served::ready();
    let out = results(&temp);
    let finished = Run::against(&served.url, SESSIONS, &out)
        .without("challenge")
        .with("scenario", &scenario)
        .with("members", &members)
        .with("set", format!("CHALLENGE={CHALLENGE}"))
        .with("every", "ping.interval=500ms")
        .with("hold", "2s")
        .finish();
    finished.assert_status(0);
    let summary = summary(&out);
    assert_eq!(number(&summary, "/errors/total"), 0.0, "{:#}", summary["errors"]);
    assert_eq!(number(&summary, "/sessions/held_to_end"), f64::from(SESSIONS));
    let ping = &summary["every"]["ping"];
    assert!(number(&summary, "/every/ping/answered") >= f64::from(2 * SESSIONS), "{ping:#}");
}

#[test]
fn without_out_the_scenario_alone_is_on_standard_output() {
    let made = run(&["scenario", "import", &fixture("rooms.har")]);
    made.assert_status(0);
    let document: toml::Table = made.stdout.parse().expect("TOML and nothing else");
    assert_eq!(document["name"].as_str(), Some("rooms"));
    let save = format!("Save it:  startline scenario import {} --out rooms.toml\n", fixture("rooms.har"));
    for said in [
        &save,
        "Check it: startline scenario check rooms.toml",
        "startline try rooms.toml --target http://127.0.0.1:",
    ] {
        assert!(made.stderr.contains(said), "{said}\n{}", made.stderr);
    }
}

#[test]
fn what_a_scenario_cannot_do_is_refused_by_line() {
    let refused = run(&["scenario", "import", &fixture("scripted.jmx")]);
    refused.assert_status(2);
    assert_eq!(refused.stdout, "");
    for (line, what) in [
        (26, "JSR223PostProcessor \"sign\""),
        (32, "IfController \"only if\""),
        (47, "WhileController \"until done\""),
        (64, "CounterConfig \"counter\""),
    ] {
        let place = format!("scripted.jmx:{line}: {what}\n    ");
        assert!(refused.stderr.contains(&place), "{place}\n{}", refused.stderr);
    }
    assert!(!refused.stderr.contains("\"off\""), "what is disabled is not there: {}", refused.stderr);
}

#[test]
fn a_file_that_exists_is_not_overwritten() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = temp.path().join("ours.toml").display().to_string();
    std::fs::write(&out, "mine").expect("written");
    let plan = fixture("runnity.jmx");
    let refused = run(&["scenario", "import", &plan, "--out", &out]);
    refused.assert_status(2);
    assert!(refused.stderr.contains("already exists; use --force to overwrite"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&out).expect("a file"), "mine");
    run(&["scenario", "import", &plan, "--out", &out, "--force"]).assert_status(0);
}

#[test]
fn what_is_neither_is_refused() {
    let temp = tempfile::tempdir().expect("a directory");
    for (text, why) in [
        ("", "it is empty"),
        ("name = 1", "it begins neither with < nor with {"),
        ("<html></html>", "its outermost element is not jmeterTestPlan"),
        ("{}", "it has no list log.entries"),
        ("{\"log\":{\"entries\":[]}}", "it has no request that was answered"),
    ] {
        let file = temp.path().join("x").display().to_string();
        std::fs::write(&file, text).expect("written");
        let refused = run(&["scenario", "import", &file]);
        refused.assert_status(2);
        assert!(words(&refused.stderr).contains(why), "{why}\n{}", refused.stderr);
    }
}

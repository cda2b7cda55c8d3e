//! Runs of scenarios whose members hear less than Runnity's do: only who enters, only who is in, or only what
//! others send.

use serde_json::Value;

use crate::common::served::Served;
use crate::common::{Finished, Run, number, results, summary};

const SESSIONS: u32 = 40;

/// Runnity's scenario without its criteria, with these changes.
fn scenario(changes: &[(&str, &str)]) -> String {
    let source = include_str!("../../scenarios/runnity.toml");
    let (before, _) = source.split_once("[[criteria]]").expect("criteria");
    changes.iter().fold(before.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is in the scenario");
        text.replace(from, to)
    })
}

fn played(changes: &[(&str, &str)], mock: &[&str], options: &[(&str, &str)]) -> (Finished, Value) {
    let mock = Served::start(&[&["--ready", "--members", "13-52", "--challenge", "38"], mock].concat());
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("told.toml");
    std::fs::write(&file, scenario(changes)).expect("written");
    let run = Run::against(&mock.url, SESSIONS, &results(&temp))
        .with("scenario", file.display())
        .with("hold", "2s")
        .with("lag-limit", "20s");
    let finished = options.iter().fold(run, |run, (option, value)| run.with(option, value)).finish();
    let summary = summary(&results(&temp));
    (finished, summary)
}

const NO_LIST: (&str, &str) = ("listed = { kind = \"CONNECTED\", at = \"/participants/*/userId\" }\n", "");
const NO_ENTERED: (&str, &str) = ("USER_ENTERED = \"entered\"", "USER_ENTERED = {}");
const NO_LEFT: (&str, &str) = ("USER_LEFT = \"left\"", "USER_LEFT = {}");

/// Of two members, one is there first: it alone can learn of the other by an announcement, and the other one
/// by a list.
#[test]
fn a_pair_is_judged_by_what_its_members_can_be_told() {
    for change in [NO_LIST, NO_ENTERED] {
        let (finished, summary) = played(&[change], &[], &[]);
        finished.assert_status(0);
        let ledger = |figure: &str| number(&summary, &format!("/ledger/{figure}"));
        assert_eq!((ledger("expected"), ledger("missing")), (780.0, 0.0), "{change:?}");
        assert_eq!(summary["troubles"], Value::Array(Vec::new()), "{change:?}");
        let said = &finished.stderr;
        assert_eq!(said.contains(" of lists"), change == NO_ENTERED, "{said}");
        assert_eq!(said.contains(" deliveries, "), change == NO_LIST || said.contains("as many"), "{said}");
    }
}

#[test]
fn what_is_lost_is_missing_without_a_list_too() {
    let (_, summary) = played(&[NO_LIST], &["--fault", "broadcast-lost@0.3"], &[]);
    assert_eq!(number(&summary, "/ledger/expected"), 780.0);
    let missing = number(&summary, "/ledger/missing");
    assert!((20.0..700.0).contains(&missing), "{missing}");
    assert_eq!(number(&summary, "/ledger/shape/unlisted"), 0.0);
}

/// A chat that says nothing of who is in: its messages are judged, and no pairs of members.
#[test]
fn messages_alone_make_no_pairs_of_members() {
    let (finished, summary) =
        played(&[NO_LIST, NO_ENTERED, NO_LEFT], &[], &[("record-interval", "500ms"), ("hold", "7s")]);
    finished.assert_status(0);
    assert_eq!((&summary["ledger"], &summary["membership"]), (&Value::Null, &Value::Null));
    assert!(number(&summary, "/updates/expected") > 0.0);
    assert_eq!(number(&summary, "/updates/missing"), 0.0);
    let said = &finished.stderr;
    assert!(said.contains("broadcast  hold: ") && !said.contains("ramp-down: "), "{said}");
    assert!(!finished.stdout.contains("Broadcasts"));
}

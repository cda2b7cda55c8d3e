//! Members who leave and come again: pairs and departures stay exact.

use serde_json::Value;

use crate::common::served::Served;
use crate::common::{Run, number, results, summary};

/// Members, all of whom are in but for a second in each cycle.
const MEMBERS: f64 = 20.0;
/// Times that one of them leaves and comes again, another one each time.
const CYCLES: f64 = 3.0;

/// Plays it against a mock server with these options.
fn played(options: &[&str]) -> Value {
    let mock = Served::start(&[&["--ready", "--members", "13-32"], options].concat());
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::against(&mock.url, 20, &out).without("sessions").without("ramp").without("hold");
    let cycle = ["100ms:19", "900ms:19", "100ms:20", "900ms:20"].repeat(CYCLES as usize);
    let stages = ["1s:20", "1s:20"].into_iter().chain(cycle).chain(["3s:20"]);
    let run = stages.fold(run, |run, stage| run.and("stage", stage));
    run.with("workers", "2").with("ramp-down", "500ms").finish();
    let summary = summary(&out);
    assert_eq!(number(&summary, "/sessions/established"), MEMBERS + CYCLES, "{:#}", summary["errors"]);
    assert_eq!(number(&summary, "/sessions/held_to_end"), MEMBERS);
    assert_eq!(number(&summary, "/ledger/expected"), MEMBERS * (MEMBERS - 1.0));
    assert_eq!(number(&summary, "/ledger/duplicate"), 0.0, "{:#}", summary["ledger"]);
    assert_eq!(number(&summary, "/ledger/gone_while_open"), 0.0, "{:#}", summary["ledger"]);
    summary
}

#[test]
fn all_of_it_is_announced() {
    let summary = played(&[]);
    assert_eq!(number(&summary, "/ledger/missing"), 0.0, "{:#}", summary["ledger"]);
    let membership = &summary["membership"];
    assert_eq!(number(membership, "/expected"), CYCLES * (MEMBERS - 1.0), "{membership:#}");
    assert_eq!(number(membership, "/missing"), 0.0, "{membership:#}");
    assert!(number(&summary, "/propagation/left/received") >= CYCLES * (MEMBERS - 1.0) * 0.9);
}

/// Of two members the one who came first is not told of the other, who finds it in its list.
#[test]
fn of_lost_entries_each_pair_s_later_one_is_missing() {
    let summary = played(&["--fault", "broadcast-lost"]);
    assert_eq!(
        number(&summary, "/ledger/missing"),
        MEMBERS * (MEMBERS - 1.0) / 2.0,
        "{:#}",
        summary["ledger"]
    );
}

#[test]
fn departures_that_nobody_is_told_of_are_missing_though_the_members_came_again() {
    let summary = played(&["--fault", "leave-lost"]);
    assert_eq!(number(&summary, "/ledger/missing"), 0.0, "{:#}", summary["ledger"]);
    let membership = &summary["membership"];
    assert_eq!(number(membership, "/expected"), CYCLES * (MEMBERS - 1.0), "{membership:#}");
    assert_eq!(number(membership, "/missing"), CYCLES * (MEMBERS - 1.0), "{membership:#}");
}

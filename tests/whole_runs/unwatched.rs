//! What a run says of servers that nobody watches, and the built-in set to start from.

use crate::common::served::Served;
use crate::common::{Run, results, run, summary};

/// The guide's lines about the servers are there all the same: they have not passed.
#[test]
fn the_guide_s_criteria_of_the_servers_are_listed_in_one_row() {
    let served = Served::ready();
    for (require, status) in [(None, 0), (Some("all"), 3)] {
        let temp = tempfile::tempdir().expect("a directory");
        let out = results(&temp);
        let mut against = Run::against(&served.url, 4, &out);
        // Members who were in are not let in twice while the servers believe that they are.
        let members = if require.is_some() { "23-26" } else { "13-16" };
        against = against.with("members", members);
        if let Some(which) = require {
            against = against.with("require", which);
        }
        let finished = against.finish();
        finished.assert_status(status);
        let said = "criteria of the servers not measured: no source was given; give --prometheus URL";
        let words = finished.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(said), "{}", finished.stdout);
        assert_eq!(words.matches("no source was given").count(), if require.is_some() { 2 } else { 1 });
        let summary = summary(&out);
        let watched = summary["criteria"].as_array().expect("criteria").iter();
        let watched: Vec<_> = watched
            .filter(|one| one["measure"].as_str().is_some_and(|it| it.starts_with("watch.")))
            .collect();
        assert!(watched.len() > 20 && watched.iter().all(|one| one["outcome"] == "not-measured"));
        assert!(watched.iter().any(|one| one["name"] == "servers-up"));
        assert_eq!(summary["watch"]["requests"], serde_json::json!([]));
    }
}

#[test]
fn the_built_in_set_can_be_shown_and_read_again() {
    let shown = run(&["watch", "show"]);
    shown.assert_status(0);
    assert_eq!(shown.stdout, include_str!("../../watch/runnity.toml"));
}

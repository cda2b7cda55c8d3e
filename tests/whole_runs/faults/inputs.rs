//! Members' files and scenarios as people write them.

use crate::common::peer::Script;
use crate::common::played::scenario;
use crate::common::{Run, results, summary};

/// A run with this members' file; how it ended, and how many members it played.
fn with_members(bytes: &[u8]) -> (crate::common::Finished, Option<u64>) {
    let peer = Script::good().start();
    let temp = tempfile::tempdir().expect("a directory");
    let (members, file, out) = (temp.path().join("members.csv"), temp.path().join("s.toml"), results(&temp));
    std::fs::write(&members, bytes).expect("written");
    std::fs::write(&file, scenario()).expect("written");
    let finished = Run::against(&format!("http://{}", peer.address), 3, &out)
        .without("challenge")
        .with("members", members.display())
        .without("sessions")
        .with("scenario", file.display())
        .finish();
    let held = out
        .join("summary.json")
        .exists()
        .then(|| summary(&out)["sessions"]["held_to_end"].as_u64())
        .flatten();
    (finished, held)
}

#[track_caller]
fn assert_played(bytes: &[u8], members: u64) {
    let (finished, held) = with_members(bytes);
    finished.assert_status(0);
    assert_eq!(held, Some(members));
}

#[track_caller]
fn assert_refused(bytes: &[u8], line: u32, reason: &str) {
    let (finished, held) = with_members(bytes);
    finished.assert_status(2);
    assert_eq!(held, None, "nothing was begun");
    let place = format!("members.csv:{line}");
    assert!(finished.stderr.contains(&place) && finished.stderr.contains(reason), "{}", finished.stderr);
}

#[test]
fn members_file_with_a_bom() {
    assert_played(b"\xef\xbb\xbfmemberId,challengeId\n13,38\n14,38\n", 2);
}

#[test]
fn members_file_with_crlf() {
    assert_played(b"memberId,challengeId\r\n13,38\r\n14,38\r\n", 2);
}

#[test]
fn members_file_with_blank_lines() {
    assert_played(b"memberId,challengeId\n\n13,38\n\n\n14,38\n\n", 2);
}

#[test]
fn members_file_with_text_in_an_id() {
    assert_refused(b"memberId,challengeId\n13,38\nfourteen,38\n", 3, "fourteen");
}

#[test]
fn members_file_with_an_id_twice() {
    assert_refused(b"memberId,challengeId\n13,38\n14,38\n13,38\n", 4, "13");
}

/// What is said of a scenario in which this text is replaced.
#[track_caller]
fn spoiled(text: &str, by: &str) -> String {
    let temp = tempfile::tempdir().expect("a directory");
    let (file, out) = (temp.path().join("ours.toml"), results(&temp));
    let source = scenario();
    assert!(source.contains(text), "{text:?} is in the scenario");
    std::fs::write(&file, source.replacen(text, by, 1)).expect("written");
    let finished = Run::against("http://127.0.0.1:9", 3, &out).with("scenario", file.display()).finish();
    finished.assert_status(2);
    assert!(!out.exists(), "nothing was begun");
    assert!(finished.stderr.contains("ours.toml:"), "{}", finished.stderr);
    finished.stderr
}

#[test]
fn scenario_with_an_unknown_key() {
    let said = spoiled("method = \"POST\"", "methud = \"POST\"");
    assert!(said.contains("unknown key \"methud\" in [[http]]; did you mean \"method\"?"), "{said}");
}

#[test]
fn scenario_with_an_unknown_variable() {
    let said = spoiled("{member_id}", "{membre_id}");
    assert!(said.contains("unknown variable {membre_id}; did you mean {member_id}?"), "{said}");
}

#[test]
fn scenario_with_a_bad_duration() {
    let said = spoiled("interval = \"30s\"", "interval = \"half a minute\"");
    assert!(said.contains("\"interval\" in [[websocket.every]]"), "{said}");
}

#[test]
fn scenario_with_a_bad_pointer() {
    let said = spoiled("\"/data/ticket\"", "\"data.ticket\"");
    assert!(said.contains("is not a JSON pointer: write \"/data/ticket\""), "{said}");
}

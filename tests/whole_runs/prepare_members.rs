//! Which files are written, what is said of them, and what is refused before anything is written.

use std::fs;
use std::path::Path;

use startline::plan::member_files::{self, MemberFile};
use tempfile::TempDir;

use crate::common::{Finished, finish, startline};

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

/// `startline prepare members` in a directory.
#[track_caller]
fn members(at: &TempDir, args: &[&str]) -> Finished {
    finish(
        startline()
            .current_dir(at.path())
            .args(["prepare", "members"])
            .args(args)
            .spawn()
            .expect("it starts"),
    )
}

/// Every file under a directory with what is in it.
fn contents(at: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(at).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.push((path.display().to_string(), String::new()));
            found.extend(contents(&path));
        } else {
            found.push((path.display().to_string(), fs::read_to_string(&path).expect("text")));
        }
    }
    found.sort();
    found
}

#[track_caller]
fn assert_refused(args: &[&str], words: &str) {
    let at = directory();
    let refused = members(&at, args);
    refused.assert_status(2);
    assert!(refused.stderr.contains(words), "{args:?}: {}", refused.stderr);
    assert_eq!(contents(at.path()), [], "{args:?} left files");
}

#[test]
fn an_import_and_its_clean_up_are_written_and_what_comes_next_is_told() {
    let at = directory();
    let made = members(&at, &["--count", "10k", "--sql", "members.sql"]);
    made.assert_status(0);
    let names: Vec<String> = contents(at.path()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["members.cleanup.sql", "members.sql"].map(|it| at.path().join(it).display().to_string())
    );
    for words in [
        "members.sql  creates 10,000 members, social_uid \"test_uid_1\" to \"test_uid_10000\"\n",
        "members.cleanup.sql  deletes exactly these again\n",
        "\n  mariadb DATABASE < members.sql\n",
        "first_id",
        "\n  startline prepare join --target URL --challenge ID --members FIRST_ID-LAST_ID\n",
    ] {
        assert!(made.stdout.contains(words), "{words} is missing:\n{}", made.stdout);
    }
}

#[test]
fn a_file_for_each_load_generator_is_written_and_read_again() {
    let at = directory();
    let made = members(
        &at,
        &["--count", "25", "--csv", "csv", "--first-id", "13", "--challenge", "38", "--per-file", "10"],
    );
    made.assert_status(0);
    let files: Vec<MemberFile> = contents(&at.path().join("csv"))
        .into_iter()
        .map(|(name, text)| MemberFile { name, bytes: text.into_bytes() })
        .collect();
    assert_eq!(files.len(), 3);
    // It refuses members that are in two files.
    let members = member_files::read(&files, None).expect("they read").members().expect("members");
    assert_eq!(
        (0..25).map(|k| members.id(startline::members::SessionNumber(k)).0).collect::<Vec<_>>(),
        (13..=37).collect::<Vec<_>>()
    );
    assert_eq!(members.only_challenge(), Some(38));
    for words in [
        "csv/test_members_3.csv  members 33-37\n",
        "\n  startline prepare join --target URL --challenge 38 --members 13-37\n",
        "\n  startline run --target URL --members csv/test_members_1.csv\n",
    ] {
        assert!(made.stdout.contains(words), "{words} is missing:\n{}", made.stdout);
    }
}

#[test]
fn existing_files_are_overwritten_only_with_force() {
    let at = directory();
    let args = ["--count", "5", "--sql", "a.sql", "--csv", "csv", "--first-id", "13", "--challenge", "38"];
    fs::write(at.path().join("a.cleanup.sql"), "mine").expect("written");
    let before = contents(at.path());
    let refused = members(&at, &args);
    refused.assert_status(2);
    assert_eq!(refused.stderr, "error: a.cleanup.sql already exists; use --force to overwrite\n");
    assert_eq!(contents(at.path()), before);
    members(&at, &[&args[..], &["--force"]].concat()).assert_status(0);
    let made = contents(at.path());
    assert_eq!(made.len(), 4);
    assert!(made.iter().all(|(_, text)| text != "mine"));
}

#[test]
fn files_are_there_even_if_that_cannot_be_said() {
    let at = directory();
    let full = fs::File::create("/dev/full").expect("a full device");
    let args = ["prepare", "members", "--count", "5", "--sql", "a.sql"];
    let child = startline().current_dir(at.path()).args(args).stdout(full).spawn().expect("it starts");
    let made = finish(child);
    made.assert_status(0);
    for words in
        ["warning: standard output cannot be written (No space left on device", "a.sql  creates 5 members"]
    {
        assert!(made.stderr.contains(words), "{words} is missing:\n{}", made.stderr);
    }
    assert_eq!(contents(at.path()).len(), 2);
}

#[test]
fn a_file_that_cannot_be_written_leaves_none() {
    let sql = ["--count", "5", "--sql"];
    assert_refused(&[&sql[..], &["none/a.sql"]].concat(), "cannot write none/a.sql");
    assert_refused(&[&sql[..], &["a.sql", "--cleanup", "none/b.sql"]].concat(), "cannot write none/b.sql");
    for file in ["/dev/null", "/dev/stdout", "."] {
        assert_refused(&[&sql[..], &[file, "--force"]].concat(), "is not a regular file; name another");
    }
    let csv = ["--first-id", "13", "--challenge", "38", "--csv", "none/csv"];
    assert_refused(&[&sql[..], &["a.sql"], &csv].concat(), "cannot create the directory none/csv");
}

#[test]
fn options_without_effect_are_refused() {
    assert_refused(&["--count", "5"], "<--sql <FILE>|--csv <DIR>>");
    assert_refused(&["--sql", "a.sql"], "--count <COUNT>");
    let csv = ["--count", "5", "--csv", "csv", "--first-id", "13", "--challenge", "38"];
    for option in ["--cleanup", "--prefix", "--first", "--social-type", "--email", "--nickname"] {
        assert_refused(
            &[&csv[..], &[option, "1{i}"][..]].concat(),
            if option == "--first" { "not an id" } else { "--sql <FILE>" },
        );
    }
    assert_refused(&[&csv[..], &["--first", "1"][..]].concat(), "--sql <FILE>");
    for option in ["--first-id", "--challenge", "--per-file"] {
        assert_refused(&["--count", "5", "--sql", "a.sql", option, "1"], "--csv <DIR>");
    }
    assert_refused(&["--count", "5", "--csv", "csv", "--challenge", "38"], "--first-id <ID>");
}

#[test]
fn members_that_no_table_could_hold_are_refused() {
    let sql = ["--sql", "a.sql", "--count"];
    assert_refused(&[&sql[..], &["0"]].concat(), "at least 1");
    assert_refused(&[&sql[..], &["5", "--prefix", ""]].concat(), "--prefix is empty");
    assert_refused(&[&sql[..], &["5", "--prefix", &"p".repeat(255)]].concat(), "--prefix is too long");
    assert_refused(&[&sql[..], &["5", "--email", "x@y.z"]].concat(), "--email \"x@y.z\" has no {i}");
    assert_refused(&[&sql[..], &["5", "--first", "18446744073709551615"]].concat(), "leaves no numbers");
    let csv = ["--count", "5", "--csv", "csv", "--challenge", "38", "--first-id", "9223372036854775807"];
    assert_refused(&csv, "leaves no ids");
}

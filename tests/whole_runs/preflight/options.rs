//! What is refused before anything is asked.

use std::fs;

use crate::common::served::{Served, preflight, printed, usual};
use crate::common::text;

/// Nobody's (RFC 5737): it would take seconds to find that out.
const NOBODY: &str = "http://192.0.2.1";

#[track_caller]
fn assert_refused(args: &[&str], said: &str) {
    let finished = printed(args);
    finished.assert_status(2);
    assert_eq!(finished.stdout, "");
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    assert_refused(&[], "preflight checks real servers: give them with --target URL");
    assert_refused(&["--target", "nowhere"], "error: ");
    assert_refused(&["--target", NOBODY], "--target needs --members");
    assert_refused(&[&usual(NOBODY)[..], &["--sample", "0"]].concat(), "--sample");
    assert_refused(&[&usual(NOBODY)[..], &["--sample", "many"]].concat(), "or all");
    assert_refused(&[&usual(NOBODY)[..], &["--out", "x"]].concat(), "--out");
    assert_refused(&[&usual(NOBODY)[..], &["--time-zone", "Mars/Base"]].concat(), "time-zone");
}

#[test]
fn a_watch_file_is_read_before_anything_is_asked() {
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("watch.toml");
    let args = [&usual(NOBODY)[..], &["--watch", text(&file)]].concat();
    assert_refused(&args, "--watch: cannot read ");
    for (content, said) in [
        ("[[redis]]\nname = \"cache\"\n", ":1:1: [[redis]] is now [[watch]] with source = \"redis\""),
        (
            "[[watch]]\nsource = \"redis\"\nnam = \"cache\"\n",
            ":3:1: unknown key \"nam\" in [[watch]] of source \"redis\"; did you mean \"name\"?",
        ),
        (
            "[[watch]]\nsource = \"page\"\nname = \"a\"\nurl = \"http://u:p@x/\"\n",
            ":4:7: \"url\" in [[watch]] of source \"page\": it has a user name or password",
        ),
        ("", "nothing is watched"),
        ("[[redis]\n", "not TOML"),
    ] {
        fs::write(&file, content).expect("written");
        assert_refused(&args, said);
    }
    let wanting = "[[watch]]\nsource = \"redis\"\nname = \"a\"\naddress = \"x\"\npassword_env = \"PREFLIGHT_TEST_UNSET\"\n";
    fs::write(&file, wanting).expect("written");
    assert_refused(&args, "the environment has no PREFLIGHT_TEST_UNSET: export PREFLIGHT_TEST_UNSET=…");
}

/// A plan file has all that `run` has, so preflight takes it as `run` does.
#[test]
fn a_plan_file_is_taken_as_run_takes_it() {
    let served = Served::ready();
    let temp = tempfile::tempdir().expect("a directory");
    let out = temp.path().join("out");
    let run = crate::common::Run::against(&served.url, 2, &out).finish();
    run.assert_status(0);
    let plan = out.join("plan.toml");
    let child = preflight(&["--plan", text(&plan), "--json"]).spawn().expect("the binary starts");
    let finished = crate::common::finish(child);
    // The two have been in and left again, so they may return.
    finished.assert_status(0);
    assert!(finished.stdout.contains("0 WAITING, 2 may return"), "{}", finished.stdout);
}

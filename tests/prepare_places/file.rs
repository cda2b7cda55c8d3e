//! The file of outcomes: whose it is while it is written, and what is left of one that could not be.

use std::process::Stdio;

use crate::common::{eventually, finish, signal, startline};
use crate::played::Played;

#[test]
fn a_file_that_is_being_written_is_nobody_else_s() {
    let played = Played::with_room_for(300);
    let first = played.start("join", "13-262", &["--rate", "20/s"]);
    eventually("outcomes on the way", || {
        std::fs::read_to_string(played.file()).is_ok_and(|text| text.contains(",done,"))
    });
    let second = played.resume("join", &[]);
    second.assert_status(2);
    let file = played.file();
    let expected = format!(
        "error: --resume: another startline is writing {}: wait until it has ended, or stop it with Ctrl-C",
        file.display()
    );
    assert!(second.stderr.contains(&expected), "{}", second.stderr);
    assert!(played.joined() < 200, "the second has joined nobody");
    // A killed process keeps nothing locked.
    signal(first.id(), libc::SIGKILL);
    finish(first);
    played.resume("join", &[]).assert_status(0);
    assert_eq!((played.count("done") + played.count("already"), played.joined()), (250, 251));
    assert_eq!(played.files(), ["outcomes.csv"]);
}

/// A file that cannot grow is what a full disk has.
#[test]
fn a_file_that_cannot_be_begun_leaves_nothing_behind() {
    let played = Played::with_room_for(300);
    let startline = startline();
    let program = startline.get_program().to_string_lossy().into_owned();
    let child = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh", &program])
        .args(["prepare", "join", "--target", &played.way.url(), "--members", "13-22"])
        .args(["--challenge", &played.challenge.to_string(), "--out"])
        .arg(played.file())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let finished = finish(child);
    finished.assert_status(2);
    assert!(finished.stderr.contains("outcomes.csv, so nobody was asked: "), "{}", finished.stderr);
    assert!(played.files().is_empty(), "{:?}", played.files());
    assert_eq!(played.way.joins(), 0);
    played.join("13-22", &[]).assert_status(0);
}

#[test]
fn an_empty_file_is_told_what_to_do_about() {
    let played = Played::with_room_for(300);
    std::fs::write(played.file(), "").expect("written");
    let finished = played.resume("join", &[]);
    finished.assert_status(2);
    assert!(
        finished.stderr.contains("outcomes.csv:1: it is empty, so nothing has begun: remove it, and start anew with --members and --out"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_file_of_nobody_is_told_what_to_do_about() {
    let played = Played::with_room_for(300);
    std::fs::write(played.file(), "memberId,challengeId,outcome,reason,attempts\n").expect("written");
    let finished = played.resume("join", &[]);
    finished.assert_status(2);
    assert!(
        finished.stderr.contains("outcomes.csv:1: it has a header and no members: remove it, and start anew"),
        "{}",
        finished.stderr
    );
    assert!(!finished.stderr.contains("error: --members"), "{}", finished.stderr);
}

#[test]
fn what_is_no_file_is_refused_before_anybody_is_asked() {
    let played = Played::with_room_for(300);
    for (out, told) in [
        ("-", "--out: outcomes are not written to \"-\", which stands for standard output"),
        ("/dev/stdout", "--out: /dev/stdout is no ordinary file"),
        ("/", "--out: / is a directory: name a file in it"),
    ] {
        let mut command = startline();
        command.args(["prepare", "join", "--target", &played.way.url(), "--members", "13-22"]);
        command.args(["--challenge", &played.challenge.to_string(), "--out", out]);
        let finished = finish(command.spawn().expect("the binary starts"));
        finished.assert_status(2);
        assert!(finished.stderr.contains(told), "{}", finished.stderr);
    }
    assert_eq!(played.joined(), 1);
}

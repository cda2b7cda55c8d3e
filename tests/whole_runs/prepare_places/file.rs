//! The file of outcomes: whose it is while it is written, and what is left of one that could not be.

use std::process::{Child, Command};

use super::played::Played;
use crate::common::{eventually, finish, piped, signal, startline};

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
    let finished = finish(joining_within(&played, 0, "13-22"));
    finished.assert_status(2);
    assert!(finished.stderr.contains("outcomes.csv, so no member was sent: "), "{}", finished.stderr);
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
        ("-", "--out: \"-\" is standard output, which --resume cannot read"),
        ("/dev/stdout", "--out: /dev/stdout is not a regular file"),
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

#[test]
fn a_file_that_cannot_be_written_to_its_end_is_told_of_and_taken_up() {
    let played = Played::with_room_for(300);
    let members = played.file().with_file_name("members.csv");
    let ids: String = (13..=62).chain(313..=357).map(|id| format!("{id}\n")).collect();
    std::fs::write(&members, format!("memberId\n{ids}")).expect("written");
    let row = |member: u64| format!("{member},{},pending,,0\n", played.challenge).len();
    let begun = 45 + (13..=62).chain(313..=357).map(row).sum::<usize>();
    // Whoever is refused takes more room in the end than at the beginning.
    let finished = finish(joining_within(&played, begun.div_ceil(512), members.to_str().expect("text")));
    finished.assert_status(3);
    let file = played.file();
    let file = file.display();
    assert!(finished.stdout.contains(&format!("Some outcomes: {file} (incomplete)\n")));
    assert!(finished.stderr.contains(&format!("error: {file} is incomplete: it could not be written: ")));
    let told =
        "  make room on the disk, then get the rest from the server's list: startline prepare join --target";
    assert!(finished.stderr.contains(told), "{}", finished.stderr);
    played.resume("join", &[]).assert_status(1);
    let settled = played.count("done") + played.count("already");
    assert_eq!((settled, played.count("refused"), played.joined()), (50, 45, 51));
    assert_eq!(played.files().len(), 2, "{:?}", played.files());
}

/// `prepare join` with files of this many blocks of 512 bytes at most.
fn joining_within(played: &Played, blocks: usize, members: &str) -> Child {
    let startline = startline();
    let program = startline.get_program().to_string_lossy().into_owned();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "sh"]);
    command.args([&blocks.to_string(), &program, "prepare", "join", "--target", &played.way.url()]);
    command.args(["--rate", "500/s", "--challenge", &played.challenge.to_string(), "--out"]);
    command.arg(played.file());
    command.args(["--members", members]);
    piped(&mut command).spawn().expect("a shell")
}

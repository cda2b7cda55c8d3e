//! `prepare all`: from members that are there to a run that passes.

use std::net::TcpListener;
use std::path::Path;

use super::server::{Server, typed};
use crate::common::{Finished, finish, run, startline, summary};

/// The last line on standard output, which is the command to type next.
#[track_caller]
fn next(finished: &Finished) -> &str {
    let last = finished.stdout.lines().last().expect("output");
    assert!(last.starts_with("startline run --target "), "{}", finished.stdout);
    last
}

fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("UTF-8 paths").to_owned()
}

#[test]
fn the_run_that_it_leads_to_passes() {
    // READY comes 9 s from now and lasts 7.5 s; the challenge is over 90 s after that.
    let server = Server::start(&["--time-zone", "Asia/Seoul", "--time-scale", "40"]);
    let temp = tempfile::tempdir().expect("a directory");
    let ids: String = (14..34).map(|id| format!("{id}\n")).collect();
    let members = file(temp.path(), "my members.csv", &format!("memberId\n{ids}"));
    let out = temp.path().join("joins.csv");
    let out = out.to_str().expect("UTF-8 paths");
    let finished = run(&[
        "prepare",
        "all",
        "--target",
        &server.url,
        "--admin",
        "13",
        "--time-zone",
        "Asia/Seoul",
        "--members",
        &members,
        "--rate",
        "200/s",
        "--hold",
        "2s",
        "--password",
        "비밀 번호",
        "--out",
        out,
    ]);
    finished.assert_status(0);
    assert!(finished.stdout.contains("20  joined"), "{}", finished.stdout);
    let command = next(&finished);
    assert!(command.contains("my members.csv' --sessions 20 --ramp 1s --hold 2s --wait-ready"), "{command}");
    let ran = typed(&format!("{command} --out results --ramp-down 0"), temp.path());
    ran.assert_status(0);
    assert!(ran.stdout.starts_with("PASS"), "{}", ran.stdout);
    assert_eq!(summary(&temp.path().join("results"))["verdict"], "pass");
}

#[test]
fn members_who_cannot_join_end_it_and_the_challenge_stays() {
    let server = Server::plain();
    let temp = tempfile::tempdir().expect("a directory");
    let out = temp.path().join("joins.csv");
    let out = out.to_str().expect("UTF-8 paths");
    // 43 to 45 do not exist.
    let finished = server.prepare("all", &["--members", "33-45", "--rate", "200/s", "--out", out]);
    finished.assert_status(1);
    assert!(finished.stdout.contains("challenge 1: RECRUITING"), "{}", finished.stdout);
    assert!(finished.stdout.contains("10  joined"), "{}", finished.stdout);
    assert!(!finished.stdout.contains("startline run"), "{}", finished.stdout);
    for words in [
        "MEMBER_NOT_FOUND",
        "--resume ",
        "challenge 1 stays; when all members are in it: startline run --target ",
    ] {
        assert!(
            format!("{}{}", finished.stdout, finished.stderr).contains(words),
            "{words}: {}",
            finished.stderr
        );
    }
}

#[test]
fn members_none_of_whom_is_there_leave_the_joins_to_be_done() {
    let server = Server::plain();
    let temp = tempfile::tempdir().expect("a directory");
    let out = temp.path().join("joins.csv");
    let finished =
        server.prepare("all", &["--members", "50-60", "--out", out.to_str().expect("UTF-8 paths")]);
    finished.assert_status(2);
    let words = format!(
        "challenge 1 stays; continue with: startline prepare join --target {} --time-zone UTC --challenge 1 --members 50-60",
        server.url
    );
    assert!(finished.stderr.contains(&words), "{}", finished.stderr);
    assert!(finished.stderr.contains("and then: startline run --target"), "{}", finished.stderr);
}

#[test]
fn joins_to_be_done_keep_every_option() {
    let server = Server::plain();
    let temp = tempfile::tempdir().expect("a directory");
    let out = temp.path().join("my joins.csv");
    let out = out.to_str().expect("UTF-8 paths");
    let options = ["--members", "50-60", "--rate", "50/s", "--patience", "30s", "--out", out];
    let finished = server.prepare("all", &options);
    finished.assert_status(2);
    let words = format!("--challenge 1 --members 50-60 --rate 50/s --patience 30s --out '{out}'\n");
    assert!(finished.stderr.contains(&words), "{}", finished.stderr);
}

#[test]
fn a_result_that_cannot_be_printed_is_told_on_standard_error() {
    let server = Server::plain();
    let temp = tempfile::tempdir().expect("a directory");
    let out = temp.path().join("joins.csv");
    let options = ["--members", "14-20", "--rate", "200/s", "--out", out.to_str().expect("UTF-8 paths")];
    let full = std::fs::File::create("/dev/full").expect("a full device");
    let args = server.args("all", &options);
    let finished = finish(startline().args(args).stdout(full).spawn().expect("the binary starts"));
    finished.assert_status(3);
    for words in [
        "error: standard output cannot be written (No space left on device",
        "challenge 1: RECRUITING",
        "\nstartline run --target http://",
    ] {
        assert!(finished.stderr.contains(words), "{words}: {}", finished.stderr);
    }
    let text = std::fs::read_to_string(&out).expect("outcomes");
    assert_eq!(text.matches(",done,").count(), 7, "they have joined all the same: {text}");
}

#[test]
fn one_member_and_one_session_are_told_as_one() {
    let server = Server::plain();
    let finished = server.prepare("all", &["--members", "14-14", "--sessions", "2"]);
    finished.assert_status(2);
    assert!(finished.stderr.contains("--sessions 2: there is 1 member\n"), "{}", finished.stderr);
}

#[test]
fn a_challenge_that_is_refused_is_the_end_of_it() {
    let server = Server::plain();
    let finished = server.prepare("all", &["--members", "13-22", "--title", &"x".repeat(101)]);
    finished.assert_status(2);
    assert!(finished.stderr.contains("제목은 100자"), "{}", finished.stderr);
    assert_eq!(finished.stdout, "");
}

#[test]
fn whatever_is_wrong_with_any_step_is_said_before_the_first() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let temp = tempfile::tempdir().expect("a directory");
    let with_column = file(temp.path(), "old.csv", "\u{feff}\"challengeId\",memberId\r\n38,13\r\n");
    let column_last = file(temp.path(), "last.csv", "memberId,challengeId\n13,38\n");
    let taken = file(temp.path(), "taken.csv", "");
    let others = file(temp.path(), "others.csv", "memberId\n14\n15\n");
    let range = ["--members", "13-22"];
    for (options, words) in [
        ([&range[..], &["--sessions", "11"]].concat(), "--sessions 11: there are 10 members"),
        ([&range[..], &["--ramp", "5m"]].concat(), "4m55s is the longest that does"),
        (
            [&range[..], &["--hold", "2h"]].concat(),
            "--hold 1h4m59s is the longest that fits, --distance NINE the shortest",
        ),
        ([&range[..], &["--max-participants", "9"]].concat(), "10 members will join"),
        ([&range[..], &["--max-participants", "1"]].concat(), "takes 2 at least"),
        (
            vec!["--members", "100-109", "--max-participants", "10"],
            "10 members will join, and member 13, who creates it, needs one more place: leave it out, or give 11",
        ),
        (
            vec!["--members", &others, "--max-participants", "2"],
            "2 members will join, and member 13, who creates it, needs one more place: leave it out, or give 3",
        ),
        (
            [&range[..], &["--ramp", "5m", "--hold", "2h"]].concat(),
            "4m55s is the longest that does\n  a ramp of 4m55s and a hold of 2h take",
        ),
        ([&range[..], &["--out", &taken]].concat(), "already exists; name another"),
        (
            [&range[..], &["--out", "/no-such-directory/x.csv"]].concat(),
            "the directory of /no-such-directory/x.csv does not exist",
        ),
        ([&range[..], &["--scenario", "echo"]].concat(), "has no [join]"),
        (vec!["--members", &with_column], "has the column challengeId"),
        (vec!["--members", &column_last], "has the column challengeId"),
        (vec!["--members", "/dev/zero"], "is longer than 256 MiB"),
        (vec!["--members", "22-13"], "did you mean 13-22?"),
        (vec!["--members", "no-such.csv"], "cannot read the members' file no-such.csv"),
    ] {
        let finished = run(&[&["prepare", "all", "--target", &url, "--admin", "13"], &options[..]].concat());
        finished.assert_status(2);
        assert!(finished.stderr.contains(words), "{words}: {}", finished.stderr);
        assert_eq!(finished.stdout, "", "{words}");
    }
    listener.set_nonblocking(true).expect("it can be");
    assert!(listener.accept().is_err(), "nobody was asked");
}

#[test]
fn a_challenge_that_takes_nobody_any_more_has_no_run() {
    // READY comes six minutes, here three seconds, after it was made; the joins take six.
    let server = Server::start(&["--time-zone", "UTC", "--time-scale", "120"]);
    let temp = tempfile::tempdir().expect("a directory");
    let out = temp.path().join("joins.csv");
    let out = out.to_str().expect("UTF-8 paths");
    let finished = server.prepare("all", &["--members", "13-42", "--rate", "5/s", "--out", out]);
    finished.assert_status(1);
    let stderr = &finished.stderr;
    assert!(stderr.contains("join is refused with CHALLENGE_NOT_RECRUITING"), "{stderr}");
    assert!(stderr.contains("until startAt: startline prepare leave --target "), "{stderr}");
    assert!(stderr.contains(" --challenge NEW --members 13-42"), "{stderr}");
    for words in ["challenge 1 stays", "startline run"] {
        assert!(!stderr.contains(words) && !finished.stdout.contains(words), "{words}: {stderr}");
    }
}

//! What is outside a run does not stop it: terminals and pipes that nobody reads, disks that are full, signals that come twice.

use std::ffi::OsStr;
use std::fs;
use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use startline::report::files::CONTENT;

use super::run::{ready, start_until};
use crate::common::{Run, eventually, finish, let_pass, number, results, signal, startline, summary, text};

/// A pipe into which nothing more goes: its reader is there and reads nothing.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    // SAFETY: fcntl() with F_GETPIPE_SZ takes a descriptor, which is ours, and touches no memory.
    let size = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_GETPIPE_SZ) };
    writer.write_all(&vec![b'x'; usize::try_from(size).expect("a size")]).expect("it takes them all");
    (reader, writer)
}

/// Both outputs go to pipes that nobody reads.
fn unread(command: &mut Command) -> (Child, [PipeReader; 2]) {
    let ((out, stdout), (err, stderr)) = (full_pipe(), full_pipe());
    (command.stdout(stdout).stderr(stderr).spawn().expect("the binary starts"), [out, err])
}

/// How long a process took to end.
#[track_caller]
fn ends_within(mut child: Child, limit: Duration) -> i32 {
    let (id, began) = (child.id(), Instant::now());
    let mut status = None;
    while status.is_none() && began.elapsed() < limit {
        let_pass(Duration::from_millis(10));
        status = child.try_wait().expect("a child");
    }
    if status.is_none() {
        signal(id, libc::SIGKILL);
    }
    status.unwrap_or_else(|| panic!("it did not end within {limit:?}")).code().unwrap_or(-1)
}

fn rows(out: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(out.join("timeline.csv")).expect("the timeline");
    assert!(text.ends_with('\n'), "a torn row");
    text.lines().skip(1).map(|row| row.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn a_log_that_nobody_reads_costs_lines_only() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let (_reader, stderr) = full_pipe();
    let child = Run::small(20, &out).command().stderr(stderr).spawn().expect("the binary starts");
    finish(child).assert_status(0);
    let summary = summary(&out);
    assert_eq!(summary["ending"], "finished", "{:#}", summary["ending"]);
    assert!(number(&summary, "/hold/seconds") < 3.5, "{:#}", summary["hold"]);
}

#[test]
fn a_signal_ends_a_run_whose_outputs_nobody_reads() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let (child, _readers) = unread(&mut Run::small(20, &out).with("hold", "10m").flag("json").command());
    eventually("a row of the hold", || {
        fs::read_to_string(out.join("timeline.csv")).is_ok_and(|rows| rows.contains(",hold,"))
    });
    signal(child.id(), libc::SIGTERM);
    assert_eq!(ends_within(child, Duration::from_secs(30)), 3);
    assert_eq!(number(&summary(&out), "/ramp_down/closed"), 20.0);
}

#[test]
fn serve_and_preflight_and_prepare_end_though_nobody_reads() {
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let (child, _readers) = unread(startline().args(serve));
    // As soon as it listens for signals, which it does from its start on.
    eventually("its threads", || {
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).into_iter().flatten().flatten();
        tasks.count() > 2
    });
    signal(child.id(), libc::SIGTERM);
    ends_within(child, Duration::from_secs(30));

    let server = ready("13-22", &[]);
    let asked = ["--target", &server.url, "--challenge", "38", "--members", "13-22"];
    let (child, _readers) = unread(startline().arg("preflight").args(asked));
    eventually("its threads", || {
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).into_iter().flatten().flatten();
        tasks.count() > 2
    });
    signal(child.id(), libc::SIGINT);
    ends_within(child, Duration::from_secs(30));

    let temp = tempfile::tempdir().expect("a directory");
    let (_reader, stderr) = full_pipe();
    let mut leave = startline();
    leave.args(["prepare", "leave"]).args(asked).args(["--out", text(&temp.path().join("leave.csv"))]);
    let child = leave.stderr(stderr).stdout(Stdio::null()).spawn().expect("the binary starts");
    ends_within(child, Duration::from_secs(60));
}

/// Runs with a limit for files of this many blocks of 512 bytes.
fn limited(blocks: u32, run: &Run) -> Command {
    let command = run.command();
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -f {blocks} && exec \"$0\" \"$@\"")]).arg(command.get_program());
    limited.args(command.get_args());
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    limited
}

#[test]
fn a_limit_for_files_is_an_error_as_a_full_disk_is() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::small(20, &out);
    // The plan, which has the scenario in it, fits; the summary, which has the plan in it, does not.
    let scenario = fs::metadata(out.with_file_name("patient.toml")).expect("the scenario").len();
    let child = limited((scenario / 512) as u32 + 3, &run).spawn().expect("sh");
    let finished = finish(child);
    finished.assert_status(3);
    assert_eq!(finished.stdout.split_whitespace().next(), Some("INCONCLUSIVE"), "{}", finished.stdout);
    assert!(finished.text().contains("summary.json could not be written (File too large)"));
    let said = "summary.json is incomplete: File too large; the printed result is all that is left";
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
    for file in ["timeline.csv", "latency.hlog"] {
        let text = fs::read_to_string(out.join(file)).expect("the file");
        assert!(text.ends_with('\n'), "{file} ends in a torn line");
    }
    let own = |name: &OsStr| CONTENT.iter().any(|(own, _)| name == *own);
    let left = fs::read_dir(&out).expect("results").flatten().map(|entry| entry.file_name());
    let other: Vec<_> = left.filter(|name| !own(name)).collect();
    assert!(other.is_empty(), "left behind: {other:?}");
}

#[test]
fn a_directory_that_goes_away_is_said_after_the_verdict() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let child = start_until("hold", &Run::small(20, &out), &out);
    // The first page may be on its way into it.
    eventually("the removal", || fs::remove_dir_all(&out).is_ok());
    let finished = finish(child);
    finished.assert_status(3);
    assert_eq!(finished.stdout.split_whitespace().next(), Some("INCONCLUSIVE"), "{}", finished.stdout);
    assert!(finished.stderr.contains("summary.json is incomplete"), "{}", finished.stderr);
}

#[test]
fn a_json_result_that_cannot_be_written_is_an_error() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a device");
    let child = Run::small(5, &out).flag("json").command().stdout(full).spawn().expect("the binary starts");
    let finished = finish(child);
    finished.assert_status(3);
    assert!(finished.stderr.contains("error: the result could not be printed"), "{}", finished.stderr);
    assert_eq!(summary(&out)["verdict"], "pass");
}

#[test]
fn one_ctrl_c_that_comes_twice_is_one() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let child = start_until("hold", &Run::small(50, &out).with("hold", "10m"), &out);
    signal(child.id(), libc::SIGINT);
    signal(child.id(), libc::SIGTERM);
    signal(child.id(), libc::SIGHUP);
    finish(child).assert_status(3);
    let summary = summary(&out);
    assert_ne!(summary["ending"], "running");
    assert_eq!(number(&summary, "/ramp_down/closed"), 50.0, "closed in order");
}

#[test]
fn rows_after_a_stall_carry_their_own_time() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::small(20, &out).with("workers", 1).with("hold", "7s").with("ping-interval", "20s");
    let child = start_until("hold", &run, &out);
    let began = Instant::now();
    signal(child.id(), libc::SIGSTOP);
    let_pass(Duration::from_millis(2500));
    signal(child.id(), libc::SIGCONT);
    let stalled = began.elapsed().as_secs_f64();
    finish(child);
    let rows = rows(&out);
    let time = |row: &[String], at: usize| row[at].parse::<f64>().expect("seconds");
    let longest = rows.iter().map(|row| time(row, 3) - time(row, 2)).fold(0.0, f64::max);
    assert!(longest >= 2.4 && longest < stalled + 2.0, "{longest} of {stalled}: {rows:?}");
    for pair in rows.windows(2) {
        assert!((time(&pair[1], 2) - time(&pair[0], 3)).abs() < 0.1, "a gap or an overlap: {pair:?}");
        assert_eq!(pair[1][0], (time(&pair[1], 2) as u64).to_string(), "{pair:?}");
    }
    let took: Value = summary(&out)["hold"]["seconds"].clone();
    let last = rows.last().expect("rows");
    assert!(time(last, 3) >= took.as_f64().expect("seconds"), "{last:?}");
}

//! What the tests that run the binary share: a private directory, a deadline, a result to read.

// Each test binary compiles this for itself and uses its part.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// No run of a test takes longer; a binary that does is killed and the test fails.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// The binary under test.
pub fn startline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_startline"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the binary to its end.
#[track_caller]
pub fn run(args: &[&str]) -> Finished {
    finish(startline().args(args).spawn().expect("the binary starts"))
}

/// Waits for a started binary, up to the deadline.
#[track_caller]
pub fn finish(child: Child) -> Finished {
    let id = child.id();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(DEADLINE) {
        Ok(output) => Finished::of(output.expect("the output can be read")),
        Err(_) => {
            signal(id, libc::SIGKILL);
            panic!("the binary did not end within {DEADLINE:?}");
        }
    }
}

/// Sends a signal to a process that this test has started.
pub fn signal(id: u32, signal: i32) {
    // SAFETY: kill() takes two integers and touches no memory; the process is our own child.
    unsafe { libc::kill(id as libc::pid_t, signal) };
}

/// How a run ended.
#[derive(Debug)]
pub struct Finished {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The exit status, with everything printed when it is another.
    #[track_caller]
    pub fn assert_status(&self, status: i32) -> &Self {
        assert_eq!(self.status, status, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }
}

/// A summary as written.
#[track_caller]
pub fn summary(directory: &Path) -> Value {
    let path = directory.join("summary.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("the summary is JSON")
}

/// A number in a summary.
#[track_caller]
pub fn number(summary: &Value, pointer: &str) -> f64 {
    let value = summary.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is missing in {summary:#}"));
    value.as_f64().unwrap_or_else(|| panic!("{pointer} is {value}"))
}

/// Waits until `ready` says so, up to the deadline.
#[track_caller]
pub fn eventually(what: &str, mut ready: impl FnMut() -> bool) {
    let give_up = Instant::now() + DEADLINE;
    while !ready() {
        assert!(Instant::now() < give_up, "{what} did not come to pass");
        std::thread::yield_now();
    }
}

/// A path for results in a directory that goes away with the test.
pub fn results(temp: &tempfile::TempDir) -> PathBuf {
    temp.path().join("results")
}

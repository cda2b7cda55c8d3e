//! A stand-in of the test's own, and commands against it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::common::{Finished, finish, startline};

/// A stand-in with members 13 to 42; it is killed when dropped, or when the test's thread ends.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    pub fn start(args: &[&str]) -> Self {
        let mut child = startline()
            .args(["serve", "--listen", "127.0.0.1:0", "--announce-json", "--members", "13-42"])
            .args(["--parent", &std::process::id().to_string()])
            .args(args)
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the stand-in starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let announced: Value = serde_json::from_str(&line).expect("JSON");
        let text = |name: &str| announced[name].as_str().expect("text").to_owned();
        Self { child, url: format!("{}://{}", text("scheme"), text("listening")) }
    }

    /// In UTC.
    pub fn plain() -> Self {
        Self::start(&["--time-zone", "UTC"])
    }

    /// The arguments of a `prepare` step of member 13's with UTC as the zone.
    pub fn args<'a>(&'a self, step: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let first = ["prepare", step, "--target", &self.url, "--admin", "13", "--time-zone", "UTC"];
        first.iter().chain(more).copied().collect()
    }

    /// Carries it out.
    #[track_caller]
    pub fn prepare(&self, step: &str, more: &[&str]) -> Finished {
        finish(startline().args(self.args(step, more)).spawn().expect("the binary starts"))
    }

    /// Creates a challenge, and gives what is printed of it.
    #[track_caller]
    pub fn created(&self, more: &[&str]) -> Value {
        object(self.prepare("challenge", &[more, &["--json"]].concat()).assert_status(0))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Standard output, which is one JSON object.
#[track_caller]
pub fn object(finished: &Finished) -> Value {
    let value: Value = serde_json::from_str(&finished.stdout).expect("standard output is JSON");
    assert!(value.is_object(), "{value}");
    value
}

/// Carries out a command that was printed, in a shell that knows `startline`.
#[track_caller]
pub fn typed(command: &str, directory: &std::path::Path) -> Finished {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_startline"));
    let path = std::env::join_paths(
        std::iter::once(binary.parent().expect("a directory").to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let child = std::process::Command::new("sh")
        .args(["-c", &format!("exec {command}")])
        .env("PATH", path.expect("a path"))
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    finish(child.expect("a shell"))
}

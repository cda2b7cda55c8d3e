//! A mock server of the test's own, and commands against it.

use serde_json::Value;

use crate::common::processes::MockServer;
use crate::common::{Finished, finish, piped, startline};

/// A mock server with members 13 to 42.
pub struct Server {
    _mock: MockServer,
    pub url: String,
}

impl Server {
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        let mock = MockServer::start(&[&["--members", "13-42"], args].concat());
        Self { url: mock.url.clone(), _mock: mock }
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
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("exec {command}")]).env("PATH", path.expect("a path")).current_dir(directory);
    finish(piped(&mut shell).spawn().expect("a shell"))
}

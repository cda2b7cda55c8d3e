//! Servers that are programs of their own, and log what they do: mosquitto, RabbitMQ, Centrifugo.
//!
//! A program has a directory of its own and ends with the thread that started it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use startline_os::dependent;
use tempfile::TempDir;

use crate::common::eventually;

/// A program, until it is dropped.
#[derive(Debug)]
pub(crate) struct Broker {
    process: Child,
    directory: TempDir,
}

impl Broker {
    /// Starts the program in a directory that `prepare` fills, and waits until `ready`.
    #[track_caller]
    pub(crate) fn start(
        prepare: impl FnOnce(&Path) -> Command,
        mut ready: impl FnMut(&Self) -> bool,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = prepare(directory.path());
        let log =
            || File::options().create(true).append(true).open(log_of(directory.path())).expect("a file");
        command.current_dir(directory.path()).stdin(Stdio::null()).stdout(log()).stderr(log());
        let process = dependent::spawn(&mut command).expect("the program starts");
        let mut broker = Self { process, directory };
        eventually("the broker's start", || {
            let ended = broker.process.try_wait().expect("our own child");
            assert!(ended.is_none(), "the broker ended with {ended:?}: {}", broker.log());
            ready(&broker)
        });
        broker
    }

    /// Where its files are.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What it has written so far.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(log_of(self.directory())).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How many lines of its log contain all of these.
    pub(crate) fn logged(&self, words: &[&str]) -> u64 {
        let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
        self.log().lines().filter(has_all).count() as u64
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        dependent::end(&mut self.process);
    }
}

fn log_of(directory: &Path) -> PathBuf {
    directory.join("log")
}

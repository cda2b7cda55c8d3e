//! A mock server with a challenge to join, the command against it, and what its file says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Child;

use serde_json::json;
use startline_mock::Config;
use tempfile::TempDir;

use super::way::Way;
use crate::common::{Finished, finish, startline};
use crate::mock::stand::{Stand, plain};

/// The member who creates challenges, outside of those who join.
pub const ADMIN: u64 = 300;

/// See the module.
pub struct Played {
    pub stand: Stand,
    pub way: Way,
    pub challenge: u64,
    directory: TempDir,
}

impl Played {
    /// A mock server of members 13 to 312 and a challenge for this many.
    #[track_caller]
    pub fn with_room_for(participants: u32) -> Self {
        Self::of(plain(), participants, 20)
    }

    /// A mock server of this kind, and a challenge that starts in this many minutes of its time.
    #[track_caller]
    pub fn of(config: Config, participants: u32, minutes: i64) -> Self {
        let stand = Stand::start(config);
        let challenge = created(&stand, ADMIN, participants, minutes, None);
        Self {
            way: Way::to(stand.addr()),
            stand,
            challenge,
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    /// The same about another challenge.
    pub fn about(self, challenge: u64) -> Self {
        Self { challenge, ..self }
    }

    /// A file that the command writes.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("outcomes.csv")
    }

    /// `prepare join` of these members, at 500 a second.
    pub fn join(&self, members: &str, more: &[&str]) -> Finished {
        finish(self.start("join", members, more))
    }

    /// The same in the background, or `leave`.
    pub fn start(&self, step: &str, members: &str, more: &[&str]) -> Child {
        let mut command = startline();
        command.args(["prepare", step, "--target", &self.way.url(), "--members", members]);
        command.args(["--challenge", &self.challenge.to_string(), "--out"]).arg(self.file());
        if !more.contains(&"--rate") {
            command.args(["--rate", "500/s"]);
        }
        command.args(more).spawn().expect("the binary starts")
    }

    /// Takes the file up.
    pub fn resume(&self, step: &str, more: &[&str]) -> Finished {
        finish(self.start_resume(step, more))
    }

    /// The same in the background.
    pub fn start_resume(&self, step: &str, more: &[&str]) -> Child {
        let mut command = startline();
        command.args(["prepare", step, "--target", &self.way.url(), "--rate", "500/s", "--resume"]);
        command.arg(self.file()).args(more).spawn().expect("the binary starts")
    }

    /// The names of the files that there are.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).expect("the directory");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    /// Outcome and reason of each member, as the file has them.
    #[track_caller]
    pub fn rows(&self) -> BTreeMap<u64, (String, String)> {
        let written = self.written();
        let count = written.len();
        let rows: BTreeMap<_, _> =
            written.into_iter().map(|(member, _, outcome, reason, _)| (member, (outcome, reason))).collect();
        assert_eq!(rows.len(), count, "a row a member");
        rows
    }

    /// How often members were tried, as the file has it: this many times, and how many members.
    #[track_caller]
    pub fn attempts(&self) -> BTreeMap<u32, usize> {
        let mut attempts = BTreeMap::new();
        for (.., times) in self.written() {
            *attempts.entry(times).or_default() += 1;
        }
        attempts
    }

    #[track_caller]
    fn written(&self) -> Vec<(u64, u64, String, String, u32)> {
        let mut reader = csv::Reader::from_path(self.file()).expect("the file");
        reader.deserialize().collect::<Result<_, _>>().expect("rows as they are documented")
    }

    /// How many rows have this outcome.
    #[track_caller]
    pub fn count(&self, outcome: &str) -> usize {
        self.rows().values().filter(|(known, _)| known == outcome).count()
    }

    /// How many of these are in the challenge, by the servers' own account.
    #[track_caller]
    pub fn joined(&self) -> usize {
        let data = self.stand.about(ADMIN, "GET", self.challenge, "").data(200);
        data["participants"].as_array().expect("participants").len()
    }
}

/// Creates a challenge that starts in this many minutes from the server's now.
#[track_caller]
pub fn created(stand: &Stand, admin: u64, participants: u32, minutes: i64, password: Option<&str>) -> u64 {
    let start = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes);
    let body = json!({
        "title": "places", "description": "d", "maxParticipants": participants,
        "startAt": start.strftime("%Y-%m-%dT%H:%M:%S").to_string(), "distance": "FIVE",
        "isPrivate": password.is_some(), "password": password, "isBroadcast": false,
    });
    let answer = stand.call("POST", "/api/v1/admin/challenges", Some(&stand.login(admin)), Some(&body));
    answer.data(201)["challengeId"].as_u64().expect("an id")
}

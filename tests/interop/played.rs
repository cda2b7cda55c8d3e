//! A run of a scenario against a server, and what its result has to say as the server's books do.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Finished, Run, number, results, summary};

/// Sessions of a run, unless a test says otherwise.
pub(crate) const SESSIONS: u32 = 40;

/// A run that has ended.
pub(crate) struct Played {
    pub(crate) summary: Value,
    pub(crate) finished: Finished,
    _temp: TempDir,
}

/// A run of a scenario's text, to which a test adds what it is about.
pub(crate) struct Playing {
    run: Run,
    out: PathBuf,
    temp: TempDir,
}

/// A built-in scenario.
pub(crate) fn built_in(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.toml"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A built-in scenario whose periodic messages are sent three times, all of them before the run ends if
/// a test sets their intervals so: what a server has under way for a connection that closes, it counts
/// and never sends.
pub(crate) fn quiet_at_the_end(name: &str) -> String {
    built_in(name).replace("[[websocket.every]]\n", "[[websocket.every]]\ntimes = 3\n")
}

/// Puts a scenario together with a target: a short run of [`SESSIONS`] sessions, without its limits to
/// latencies, since what else this machine does is not what is tested.
#[track_caller]
pub(crate) fn playing(source: &str, target: &str) -> Playing {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let file = temp.path().join("scenario.toml");
    std::fs::write(&file, patient(source)).expect("written");
    let run = Run::against(target, SESSIONS, &out)
        .without("challenge")
        .without("members")
        .with("scenario", file.display())
        .with("ramp", "1s")
        .with("hold", "4s")
        .with("ramp-down", "0");
    Playing { run, out, temp }
}

/// The same criteria, in which no limit of a time can be exceeded.
fn patient(source: &str) -> String {
    let mut is_time = false;
    let lines = source.lines().filter_map(|line| {
        if let Some(measure) = line.strip_prefix("measure = ") {
            is_time = measure.ends_with("_ms\"");
        }
        match line.split(' ').next() {
            Some("below") if is_time => Some("below = 60000".to_owned()),
            Some("warn") if is_time => None,
            _ => Some(line.to_owned()),
        }
    });
    lines.map(|line| line + "\n").collect()
}

impl Playing {
    pub(crate) fn with(mut self, option: &str, value: impl ToString) -> Self {
        self.run = self.run.with(option, value);
        self
    }

    /// Adds an option that may be there already.
    pub(crate) fn and(mut self, option: &str, value: &str) -> Self {
        self.run = self.run.and(option, value);
        self
    }

    /// Plays it; it ends with this exit status.
    #[track_caller]
    pub(crate) fn finish(self, status: i32) -> Played {
        let finished = self.run.finish();
        finished.assert_status(status);
        Played { summary: summary(&self.out), finished, _temp: self.temp }
    }
}

impl Played {
    /// A count of the summary.
    #[track_caller]
    pub(crate) fn count(&self, pointer: &str) -> u64 {
        number(&self.summary, pointer) as u64
    }

    /// Every session opened, and held until the end, and nothing failed.
    #[track_caller]
    pub(crate) fn assert_all_held(&self) {
        assert_eq!(self.count("/errors/total"), 0, "{:#}", self.summary["errors"]);
        assert_eq!(self.count("/sessions/held_to_end"), u64::from(SESSIONS));
    }

    /// Periodic messages, of which the server got as many as were sent; those with a reply were all
    /// answered. `heard` is the server's count of each.
    #[track_caller]
    pub(crate) fn assert_sent(&self, heard: &[(&str, u64)]) {
        for (every, _) in heard {
            let accounts = &self.summary["every"][every];
            let count = |key| accounts[key].as_u64().unwrap_or(0);
            assert!(count("sent") > 0, "{every}: {accounts:#}");
            let is_answered = count("sent") == count("answered") + count("pending");
            assert!(is_answered && count("due") == count("sent"), "{every}: {accounts:#}");
        }
        self.assert_books(heard, |every| format!("/every/{every}/sent"), "/ramp_down/sent");
    }

    /// What the server asked for was answered as often as it got answers, by kind.
    #[track_caller]
    pub(crate) fn assert_answers(&self, heard: &[(&str, u64)]) {
        self.assert_books(heard, |kind| format!("/messages/answers/{kind}"), "/ramp_down/answers");
    }

    /// The same of records, of which a message holds several: those that came late are as many as the
    /// late messages, or more.
    #[track_caller]
    pub(crate) fn assert_records(&self, sent: &[(&str, u64)]) {
        let of = |kind: &str| self.count(&format!("/messages/by_type/{kind}"));
        let lacking: u64 = sent.iter().map(|(kind, theirs)| theirs.checked_sub(of(kind)).expect(kind)).sum();
        let late = self.count("/ramp_down/messages");
        assert!(lacking >= late && (late > 0 || lacking == 0), "{lacking} records in {late} late messages");
        assert_eq!(of("other"), 0, "{:#}", self.summary["messages"]);
    }

    /// Each of our counts is the server's, or lacks what came once accounts were closed: that is
    /// counted apart, for all of them together.
    #[track_caller]
    fn assert_books(&self, books: &[(&str, u64)], of: impl Fn(&str) -> String, late: &str) {
        let mut lacking = 0;
        for (name, theirs) in books {
            let ours = self.count(&of(name));
            assert!(
                ours <= *theirs,
                "{name}: {ours} of ours, {theirs} of the server's: {:#}",
                self.summary["messages"]
            );
            lacking += theirs - ours;
        }
        assert_eq!(
            lacking,
            self.count(late),
            "{books:?} of the server's, {late}: {:#} {:#}",
            self.summary["messages"],
            self.summary["every"]
        );
    }

    /// Every message that the server sent is counted under its kind, or came once accounts were
    /// closed. `sent` is the server's count of each kind.
    #[track_caller]
    pub(crate) fn assert_heard(&self, sent: &[(&str, u64)]) {
        let known: BTreeMap<_, _> = sent.iter().copied().collect();
        for (kind, heard) in self.summary["messages"]["by_type"].as_object().expect("an object") {
            let is_known = known.contains_key(kind.as_str());
            assert!(is_known || *heard == 0, "{heard} of {kind}, which the server has not sent");
        }
        self.assert_books(sent, |kind| format!("/messages/by_type/{kind}"), "/ramp_down/messages");
    }
}

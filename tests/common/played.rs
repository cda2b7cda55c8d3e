//! A short run against a peer, and what its results have to say whatever happened.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use serde_json::Value;
use tempfile::TempDir;

use super::peer::{Peer, Script};
use crate::common::{Finished, Run, kinds, number, results, summary, without_look_up};

/// Sessions of a run, unless a test says otherwise.
pub(crate) const SESSIONS: u32 = 3;

/// A run that has ended.
pub(crate) struct Played {
    pub(crate) finished: Finished,
    pub(crate) summary: Value,
    pub(crate) out: PathBuf,
    pub(crate) peer: Peer,
    _temp: TempDir,
}

/// The steps' timeouts, in which a busy machine has to do what belongs there.
pub(crate) const TIMEOUT: &str = "2s";

/// Runnity's scenario with short timeouts, and without the look-up before the run.
pub(crate) fn scenario() -> String {
    without_look_up()
        .replace("timeout = \"35s\"", &format!("timeout = \"{TIMEOUT}\""))
        .replace("timeout = \"10s\"", &format!("timeout = \"{TIMEOUT}\""))
        .replace("close_timeout = \"5s\"", "close_timeout = \"1s\"")
}

/// Plays against a peer with these manners.
#[track_caller]
pub(crate) fn against(script: Script) -> Played {
    run_with(script, |run| run)
}

/// The same with options of the test's.
#[track_caller]
pub(crate) fn run_with(script: Script, options: impl FnOnce(Run) -> Run) -> Played {
    let peer = script.start();
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let file = temp.path().join("short.toml");
    std::fs::write(&file, scenario()).expect("written");
    let run = Run::against(&peer.url(), SESSIONS, &out)
        .with("scenario", file.display())
        .with("ramp", "100ms")
        // One PING a session, so that none falls due while another is under way.
        .with("hold", "1500ms")
        .with("ping-interval", "1s")
        .with("pong-timeout", TIMEOUT);
    let finished = options(run).finish();
    let summary = summary(&out);
    let played = Played { finished, summary, out, peer, _temp: temp };
    played.assert_whole();
    played
}

impl Played {
    pub(crate) fn count(&self, pointer: &str) -> u64 {
        number(&self.summary, pointer) as u64
    }

    /// Every account closes, nothing panicked, nothing was left behind, every file is there.
    #[track_caller]
    fn assert_whole(&self) {
        let said = format!("{}{}", self.finished.stdout, self.finished.stderr);
        assert!(!said.contains("panicked") && !said.contains("defect"), "{said}");
        let started = self.count("/sessions/started");
        assert_eq!(started, self.count("/sessions/planned"), "{said}");
        let established = self.count("/sessions/established");
        // Those that failed after they had opened are among the established.
        let ended = established + self.count("/sessions/failed") + self.count("/sessions/completed");
        assert!(ended >= started, "{:#}", self.summary["sessions"]);
        let ping = |field: &str| self.count(&format!("/ping/{field}"));
        assert_eq!(ping("due"), ping("sent") + ping("missed"), "{:#}", self.summary["ping"]);
        let settled = ping("answered") + ping("late") + ping("unanswered") + ping("pending");
        assert_eq!(ping("sent"), settled, "{:#}", self.summary["ping"]);
        let counted: u64 = self.kinds().iter().map(|(_, count)| count).sum();
        assert_eq!(counted, self.count("/errors/total"), "{:#}", self.summary["errors"]);
        for file in ["summary.json", "timeline.csv", "latency.hlog", "failures.jsonl", "plan.toml"] {
            assert!(self.out.join(file).exists(), "{file} is missing");
        }
    }

    /// Every session opened, was held and closed; nothing was counted as an error.
    #[track_caller]
    pub(crate) fn assert_undisturbed(&self) -> &Self {
        assert_eq!(self.kinds(), [], "{}", self.finished.stdout);
        assert_eq!(
            self.count("/sessions/held_to_end"),
            self.count("/sessions/planned"),
            "{}",
            self.finished.stdout
        );
        assert!(self.count("/ping/answered") > 0, "{:#}", self.summary["ping"]);
        self
    }

    /// Every session failed under this name in this step, by this one's fault, and nothing else
    /// did.
    #[track_caller]
    pub(crate) fn assert_all_failed(&self, step: &str, kind: &str, blame: &str) -> &Self {
        self.finished.assert_status(1);
        let sessions = self.count("/sessions/planned");
        assert_eq!(self.kinds(), [(kind.to_owned(), sessions)], "{}", self.finished.stdout);
        let detail = &self.summary["errors"]["details"][0];
        assert_eq!((&detail["step"], &detail["blame"]), (&step.into(), &blame.into()), "{detail:#}");
        assert!(detail["next"].as_str().is_some_and(|next| next.ends_with('.')), "{detail:#}");
        let failures = std::fs::read_to_string(self.out.join("failures.jsonl")).expect("samples");
        assert_eq!(
            failures.lines().filter(|line| line.contains(&format!("\"{kind}\""))).count() as u64,
            sessions
        );
        assert!(self.finished.stdout.contains(kind), "a user reads it: {}", self.finished.stdout);
        self
    }

    /// Every session was open and then failed.
    #[track_caller]
    pub(crate) fn assert_all_lost(&self, kind: &str, blame: &str) {
        self.assert_all_failed("hold", kind, blame);
        assert_eq!(self.count("/sessions/established"), self.count("/sessions/planned"));
        assert_eq!(self.count("/sessions/held_to_end"), 0);
    }

    #[track_caller]
    pub(crate) fn kinds(&self) -> Vec<(String, u64)> {
        kinds(&self.summary)
    }

    pub(crate) fn evidence(&self) -> String {
        std::fs::read_to_string(self.out.join("failures.jsonl")).expect("samples")
    }

    pub(crate) fn connections(&self) -> u32 {
        self.peer.seen.connections.load(Ordering::Relaxed)
    }

    /// Whether a client sent such a frame.
    pub(crate) fn peer_saw(&self, opcode: u8, payload: &[u8]) -> bool {
        let frames = self.peer.seen.frames.lock().expect("no panic");
        frames.iter().any(|(seen, bytes)| *seen == opcode && bytes == payload)
    }
}

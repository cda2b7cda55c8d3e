//! The results directory of a run, written as the run goes.
//!
//! Every file is created before anything is opened, so that a bad path fails at once. Each second's
//! lines go straight to the kernel, one write a file: killing this process loses at most the last
//! second. The summary is replaced as a whole, never rewritten in place. Invariant: nothing here
//! waits for a disk before the end (`writer`): a full or hung one costs lines, which are counted,
//! and no measurement.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::hlog::LogWriter;
use super::kept::{self, Head};
pub use super::timeline::Second;
pub use super::writer::SUMMARY;
use super::writer::{self, Directory, Writer};
use super::{Facts, RunResult, timeline};
use crate::fault::FaultNames;
use crate::foreign;
use crate::measure::{FaultSample, HOLD, Interval, Layout, Totals};
use crate::members::{MemberName, SessionNumber};
use crate::numbers;
pub use crate::watch::running::Row as WatchRow;

/// A row a second.
pub const TIMELINE: &str = "timeline.csv";
/// HdrHistogram interval log, a line a second and step.
pub const LATENCY_LOG: &str = "latency.hlog";
/// A bounded number of failures of each kind, with evidence, a JSON object a line.
pub const FAILURES: &str = "failures.jsonl";
/// The servers' side, a reading of a figure a line; see [`crate::watch`].
pub const WATCH: &str = "watch.csv";
/// Its first line.
const WATCH_HEAD: &str = "at_s,time,item,value\n";
/// Sessions by server, a line a second and server that something happened at.
pub const SERVERS: &str = "servers.csv";
/// Its first line.
const SERVERS_HEAD: &str = "at_s,server,sent,opened,failed,lost,misrouted,dropped,gave_up,came_back,gone\n";
/// The plan: repeats the run.
pub const PLAN: &str = "plan.toml";
/// What a shard recorded, for `startline merge`; only of a run with `--shard`.
pub const SHARD: &str = "shard.jsonl";
/// What each file is.
pub const README: &str = "README.txt";
/// The page.
pub const REPORT: &str = "report.html";

/// Every file of a directory, and what is in it: the text of [`README`].
pub const CONTENT: [(&str, &str); 9] = [
    (REPORT, "the page to look at: verdict, charts, failures"),
    (SUMMARY, "the whole result, as JSON: verdict, criteria, figures"),
    (TIMELINE, "a row per second, with the wall clock"),
    (LATENCY_LOG, "HdrHistogram log of each second and step, in microseconds"),
    (FAILURES, "samples of each kind of failure, a JSON object per line"),
    (SERVERS, "a line per second and server: sessions sent, opened, failed"),
    (WATCH, "a line per figure of the servers and reading (run --watch)"),
    (PLAN, "the plan; repeats the run: startline run --plan plan.toml"),
    (README, "this list"),
];

/// Why a results directory cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// It holds a run's results already.
    #[error("{} holds the results of another run; name a new directory, or remove that one", path.display())]
    HoldsResults {
        /// The directory.
        path: PathBuf,
    },
    /// It has something else in it.
    #[error("{} is not empty; name a new directory, results are not mixed with other files", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// It is a file.
    #[error("{} is a file; name a directory for the results", path.display())]
    AFile {
        /// The file.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot write results to {}: {}; give --out another directory", path.display(), foreign::reason(cause))]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What it said.
        cause: io::Error,
    },
}

/// An open results directory.
pub struct ResultsDir {
    path: PathBuf,
    layout: Layout,
    log: LogWriter,
    log_has_head: bool,
    /// What is recorded is kept for a merge.
    is_shard: bool,
    /// Lines of what is watched that wait for the next second.
    watched: Vec<u8>,
    writer: Writer,
}

impl ResultsDir {
    /// Makes the directory (and its parents) and every file in it, the plan with its text, and of a shard
    /// what is to be added up, with its head.
    ///
    /// # Errors
    /// [`CreateError`], after which nothing of a run has begun.
    pub fn create(
        path: &Path,
        layout: &Layout,
        plan_toml: &str,
        shard: Option<&Head>,
    ) -> Result<Self, CreateError> {
        let refused = |path: &Path| {
            let path = path.to_owned();
            move |cause| CreateError::Io { path, cause }
        };
        Self::refuse_taken(path)?;
        fs::create_dir_all(path).map_err(refused(path))?;
        let open = |name: &str, head: &[u8]| {
            let path = path.join(name);
            let write = |mut file: File| file.write_all(head).map(|()| file);
            writer::create(&path).and_then(write).map_err(refused(&path))
        };
        open(PLAN, plan_toml.as_bytes())?;
        open(README, readme(shard.is_some()).as_bytes())?;
        // Empty until the first second: it shows that the place is taken, and that it can be
        // written.
        open(SUMMARY, b"")?;
        let mut files = vec![
            (TIMELINE, open(TIMELINE, &timeline::head(layout))?),
            (LATENCY_LOG, open(LATENCY_LOG, b"")?),
            (FAILURES, open(FAILURES, b"")?),
            (WATCH, open(WATCH, WATCH_HEAD.as_bytes())?),
            (SERVERS, open(SERVERS, SERVERS_HEAD.as_bytes())?),
        ];
        if let Some(head) = shard {
            files.push((SHARD, open(SHARD, &head.line())?));
        }
        Ok(Self {
            log: LogWriter::new(layout),
            log_has_head: false,
            is_shard: shard.is_some(),
            watched: Vec::new(),
            writer: Writer::start(Directory::new(path, files)).map_err(refused(path))?,
            path: path.to_owned(),
            layout: layout.clone(),
        })
    }

    /// Refuses a path that is something else than a new or an empty directory.
    ///
    /// # Errors
    /// [`CreateError`]: it holds something, or cannot be read.
    pub fn refuse_taken(path: &Path) -> Result<(), CreateError> {
        match fs::metadata(path) {
            Ok(it) if it.is_dir() => refuse_content(path),
            Ok(_) => Err(CreateError::AFile { path: path.to_owned() }),
            // What cannot be made is found when it is.
            Err(_) => Ok(()),
        }
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands a second over: its row, its histograms, its failures. `interval` is what all workers
    /// recorded in it.
    pub fn second(&mut self, second: &Second<'_>, interval: &Interval, names: &dyn FaultNames) {
        let mut log = Vec::new();
        if !std::mem::replace(&mut self.log_has_head, true) {
            // Not before: a run that waits for READY begins long after its files.
            log = self.log.head(second.run_started_at());
        }
        log.append(&mut self.log.lines(second, interval.tally()));
        let failures = interval.samples().iter().flat_map(|sample| failure_line(sample, &self.layout, names));
        let mut lines = vec![
            timeline::second(second, interval, &self.layout, names),
            log,
            failures.collect(),
            std::mem::take(&mut self.watched),
            server_lines(second, interval, &self.layout),
        ];
        lines.extend(self.is_shard.then(|| kept::second_line(second, interval)));
        self.writer.second(lines);
    }

    /// Hands over what a shard comes to: everything up to the close of accounts, and what is known of it.
    pub fn end(&mut self, facts: &Facts, totals: &Totals) {
        if self.is_shard {
            self.writer.second(vec![
                Vec::new(),
                Vec::new(),
                Vec::new(),
                Vec::new(),
                Vec::new(),
                kept::end_line(facts, totals),
            ]);
        }
    }

    /// Takes readings of what is watched, which are written with the next second.
    pub fn watched(&mut self, rows: &[WatchRow]) {
        self.watched.extend(rows.iter().flat_map(watch_line));
    }

    /// Has the summary replaced: whoever reads it sees the old one or the new one, whole.
    pub fn summary(&mut self, result: &RunResult) {
        self.hand_over(result, false);
    }

    /// Replaces the plan by one of which more was decided.
    ///
    /// # Errors
    /// It cannot be written; the one from before the run is there still.
    pub fn plan(&self, plan_toml: &str) -> io::Result<()> {
        let new = self.path.join("plan.toml.new");
        writer::create(&new)?.write_all(plan_toml.as_bytes())?;
        fs::rename(new, self.path.join(PLAN))
    }

    /// Has the last summary written, so that it outlives a crash of the machine, and waits until all
    /// files are complete, or nothing has been written for as long as there is `patience`. Returns
    /// what they lack.
    pub fn finish(&mut self, result: &RunResult, patience: impl Fn() -> Duration) -> Lacking {
        if !self.watched.is_empty() {
            let watched = std::mem::take(&mut self.watched);
            let mut lines = vec![Vec::new(), Vec::new(), Vec::new(), watched, Vec::new()];
            lines.extend(self.is_shard.then(Vec::new));
            self.writer.second(lines);
        }
        self.hand_over(result, true);
        self.flush(patience);
        let (lines, summary) = self.writer.lacks();
        Lacking { lines, summary }
    }

    /// Waits as [`ResultsDir::finish`] does; `false` if not everything is written.
    pub fn flush(&self, patience: impl Fn() -> Duration) -> bool {
        self.writer.flush(patience)
    }

    fn hand_over(&mut self, result: &RunResult, is_last: bool) {
        // Names and numbers only: nothing in it can fail to be JSON.
        self.writer.summary(foreign::json_pretty(result).unwrap_or_default().into_bytes(), is_last);
    }

    /// Errors on files since the last call, in words, one for each time that a file turned bad.
    pub fn warnings(&mut self) -> Vec<String> {
        self.writer.warnings()
    }
}

/// What could not be written, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// Files that lack seconds, a sentence each.
    pub lines: Vec<String>,
    /// Why the summary is incomplete.
    pub summary: Option<String>,
}

fn readme(is_shard: bool) -> String {
    let of_shard = is_shard.then_some((SHARD, "what startline merge adds up of all shards"));
    let lines = CONTENT.into_iter().chain(of_shard).map(|(name, what)| format!("{name:<16}{what}\n"));
    let lines: String = lines.collect();
    format!(
        "Results of a run of startline {}, written every second.\n\n{lines}\n\
         startline report DIRECTORY --format FORMAT makes other forms of them.\n\
         startline compare DIRECTORY DIRECTORY says what differs between two runs.\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// The directory's name when none was given: `startline-20260131-093000`, in the local time handed
/// in.
pub fn default_name(now: jiff::civil::DateTime) -> String {
    now.strftime("startline-%Y%m%d-%H%M%S").to_string()
}

fn refuse_content(path: &Path) -> Result<(), CreateError> {
    let cause = |cause| CreateError::Io { path: path.to_owned(), cause };
    let mut entries = fs::read_dir(path).map_err(cause)?;
    if entries.next().is_none() {
        return Ok(());
    }
    let path = path.to_owned();
    if path.join(SUMMARY).exists() {
        Err(CreateError::HoldsResults { path })
    } else {
        Err(CreateError::NotEmpty { path })
    }
}

/// A line of `failures.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureLine {
    /// Since the run began.
    pub at_seconds: f64,
    /// The session's number.
    pub session: SessionNumber,
    /// Its member.
    pub member_id: MemberName,
    /// The server that it was sent to, by then.
    pub server: Option<String>,
    /// The step; `hold` for open sessions.
    pub step: String,
    /// What happened.
    pub kind: String,
    /// Who must act.
    pub blame: String,
    /// The first bytes of what the peer sent.
    pub evidence: String,
}

fn watch_line(row: &WatchRow) -> Vec<u8> {
    let mut line = csv::Writer::from_writer(Vec::new());
    let (at_s, value) = (numbers::tidy(row.at.as_secs_f64()), row.value);
    // Into memory: nothing in it can fail.
    drop(line.write_record([at_s.to_string(), row.time.to_string(), row.item.clone(), value.to_string()]));
    line.into_inner().unwrap_or_default()
}

/// What happened at each server in a second; nothing where nothing did.
fn server_lines(second: &Second<'_>, interval: &Interval, layout: &Layout) -> Vec<u8> {
    let at_s = numbers::tidy(second.end.as_secs_f64()).to_string();
    let (now, reconnects) = (&interval.tally().routing, &interval.tally().reconnects);
    let misrouted = second.totals.tally().routing.misrouted_in(now, second.expected_servers);
    let mut lines = csv::Writer::from_writer(Vec::new());
    for (k, server) in now.servers().iter().enumerate() {
        let drops = reconnects.of_server(&server.url);
        let (dropped, gave_up) = drops.map_or((0, 0), |drops| (drops.dropped, drops.gave_up));
        let came_back = reconnects.came_to.get(&server.url).copied().unwrap_or(0);
        let (failed, gone) = (server.failures.total(), server.gone);
        let counts = [server.sessions, server.opened, failed, dropped, gave_up, came_back, gone];
        if counts.iter().any(|count| *count > 0) {
            let [sent, opened, failed, dropped, gave_up, came_back, gone] =
                counts.map(|count| count.to_string());
            let open = server.failures.iter().filter(|(step, ..)| layout.step_of_failure(*step) == HOLD);
            let lost = open.map(|(.., count)| count).sum::<u64>().to_string();
            let misrouted = misrouted.as_ref().map(|all| all[k].to_string()).unwrap_or_default();
            // Into memory: nothing in it can fail.
            drop(lines.write_record([
                &at_s,
                &server.url,
                &sent,
                &opened,
                &failed,
                &lost,
                &misrouted,
                &dropped,
                &gave_up,
                &came_back,
                &gone,
            ]));
        }
    }
    lines.into_inner().unwrap_or_default()
}

fn failure_line(sample: &FaultSample, layout: &Layout, names: &dyn FaultNames) -> Vec<u8> {
    let line = FailureLine {
        at_seconds: numbers::tidy(sample.at.as_secs_f64()),
        session: sample.session,
        member_id: sample.member_id.clone(),
        server: sample.server.clone(),
        step: layout.step_of_failure(sample.step).to_owned(),
        kind: sample.fault.key(names),
        blame: sample.fault.blame().key().to_owned(),
        evidence: sample.evidence.clone(),
    };
    foreign::json_line(&line).unwrap_or_default().into_bytes()
}

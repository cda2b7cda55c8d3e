//! The results directory of a run, written as the run goes.
//!
//! Every file is created before anything is opened, so that a bad path fails at once. Each second's
//! lines go straight to the kernel, one write a file: killing this process loses at most the last
//! second. The summary is replaced as a whole, never rewritten in place. Invariant: an error on a
//! file is kept for [`ResultsDir::warnings`] and costs that file its lines, nothing else: no
//! measurement is lost because a disk is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::hlog::LogWriter;
pub use super::timeline::Second;
use super::{RunResult, timeline};
use crate::fault::FaultNames;
use crate::measure::{FaultSample, Interval, Layout};
use crate::members::{MemberId, SessionNumber};
use crate::numbers;

/// The result as data; see `schema/summary.schema.json`.
pub const SUMMARY: &str = "summary.json";
/// A row a second.
pub const TIMELINE: &str = "timeline.csv";
/// HdrHistogram interval log, a line a second and step.
pub const LATENCY_LOG: &str = "latency.hlog";
/// A bounded number of failures of each kind, with evidence, a JSON object a line.
pub const FAILURES: &str = "failures.jsonl";
/// The plan: repeats the run.
pub const PLAN: &str = "plan.toml";

const SUMMARY_TEMPORARY: &str = ".summary.json.tmp";

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
    /// The file system refused.
    #[error("cannot write results to {}: {cause}", path.display())]
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
    timeline: Appended,
    latency_log: Appended,
    failures: Appended,
    summary_failed: bool,
    warnings: Vec<String>,
}

impl ResultsDir {
    /// Makes the directory (and its parents) and every file in it, the plan with its text.
    ///
    /// # Errors
    /// [`CreateError`], after which nothing of a run has begun.
    pub fn create(
        path: &Path,
        layout: &Layout,
        started_at: jiff::Timestamp,
        plan_toml: &str,
    ) -> Result<Self, CreateError> {
        let refused = |path: &Path| {
            let path = path.to_owned();
            move |cause| CreateError::Io { path, cause }
        };
        fs::create_dir_all(path).map_err(refused(path))?;
        refuse_content(path)?;
        let mut log = LogWriter::new(&layout.steps);
        let open = |name: &str, head: &[u8]| {
            let file = path.join(name);
            Appended::create(&file, name, head).map_err(refused(&file))
        };
        open(PLAN, plan_toml.as_bytes())?;
        // Empty until the first second: it shows that the place is taken, and that it can be
        // written.
        open(SUMMARY, b"")?;
        Ok(Self {
            timeline: open(TIMELINE, &timeline::head(layout))?,
            latency_log: open(LATENCY_LOG, &log.head(SystemTime::from(started_at)))?,
            failures: open(FAILURES, b"")?,
            path: path.to_owned(),
            layout: layout.clone(),
            log,
            summary_failed: false,
            warnings: Vec::new(),
        })
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a second: its row, its histograms, its failures. `interval` is what all workers
    /// recorded in it.
    pub fn second(&mut self, second: &Second<'_>, interval: &Interval, names: &dyn FaultNames) {
        let row = timeline::second(second, interval, &self.layout);
        self.timeline.append(&row, &mut self.warnings);
        let start = Duration::from_secs(second.second);
        let lines = self.log.lines(start, second.length, interval.tally());
        self.latency_log.append(&lines, &mut self.warnings);
        let failures: Vec<u8> =
            interval.samples().iter().flat_map(|sample| failure_line(sample, &self.layout, names)).collect();
        self.failures.append(&failures, &mut self.warnings);
    }

    /// Replaces the summary: whoever reads it sees the old one or the new one, whole.
    pub fn summary(&mut self, result: &RunResult) {
        let outcome = serde_json::to_vec_pretty(result).map_err(io::Error::other).and_then(|mut json| {
            json.push(b'\n');
            let temporary = self.path.join(SUMMARY_TEMPORARY);
            fs::write(&temporary, json)?;
            fs::rename(&temporary, self.path.join(SUMMARY))
        });
        match outcome {
            Ok(()) => self.summary_failed = false,
            Err(cause) if !self.summary_failed => {
                self.summary_failed = true;
                self.warnings.push(format!("cannot write {SUMMARY}: {cause}; it is retried every second"));
            }
            Err(_) => {}
        }
    }

    /// Errors on files since the last call, in words, one for each time that a file turned bad.
    pub fn warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }
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

/// A file that lines are appended to.
struct Appended {
    file: File,
    name: &'static str,
    /// The last write failed, perhaps in mid-line.
    broken: bool,
}

impl Appended {
    fn create(path: &Path, name: &str, head: &[u8]) -> io::Result<Self> {
        let mut file = OpenOptions::new().append(true).create_new(true).open(path)?;
        file.write_all(head)?;
        let name = [TIMELINE, LATENCY_LOG, FAILURES, PLAN, SUMMARY].into_iter().find(|&known| known == name);
        Ok(Self { file, name: name.unwrap_or("a file"), broken: false })
    }

    /// Appends whole lines in one write; an error is reported once until a write succeeds again.
    fn append(&mut self, lines: &[u8], warnings: &mut Vec<String>) {
        if lines.is_empty() {
            return;
        }
        let written = if self.broken {
            // What is left of the line that failed must not swallow this one.
            self.file.write_all(&[b"\n", lines].concat())
        } else {
            self.file.write_all(lines)
        };
        match written {
            Ok(()) => self.broken = false,
            Err(cause) => {
                if !self.broken {
                    warnings.push(format!("cannot write {}: {cause}; the run goes on", self.name));
                }
                self.broken = true;
            }
        }
    }
}

/// A line of `failures.jsonl`.
#[derive(Serialize)]
struct FailureLine<'a> {
    at_seconds: f64,
    session: SessionNumber,
    member_id: MemberId,
    server: Option<&'a str>,
    step: &'a str,
    kind: String,
    blame: &'static str,
    evidence: &'a str,
}

fn failure_line(sample: &FaultSample, layout: &Layout, names: &dyn FaultNames) -> Vec<u8> {
    let line = FailureLine {
        at_seconds: numbers::tidy(sample.at.as_secs_f64()),
        session: sample.session,
        member_id: sample.member_id,
        server: sample.server.as_deref(),
        step: layout.step_of_failure(sample.step, sample.fault),
        kind: sample.fault.key(names),
        blame: sample.fault.blame().key(),
        evidence: &sample.evidence,
    };
    let mut json = serde_json::to_vec(&line).unwrap_or_default();
    json.push(b'\n');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of a full disk, as the kernel plays it.
    fn full() -> File {
        OpenOptions::new().write(true).open("/dev/full").unwrap()
    }

    #[test]
    fn a_full_disk_is_told_once_and_the_next_line_starts_afresh() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(TIMELINE);
        let mut warnings = Vec::new();
        let mut appended = Appended::create(&path, TIMELINE, b"head\n").unwrap();
        let real = std::mem::replace(&mut appended.file, full());
        appended.append(b"1\n", &mut warnings);
        appended.append(b"2\n", &mut warnings);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("cannot write timeline.csv"), "{warnings:?}");

        appended.file = real;
        appended.append(b"3\n", &mut warnings);
        appended.append(b"4\n", &mut warnings);
        assert_eq!(warnings.len(), 1);
        assert_eq!(fs::read_to_string(path).unwrap(), "head\n\n3\n4\n");
    }
}

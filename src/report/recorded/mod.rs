//! Reads a run's results directory back.
//!
//! Whatever is shown after a run is made from these files, by the run itself as by `startline report`
//! later. Knows no form of output. Invariants: a file that is cut, as a killed run leaves it, is
//! read as far as it goes; a run of any length takes a bounded amount of memory.

mod histograms;
mod servers;
mod timeline;
mod watch;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;

pub use self::histograms::Distribution;
pub use self::servers::{ServerPoint, ServerSeries};
pub(super) use self::timeline::errors_of_cell;
pub use self::timeline::{Band, POINTS_MAX, Point, Timeline};
pub use self::watch::{WatchRows, WatchSeries, rows as watch_rows};
use super::files::{FAILURES, FailureLine, LATENCY_LOG, PLAN, SERVERS, SUMMARY, TIMELINE, WATCH};
use super::{RunResult, SCHEMA_VERSION};

/// Failures read, of those that a run kept: the first ones.
const FAILURES_MAX: usize = 1_000;

/// All that a run's directory says.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The directory.
    pub path: PathBuf,
    /// The result; its `ending` is `running` if the run was killed, or still goes on.
    pub result: RunResult,
    /// The run over time.
    pub timeline: Timeline,
    /// Each step's latencies, in the order of the script.
    pub distributions: Vec<Distribution>,
    /// The workers' lateness, in microseconds.
    pub lag: Option<Histogram<u64>>,
    /// Failures with their evidence, as they occurred.
    pub failures: Vec<FailureLine>,
    /// Each server's sessions over time.
    pub servers: Vec<ServerSeries>,
    /// The servers' side over time.
    pub watch: Vec<WatchSeries>,
    /// `plan.toml`.
    pub plan: String,
}

/// Reads a run's directory.
///
/// # Errors
/// [`ReadError`]: there is no result. Files beside it that are missing or cut cost what they hold.
pub fn read(directory: &Path) -> Result<Recorded, ReadError> {
    let result = result(directory)?;
    let mut timeline = if_there(timeline::read(&directory.join(TIMELINE)))?;
    let histograms = if_there(histograms::read(&directory.join(LATENCY_LOG), &mut timeline))?;
    Ok(Recorded {
        path: directory.to_owned(),
        result,
        servers: if_there(servers::read(&directory.join(SERVERS), &timeline))?,
        timeline,
        distributions: histograms.distributions,
        lag: histograms.lag,
        failures: if_there(failures(&directory.join(FAILURES)))?,
        watch: if_there(watch::read(&directory.join(WATCH)))?,
        plan: fs::read_to_string(directory.join(PLAN)).unwrap_or_default(),
    })
}

/// Reads the run over time alone.
///
/// # Errors
/// The file system refused.
pub fn timeline(directory: &Path) -> Result<Timeline, ReadError> {
    if_there(timeline::read(&directory.join(TIMELINE)))
}

/// A file that was removed costs what it held.
fn if_there<T: Default>(read: Result<T, ReadError>) -> Result<T, ReadError> {
    match read {
        Err(ReadError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        read => read,
    }
}

fn failures(path: &Path) -> Result<Vec<FailureLine>, ReadError> {
    let file = File::open(path).map_err(|why| unreadable(path, why))?;
    let lines = BufReader::new(file).split(b'\n').map_while(Result::ok);
    let mut failures: Vec<FailureLine> =
        lines.filter_map(|line| serde_json::from_slice(&line).ok()).take(FAILURES_MAX).collect();
    failures.sort_by(|one, other| one.at_seconds.total_cmp(&other.at_seconds));
    Ok(failures)
}

pub(super) fn unreadable(path: &Path, cause: io::Error) -> ReadError {
    ReadError::Io { path: path.to_owned(), cause }
}

/// Why a directory cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file system refused.
    #[error("cannot read {}: {cause}; give the directory that a run wrote", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        cause: io::Error,
    },
    /// The run was killed before its first second.
    #[error("{} is empty: the run was killed before its first second", path.display())]
    Empty {
        /// The summary.
        path: PathBuf,
    },
    /// Another release wrote it.
    #[error(
        "{} has the form {found} of startline {by}, and this release reads form {SCHEMA_VERSION}: use that release",
        path.display()
    )]
    OtherRelease {
        /// The summary.
        path: PathBuf,
        /// Its `schema_version`.
        found: u64,
        /// The release that wrote it.
        by: String,
    },
    /// It is not what a run writes.
    #[error("{}: {why}; startline did not write this, or it was changed", path.display())]
    Garbled {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// Reads the result of the run in this directory.
///
/// # Errors
/// [`ReadError`].
pub fn result(directory: &Path) -> Result<RunResult, ReadError> {
    let path = directory.join(SUMMARY);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(cause) => return Err(unreadable(&path, cause)),
    };
    if text.is_empty() {
        return Err(ReadError::Empty { path });
    }
    let garbled =
        |path: &Path, why: serde_json::Error| ReadError::Garbled { path: path.into(), why: why.to_string() };
    let summary: serde_json::Value = serde_json::from_slice(&text).map_err(|why| garbled(&path, why))?;
    let found = summary["schema_version"].as_u64().unwrap_or_default();
    if found != u64::from(SCHEMA_VERSION) {
        let by = summary["version"].as_str().unwrap_or("unknown").to_owned();
        return Err(ReadError::OtherRelease { path, found, by });
    }
    // From the text: a value's keys are sorted, and the order of steps would be lost.
    serde_json::from_slice(&text).map_err(|why| garbled(&path, why))
}

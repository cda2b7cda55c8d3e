//! Reads a run's results directory back.
//!
//! Whatever is shown after a run is made from these files, by the run itself as by `startline report`
//! later. Knows no form of output. Invariant: a file that is cut, as a killed run leaves it, is
//! read as far as it goes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::SUMMARY;
use super::{RunResult, SCHEMA_VERSION};

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
        Err(cause) => return Err(ReadError::Io { path, cause }),
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

//! One shard's results, read back.
//!
//! Seconds are read one by one, so that a run of any length takes a bounded amount of memory. Invariant:
//! a line that a killed shard cut short is no line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Lines};
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{MergeError, garbled};
use crate::measure::{Interval, Totals};
use crate::plan::Settings;
use crate::report::files::{PLAN, SHARD};
use crate::report::kept::{Head, KeptLine, KeptSecond};
use crate::report::recorded::{self, ReadError};
use crate::report::{Facts, RunResult};

/// The directory of a shard.
#[derive(Debug)]
pub struct Part {
    /// Where it is.
    pub directory: PathBuf,
    /// Whose it is.
    pub head: Head,
    /// Its plan.
    pub settings: Settings,
    /// Its own result, as far as it came; `None` of one that was killed before its first second.
    pub result: Option<RunResult>,
    /// How far its seconds come; `None` before the first.
    pub reached: Option<Reached>,
    /// What it came to; `None` of one that was killed.
    pub end: Option<(Facts, Totals)>,
}

impl Part {
    /// Reads the directory, but for its seconds.
    pub(super) fn read(directory: &Path) -> Result<Self, MergeError> {
        let path = directory.join(SHARD);
        let mut lines = lines(directory)?;
        let head = match lines.next().map(|line| parse(&path, line)).transpose()?.flatten() {
            Some(KeptLine::Head(head)) => *head,
            _ => return Err(garbled(&path, "its first line is not a shard's")),
        };
        let result = match recorded::result(directory) {
            Err(ReadError::Empty { .. }) => None,
            result => Some(result?),
        };
        // Only the last lines are looked into: a killed shard's last may be cut.
        let (mut last, mut before) = (String::new(), String::new());
        let mut end = None;
        for line in lines {
            let line = line.map_err(|cause| ReadError::Io { path: path.clone(), cause })?;
            if !line.starts_with(END) {
                before = std::mem::replace(&mut last, line);
            } else if let Some(KeptLine::End { facts, totals }) = parse(&path, Ok(line))? {
                end = Some((*facts, *totals));
            }
        }
        let seconds = [last, before].into_iter().filter_map(|line| reached(&line));
        let reached = seconds.max_by_key(|it| it.after);
        Ok(Self {
            directory: directory.to_owned(),
            head,
            settings: settings(directory)?,
            result,
            reached,
            end,
        })
    }

    /// Returns its seconds, in order.
    pub(super) fn seconds(&self) -> Result<Seconds, MergeError> {
        Ok(Seconds { lines: lines(&self.directory)?, path: self.directory.join(SHARD) })
    }
}

/// How far what a shard recorded comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The end of its last second, since its start.
    pub after: Duration,
    /// Sessions open then.
    pub open: u64,
}

/// How far a second comes; `None` of a line that is no second, or was cut.
fn reached(line: &str) -> Option<Reached> {
    match serde_json::from_str(line).ok()? {
        KeptLine::Second(second) => Some(Reached { after: second.end, open: second.open }),
        _ => None,
    }
}

/// How a line begins that is an end.
const END: &str = "{\"end\"";

fn lines(directory: &Path) -> Result<Lines<BufReader<File>>, MergeError> {
    let path = directory.join(SHARD);
    match File::open(&path) {
        Ok(file) => Ok(BufReader::new(file).lines()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && directory.is_dir() => {
            Err(MergeError::NoShard { directory: directory.to_owned() })
        }
        Err(cause) => Err(ReadError::Io { path, cause }.into()),
    }
}

/// `None` of a line that was cut.
fn parse(path: &Path, line: io::Result<String>) -> Result<Option<KeptLine>, MergeError> {
    let line = line.map_err(|cause| ReadError::Io { path: path.to_owned(), cause })?;
    match serde_json::from_str(&line) {
        Ok(line) => Ok(Some(line)),
        Err(error) if error.is_eof() => Ok(None),
        Err(error) => Err(garbled(path, error)),
    }
}

fn settings(directory: &Path) -> Result<Settings, MergeError> {
    let path = directory.join(PLAN);
    let text = std::fs::read_to_string(&path).map_err(|cause| ReadError::Io { path: path.clone(), cause })?;
    Ok(Settings::from_toml(&path.display().to_string(), &text)?)
}

/// A shard's seconds.
pub(super) struct Seconds {
    lines: Lines<BufReader<File>>,
    path: PathBuf,
}

impl Seconds {
    pub(super) fn peekable_each(self) -> Peekable<Self> {
        self.peekable()
    }
}

impl Iterator for Seconds {
    type Item = Result<KeptSecond<Interval>, MergeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match parse(&self.path, self.lines.next()?) {
                Ok(Some(KeptLine::Second(second))) => return Some(Ok(*second)),
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

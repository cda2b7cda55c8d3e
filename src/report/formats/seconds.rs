//! What a run has of every second, for other programs: `timeline.csv` with failures by kind in columns
//! of their own, and the histogram log.
//!
//! Invariants: a line that a killed run cut short is left out; a run of any length takes the memory of
//! one row.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take, Write};
use std::path::Path;

use csv::{Reader, ReaderBuilder, StringRecord, Writer};

use super::{MakeError, Source};
use crate::report::files::{LATENCY_LOG, TIMELINE};
use crate::report::recorded::{errors_of_cell, unreadable};
use crate::report::timeline::ERRORS;

/// No line is longer.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// The timeline in which each kind of failure of a step has a column: `errors.<step>.<kind>`.
pub(super) fn csv(source: &Source<'_>, out: &mut dyn Write) -> Result<(), MakeError> {
    let path = source.directory.join(TIMELINE);
    let mut reader = rows(&path)?;
    let head = reader.headers().map_err(|why| unreadable(&path, why.into()))?.clone();
    let at = head.iter().position(|name| name == ERRORS).unwrap_or(usize::MAX);
    let errors = |row: &StringRecord| errors_of_cell(row.get(at).unwrap_or_default());
    let mut kinds: BTreeSet<(String, String)> = BTreeSet::new();
    reader.records().map_while(Result::ok).for_each(|row| kinds.extend(errors(&row).into_keys()));

    let mut out = Writer::from_writer(out);
    let mut write = |row: &StringRecord, total: String, each: Vec<String>| {
        let own = row.iter().enumerate().filter(|(k, _)| *k != at).map(|(_, cell)| cell);
        out.write_record(own.chain([total.as_str()]).chain(each.iter().map(String::as_str)))
    };
    let names = kinds.iter().map(|(step, kind)| format!("errors.{step}.{kind}")).collect();
    write(&head, "errors.count".to_owned(), names).map_err(io::Error::from)?;
    for row in rows(&path)?.records().map_while(Result::ok) {
        let counts = errors(&row);
        let each = kinds.iter().map(|kind| counts.get(kind).copied().unwrap_or(0).to_string()).collect();
        write(&row, counts.values().sum::<u64>().to_string(), each).map_err(io::Error::from)?;
    }
    Ok(out.flush()?)
}

/// The histogram log, which other tools read as it is.
pub(super) fn hlog(source: &Source<'_>, out: &mut dyn Write) -> Result<(), MakeError> {
    io::copy(&mut whole_lines(&source.directory.join(LATENCY_LOG))?, out)?;
    Ok(())
}

fn rows(path: &Path) -> Result<Reader<BufReader<Take<File>>>, MakeError> {
    Ok(ReaderBuilder::new().flexible(true).from_reader(BufReader::new(whole_lines(path)?)))
}

/// A file up to its last line end.
fn whole_lines(path: &Path) -> Result<Take<File>, MakeError> {
    let whole = || {
        let mut file = File::open(path)?;
        let from = file.metadata()?.len().saturating_sub(LINE_BYTES_MAX);
        let mut end = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        (&mut file).take(LINE_BYTES_MAX).read_to_end(&mut end)?;
        file.rewind()?;
        Ok(file.take(from + memchr::memrchr(b'\n', &end).map_or(0, |last| last as u64 + 1)))
    };
    whole().map_err(|why| unreadable(path, why).into())
}

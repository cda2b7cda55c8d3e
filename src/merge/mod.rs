//! `startline merge`: the results of a plan's shards, added up to one.
//!
//! What each shard recorded second by second is replayed into a results directory as if one machine had
//! recorded it all, and judged anew: files, verdict and page are made by what makes a run's. Knows no
//! terminal and no socket. Invariants: counters and histograms are added, percentiles are never averaged;
//! shards that are not one plan's, each once, are refused by name; what a killed shard recorded is left
//! out and said.

mod alike;
mod part;
mod sum;
mod watched;

use std::path::{Path, PathBuf};

pub use alike::MergeError;
pub use part::Part;
pub use sum::Merged;

use crate::report::recorded::ReadError;

/// Reads the directories of a plan's shards.
///
/// # Errors
/// One of them is not a shard's, or they are not all the shards of one plan.
pub fn read(directories: &[PathBuf]) -> Result<Vec<Part>, MergeError> {
    let mut parts = directories.iter().map(|it| Part::read(it)).collect::<Result<Vec<_>, _>>()?;
    parts.sort_by_key(|part| part.head.shard.index);
    alike::check(&parts)?;
    Ok(parts)
}

fn garbled(path: &Path, why: impl ToString) -> MergeError {
    MergeError::Read(ReadError::Garbled { path: path.to_owned(), why: why.to_string() })
}

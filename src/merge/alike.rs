//! Whether results are those of all shards of one plan, each once.
//!
//! Invariant: a refusal names the directories, and what is wrong with them.

use std::path::PathBuf;

use super::Part;
use crate::plan::PlanError;
use crate::report::files::{CreateError, SHARD};
use crate::report::kept::KEPT_VERSION;
use crate::report::plan_settings::{SOURCE, plan_settings};
use crate::report::recorded::ReadError;

/// Why results cannot be added up.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A directory cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The sum cannot be written.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The plan makes no sense.
    #[error("the plan of the shards: {0}")]
    Plan(#[from] PlanError),
    /// A run of a whole plan.
    #[error("{} has no {SHARD}: it is not the result of a shard (run --shard I/N)", directory.display())]
    NoShard {
        /// The directory.
        directory: PathBuf,
    },
    /// Another release wrote it.
    #[error("{}: startline {by} wrote this shard, and this is {}: use one release for all shards and the merge",
        directory.display(), env!("CARGO_PKG_VERSION"))]
    OtherRelease {
        /// The directory.
        directory: PathBuf,
        /// The release.
        by: String,
    },
    /// Two directories of one shard.
    #[error("shard {index} is there twice: {} and {}; give each shard once", first.display(), second.display())]
    Twice {
        /// Its number.
        index: u32,
        /// One directory.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The plan has shards of which no directory was given.
    #[error("shard{} {} of {of} {} missing: give the directories of all shards, also of those that failed",
        if missing.len() == 1 { "" } else { "s" }, listed(missing), if missing.len() == 1 { "is" } else { "are" })]
    Missing {
        /// Their numbers.
        missing: Vec<u32>,
        /// How many there are.
        of: u32,
    },
    /// Two shards of different plans.
    #[error("{} and {} are not shards of one plan: {what}", first.display(), second.display())]
    Mismatch {
        /// One directory.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// What differs.
        what: String,
    },
    /// None of them has anything to add up.
    #[error("no shard finished: there is nothing to add up")]
    NoneFinished,
}

/// Numbers as a list, not a long one.
fn listed(numbers: &[u32]) -> String {
    const SHOWN_MAX: usize = 10;
    let mut shown: Vec<String> = numbers.iter().take(SHOWN_MAX).map(u32::to_string).collect();
    shown.extend((numbers.len() > SHOWN_MAX).then(|| format!("{} more", numbers.len() - SHOWN_MAX)));
    shown.join(", ")
}

/// Parts are in the order of their numbers.
pub(super) fn check(parts: &[Part]) -> Result<(), MergeError> {
    let release =
        |part: &&Part| part.head.form != KEPT_VERSION || part.head.version != env!("CARGO_PKG_VERSION");
    if let Some(part) = parts.iter().find(release) {
        let (directory, by) = (part.directory.clone(), part.head.version.clone());
        return Err(MergeError::OtherRelease { directory, by });
    }
    for pair in parts.windows(2) {
        let [one, other] = pair else { continue };
        let (first, second) = (one.directory.clone(), other.directory.clone());
        if let Some(what) = difference(one, other) {
            return Err(MergeError::Mismatch { first, second, what });
        }
        if one.head.shard.index == other.head.shard.index {
            return Err(MergeError::Twice { index: one.head.shard.index, first, second });
        }
    }
    let of = parts.first().map_or(0, |part| part.head.shard.of);
    let is_there = |index: &u32| parts.binary_search_by_key(index, |part| part.head.shard.index).is_ok();
    let missing: Vec<u32> = (0..of).filter(|index| !is_there(index)).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(MergeError::Missing { missing, of }),
    }
}

/// What two shards' plans differ in.
fn difference(one: &Part, other: &Part) -> Option<String> {
    let (mine, theirs) = (&one.head.shard, &other.head.shard);
    if mine.of != theirs.of {
        return Some(format!("one is of {} shards and the other of {}", mine.of, theirs.of));
    }
    if mine.plan_hash == theirs.plan_hash {
        return None;
    }
    let settings =
        |part: &Part| plan_settings(&serde_json::to_value(part.settings.shared()).unwrap_or_default());
    let (mine, theirs) = (settings(one), settings(other));
    let value = |all: &[(String, String)], name: &str| {
        all.iter()
            .find(|(own, _)| own == name)
            .map_or_else(|| "nothing".to_owned(), |(_, value)| value.clone())
    };
    let names = mine.iter().chain(&theirs).map(|(name, _)| name);
    let differing = |name: &&String| value(&mine, name) != value(&theirs, name);
    let mut names = names.filter(differing);
    Some(match names.next() {
        None => "their members' files say different things".to_owned(),
        Some(name) if name == SOURCE => "their scenarios differ".to_owned(),
        Some(name) => format!("{name} is {} and {}", value(&mine, name), value(&theirs, name)),
    })
}

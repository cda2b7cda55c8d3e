//! `startline merge`: the directories of shards in, the sum's directory out.

use std::time::Duration;

use anyhow::Result;

use crate::app::page;
use crate::app::printed::print_found;
use crate::cli::merge::MergeArgs;
use crate::exit_status::ExitStatus;
use crate::merge::{self, Merged};
use crate::report::files::{REPORT, SUMMARY};
use crate::report::text;
use crate::terminal::tell;

/// How long a disk may write nothing.
const DISK_PATIENCE: Duration = Duration::from_secs(60);

/// Carries out `startline merge`.
///
/// # Errors
/// The directories are not all the shards of one plan, or the sum cannot be written.
pub fn run(args: &MergeArgs) -> Result<ExitStatus> {
    let merged = Merged::new(merge::read(&args.directories)?)?;
    let result = merged.result();
    let lacking = merged.write(&args.out, &result, || DISK_PATIENCE)?;
    lacking.lines.iter().for_each(|line| tell(&format!("warning: {line}")));
    if let Some(why) = &lacking.summary {
        tell(&format!("error: {SUMMARY} in {} is incomplete: {why}", args.out.display()));
    }
    if let Err(error) = page::write(&args.out, args.lang) {
        tell(&format!("warning: {REPORT} could not be written: {error:#}"));
    }
    print_found(None, args.json, &result, |page| text::summary(&result, Some(&args.out), args.lang, page))?;
    Ok(match lacking.summary {
        None => ExitStatus::of(result.verdict),
        Some(_) => ExitStatus::Inconclusive,
    })
}

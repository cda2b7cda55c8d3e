//! The end of a run: its page, what is printed, other forms, and the exit status.
//!
//! Invariant: the printed verdict and the exit status agree; a result of which only the printed form is left does
//! not pass.

use std::path::Path;
use std::time::Duration;

use super::page::{self, PageKeeper};
use super::report::Reports;
use crate::exit_status::ExitStatus;
use crate::lang::Lang;
use crate::report::files::{Lacking, REPORT, SUMMARY};
use crate::report::formats::Source;
use crate::report::{RunResult, Verdict};
use crate::terminal::tell;

/// How long a disk may write nothing at the end of a run before its files are given up.
pub(super) const DISK_PATIENCE: Duration = Duration::from_secs(10);
/// The same after a signal.
pub(super) const DISK_PATIENCE_STOPPED: Duration = Duration::from_secs(5);

/// Prints and writes the result of a run that has ended, whose files lack this and are in `path`; `print` returns
/// whether the result could be printed.
pub(super) fn conclude(
    mut result: RunResult,
    (lacking, path): (&Lacking, &Path),
    (reports, keeper): (&Reports, Option<PageKeeper>),
    lang: Lang,
    print: impl FnOnce(&RunResult) -> bool,
) -> ExitStatus {
    if let Some(why) = &lacking.summary {
        result.take_back_pass(&path.join(SUMMARY).display().to_string(), why);
    }
    // While the result is printed.
    let page = page::Writing::begin(path, lang);
    let is_printed = print(&result);
    match page.wait(DISK_PATIENCE) {
        Ok(_) => keeper.into_iter().for_each(PageKeeper::release),
        // It is made of the summary, of which more is said below.
        Err(_) if lacking.summary.is_some() => {}
        Err(error) => tell(&format!("warning: {REPORT} could not be written: {error:#}")),
    }
    tell_what_is_lacking(lacking, path);
    let are_made = reports.make(&Source { result: &result, directory: path, lang });
    match result.verdict {
        Verdict::Pass if !(is_printed && are_made) => {
            tell("  the run passed; the exit status is 3, since a result that was asked for is missing");
            ExitStatus::Inconclusive
        }
        verdict => ExitStatus::of(verdict),
    }
}

fn tell_what_is_lacking(lacking: &Lacking, path: &Path) {
    lacking.lines.iter().for_each(|line| tell(&format!("warning: {line}")));
    let Some(why) = &lacking.summary else { return };
    let summary = path.join(SUMMARY);
    tell(&format!(
        "error: {} is incomplete: {why}; the printed result is all that is left",
        summary.display()
    ));
    tell("  make room, or give --out a directory that can be written; then run again");
}

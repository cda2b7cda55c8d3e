//! `startline compare`: directories in, what differs out.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::app::printed::print_patiently;
use crate::checks::Page;
use crate::cli::compare::{CompareArgs, CompareFormat, FailOnArg};
use crate::compare::{Comparison, FailOn, GateOutcome, Run, compare, gate_line, page, text};
use crate::exit_status::ExitStatus;
use crate::foreign;
use crate::numbers::counted;
use crate::report::recorded;
use crate::terminal::tell;

/// Carries out `startline compare`.
///
/// # Errors
/// The sides are not told apart, a directory cannot be read, or the output not written.
pub fn run(args: &CompareArgs) -> Result<ExitStatus> {
    let (base, new) = sides(args)?;
    refuse_twice(base.iter().chain(&new))?;
    let fail_on = args.fail_on.map(|it| match it {
        FailOnArg::Differs => FailOn::Differs,
        FailOnArg::Worse => FailOn::Worse,
    });
    let comparison = compare(&read(&base)?, &read(&new)?, fail_on);
    let format = if args.json { CompareFormat::Json } else { args.format };
    let made = match format {
        CompareFormat::Html => page(&comparison),
        CompareFormat::Json => foreign::json_pretty(&comparison)?,
        CompareFormat::Text => {
            let page = if args.out.is_some() { Page::PLAIN } else { Page::of(&std::io::stdout()) };
            text(&comparison, args.all, page)
        }
    };
    match &args.out {
        Some(path) => fs::write(path, made).with_context(|| format!("cannot write {}", path.display()))?,
        None => print_patiently(None, made)?,
    }
    // Not on standard output, which may be JSON.
    gate_line(&comparison).iter().for_each(|line| tell(line));
    Ok(status(&comparison))
}

fn status(comparison: &Comparison) -> ExitStatus {
    match comparison.gate.as_ref().map(|gate| gate.outcome) {
        None | Some(GateOutcome::Passed) => ExitStatus::Passed,
        Some(GateOutcome::Failed) => ExitStatus::Failed,
        Some(GateOutcome::Inconclusive) => ExitStatus::Inconclusive,
    }
}

fn sides(args: &CompareArgs) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    match args.directories.as_slice() {
        [] if !args.base.is_empty() => Ok((args.base.clone(), args.new.clone())),
        [base, new] => Ok((vec![base.clone()], vec![new.clone()])),
        others => bail!(
            "{} given, which does not say what is compared: give two, or --base DIR… --new DIR…",
            counted(others.len() as u64, "directory is", "directories are")
        ),
    }
}

/// A run that is compared with itself would only seem to be several.
fn refuse_twice<'p>(directories: impl Iterator<Item = &'p PathBuf>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for directory in directories {
        if !seen.insert(directory.canonicalize().unwrap_or_else(|_| directory.clone())) {
            bail!("{} is given twice; give each run once", directory.display());
        }
    }
    Ok(())
}

fn read(directories: &[PathBuf]) -> Result<Vec<Run>> {
    let one = |directory: &PathBuf| {
        let (result, timeline) = (recorded::result(directory)?, recorded::timeline(directory)?);
        Ok(Run { directory: directory.clone(), result, timeline })
    };
    directories.iter().map(one).collect()
}

//! `startline report`, and `--report` of a run: other forms of a result, to where they are asked for.
//!
//! Does not know how a form looks. Invariant: what `--report` asks for is refused before a run begins, if
//! it cannot be written then.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context, Result, anyhow, bail};

use crate::app::page;
use crate::app::printed::print_found;
use crate::cli::report::ReportArgs;
use crate::nearest::hint;
use crate::report::formats::{FORMATS, Format, MakeError, Source};
use crate::report::{files, recorded};
use crate::terminal::tell;

/// What GitHub's runners show on a job's page: Markdown is appended to the file that this names.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Carries out `startline report`.
///
/// # Errors
/// There is no such form, the directory cannot be read, or the form not written.
pub fn run(args: &ReportArgs) -> Result<()> {
    if args.when_killed {
        return page::keep(&args.directory, args.lang);
    }
    let format = args.format.as_deref().map(named).transpose()?;
    let result = recorded::result(&args.directory)?;
    let source = Source { result: &result, directory: &args.directory, lang: args.lang };
    match (&args.out, format) {
        (Some(path), format) => {
            let format = format.map_or_else(|| named("html"), Ok)?;
            write(format, &source, path).with_context(|| format!("cannot write {}", path.display()))
        }
        (None, Some(format)) => {
            let mut out = BufWriter::new(io::stdout().lock());
            format.make(&source, &mut out).map_err(flat)?;
            Ok(out.flush()?)
        }
        (None, None) => {
            let path = page::write(&args.directory, args.lang)?;
            print_found(None, false, &(), |_| format!("{}\n", path.display()))
        }
    }
}

fn named(name: &str) -> Result<&'static Format> {
    let names = FORMATS.map(|format| format.name);
    Format::named(name).ok_or_else(|| anyhow!("there is no format {name:?}{}", hint(name, &names)))
}

/// Keeps the kind of the error: callers recognise a closed pipe by it.
fn flat(error: MakeError) -> anyhow::Error {
    match error {
        MakeError::Read(error) => error.into(),
        MakeError::Write(error) => error.into(),
    }
}

fn write(format: &Format, source: &Source<'_>, path: &Path) -> Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    format.make(source, &mut out).map_err(flat)?;
    Ok(out.flush()?)
}

/// What `--report` asks for.
pub(crate) struct Reports(Vec<(&'static Format, PathBuf)>);

impl Reports {
    /// Makes sure that each can be made when the run is over; `results` is its directory, if named.
    ///
    /// # Errors
    /// One cannot.
    pub fn check(asked: &[(String, PathBuf)], results: Option<&Path>) -> Result<Self> {
        let mut reports: Vec<(&'static Format, PathBuf)> = Vec::new();
        for (name, path) in asked {
            let format = named(name).context("--report")?;
            let context = || format!("--report {name}={}", path.display());
            if reports.iter().any(|(_, other)| other == path) {
                bail!("{}: another --report goes to this file", context());
            }
            check_path(path, results).with_context(context)?;
            reports.push((format, path.clone()));
        }
        Ok(Self(reports))
    }

    /// Writes all of them, and what the job's page shows; `false` if one that was asked for cannot be written.
    pub fn make(&self, source: &Source<'_>) -> bool {
        if let Some(page) = env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty())
            && let Err(error) = append_summary(source, Path::new(&page))
        {
            tell(&format!("warning: {STEP_SUMMARY} ({}): {error:#}", Path::new(&page).display()));
        }
        let tell_error = |(format, path): &(&Format, PathBuf)| match write(format, source, path) {
            Ok(()) => true,
            Err(error) => {
                let path = path.display();
                tell(&format!("error: the {} report cannot be written to {path}: {error:#}", format.name));
                let directory = source.directory.display();
                tell(&format!("  startline report {directory} --format {} makes it again", format.name));
                false
            }
        };
        // Each is tried.
        self.0.iter().map(tell_error).filter(|is_made| !is_made).count() == 0
    }
}

fn append_summary(source: &Source<'_>, path: &Path) -> Result<()> {
    let mut out = BufWriter::new(OpenOptions::new().append(true).create(true).open(path)?);
    named("markdown")?.make(source, &mut out).map_err(flat)?;
    // What other steps append begins on a line of its own.
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Refuses a path that cannot be written; leaves nothing behind. The results directory is yet to be made.
fn check_path(path: &Path, results: Option<&Path>) -> Result<()> {
    let (path, results) = (absolute(path)?, results.map(absolute).transpose()?);
    let directory = path.parent().unwrap_or(Path::new("/"));
    if results.as_deref() == Some(directory) {
        let own = |(name, _): &(&str, &str)| path.file_name().is_some_and(|file| file == *name);
        return match files::CONTENT.iter().find(|content| own(content)) {
            Some((name, _)) => bail!("a run writes {name} itself; give another name"),
            None => Ok(()),
        };
    }
    match fs::metadata(&path) {
        Ok(there) if there.is_dir() => bail!("it is a directory; give a file's name"),
        // Opening a pipe would wait for its reader.
        Ok(there) if !there.is_file() => Ok(()),
        Ok(_) => OpenOptions::new().append(true).open(&path).map(drop).context("it cannot be written"),
        Err(_) if !directory.exists() => bail!("there is no directory {}; create it", directory.display()),
        Err(_) => match tempfile::NamedTempFile::new_in(directory) {
            // Not the whole error: that names the file which was tried.
            Err(error) => bail!("no file can be created in {}: {}", directory.display(), error.kind()),
            Ok(_) => Ok(()),
        },
    }
}

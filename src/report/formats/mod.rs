//! The forms that a run's result can be written in, one row of a table each.
//!
//! Each is a function from what the run's directory has to a stream of bytes, for the run itself as for
//! `startline report` later. Knows no destination. Invariant: text of peers is escaped by the rules
//! of its form, and a form of a run that was killed says as much as its files do.

mod junit;
mod markdown;
mod seconds;

use std::io::{self, Write};
use std::path::Path;

use super::recorded::{self, ReadError};
use super::{RunResult, page, text};
use crate::checks::Page;
use crate::foreign;
use crate::lang::Lang;

/// What a form is made from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'s> {
    /// The result.
    pub result: &'s RunResult,
    /// The directory with everything else.
    pub directory: &'s Path,
    /// The language, of the forms for people.
    pub lang: Lang,
}

/// A form of a result.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// How `--report` and `--format` call it.
    pub name: &'static str,
    /// What it is for.
    pub what: &'static str,
    make: fn(&Source<'_>, &mut dyn Write) -> Result<(), MakeError>,
}

/// All of them, by name.
pub const FORMATS: [Format; 7] = [
    Format { name: "csv", what: "a row per second, for spreadsheets", make: seconds::csv },
    Format { name: "hlog", what: "HdrHistogram log of every second and step", make: seconds::hlog },
    Format { name: "html", what: "the page, with charts", make: html },
    Format { name: "json", what: "the whole result, as summary.json", make: json },
    Format { name: "junit", what: "a test case per criterion, for CI servers", make: junit::junit },
    Format { name: "markdown", what: "a page for a pull request", make: markdown::markdown },
    Format { name: "text", what: "the summary that a run prints", make: plain_text },
];

impl Format {
    /// Finds a form by its name.
    pub fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name)
    }

    /// Makes it.
    ///
    /// # Errors
    /// A file of the directory cannot be read, or `out` not written.
    pub fn make(&self, source: &Source<'_>, out: &mut dyn Write) -> Result<(), MakeError> {
        (self.make)(source, out)
    }
}

/// Why a form cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// A file of the directory cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

fn html(source: &Source<'_>, out: &mut dyn Write) -> Result<(), MakeError> {
    let html = page::html(&recorded::read(source.directory)?, source.lang);
    Ok(out.write_all(html.as_bytes())?)
}

fn json(source: &Source<'_>, out: &mut dyn Write) -> Result<(), MakeError> {
    // Names and numbers only: nothing in it can fail to be JSON.
    Ok(out.write_all(foreign::json_pretty(source.result).unwrap_or_default().as_bytes())?)
}

fn plain_text(source: &Source<'_>, out: &mut dyn Write) -> Result<(), MakeError> {
    let text = text::summary(source.result, Some(source.directory), source.lang, Page::PLAIN);
    Ok(out.write_all(foreign::shown_plain(&text).as_bytes())?)
}

//! A scenario's file as it is written for the first time, with the schema beside it.
//!
//! Invariant: a file that exists is overwritten only when that was asked for.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::foreign;
use crate::scenario::schema;

/// The schema beside a new scenario.
pub(super) const SCHEMA_FILE: &str = "scenario.schema.json";

/// Writes a scenario, and beside it what editors complete it by.
///
/// # Errors
/// There is such a file, and it is not to be overwritten, or it cannot be written.
pub(super) fn new_file(out: &Path, source: &str, force: bool) -> Result<String> {
    let mut options = fs::OpenOptions::new();
    options.write(true).truncate(true);
    // `create_new` checks and creates in one step: no file can come in between.
    if force {
        options.create(true)
    } else {
        options.create_new(true)
    };
    let mut file = match options.open(out) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("{} already exists; use --force to overwrite", out.display());
        }
        opened => opened.with_context(|| format!("cannot write {}", out.display()))?,
    };
    let schema_file = out.with_file_name(SCHEMA_FILE);
    let text = format!("#:schema ./{SCHEMA_FILE}\n{source}");
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", out.display()))?;
    fs::write(&schema_file, foreign::json_pretty(&schema())?)
        .with_context(|| format!("cannot write {}", schema_file.display()))?;
    Ok(format!(
        "{0} is written, and {1}, by which editors complete its keys; edit it, then: startline scenario check {0}\n",
        out.display(),
        schema_file.display()
    ))
}

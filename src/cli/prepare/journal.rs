//! The file of outcomes: appended to while members take their turn, made whole at the end.
//!
//! Invariant: at any instant the file has every member, and what was known of each a second ago.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::super::tell;
use crate::prepare::places::{Places, Row};

/// See the module.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    out: BufWriter<File>,
    has_failed: bool,
}

impl Journal {
    /// Whether a file can be begun, as far as can be known without beginning it.
    ///
    /// # Errors
    /// It is there already, or its directory is not.
    pub fn check(path: &Path) -> Result<()> {
        let name = path.display();
        if path.exists() {
            bail!("{name} is there already: go on with it by --resume {name}, or name another with --out");
        }
        match path.parent() {
            Some(at) if !at.as_os_str().is_empty() && !at.is_dir() => {
                bail!("--out: {name} would be in a directory that is not there")
            }
            _ => Ok(()),
        }
    }

    /// Begins a file, which must be new.
    ///
    /// # Errors
    /// It is there already, or cannot be written.
    pub fn create(path: &Path, places: &Places) -> Result<Self> {
        let name = path.display();
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                bail!("{name} is there already: go on with it by --resume {name}, or name another with --out")
            }
            Err(error) => return Err(error).with_context(|| format!("cannot write {name}")),
        }
        Self::take_up(path, places)
    }

    /// Goes on with a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn take_up(path: &Path, places: &Places) -> Result<Self> {
        let name = path.display();
        replace(path, places).with_context(|| format!("cannot write {name}"))?;
        let file =
            OpenOptions::new().append(true).open(path).with_context(|| format!("cannot write {name}"))?;
        Ok(Self { path: path.to_owned(), out: BufWriter::new(file), has_failed: false })
    }

    /// Adds what is known of a member.
    pub fn append(&mut self, row: &Row) {
        let written = row.write(&mut self.out);
        self.warn_of(written);
    }

    /// Hands over what was added.
    pub fn flush(&mut self) {
        let written = self.out.flush();
        self.warn_of(written);
    }

    /// Leaves a row a member.
    pub fn finish(mut self, places: &Places) {
        self.flush();
        let written = replace(&self.path, places);
        self.warn_of(written);
    }

    /// A file that cannot be written is no reason to stop, and is told of once.
    fn warn_of(&mut self, written: io::Result<()>) {
        if let Err(error) = written
            && !self.has_failed
        {
            self.has_failed = true;
            tell(&format!("warning: {} cannot be written: {error}", self.path.display()));
        }
    }
}

/// Writes all of it beside the file, then puts it in its place.
fn replace(path: &Path, places: &Places) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let mut out = BufWriter::new(File::create(&part)?);
    places.write(&mut out)?;
    out.flush()?;
    fs::rename(&part, path)
}

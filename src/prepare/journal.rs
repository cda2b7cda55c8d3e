//! The file of outcomes: appended to while members take their turn, rewritten at the end with one row each.
//!
//! Invariants: at any instant the file has every member, and what was known of each a second ago; it is there whole or not at all, and
//! nothing else is left beside it; only one process writes it.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tempfile::{Builder, NamedTempFile};

use crate::prepare::places::{Places, Row};
use crate::terminal::tell;

/// The file of outcomes.
#[derive(Debug)]
pub struct Journal {
    /// As it was named.
    name: PathBuf,
    /// Behind symbolic links, which stay.
    path: PathBuf,
    /// The file itself, locked for as long as it is open.
    out: BufWriter<File>,
    /// Writing has failed, and a warning has been printed.
    has_failed: bool,
    /// A row could not even be kept to be written later.
    has_lost_rows: bool,
}

impl Journal {
    /// Whether a file can be begun, as far as can be known without beginning it.
    ///
    /// # Errors
    /// It already exists, or its directory does not.
    pub fn check(path: &Path) -> Result<()> {
        Self::refuse_what_is_no_file(path)?;
        if path.exists() {
            return Err(is_there(path));
        }
        match path.parent() {
            Some(at) if !at.as_os_str().is_empty() && !at.is_dir() => {
                bail!("--out: the directory of {} does not exist", path.display())
            }
            _ => Ok(()),
        }
    }

    /// Refuses what is not a file, since `--resume` needs one.
    ///
    /// # Errors
    /// It is standard output, a directory or a device.
    pub fn refuse_what_is_no_file(path: &Path) -> Result<()> {
        let name = path.display();
        if path == Path::new("-") {
            bail!("--out: \"-\" is standard output, which --resume cannot read: name a file");
        }
        match fs::metadata(path) {
            Ok(it) if it.is_dir() => bail!("--out: {name} is a directory: name a file in it"),
            Ok(it) if !it.is_file() => {
                bail!("--out: {name} is not a regular file, which --resume needs: name a file")
            }
            _ => Ok(()),
        }
    }

    /// Begins a file, which must be new.
    ///
    /// # Errors
    /// It already exists, or cannot be written; nothing is left of it then.
    pub fn create(path: &Path, places: &Places) -> Result<Self> {
        let cannot = || format!("cannot write {}, so no member was sent", path.display());
        let written = written(path, places).with_context(cannot)?;
        let file = match written.persist_noclobber(path) {
            Ok(file) => file,
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(is_there(path));
            }
            Err(refused) => return Err(refused.error).with_context(cannot),
        };
        Ok(Self::of(path, path.to_owned(), file))
    }

    /// Opens a file to resume it, locks it, and returns its text.
    ///
    /// # Errors
    /// It cannot be read, or another process is writing it.
    pub fn open(path: &Path) -> Result<(Self, String)> {
        let name = path.display();
        let cannot = || format!("cannot read {name}");
        let real = fs::canonicalize(path).with_context(cannot)?;
        if !real.is_file() {
            bail!("{name} is not a regular file");
        }
        let mut file = File::open(&real).with_context(cannot)?;
        // Its last writer may have replaced it just before it was locked here.
        if !lock(&file, path) || !is_still_at(&file, &real).with_context(cannot)? {
            bail!(
                "another startline is writing {name}: wait until it has ended, or stop it with Ctrl-C; then resume the file"
            );
        }
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(cannot)?;
        Ok((Self::of(path, real, file), text))
    }

    fn of(name: &Path, path: PathBuf, file: File) -> Self {
        Self {
            name: name.to_owned(),
            path,
            out: BufWriter::new(file),
            has_failed: false,
            has_lost_rows: false,
        }
    }

    /// Rewrites the file with one row per member.
    ///
    /// # Errors
    /// It cannot be written; the file is as it was then.
    pub fn rewrite(&mut self, places: &Places) -> Result<()> {
        self.replace(places).with_context(|| format!("cannot write {}", self.name.display()))
    }

    /// Adds what is known of a member.
    pub fn append(&mut self, row: &Row) {
        let written = row.write(&mut self.out);
        self.has_lost_rows |= written.is_err();
        self.warn_of(written);
    }

    /// Flushes what was added.
    pub fn flush(&mut self) {
        let written = self.out.flush();
        self.warn_of(written);
    }

    /// Rewrites the file with one row per member, and closes it.
    ///
    /// # Errors
    /// The file has not all that is known.
    pub fn finish(mut self, places: &Places) -> io::Result<()> {
        let Err(error) = self.replace(places) else { return Ok(()) };
        self.out.flush()?;
        if self.has_lost_rows {
            return Err(error);
        }
        // What was added is all there.
        tell(&format!(
            "warning: {} cannot be tidied up: {error}; --resume can read it as it is",
            self.name.display()
        ));
        Ok(())
    }

    /// Writes all of it beside the file, then puts it in its place. The old one stays locked until the new one is there, and locked, too.
    fn replace(&mut self, places: &Places) -> io::Result<()> {
        let file = written(&self.path, places)?.persist(&self.path).map_err(|refused| refused.error)?;
        // What had not been flushed is in the new one.
        let before = std::mem::replace(&mut self.out, BufWriter::new(file));
        drop(before.into_parts());
        Ok(())
    }

    /// Warns once of a file that cannot be written, which is no reason to stop.
    fn warn_of(&mut self, written: io::Result<()>) {
        if let Err(error) = written
            && !self.has_failed
        {
            self.has_failed = true;
            tell(&format!("warning: {} cannot be written: {error}", self.name.display()));
        }
    }
}

fn is_there(path: &Path) -> anyhow::Error {
    let name = path.display();
    if !begins_as_outcomes_do(path) {
        return anyhow!("{name} already exists and is not a file of outcomes: name another with --out");
    }
    anyhow!("{name} already exists: continue it with --resume {name}, or name another with --out")
}

/// Whether it could be resumed, by its first line.
fn begins_as_outcomes_do(path: &Path) -> bool {
    let header = Places::header();
    let mut begins = vec![0; header.len()];
    let is_file = fs::metadata(path).is_ok_and(|it| it.is_file());
    is_file
        && File::open(path).and_then(|mut file| file.read_exact(&mut begins)).is_ok()
        && begins == header.as_bytes()
}

/// A file beside this one with all of it, locked; gone when it is dropped.
fn written(path: &Path, places: &Places) -> io::Result<NamedTempFile> {
    let beside = path.parent().filter(|at| !at.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = Builder::new()
        .prefix(".startline-")
        .suffix(".part")
        .append(true)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(beside)?;
    // Nobody else knows its name.
    lock(file.as_file(), path);
    let mut out = BufWriter::new(file.as_file());
    places.write(&mut out)?;
    out.flush()?;
    drop(out);
    Ok(file)
}

/// Locks this file, unless another process has. The lock goes with the last descriptor, however the process ends.
fn lock(file: &File, name: &Path) -> bool {
    // std's own try_lock came with Rust 1.89.
    let Err(error) = flock(file, FlockOperation::NonBlockingLockExclusive) else { return true };
    if error != Errno::WOULDBLOCK {
        tell(&format!(
            "warning: {} cannot be locked ({error}): see to it that no other startline writes it",
            name.display()
        ));
    }
    error != Errno::WOULDBLOCK
}

fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    let (ours, there) = (file.metadata()?, fs::metadata(path)?);
    Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino()))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::members::MemberName;
    use crate::prepare::places::Outcome;

    fn names(at: &Path) -> Vec<String> {
        let entries = fs::read_dir(at).expect("a directory");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    /// Opened by nobody else any more. What another test's child inherits between its fork() and its exec() stays locked for that long.
    fn opened(path: &Path) -> (Journal, String) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match Journal::open(path) {
                Ok(opened) => return opened,
                Err(error) => assert!(Instant::now() < deadline, "{error:#}"),
            }
            std::thread::yield_now();
        }
    }

    fn refused(path: &Path) -> String {
        format!("{:#}", Journal::open(path).expect_err("it is locked"))
    }

    #[test]
    fn only_one_has_it_from_its_beginning_to_its_end() {
        let at = tempfile::tempdir().expect("a directory");
        let path = at.path().join("a.csv");
        let mut places = Places::of([(MemberName::Number(13), 38)]);
        let mut first = Journal::create(&path, &places).expect("it begins");
        assert!(refused(&path).contains("another startline is writing"), "{}", refused(&path));
        // A file that was put in its place is as locked as the one before.
        first.rewrite(&places).expect("written");
        assert!(refused(&path).contains("another startline is writing"), "{}", refused(&path));
        places.set(0, Outcome::Done, "");
        first.append(&places.rows()[0]);
        first.flush();
        drop(first);
        let (second, text) = opened(&path);
        assert_eq!(text.lines().count(), 3);
        second.finish(&places).expect("written");
        assert_eq!(opened(&path).1.lines().count(), 2);
        assert_eq!(names(at.path()), ["a.csv"]);
    }

    #[test]
    fn one_that_is_there_is_not_begun() {
        let at = tempfile::tempdir().expect("a directory");
        let path = at.path().join("a.csv");
        fs::write(&path, "precious").expect("written");
        let error = Journal::create(&path, &Places::default()).expect_err("it is there").to_string();
        assert!(error.contains("already exists and is not a file of outcomes"), "{error}");
        assert_eq!(
            (names(at.path()), fs::read_to_string(&path).expect("it is there")),
            (vec!["a.csv".into()], "precious".into())
        );
    }

    #[test]
    fn one_of_outcomes_is_gone_on_with_and_what_is_no_file_is_named() {
        let at = tempfile::tempdir().expect("a directory");
        let path = at.path().join("a.csv");
        drop(Journal::create(&path, &Places::of([(MemberName::Number(13), 38)])).expect("it begins"));
        let refused = |path: &Path| Journal::check(path).expect_err("it is no new file").to_string();
        assert!(refused(&path).contains("already exists: continue it with --resume"), "{}", refused(&path));
        assert!(refused(at.path()).ends_with("is a directory: name a file in it"));
        assert!(refused(Path::new("/dev/null")).contains("is not a regular file"));
        assert!(refused(Path::new("-")).contains("is standard output"));
        Journal::check(&at.path().join("b.csv")).expect("it can be begun");
    }

    #[test]
    fn a_link_to_it_stays_one() {
        let at = tempfile::tempdir().expect("a directory");
        let (path, link) = (at.path().join("a.csv"), at.path().join("link.csv"));
        let places = Places::of([(MemberName::Number(13), 38)]);
        drop(Journal::create(&path, &places).expect("it begins"));
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        let (mut journal, _) = opened(&link);
        journal.rewrite(&places).expect("written");
        assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
        assert!(refused(&path).contains("another startline is writing"));
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let at = tempfile::tempdir().expect("a directory");
        assert!(refused(at.path()).contains("is not a regular file"));
        assert!(refused(&at.path().join("none")).contains("cannot read"));
    }
}

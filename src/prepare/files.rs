//! Several files that belong together: all of them are complete before the first gets its name.
//!
//! Does not know what is in them. Invariants: every name is checked before anything is written; no file is overwritten
//! unless that was asked for, and never one that is not regular.

use std::fs::{self, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::{Builder, TempPath};

/// Writes the content of a file.
type Content<'c> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'c>;

/// The files to write.
pub struct Files<'c> {
    may_replace: bool,
    files: Vec<(PathBuf, Content<'c>)>,
}

impl<'c> Files<'c> {
    /// None yet; `may_replace` if existing files may be overwritten.
    pub fn new(may_replace: bool) -> Self {
        Self { may_replace, files: Vec::new() }
    }

    /// Adds a file.
    pub fn add(&mut self, path: PathBuf, content: impl Fn(&mut dyn Write) -> io::Result<()> + 'c) {
        self.files.push((path, Box::new(content)));
    }

    /// Writes all of them, into `directory` if it is given, which is created if it is missing.
    ///
    /// # Errors
    /// A file cannot be written. None is, unless one of them could not get its name after others had.
    pub fn write(&self, directory: Option<&Path>) -> Result<()> {
        self.files.iter().try_for_each(|(path, _)| self.check(path))?;
        if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
            fs::create_dir(directory)
                .with_context(|| format!("cannot create the directory {}", directory.display()))?;
        }
        let complete: Vec<(&Path, TempPath)> = self
            .files
            .iter()
            .map(|(path, content)| {
                Ok((path.as_path(), beside(path, content).with_context(|| cannot_write(path))?))
            })
            .collect::<Result<_>>()?;
        for (path, file) in complete {
            let named = match self.may_replace {
                true => file.persist(path),
                // Checks and renames in one step, so that no file can come in between.
                false => file.persist_noclobber(path),
            };
            named.map_err(|refused| refused.error).with_context(|| cannot_write(path))?;
        }
        Ok(())
    }

    fn check(&self, path: &Path) -> Result<()> {
        let name = path.display();
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error).with_context(|| cannot_write(path)),
            Ok(found) if !found.is_file() => bail!("{name} is not a regular file; name another"),
            Ok(_) if !self.may_replace => bail!("{name} already exists; use --force to overwrite"),
            Ok(_) => Ok(()),
        }
    }
}

/// Writes a file beside its name.
fn beside(path: &Path, content: &Content<'_>) -> io::Result<TempPath> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // As any new file: the umask takes away what it must.
    let permissions = Permissions::from_mode(0o666);
    let mut builder = Builder::new();
    let builder = builder.prefix(".startline-").suffix(".part").permissions(permissions);
    let mut out = BufWriter::new(builder.tempfile_in(directory)?);
    content(&mut out)?;
    Ok(out.into_inner().map_err(io::IntoInnerError::into_error)?.into_temp_path())
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two files, the second of which may fail before its end.
    fn two<'c>(at: &Path, may_replace: bool, second: impl Fn() -> io::Result<()> + 'c) -> Files<'c> {
        let mut files = Files::new(may_replace);
        files.add(at.join("a"), |out| out.write_all(b"new a"));
        files.add(at.join("b"), move |out| {
            out.write_all(b"new b")?;
            second()
        });
        files
    }

    fn names(at: &Path) -> Vec<String> {
        let entries = fs::read_dir(at).expect("a directory");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }

    #[track_caller]
    fn refusal(files: &Files<'_>) -> String {
        format!("{:#}", files.write(None).expect_err("refused"))
    }

    #[test]
    fn all_are_written_and_nothing_else_is_left() {
        let at = tempfile::tempdir().expect("a directory");
        let directory = at.path().join("csv");
        two(&directory, false, || Ok(())).write(Some(&directory)).expect("written");
        assert_eq!(names(&directory), ["a", "b"]);
        let read = |name| fs::read_to_string(directory.join(name)).expect("a file");
        assert_eq!((read("a"), read("b")), ("new a".into(), "new b".into()));
    }

    #[test]
    fn an_existing_file_is_overwritten_only_if_that_was_asked_for() {
        let at = tempfile::tempdir().expect("a directory");
        fs::write(at.path().join("b"), "old").expect("written");
        let error = refusal(&two(at.path(), false, || Ok(())));
        assert!(error.ends_with("/b already exists; use --force to overwrite"), "{error}");
        assert_eq!(names(at.path()), ["b"]);
        two(at.path(), true, || Ok(())).write(None).expect("written");
        assert_eq!(fs::read_to_string(at.path().join("b")).expect("a file"), "new b");
        assert_eq!(names(at.path()), ["a", "b"]);
    }

    #[test]
    fn one_that_cannot_be_written_leaves_all_as_they_were() {
        let at = tempfile::tempdir().expect("a directory");
        fs::write(at.path().join("a"), "old").expect("written");
        let error = refusal(&two(at.path(), true, || Err(io::ErrorKind::StorageFull.into())));
        assert!(error.contains("cannot write") && error.contains("no storage space"), "{error}");
        assert_eq!(names(at.path()), ["a"]);
        assert_eq!(fs::read_to_string(at.path().join("a")).expect("a file"), "old");
    }

    #[test]
    fn a_file_that_comes_in_between_is_not_overwritten() {
        let at = tempfile::tempdir().expect("a directory");
        let other = || fs::write(at.path().join("b"), "another's");
        assert!(refusal(&two(at.path(), false, other)).contains("File exists"));
        assert_eq!(fs::read_to_string(at.path().join("b")).expect("a file"), "another's");
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused() {
        let at = tempfile::tempdir().expect("a directory");
        let refused = |path: PathBuf| {
            let mut files = Files::new(true);
            files.add(path, |_| Ok(()));
            refusal(&files)
        };
        let link = at.path().join("link");
        std::os::unix::fs::symlink("gone.sql", &link).expect("a link");
        for path in ["/dev/null".into(), at.path().to_owned(), link.clone()] {
            let error = refused(path);
            assert!(error.ends_with("is not a regular file; name another"), "{error}");
        }
        assert!(refused(at.path().join("none/a")).contains("cannot write"));
        assert_eq!(names(at.path()), ["link"]);
    }
}

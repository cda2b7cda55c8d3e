//! Several files that belong together: all of them are written, or none.
//!
//! Knows nothing of what is in them. Invariants: every name is looked at before anything is written; each file is written beside its
//! name and put there when all are whole; if one cannot be, what was there before is there again.

use std::collections::HashMap;
use std::fs::{self, FileType, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use tempfile::{Builder, NamedTempFile, TempPath};

/// Writes what is in a file.
type Content<'c> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'c>;

/// What is to be written.
pub struct Files<'c> {
    may_replace: bool,
    stop: Box<dyn Fn() -> Option<String> + 'c>,
    files: Vec<(PathBuf, Content<'c>)>,
}

/// A file's name, looked at.
struct Place<'f> {
    /// As it was given.
    given: &'f Path,
    /// Behind symbolic links, which stay.
    real: PathBuf,
}

impl<'c> Files<'c> {
    /// None yet; `may_replace` if there may be files of these names.
    pub fn new(may_replace: bool) -> Self {
        Self { may_replace, stop: Box::new(|| None), files: Vec::new() }
    }

    /// Gives up as soon as there is a reason to.
    pub fn unless(self, stop: impl Fn() -> Option<String> + 'c) -> Self {
        Self { stop: Box::new(stop), ..self }
    }

    /// One more.
    pub fn add(&mut self, path: PathBuf, content: impl Fn(&mut dyn Write) -> io::Result<()> + 'c) {
        self.files.push((path, Box::new(content)));
    }

    /// Writes all of them; their sizes in bytes, in order. With `directory`, they are in this one, which is made if it is not there.
    ///
    /// # Errors
    /// Why none of them was written.
    pub fn write(&self, directory: Option<&Path>) -> Result<Vec<u64>> {
        let made = directory.map(make).transpose()?.flatten();
        let written = self.written();
        if let (Err(_), Some(made)) = (&written, made) {
            // It is empty, or somebody else's by now.
            let _ = fs::remove_dir(made);
        }
        written
    }

    fn written(&self) -> Result<Vec<u64>> {
        let places = self.places()?;
        let mut whole = Vec::new();
        let mut sizes = Vec::new();
        for (place, (_, content)) in places.iter().zip(&self.files) {
            let (path, size) = beside(place, content, &*self.stop)?;
            whole.push((place, path));
            sizes.push(size);
        }
        self.put(whole)?;
        Ok(sizes)
    }

    fn places(&self) -> Result<Vec<Place<'_>>> {
        let mut seen: HashMap<PathBuf, &Path> = HashMap::new();
        let mut places = Vec::new();
        for (given, _) in &self.files {
            let place = Place { given, real: real(given, self.may_replace)? };
            if let Some(other) = seen.insert(place.real.clone(), given) {
                bail!("{} and {} are the same file: name two", other.display(), given.display());
            }
            places.push(place);
        }
        Ok(places)
    }

    /// Puts files in their places, and takes all back if one cannot be put.
    fn put(&self, whole: Vec<(&Place<'_>, TempPath)>) -> Result<()> {
        let mut done: Vec<(&Place<'_>, Option<TempPath>)> = Vec::new();
        for (place, path) in whole {
            if let Err(error) = self.put_one(place, path, &mut done) {
                for (place, before) in done.into_iter().rev() {
                    take_back(place, before)?;
                }
                return Err(error).with_context(|| cannot_write(place.given));
            }
        }
        Ok(())
    }

    fn put_one<'p, 'f>(
        &self,
        place: &'p Place<'f>,
        path: TempPath,
        done: &mut Vec<(&'p Place<'f>, Option<TempPath>)>,
    ) -> io::Result<()> {
        if !self.may_replace {
            // Looks and puts in one step: no file can come in between.
            path.persist_noclobber(&place.real).map_err(|refused| refused.error)?;
            done.push((place, None));
            return Ok(());
        }
        let before = keep(&place.real)?;
        match path.persist(&place.real) {
            Ok(()) => done.push((place, before)),
            Err(refused) => {
                if let Some(before) = before {
                    before.persist(&place.real).map_err(|refused| refused.error)?;
                }
                return Err(refused.error);
            }
        }
        Ok(())
    }
}

/// Makes a directory; it, if it was not there.
fn make(directory: &Path) -> Result<Option<&Path>> {
    match fs::create_dir(directory) {
        Ok(()) => Ok(Some(directory)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{} is there and no directory: name another", directory.display())
        }
        Err(error) => {
            Err(error).with_context(|| format!("cannot make the directory {}", directory.display()))
        }
    }
}

/// Where a file is to go; refused where something is in the way.
fn real(given: &Path, may_replace: bool) -> Result<PathBuf> {
    let name = given.display();
    let Some(file_name) = given.file_name() else { bail!("{name} is no name of a file") };
    match fs::symlink_metadata(given) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let directory = match given.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            let directory = directory
                .canonicalize()
                .with_context(|| format!("cannot write {name}: its directory {}", directory.display()))?;
            return Ok(directory.join(file_name));
        }
        found => found.with_context(|| cannot_write(given))?,
    };
    // Of what is behind links, since some lead to what has no name, such as a pipe.
    let kind = match fs::metadata(given) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let to = fs::read_link(given).with_context(|| cannot_write(given))?;
            bail!(
                "{name} is a symbolic link to {}, which is not there: name that file, or remove the link",
                to.display()
            );
        }
        found => found.with_context(|| cannot_write(given))?.file_type(),
    };
    if !kind.is_file() {
        bail!(
            "{name} is {}, and no ordinary file: name another (files are put in their places once all are whole)",
            what(kind)
        );
    }
    let real = given.canonicalize().with_context(|| cannot_write(given))?;
    if !may_replace {
        bail!("{name} is there already: name another file, or write over it with --force");
    }
    Ok(real)
}

/// What is no file, in a word.
fn what(kind: FileType) -> &'static str {
    match kind {
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

/// Writes a file beside its place.
fn beside(
    place: &Place<'_>,
    content: &Content<'_>,
    stop: &dyn Fn() -> Option<String>,
) -> Result<(TempPath, u64)> {
    let write = || -> io::Result<(TempPath, u64)> {
        // As any new file: the umask takes from it what it should.
        let permissions = Permissions::from_mode(0o666);
        let file = Builder::new()
            .prefix(".startline-")
            .suffix(".part")
            .permissions(permissions)
            .tempfile_in(directory_of(&place.real))?;
        let mut out = BufWriter::new(Unless { file, stop });
        content(&mut out)?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?.file;
        let size = file.as_file().metadata()?.len();
        Ok((file.into_temp_path(), size))
    };
    write().with_context(|| cannot_write(place.given))
}

/// A file that is written on as long as there is no reason to stop.
struct Unless<'s> {
    file: NamedTempFile,
    stop: &'s dyn Fn() -> Option<String>,
}

impl Write for Unless<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match (self.stop)() {
            Some(why) => Err(io::Error::other(why)),
            None => self.file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Keeps what is there under another name, until it is known that it is not needed any more.
fn keep(real: &Path) -> io::Result<Option<TempPath>> {
    match fs::symlink_metadata(real) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(found) if !found.is_file() => return Err(io::Error::other("it is no ordinary file any more")),
        Ok(_) => {}
    }
    let kept =
        Builder::new().prefix(".startline-").suffix(".before").make_in(directory_of(real), |path| {
            match fs::hard_link(real, path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fs::rename(real, path),
                linked => linked,
            }
        })?;
    Ok(Some(kept.into_temp_path()))
}

fn take_back(place: &Place<'_>, before: Option<TempPath>) -> Result<()> {
    let taken = match before {
        Some(before) => before.persist(&place.real).map_err(|refused| refused.error),
        None => fs::remove_file(&place.real),
    };
    taken.map_err(|error| anyhow!("{} could not be put back as it was: {error}", place.given.display()))
}

fn directory_of(real: &Path) -> &Path {
    real.parent().unwrap_or(Path::new("/"))
}

fn cannot_write(given: &Path) -> String {
    format!("cannot write {}", given.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two files, the second of which may not be written to its end.
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
        assert_eq!(two(at.path(), false, || Ok(())).write(None).expect("written"), [5, 5]);
        assert_eq!(names(at.path()), ["a", "b"]);
        let read = |name| fs::read_to_string(at.path().join(name)).expect("a file");
        assert_eq!((read("a"), read("b")), ("new a".into(), "new b".into()));
    }

    #[test]
    fn none_is_written_over_one_that_is_there() {
        let at = tempfile::tempdir().expect("a directory");
        fs::write(at.path().join("b"), "old").expect("written");
        let error = refusal(&two(at.path(), false, || Ok(())));
        assert!(
            error.ends_with("b is there already: name another file, or write over it with --force"),
            "{error}"
        );
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
    fn one_that_cannot_be_put_in_its_place_has_the_others_taken_back() {
        let at = tempfile::tempdir().expect("a directory");
        fs::write(at.path().join("a"), "old").expect("written");
        // It comes between the look and the end.
        let in_the_way = || fs::create_dir(at.path().join("b"));
        assert!(refusal(&two(at.path(), true, in_the_way)).contains("/b: "));
        assert_eq!(names(at.path()), ["a", "b"]);
        assert_eq!(fs::read_to_string(at.path().join("a")).expect("a file"), "old");
        fs::remove_file(at.path().join("a")).expect("removed");
        fs::remove_dir(at.path().join("b")).expect("removed");
        assert!(refusal(&two(at.path(), false, || fs::create_dir(at.path().join("b")))).contains("/b: "));
        assert_eq!(names(at.path()), ["b"]);
    }

    #[test]
    fn a_file_that_comes_in_between_is_not_written_over() {
        let at = tempfile::tempdir().expect("a directory");
        let other = || fs::write(at.path().join("b"), "somebody else's");
        assert!(refusal(&two(at.path(), false, other)).contains("File exists"));
        assert_eq!(names(at.path()), ["b"]);
        assert_eq!(fs::read_to_string(at.path().join("b")).expect("a file"), "somebody else's");
    }

    #[test]
    fn a_symbolic_link_stays_and_its_file_is_written() {
        let at = tempfile::tempdir().expect("a directory");
        fs::write(at.path().join("real"), "old").expect("written");
        std::os::unix::fs::symlink("real", at.path().join("a")).expect("a link");
        two(at.path(), true, || Ok(())).write(None).expect("written");
        assert!(fs::symlink_metadata(at.path().join("a")).expect("it is there").is_symlink());
        assert_eq!(fs::read_to_string(at.path().join("real")).expect("a file"), "new a");
    }

    #[test]
    fn what_is_no_place_for_a_file_is_refused() {
        let at = tempfile::tempdir().expect("a directory");
        let refused = |path: PathBuf| {
            let mut files = Files::new(true);
            files.add(path, |_| Ok(()));
            refusal(&files)
        };
        assert!(refused("/dev/null".into()).contains("/dev/null is a device, and no ordinary file"));
        assert!(refused(at.path().to_owned()).contains("is a directory, and no ordinary file"));
        let socket = at.path().join("socket");
        drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
        assert!(refused(socket.clone()).contains("is a socket, and no"));
        fs::remove_file(socket).expect("removed");
        let link = at.path().join("link");
        std::os::unix::fs::symlink("gone.sql", &link).expect("a link");
        let error = refused(link.clone());
        assert!(
            error.contains("link is a symbolic link to gone.sql, which is not there: name that file"),
            "{error}"
        );
        fs::remove_file(link).expect("removed");
        assert!(refused(at.path().join("none/a")).contains("its directory"));
        assert!(refused("/".into()).contains("no name of a file"));
        let mut twice = Files::new(true);
        twice.add(at.path().join("a"), |_| Ok(()));
        twice.add(at.path().join(".").join("a"), |_| Ok(()));
        assert!(refusal(&twice).contains("are the same file"));
        assert_eq!(names(at.path()), [""; 0]);
    }

    #[test]
    fn a_directory_is_made_and_goes_again_if_nothing_is_written() {
        let at = tempfile::tempdir().expect("a directory");
        let directory = at.path().join("csv");
        two(&directory, false, || Err(io::ErrorKind::StorageFull.into()))
            .write(Some(&directory))
            .expect_err("refused");
        assert_eq!(names(at.path()), [""; 0]);
        two(&directory, false, || Ok(())).write(Some(&directory)).expect("written");
        assert_eq!(names(&directory), ["a", "b"]);
        two(&directory, false, || Ok(())).write(Some(&directory)).expect_err("they are there");
        assert_eq!(names(&directory), ["a", "b"]);
    }
}

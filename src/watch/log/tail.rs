//! Follows a log file from the run's start on, through rotation.
//!
//! Does not know what a line says. Invariants: no line is seen twice; a line is lost only where the file's owner cut
//! the file and kept no copy beside it; at most [`FILES_MAX`] files are open.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::lines::Lines;

/// Bytes read at a time.
const PIECE_BYTES: usize = 64 << 10;
/// Bytes before the place that is read next, by which it is known again.
const MARK_BYTES_MAX: usize = 256;
/// A file that was rotated away is read for this long after it last grew: its writer may be told late.
const OLD_FOR: Duration = Duration::from_secs(60);
/// Files that are open at the same time.
const FILES_MAX: usize = 4;
/// Names of a directory that are looked at for a copy.
const NAMES_MAX: usize = 4096;

/// A file that is followed.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    current: Option<Open>,
    /// Rotated away, and perhaps still written to.
    old: Vec<Open>,
    piece: Vec<u8>,
}

/// An open file and what was read of it.
#[derive(Debug)]
struct Open {
    file: File,
    identity: (u64, u64),
    read: u64,
    /// The last bytes before `read`.
    mark: Vec<u8>,
    lines: Lines,
    grew: Instant,
}

impl Tail {
    /// Begins at the file's end, or at most this far before it. A file that is not there yet is read from its
    /// beginning once it is.
    pub fn at_end_of(path: &Path, before_bytes: u64) -> Self {
        let mut tail =
            Self { path: path.to_owned(), current: None, old: Vec::new(), piece: vec![0; PIECE_BYTES] };
        if let Ok(mut open) = Open::at(path) {
            // A file that cannot be read is found out by the first look.
            let _ = open.skip_to_end(before_bytes);
            tail.current = Some(open);
        }
        tail
    }

    /// Reads what was added, in the order in which it was written; `each` sees every complete line. What is left at
    /// `deadline` is read by the next look.
    ///
    /// # Errors
    /// The file cannot be opened or read, or is not a regular file.
    pub fn read(&mut self, deadline: Instant, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        for old in &mut self.old {
            old.read_on(&mut self.piece, deadline, each)?;
        }
        self.old.retain(|old| old.grew.elapsed() < OLD_FOR);
        if let Some(current) = &mut self.current {
            if current.was_cut()? {
                current.read_copy(&self.path, &mut self.piece, deadline, each);
                current.start_again();
            }
            current.read_on(&mut self.piece, deadline, each)?;
        }
        self.open_new(deadline, each)
    }

    /// Opens what has the path now, if that is another file.
    fn open_new(&mut self, deadline: Instant, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let has_one = self.current.is_some();
        let identity = match fs::metadata(&self.path) {
            Ok(metadata) => identity(&metadata),
            // Between its renaming and its creation; the writer still has the old one.
            Err(error) if error.kind() == io::ErrorKind::NotFound && has_one => return Ok(()),
            Err(error) => return Err(error),
        };
        if self.current.as_ref().is_some_and(|current| current.identity == identity) {
            return Ok(());
        }
        let mut new = Open::at(&self.path)?;
        new.read_on(&mut self.piece, deadline, each)?;
        if let Some(mut old) = self.current.replace(new) {
            old.grew = Instant::now();
            self.old.push(old);
            if self.old.len() >= FILES_MAX {
                self.old.remove(0);
            }
        }
        Ok(())
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        // Opening a pipe would wait for its writer.
        let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
        let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let identity = identity(&metadata);
        let (mark, lines) = (Vec::new(), Lines::default());
        Ok(Self { file, identity, read: 0, mark, lines, grew: Instant::now() })
    }

    fn skip_to_end(&mut self, before_bytes: u64) -> io::Result<()> {
        self.read = self.file.metadata()?.len().saturating_sub(before_bytes);
        let from = self.read.saturating_sub(MARK_BYTES_MAX as u64);
        self.mark = vec![0; (self.read - from) as usize];
        self.file.read_exact_at(&mut self.mark, from)?;
        if self.mark.last().is_some_and(|last| *last != b'\n') {
            self.lines = Lines::in_mid_line();
        }
        Ok(())
    }

    fn read_on(
        &mut self,
        piece: &mut [u8],
        deadline: Instant,
        each: &mut dyn FnMut(&[u8]),
    ) -> io::Result<()> {
        loop {
            let length = self.file.read_at(piece, self.read)?;
            if length == 0 {
                return Ok(());
            }
            self.take(&piece[..length], each);
            if Instant::now() >= deadline {
                return Ok(());
            }
        }
    }

    fn take(&mut self, bytes: &[u8], each: &mut dyn FnMut(&[u8])) {
        self.read += bytes.len() as u64;
        self.grew = Instant::now();
        self.mark.extend_from_slice(&bytes[bytes.len().saturating_sub(MARK_BYTES_MAX)..]);
        self.mark.drain(..self.mark.len().saturating_sub(MARK_BYTES_MAX));
        self.lines.take(bytes, each);
    }

    /// Whether it no longer has what was read of it: it was cut to nothing (copytruncate), and may have grown past
    /// the place since.
    fn was_cut(&self) -> io::Result<bool> {
        Ok(!is_marked(&self.file, self.read, &self.mark)?)
    }

    /// Reads the end of the copy that was made before it was cut: a file beside it that has the mark at its place.
    fn read_copy(&mut self, path: &Path, piece: &mut [u8], deadline: Instant, each: &mut dyn FnMut(&[u8])) {
        let copies = beside(path).into_iter().filter_map(|path| Self::at(&path).ok());
        let is_it = |copy: &Self| {
            copy.identity != self.identity && is_marked(&copy.file, self.read, &self.mark).unwrap_or(false)
        };
        let changed = |copy: &Self| copy.file.metadata().and_then(|it| it.modified()).ok();
        // An older file may have the same bytes there: servers repeat themselves.
        if let Some(copy) = copies.filter(is_it).max_by_key(changed) {
            let cut = std::mem::replace(&mut self.file, copy.file);
            // The deadline bounds a copy's end, too; what cannot be read of it is lost.
            let _ = self.read_on(piece, deadline, each);
            self.file = cut;
        }
    }

    fn start_again(&mut self) {
        self.read = 0;
        self.mark.clear();
        self.lines = Lines::default();
    }
}

/// Whether the file has these bytes before this place.
fn is_marked(file: &File, place: u64, mark: &[u8]) -> io::Result<bool> {
    let mut there = vec![0; mark.len()];
    match file.read_exact_at(&mut there, place - mark.len() as u64) {
        Ok(()) => Ok(there == mark),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Files beside this one whose names begin with its own: `access.log.1`, `access.log-20261128`.
fn beside(path: &Path) -> Vec<PathBuf> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().take(NAMES_MAX);
    let names = entries.map(|entry| entry.file_name());
    names
        .filter(|other| other != name && other.as_encoded_bytes().starts_with(name.as_encoded_bytes()))
        .map(|other| directory.join(other))
        .collect()
}

fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A log in a directory of its own, what follows it, and what was seen.
    struct Log {
        directory: tempfile::TempDir,
        tail: Tail,
        seen: Vec<String>,
    }

    impl Log {
        fn with(before: &str) -> Self {
            let directory = tempfile::tempdir().expect("a directory");
            fs::write(directory.path().join("access.log"), before).expect("written");
            let tail = Tail::at_end_of(&directory.path().join("access.log"), 0);
            Self { directory, tail, seen: Vec::new() }
        }

        fn at(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn append(&self, name: &str, text: &str) {
            let mut file = OpenOptions::new().append(true).create(true).open(self.at(name)).expect("opened");
            file.write_all(text.as_bytes()).expect("written");
        }

        fn look(&mut self) -> io::Result<()> {
            let mut each = |line: &[u8]| self.seen.push(String::from_utf8_lossy(line).into_owned());
            self.tail.read(Instant::now() + Duration::from_secs(5), &mut each)
        }

        #[track_caller]
        fn assert_sees(&mut self, expected: &[&str]) {
            self.look().expect("it is read");
            assert_eq!(std::mem::take(&mut self.seen), expected);
        }
    }

    #[test]
    fn lines_from_before_are_not_seen() {
        let mut log = Log::with("old\nhalf of an old");
        log.assert_sees(&[]);
        log.append("access.log", " line\nnew\nha");
        log.assert_sees(&["new"]);
        log.append("access.log", "lf\n");
        log.assert_sees(&["half"]);
    }

    #[test]
    fn lines_from_before_are_seen_if_they_are_wanted() {
        let mut log = Log::with("much older\nold\n");
        log.tail = Tail::at_end_of(&log.at("access.log"), 8);
        log.assert_sees(&["old"]);
        log.tail = Tail::at_end_of(&log.at("access.log"), 800);
        log.assert_sees(&["much older", "old"]);
    }

    /// logrotate's default, with nginx told late: both files grow for a while.
    #[test]
    fn a_renamed_file_is_read_while_its_writer_has_it() {
        let mut log = Log::with("old\n");
        log.append("access.log", "1\n");
        fs::rename(log.at("access.log"), log.at("access.log.1")).expect("renamed");
        log.append("access.log.1", "2\n");
        log.assert_sees(&["1", "2"]);
        log.append("access.log.1", "3\n");
        log.append("access.log", "5\n");
        log.assert_sees(&["3", "5"]);
        log.append("access.log.1", "4\n");
        log.append("access.log", "6\n");
        log.assert_sees(&["4", "6"]);
        fs::remove_file(log.at("access.log.1")).expect("removed");
        log.append("access.log", "7\n");
        log.assert_sees(&["7"]);
        for round in 0..20 {
            fs::rename(log.at("access.log"), log.at(&format!("access.log.{round}"))).expect("renamed");
            log.append("access.log", "next\n");
            log.assert_sees(&["next"]);
            assert!(log.tail.old.len() < FILES_MAX);
        }
    }

    /// logrotate's copytruncate, with lines written after the last look.
    #[test]
    fn a_file_that_is_copied_and_cut_loses_no_line() {
        for grown_again in [false, true] {
            let mut log = Log::with("old\n");
            log.append("access.log", "1 of many\n2");
            log.assert_sees(&["1 of many"]);
            log.append("access.log", " of many\n3 of many\n");
            fs::copy(log.at("access.log"), log.at("access.log-20261128")).expect("copied");
            log.append(
                "access.log.10",
                "another file whose name begins so, and that is as long as the log\n",
            );
            fs::write(log.at("access.log"), "").expect("cut");
            let more = "4, and longer than everything that was there before it was cut\n";
            log.append("access.log", if grown_again { more } else { "4\n" });
            log.assert_sees(&["2 of many", "3 of many", if grown_again { more.trim_end() } else { "4" }]);
            log.append("access.log", "5\n");
            log.assert_sees(&["5"]);
        }
    }

    #[test]
    fn a_file_that_is_cut_without_a_copy_is_read_from_its_new_beginning() {
        let mut log = Log::with("old\n");
        log.append("access.log", "1\nhalf");
        log.assert_sees(&["1"]);
        fs::write(log.at("access.log"), "2\n").expect("cut");
        log.assert_sees(&["2"]);
    }

    #[test]
    fn a_file_that_comes_later_is_read_whole() {
        let directory = tempfile::tempdir().expect("a directory");
        let tail = Tail::at_end_of(&directory.path().join("access.log"), 0);
        let mut log = Log { directory, tail, seen: Vec::new() };
        assert_eq!(log.look().expect_err("nothing there").kind(), io::ErrorKind::NotFound);
        log.append("access.log", "1\n");
        log.assert_sees(&["1"]);
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let pipe = directory.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .expect("a pipe");
        for path in [&pipe, &directory.path().to_owned()] {
            let mut tail = Tail::at_end_of(path, 0);
            let error = tail.read(Instant::now(), &mut |_| {}).expect_err("refused");
            assert!(error.to_string().contains("not a regular file"), "{error}");
        }
    }

    #[test]
    fn the_deadline_holds_and_the_rest_comes_later() {
        let mut log = Log::with("");
        let many = "line\n".repeat(3 * PIECE_BYTES / 5);
        log.append("access.log", &many);
        let mut seen = 0;
        log.tail.read(Instant::now(), &mut |_| seen += 1).expect("read");
        assert!((1..=PIECE_BYTES / 5).contains(&seen), "{seen}");
        log.tail.read(Instant::now() + Duration::from_secs(60), &mut |_| seen += 1).expect("read");
        assert_eq!(seen, many.len() / 5);
    }
}

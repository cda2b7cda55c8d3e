//! The thread that alone writes a run's files, behind a queue with a bound.
//!
//! Does not know what lines say. Invariants: whoever hands lines over never waits for a disk; lines of a second are in a file
//! whole or not at all, and those that are not are counted; of the summary only the newest matters, and the last one is
//! waited for.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::foreign;

/// The result as data; see `schema/summary.schema.json`.
pub const SUMMARY: &str = "summary.json";
/// Seconds that wait for a disk at most, a few kilobytes each.
const WAITING_MAX: usize = 120;
/// How long the end waits in all, though the disk gets on.
const END_MAX: Duration = Duration::from_secs(60);
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(20);
/// Readable by the user alone: evidence is what servers answered.
const MODE: u32 = 0o600;

/// Where lines go.
pub(super) trait Disk: Send + 'static {
    /// The files that lines are appended to.
    fn names(&self) -> &[&'static str];
    /// Appends whole lines to the file of this index, or none.
    fn append(&mut self, file: usize, lines: &[u8]) -> io::Result<()>;
    /// Replaces the summary as a whole; `is_last` if it must outlive a crash of the machine.
    fn replace_summary(&mut self, json: &[u8], is_last: bool) -> io::Result<()>;
}

/// The writer's end of the queue.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    names: Vec<&'static str>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    seconds: VecDeque<Vec<Vec<u8>>>,
    summary: Option<Summary>,
    is_writing: bool,
    /// What is being written is a second.
    is_appending: bool,
    /// Grows with everything that ends well or badly.
    done: u64,
    /// Of each file: seconds that it lacks, and why.
    lacking: Vec<(u64, Option<String>)>,
    summary_error: Option<String>,
    warnings: Vec<String>,
}

#[derive(Debug)]
struct Summary {
    json: Vec<u8>,
    is_last: bool,
}

impl Writer {
    /// Starts the thread.
    pub fn start(disk: impl Disk) -> io::Result<Self> {
        let names = disk.names().to_vec();
        let shared = Arc::new(Shared::default());
        shared.state().lacking = vec![(0, None); names.len()];
        let writing = Arc::clone(&shared);
        thread::Builder::new().name("files".into()).spawn(move || writing.write(disk))?;
        Ok(Self { shared, names })
    }

    /// Hands a second's lines over, one text a file.
    pub fn second(&self, lines: Vec<Vec<u8>>) {
        let mut state = self.shared.state();
        if state.seconds.len() == WAITING_MAX {
            state.lacking.iter_mut().zip(&lines).filter(|(_, lines)| !lines.is_empty()).for_each(
                |(it, _)| {
                    it.0 += 1;
                    it.1.get_or_insert_with(|| "the disk did not keep up".to_owned());
                },
            );
        } else {
            state.seconds.push_back(lines);
        }
        self.shared.changed.notify_all();
    }

    /// Hands a summary over; one that still waits is not written any more.
    pub fn summary(&self, json: Vec<u8>, is_last: bool) {
        self.shared.state().summary = Some(Summary { json, is_last });
        self.shared.changed.notify_all();
    }

    /// Errors since the last call, in words, one for each time that a file turned bad.
    pub fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.state().warnings)
    }

    /// Waits until everything is written, or nothing has been for as long as there is patience.
    pub fn flush(&self, patience: impl Fn() -> Duration) -> bool {
        let (began, mut since, mut seen) = (Instant::now(), Instant::now(), 0);
        loop {
            let state = self.shared.state();
            if !state.is_busy() {
                return true;
            }
            if state.done != seen {
                (seen, since) = (state.done, Instant::now());
            } else if since.elapsed() >= patience() || began.elapsed() >= END_MAX {
                return false;
            }
            drop(self.shared.changed.wait_timeout(state, LOOK));
        }
    }

    /// What files lack, in words, and why the summary is incomplete, if it is. What still waits is taken for lost.
    pub fn lacks(&self) -> (Vec<String>, Option<String>) {
        let state = self.shared.state();
        let waiting = |file: usize| {
            let queued = state.seconds.iter().filter(|lines| !lines[file].is_empty()).count();
            queued as u64 + u64::from(state.is_appending)
        };
        let is_stuck = state.is_busy();
        let files = self.names.iter().zip(&state.lacking).enumerate();
        let lines = files.filter_map(|(file, (name, (seconds, why)))| {
            let seconds = seconds + waiting(file);
            let why = why.as_deref().unwrap_or("the disk did not take them in time");
            let s = if seconds == 1 { "" } else { "s" };
            (seconds > 0).then(|| format!("{name} lacks the lines of {seconds} second{s}: {why}"))
        });
        let unwritten = || "the disk did not take it in time".to_owned();
        let summary = state.summary_error.clone().or_else(|| is_stuck.then(unwritten));
        (lines.collect(), summary)
    }
}

impl State {
    fn is_busy(&self) -> bool {
        self.is_writing || self.summary.is_some() || !self.seconds.is_empty()
    }
}

impl Shared {
    /// A panic while it is held leaves nothing half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, mut disk: impl Disk) {
        loop {
            let waited = self.changed.wait_while(self.state(), |state| !state.is_busy());
            let mut state = waited.unwrap_or_else(PoisonError::into_inner);
            state.is_writing = true;
            // The summary of a second follows its lines.
            let lines = state.seconds.pop_front();
            state.is_appending = lines.is_some();
            let summary = if lines.is_none() { state.summary.take() } else { None };
            drop(state);
            for (file, lines) in lines.iter().flatten().enumerate().filter(|(_, lines)| !lines.is_empty()) {
                let written = disk.append(file, lines);
                self.appended(file, disk.names()[file], written);
            }
            if let Some(summary) = summary {
                let written = disk.replace_summary(&summary.json, summary.is_last);
                self.replaced(written);
            }
            let mut state = self.state();
            (state.is_writing, state.is_appending) = (false, false);
            state.done += 1;
            self.changed.notify_all();
        }
    }

    fn appended(&self, file: usize, name: &str, written: io::Result<()>) {
        let mut state = self.state();
        state.done += 1;
        let Err(cause) = written else { return };
        let State { lacking, warnings, .. } = &mut *state;
        let (seconds, why) = &mut lacking[file];
        *seconds += 1;
        let cause = foreign::reason(&cause);
        if why.as_ref() != Some(&cause) {
            warnings.push(format!("cannot write {name}: {cause}; the run goes on"));
            *why = Some(cause);
        }
    }

    fn replaced(&self, written: io::Result<()>) {
        let mut state = self.state();
        let error = written.err().map(|cause| foreign::reason(&cause));
        if let Some(cause) = error.as_ref().filter(|_| state.summary_error.is_none()) {
            let warning = format!("cannot write {SUMMARY}: {cause}; it is retried every second");
            state.warnings.push(warning);
        }
        state.summary_error = error;
    }
}

/// A directory on a disk, and the files in it that lines are appended to.
pub(super) struct Directory {
    path: PathBuf,
    names: Vec<&'static str>,
    files: Vec<Appended<File>>,
}

impl Directory {
    /// Lines go to the files of these names, in this order.
    pub fn new(path: &Path, files: Vec<(&'static str, File)>) -> Self {
        let (names, files): (Vec<_>, Vec<_>) = files.into_iter().unzip();
        Self { path: path.to_owned(), names, files: files.into_iter().map(Appended::new).collect() }
    }
}

impl Disk for Directory {
    fn names(&self) -> &[&'static str] {
        &self.names
    }

    fn append(&mut self, file: usize, lines: &[u8]) -> io::Result<()> {
        self.files[file].append(lines)
    }

    fn replace_summary(&mut self, json: &[u8], is_last: bool) -> io::Result<()> {
        // A new file of a random name: nobody can have put a link there.
        let prefix = format!(".{SUMMARY}.");
        let mut file = tempfile::Builder::new().prefix(&prefix).suffix(".tmp").tempfile_in(&self.path)?;
        file.write_all(json)?;
        if is_last {
            file.as_file().sync_all()?;
        }
        file.persist(self.path.join(SUMMARY)).map_err(|refused| refused.error)?;
        if is_last {
            File::open(&self.path)?.sync_all()?;
        }
        Ok(())
    }
}

/// Makes a file that must be new, and nothing that a link could lead to.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).mode(MODE).open(path)
}

/// What a file can do.
trait Cut: Write {
    fn len(&self) -> io::Result<u64>;
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl Cut for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// A file that whole lines are appended to.
struct Appended<F> {
    file: F,
    /// Where a torn line begins that could not be cut off.
    torn_at: Option<u64>,
}

impl<F: Cut> Appended<F> {
    fn new(file: F) -> Self {
        Self { file, torn_at: None }
    }

    /// Appends all of it; what was written of it before an error is cut off again.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Some(len) = self.torn_at {
            self.file.cut(len)?;
            self.torn_at = None;
        }
        let len = self.file.len()?;
        self.file.write_all(lines).inspect_err(|_| {
            self.torn_at = self.file.cut(len).err().map(|_| len);
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// A disk that hangs in every write until the test lets it go on.
    struct Hung {
        go_on: Receiver<()>,
        wrote: Sender<String>,
    }

    impl Hung {
        fn write(&self, what: &str) -> io::Result<()> {
            let _ = self.go_on.recv();
            let _ = self.wrote.send(what.to_owned());
            Ok(())
        }
    }

    impl Disk for Hung {
        fn names(&self) -> &[&'static str] {
            &["rows"]
        }

        fn append(&mut self, _: usize, lines: &[u8]) -> io::Result<()> {
            self.write(&String::from_utf8_lossy(lines))
        }

        fn replace_summary(&mut self, json: &[u8], _: bool) -> io::Result<()> {
            self.write(&String::from_utf8_lossy(json))
        }
    }

    #[test]
    fn a_hung_disk_costs_lines_and_no_time_and_the_newest_summary_is_written_when_it_goes_on() {
        let ((let_go, go_on), (wrote, written)) = (channel(), channel());
        let writer = Writer::start(Hung { go_on, wrote }).expect("a thread");
        writer.second(vec![b"first\n".to_vec()]);
        // Until the thread is in its write, which no other second then waits for.
        while !writer.shared.state().seconds.is_empty() {
            thread::yield_now();
        }
        for number in 0..WAITING_MAX + 3 {
            writer.second(vec![format!("{number}\n").into_bytes()]);
            writer.summary(format!("summary {number}").into_bytes(), false);
        }
        writer.summary(b"last".to_vec(), true);
        assert!(!writer.flush(|| Duration::ZERO));
        let (lines, summary) = writer.lacks();
        assert!(lines[0].contains("124 seconds"), "{lines:?}");
        assert_eq!(summary.as_deref(), Some("the disk did not take it in time"));

        drop(let_go);
        assert!(writer.flush(|| LONG));
        let (lines, summary) = writer.lacks();
        assert_eq!(lines, ["rows lacks the lines of 3 seconds: the disk did not keep up"]);
        assert_eq!(summary, None);
        let written: Vec<String> = written.try_iter().collect();
        assert_eq!(written.len(), 1 + WAITING_MAX + 1);
        assert_eq!(written.last().map(String::as_str), Some("last"));
    }

    /// A disk with room for this many bytes.
    struct Small {
        bytes: Vec<u8>,
        room: usize,
        can_cut: bool,
    }

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room - self.bytes.len());
            self.bytes.extend_from_slice(&bytes[..taken]);
            if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Cut for Small {
        fn len(&self) -> io::Result<u64> {
            Ok(self.bytes.len() as u64)
        }

        fn cut(&mut self, len: u64) -> io::Result<()> {
            if !self.can_cut {
                return Err(io::ErrorKind::Other.into());
            }
            self.bytes.truncate(len as usize);
            Ok(())
        }
    }

    #[test]
    fn a_torn_line_is_cut_off_before_the_next() {
        let mut file = Appended::new(Small { bytes: Vec::new(), room: 12, can_cut: true });
        file.append(b"head\n").expect("there is room");
        file.append(b"a long line\n").expect_err("there is none");
        assert_eq!(file.file.bytes, b"head\n");
        file.append(b"a long line\n").expect_err("there is none");
        file.file.can_cut = false;
        file.append(b"another long line\n").expect_err("there is none");
        assert_eq!(file.file.bytes, b"head\nanother");
        file.append(b"1\n").expect_err("the torn line is still there");
        file.file.can_cut = true;
        file.append(b"1\n").expect("there is room");
        assert_eq!(file.file.bytes, b"head\n1\n");
    }

    #[test]
    fn a_full_disk_is_told_once() {
        struct Full;
        impl Disk for Full {
            fn names(&self) -> &[&'static str] {
                &["rows"]
            }
            fn append(&mut self, _: usize, _: &[u8]) -> io::Result<()> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn replace_summary(&mut self, _: &[u8], _: bool) -> io::Result<()> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        let writer = Writer::start(Full).expect("a thread");
        for _ in 0..3 {
            writer.second(vec![b"1\n".to_vec()]);
            writer.summary(b"{}".to_vec(), false);
            assert!(writer.flush(|| LONG));
        }
        let warnings = writer.warnings();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].starts_with("cannot write rows: no storage space"), "{warnings:?}");
        let (lines, summary) = writer.lacks();
        assert_eq!(lines, ["rows lacks the lines of 3 seconds: no storage space"]);
        assert_eq!(summary.as_deref(), Some("no storage space"));
    }
}

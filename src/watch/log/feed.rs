//! Where a log comes from: a file, or a command's output; its lines go to a tally.
//!
//! Does not know what a line says. Invariant: only lines that were written since the run began are tallied.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;

use super::command::Running;
use super::tail::Tail;
use super::window::Window;
use crate::lang::{Reason, Sentence};
use crate::scenario::document::Section;
use crate::watch::place::Result;
use crate::watch::source::{Event, EventKind, Unseen};

/// The keys that say it.
pub const KEYS: [&str; 2] = ["file", "command"];

/// Where a log comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file of this machine.
    File(PathBuf),
    /// A program and its arguments.
    Command(Vec<String>),
}

impl Origin {
    /// Reads a block's keys; `None` if it does not say where the log is.
    pub(in crate::watch) fn from_section(section: &Section<'_>) -> Result<Option<Self>> {
        if section.has("file") && section.has("command") {
            return Err(section.error(
                "command",
                section.place("command"),
                "it goes without \"file\": give one of them",
            ));
        }
        if section.has("file") {
            return Ok(Some(Self::File(section.required_text("file")?.value.into())));
        }
        let words = section.texts("command")?;
        if words.is_empty() && section.has("command") {
            let why = "it is empty: write it such as [\"ssh\", \"web1\", \"tail\", \"-n0\", \"-F\", \"/var/log/app.log\"]";
            return Err(section.error("command", section.place("command"), why));
        }
        let words: Vec<String> = words.iter().map(|word| word.value.to_owned()).collect();
        Ok((!words.is_empty()).then_some(Self::Command(words)))
    }

    /// Its name for people: of a command the program and a plain first argument (`ssh web1`), since others may be
    /// secret.
    pub fn name(&self) -> String {
        let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
        let is_plain = |word: &&String| !word.starts_with('-') && word.chars().all(is_of_a_name);
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Command(words) => {
                let first = words.get(1).filter(is_plain).map(|word| format!(" {word}"));
                words.first().cloned().unwrap_or_default() + &first.unwrap_or_default()
            }
        }
    }
}

/// Which lines count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::watch) enum Since {
    /// Those that are written from now on.
    Now,
    /// The last ones from before, too: to see what lines look like.
    Before,
}

/// Bytes from before that are read to see what lines look like.
const BEFORE_BYTES: u64 = 64 << 10;

/// What lines are counted by.
pub(in crate::watch) trait Tally: Send + 'static {
    /// Takes a line that was written since the run began.
    fn take(&mut self, line: &[u8]);
    /// When a line was written, if it says so.
    fn instant(&self, line: &[u8]) -> Option<Timestamp>;
}

/// A log that is being read, and what its lines have come to.
#[derive(Debug)]
pub(in crate::watch) struct Feed<T> {
    origin: Origin,
    from: From,
    counted: Arc<Mutex<Counted<T>>>,
    /// Its end has been said.
    is_over: bool,
}

#[derive(Debug)]
enum From {
    File(Tail),
    Command(Option<Running>),
}

/// A tally, and what decides about its lines.
#[derive(Debug)]
pub(in crate::watch) struct Counted<T> {
    /// What the lines have come to.
    pub(in crate::watch) tally: T,
    window: Window,
    lines: u64,
}

impl<T: Tally> Counted<T> {
    fn take(&mut self, line: &[u8]) {
        let is_of_the_run = !self.window.is_waiting() || {
            let at = self.tally.instant(line);
            self.window.takes(at)
        };
        if is_of_the_run {
            self.lines += 1;
            self.tally.take(line);
        }
    }
}

impl<T: Tally> Feed<T> {
    /// Begins to read here and now; a command starts with the first look.
    pub(in crate::watch) fn open(origin: Origin, tally: T, since: Since) -> Self {
        let (from, window) = match (&origin, since) {
            // What is in the file now is from before, whatever its lines say.
            (Origin::File(path), Since::Now) => (From::File(Tail::at_end_of(path, 0)), Window::default()),
            (Origin::File(path), Since::Before) => {
                (From::File(Tail::at_end_of(path, BEFORE_BYTES)), Window::default())
            }
            (Origin::Command(_), Since::Now) => (From::Command(None), Window::from(Timestamp::now())),
            (Origin::Command(_), Since::Before) => (From::Command(None), Window::default()),
        };
        let counted = Arc::new(Mutex::new(Counted { tally, window, lines: 0 }));
        Self { origin, from, counted, is_over: false }
    }

    /// The tally, which its lines may be waiting for.
    pub(in crate::watch) fn counted(&self) -> MutexGuard<'_, Counted<T>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what was added, and returns what happened.
    ///
    /// # Errors
    /// The log cannot be read any more.
    pub(in crate::watch) fn look(
        &mut self,
        deadline: Instant,
    ) -> (std::result::Result<(), Unseen>, Option<Event>) {
        match &mut self.from {
            From::File(tail) => {
                let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
                let read = tail.read(deadline, &mut |line| counted.take(line));
                (read.map_err(|error| self.origin.unreadable(&error)), None)
            }
            From::Command(running) => {
                let Origin::Command(words) = &self.origin else { return (Ok(()), None) };
                let counted = Arc::clone(&self.counted);
                let each = move |line: &[u8]| {
                    counted.lock().unwrap_or_else(PoisonError::into_inner).take(line);
                };
                let running = running.get_or_insert_with(|| Running::start(words, each));
                let Some(ended) = running.ended() else { return (Ok(()), None) };
                let said = match ended.last_line.is_empty() {
                    true => Reason::SaidNothing.into(),
                    false => Sentence::plain(ended.last_line),
                };
                let evidence = format!("{}: {said}", ended.how);
                let event = || Event {
                    at: Timestamp::now(),
                    kind: EventKind::SourceEnded,
                    subject: self.origin.name(),
                    evidence: evidence.clone(),
                };
                let event = (!std::mem::replace(&mut self.is_over, true)).then(event);
                let why = Reason::CommandEnded.with(format!("{:?}", self.origin.name()));
                let why = why.with(ended.how.to_string()).with(said);
                (Err(Unseen::new(why, Reason::RunByHand)), event)
            }
        }
    }

    /// Why a tally of nothing says nothing.
    pub(in crate::watch) fn silence(&self) -> Option<Unseen> {
        let counted = self.counted();
        if counted.lines > 0 {
            return None;
        }
        let (why, fix) = match counted.window.why_nothing() {
            Some(why) => (why, Reason::SetClocks),
            None => (Reason::NoLine.with(self.origin.name()), Reason::CheckLog),
        };
        // A line may still come.
        Some(Unseen { is_early: true, ..Unseen::new(why, fix) })
    }
}

impl Origin {
    fn unreadable(&self, error: &std::io::Error) -> Unseen {
        let fix = match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                format!("sudo setfacl -m u:$USER:r {}", self.name()).into()
            }
            std::io::ErrorKind::InvalidInput => Reason::GiveCommand.with(DOCKER_LOGS),
            _ => Reason::GiveLogPath.into(),
        };
        Unseen::new(Reason::CannotRead.with(self.name()).with(error.to_string()), fix)
    }
}

/// A command that prints what is written to no file.
const DOCKER_LOGS: &str = "[\"docker\", \"logs\", \"-f\", \"--since\", \"0s\", \"nginx\"]";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::watch::log::window::leading_instant;

    impl Tally for u64 {
        fn take(&mut self, _line: &[u8]) {
            *self += 1;
        }

        fn instant(&self, line: &[u8]) -> Option<Timestamp> {
            leading_instant(line)
        }
    }

    fn shell(script: &str) -> Feed<u64> {
        Feed::open(Origin::Command(["sh", "-c", script].map(String::from).into()), 0, Since::Now)
    }

    fn deadline() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[track_caller]
    fn eventually(mut is_so: impl FnMut() -> bool) {
        let give_up = Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(Instant::now() < give_up, "it did not come to pass");
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_command_that_ends_is_said_once_and_not_measured_from_then_on() {
        let mut feed = shell("echo one; echo 'Permission denied (publickey).' >&2; exit 255");
        let mut events = Vec::new();
        eventually(|| {
            let (seen, event) = feed.look(deadline());
            events.extend(event);
            seen.is_err()
        });
        let (seen, event) = feed.look(deadline());
        let unseen = seen.expect_err("it ended");
        assert_eq!(
            unseen.why.to_string(),
            "its command \"sh\" ended (exit status 255): Permission denied (publickey)."
        );
        assert_eq!(event, None);
        let said: Vec<_> = events.iter().map(|event| (event.kind, event.evidence.as_str())).collect();
        assert_eq!(said, [(EventKind::SourceEnded, "exit status 255: Permission denied (publickey).")]);
    }

    #[test]
    fn old_lines_of_a_command_are_not_counted() {
        let script = "echo 2020-01-01T00:00:00Z old; echo 2020-01-01T00:00:01Z old; sleep 300";
        let mut feed = shell(script);
        eventually(|| feed.look(deadline()).0.is_ok() && feed.counted().window.why_nothing().is_some());
        eventually(|| {
            feed.silence().is_some_and(|unseen| unseen.why.to_string().starts_with("its 2 lines are all"))
        });
        assert_eq!(feed.counted().tally, 0);
        let mut feed =
            shell("echo 2020-01-01T00:00:00Z old; echo 2999-01-01T00:00:00Z new; echo new; sleep 300");
        eventually(|| feed.look(deadline()).0.is_ok() && feed.counted().tally == 2);
        assert_eq!(feed.silence(), None);
    }

    #[test]
    fn a_flood_delays_no_look() {
        let mut feed = shell("exec yes");
        eventually(|| feed.look(deadline()).0.is_ok() && feed.counted().tally > 0);
        for _ in 0..10 {
            let began = Instant::now();
            assert!(feed.look(deadline()).0.is_ok());
            let _ = feed.counted().tally;
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        }
    }

    #[test]
    fn a_command_s_name_has_no_secret() {
        let name = |words: &[&str]| Origin::Command(words.iter().map(|&word| word.into()).collect()).name();
        assert_eq!(name(&["ssh", "me@web1", "docker", "logs"]), "ssh me@web1");
        assert_eq!(name(&["sh", "-c", "curl -u me:geheim x"]), "sh");
        assert_eq!(name(&["tool", "token=geheim"]), "tool");
    }

    #[test]
    fn a_file_that_cannot_be_read_has_its_fix() {
        let directory = tempfile::tempdir().expect("a directory");
        let look = |path: &std::path::Path| {
            Feed::open(Origin::File(path.to_owned()), 0, Since::Now)
                .look(deadline())
                .0
                .expect_err("unreadable")
        };
        let missing = look(&directory.path().join("x.log"));
        assert!(
            missing.why.to_string().contains("No such file")
                && missing.fix.to_string().contains("or a command"),
            "{missing:?}"
        );
        let special = look(std::path::Path::new("/dev/null"));
        assert!(
            special.why.to_string().contains("not a regular file")
                && special.fix.to_string().contains("docker"),
            "{special:?}"
        );
    }
}

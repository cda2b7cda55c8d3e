//! The whole screen of the terminal, lent to one view: an alternate screen, and keys without Enter.
//!
//! Does not know what is drawn. Invariants: nothing here waits for a reader, so a paused terminal
//! costs what was to be drawn; signals of the keyboard stay the kernel's, so Ctrl-C works whatever
//! the view does; whoever lends the screen has the terminal as it was before, and then every line
//! that was held back meanwhile.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::queue;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcgetpgrp,
    tcsetattr,
};
use terminal_size::terminal_size_of;

use super::printer::Printer;
use super::{is_dumb, standard_error};

/// How long a terminal may take nothing before the rest is left to the printer, which waits for
/// nobody either.
const LEAVE_WITHIN: Duration = Duration::from_millis(300);
/// How long who asks for the screen waits for it: the view looks up ten times a second.
const BACK_WITHIN: Duration = Duration::from_secs(3);
/// The value of a special character that turns it off (termios(3), `_POSIX_VDISABLE`).
const DISABLED: u8 = 0;
/// Columns and rows where the terminal does not say.
const SIZE_DEFAULT: (u16, u16) = (80, 24);

/// Who has the screen, if anybody.
static LENT: Mutex<Option<Arc<Loan>>> = Mutex::new(None);

#[derive(Debug, Default)]
struct Loan {
    state: Mutex<LoanState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LoanState {
    is_wanted: bool,
    is_over: bool,
}

/// The screen, as long as this lives.
#[derive(Debug)]
pub(crate) struct Screen {
    /// A description of its own: that it does not block changes nothing for others.
    tty: File,
    before: Termios,
    /// Written, and not yet taken by the terminal.
    pending: Vec<u8>,
    loan: Arc<Loan>,
    lines: Printer,
}

impl Screen {
    /// Takes the screen of the terminal that standard error is, if it is there for this process: in
    /// the foreground, read as fast as it is written, and not shared with a program that reads
    /// standard output and may draw itself (a pager).
    pub(crate) fn take() -> Option<Self> {
        let stderr = io::stderr();
        let is_in_foreground = tcgetpgrp(&stderr).is_ok_and(|group| group == getpgrp());
        if !stderr.is_terminal() || is_dumb() || !is_in_foreground || is_pipe(&io::stdout()) {
            return None;
        }
        // In the foreground it is the process's own.
        let mut options = OpenOptions::new();
        let tty = options.read(true).write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        Self::on(tty.open("/dev/tty").ok()?, standard_error().clone())
    }

    /// Takes the screen of this terminal, and holds these lines back meanwhile.
    fn on(tty: File, lines: Printer) -> Option<Self> {
        if !lines.flush(LEAVE_WITHIN) {
            return None;
        }
        let before = tcgetattr(&tty).ok()?;
        let mut during = before.clone();
        during.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        // A stopped load generator measures nothing.
        during.special_codes[SpecialCodeIndex::VSUSP] = DISABLED;
        tcsetattr(&tty, OptionalActions::Now, &during).ok()?;
        lines.hold();
        let loan = Arc::<Loan>::default();
        *LENT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&loan));
        let mut screen = Self { tty, before, pending: Vec::new(), loan, lines };
        // Into memory.
        let _ = queue!(screen, EnterAlternateScreen, Hide);
        Some(screen)
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> (u16, u16) {
        let size = terminal_size_of(&self.tty).map(|(columns, rows)| (columns.0, rows.0));
        size.filter(|(columns, rows)| *columns > 0 && *rows > 0).unwrap_or(SIZE_DEFAULT)
    }

    /// Whether the terminal has taken all that was written: else it is not read, and another frame
    /// would only wait.
    pub(crate) fn is_clear(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether somebody wants the screen back.
    pub(crate) fn is_wanted(&self) -> bool {
        self.loan.state.lock().unwrap_or_else(PoisonError::into_inner).is_wanted
    }

    /// The last lines for standard error that came meanwhile, at most this many.
    pub(crate) fn lines(&self, lines_max: usize) -> Vec<String> {
        self.lines.held(lines_max)
    }

    /// Waits until a key is pressed, at most this long, and writes what waits. Returns the bytes of
    /// the keys.
    pub(crate) fn keys(&mut self, patience: Duration) -> Vec<u8> {
        let wanted = if self.is_clear() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        let until = Instant::now() + patience;
        let ready = self.poll(wanted, patience);
        if ready.contains(PollFlags::OUT) {
            self.write_pending();
        }
        let mut bytes = [0; 64];
        match self.tty.read(&mut bytes) {
            Ok(count) if count > 0 => bytes[..count].to_vec(),
            // In the background keys are another's, and a terminal that is gone is always ready.
            _ if !ready.is_empty() && ready != PollFlags::OUT => {
                std::thread::sleep(until.saturating_duration_since(Instant::now()));
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn poll(&self, wanted: PollFlags, patience: Duration) -> PollFlags {
        let mut ready = [PollFd::new(&self.tty, wanted)];
        let timeout = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: patience.subsec_nanos().into() };
        match poll(&mut ready, Some(&timeout)) {
            Ok(_) => ready[0].revents(),
            Err(_) => PollFlags::empty(),
        }
    }

    /// Writes as much as the terminal takes now; `false` if there is none any more.
    fn write_pending(&mut self) -> bool {
        match self.tty.write(&self.pending) {
            Ok(written) => drop(self.pending.drain(..written)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => return false,
        }
        true
    }

    fn leave(&mut self) {
        // Into memory; attributes first, which an alternate screen shares with the other.
        let _ = self.write_all(b"\x1b[0m");
        let _ = queue!(self, LeaveAlternateScreen, Show);
        let give_up = Instant::now() + LEAVE_WITHIN;
        while !self.is_clear() && Instant::now() < give_up && self.write_pending() {
            self.poll(PollFlags::OUT, Duration::from_millis(50));
        }
        // Keys that nobody read are not the shell's.
        let _ = tcflush(&self.tty, QueueSelector::IFlush);
        let _ = tcsetattr(&self.tty, OptionalActions::Now, &self.before);
        self.lines.release(std::mem::take(&mut self.pending));
    }
}

impl Write for Screen {
    /// Takes everything; the terminal gets it in [`Screen::keys`].
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
        *LENT.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.loan.state.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        self.loan.changed.notify_all();
    }
}

/// Asks the view that has the screen to give it back soon. Touches no descriptor: threads have
/// tables of their own.
pub(super) fn ask_back() {
    let lent = LENT.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(loan) = &lent {
        loan.state.lock().unwrap_or_else(PoisonError::into_inner).is_wanted = true;
    }
}

/// The same, and waits for it a moment.
pub(super) fn take_back() {
    let Some(loan) = LENT.lock().unwrap_or_else(PoisonError::into_inner).clone() else { return };
    ask_back();
    let state = loan.state.lock().unwrap_or_else(PoisonError::into_inner);
    drop(loan.changed.wait_timeout_while(state, BACK_WITHIN, |state| !state.is_over));
}

fn is_pipe(out: &io::Stdout) -> bool {
    fstat(out).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
}

#[cfg(test)]
mod tests {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{Action, tcflow};

    use super::super::printer::tests::Kept;
    use super::*;

    /// The two ends of a pseudo-terminal: what a user has, and what a program has.
    fn terminal() -> (File, File) {
        let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&user).and_then(|()| unlockpt(&user)).expect("it is ours");
        let name = ptsname(&user, Vec::new()).expect("a name").into_string().expect("text");
        let mut options = OpenOptions::new();
        let program = options.read(true).write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        (File::from(user), program.open(name).expect("its other end"))
    }

    /// As many bytes as this text has: the kernel hands them over in parts.
    fn read(user: &mut File, expected: &str) -> String {
        let (mut bytes, mut count) = (vec![0; expected.len()], 0);
        let patience = Timespec { tv_sec: 10, tv_nsec: 0 };
        while count < bytes.len()
            && poll(&mut [PollFd::new(user, PollFlags::IN)], Some(&patience)).is_ok_and(|ready| ready == 1)
        {
            count += user.read(&mut bytes[count..]).expect("something");
        }
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }

    fn has_lines(tty: &File) -> bool {
        let modes = tcgetattr(tty).expect("a terminal").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// One test, since there is one screen to lend.
    #[test]
    fn the_terminal_is_as_before_after_a_panic_and_while_it_is_paused() {
        let (mut user, program) = terminal();
        let (kept, tty) = (Kept::default(), program.try_clone().expect("a descriptor"));
        let lines = Printer::to(kept.clone());
        let mut screen = Screen::on(tty, lines.clone()).expect("it is free");
        assert!(!has_lines(&program));
        lines.line("held");
        lines.passing("true only now");
        assert_eq!(screen.lines(4), ["held", "true only now"]);
        assert_eq!(kept.printed(&lines), "");
        screen.write_all(b"drawn").expect("memory");
        user.write_all(b"k").expect("typed");
        assert_eq!(screen.keys(Duration::from_millis(900)), b"k");
        ask_back();
        assert!(screen.is_wanted());
        let drawing = std::thread::spawn(move || {
            let _screen = screen;
            // As a defect would, without its message.
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(drawing.join().is_err());
        assert!(has_lines(&program));
        let drawn = "\x1b[?1049h\x1b[?25ldrawn\x1b[0m\x1b[?1049l\x1b[?25h";
        assert_eq!(read(&mut user, drawn), drawn);
        assert_eq!(kept.printed(&lines), "held\n");

        let tty = program.try_clone().expect("a descriptor");
        let mut screen = Screen::on(tty, lines.clone()).expect("it is free");
        tcflow(&program, Action::OOff).expect("paused");
        let began = Instant::now();
        assert_eq!(screen.keys(Duration::from_millis(10)), b"");
        assert!(!screen.is_clear());
        drop(screen);
        assert!(began.elapsed() < Duration::from_secs(30), "nobody waits for a reader");
        assert!(has_lines(&program));
        // What the terminal did not take is the printer's, which may wait.
        assert_eq!(kept.printed(&lines), "held\n\x1b[?1049h\x1b[?25l\x1b[0m\x1b[?1049l\x1b[?25h");
    }
}

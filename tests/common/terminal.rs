//! A program on a terminal of its own, as a user has it: what it draws is read, keys are typed.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{ioctl_tiocsctty, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::processes::Guarded;
use super::{eventually, let_pass};

/// Ctrl-C, Ctrl-L, Ctrl-S.
pub(crate) const INTERRUPT: &[u8] = b"\x03";
pub(crate) const REDRAW: &[u8] = b"\x0c";
pub(crate) const PAUSE: &[u8] = b"\x13";
/// What a program writes to get the alternate screen, and to leave it.
pub(crate) const ENTERS: &str = "\x1b[?1049h";
pub(crate) const LEAVES: &str = "\x1b[?1049l";

/// A terminal and the program on it.
pub(crate) struct OnTerminal {
    user: File,
    /// Open as long as this is, so that the terminal outlives the program.
    tty: File,
    program: Guarded,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl OnTerminal {
    /// Starts a program whose input, output and errors are a terminal of this size.
    #[track_caller]
    pub(crate) fn start(command: &mut Command, columns: u16, rows: u16) -> Self {
        let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&user).and_then(|()| unlockpt(&user)).expect("it is ours");
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&user, size).expect("a size");
        let name = ptsname(&user, Vec::new()).expect("a name").into_string().expect("text");
        let tty = OpenOptions::new().read(true).write(true).open(name).expect("its other end");
        let end = || Stdio::from(tty.try_clone().expect("a descriptor"));
        command.stdin(end()).stdout(end()).stderr(end());
        if !command.get_envs().any(|(name, _)| name == "TERM") {
            command.env("TERM", "xterm-256color");
        }
        // SAFETY: both are single system calls, which are safe between fork and exec.
        unsafe {
            command.pre_exec(|| {
                setsid()?;
                Ok(ioctl_tiocsctty(std::io::stdin().as_fd())?)
            });
        }
        let program = Guarded::spawn(command);
        let seen = Arc::<Mutex<Vec<u8>>>::default();
        let (mut reader, kept) = (File::from(user), Arc::clone(&seen));
        let user = reader.try_clone().expect("a descriptor");
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                kept.lock().expect("not poisoned").extend_from_slice(&bytes[..count]);
            }
        });
        Self { user, tty, program, seen }
    }

    /// Types.
    #[track_caller]
    pub(crate) fn press(&mut self, keys: &[u8]) {
        self.user.write_all(keys).expect("typed");
    }

    /// Everything that was written so far.
    fn seen(&self) -> Vec<u8> {
        self.seen.lock().expect("not poisoned").clone()
    }

    /// Waits until the screen, drawn anew each time, has this text; spaces do not count, since they are not drawn.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let wanted = without_spaces(text);
        eventually(text, || {
            let before = self.seen().len();
            self.press(REDRAW);
            let_pass(Duration::from_millis(200));
            let drawn = shown(&String::from_utf8_lossy(&self.seen()[before..]));
            without_spaces(&drawn).contains(&wanted)
        });
    }

    /// Waits for the program's end; its exit status and everything that was written.
    #[track_caller]
    pub(crate) fn finish(mut self) -> (i32, String) {
        let mut status = None;
        eventually("the program's end", || {
            status = self.program.0.try_wait().expect("its own child");
            status.is_some()
        });
        assert!(self.has_lines(), "the terminal is as it was before");
        let status = status.and_then(|status| status.code()).unwrap_or(-1);
        // What it has written last is read soon.
        let mut last = Vec::new();
        eventually("the last words", || {
            let_pass(Duration::from_millis(50));
            let now = self.seen();
            std::mem::replace(&mut last, now.clone()) == now
        });
        (status, String::from_utf8_lossy(&last).into_owned())
    }

    /// Whether keys are handed over by the line, and shown.
    pub(crate) fn has_lines(&self) -> bool {
        let modes = tcgetattr(&self.tty).expect("a terminal").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }
}

/// Text without the commands in it.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' if chars.next() == Some('[') => {
                chars.by_ref().find(|c| ('\x40'..='\x7e').contains(c));
            }
            '\x1b' => {}
            c => out.push(c),
        }
    }
    out
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

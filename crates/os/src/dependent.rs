//! Starts another program that ends with this one, however this one ends.
//!
//! Knows no program. Invariants: the program has no terminal, so that it cannot ask and wait there; its process
//! group is its own; the kernel kills it when the thread that started it is gone.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getpid, getppid, kill_process_group};

/// How long it may take to end, once asked to, before it is killed.
const END_WITHIN: Duration = Duration::from_secs(1);
/// Between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(5);

/// Starts the program as the leader of a session and process group of its own. Call it on the thread that will
/// stay for as long as the program is wanted: the kernel kills the program (PR_SET_PDEATHSIG) when that thread ends.
///
/// # Errors
/// The system cannot start it.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    let parent = getpid();
    let before_exec = move || {
        rustix::process::setsid()?;
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have ended before the kernel was asked.
        if getppid() != Some(parent) {
            return Err(io::Error::from(io::ErrorKind::NotConnected));
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe functions may run: these are three bare system calls, and
    // an error of a kind, which allocates nothing.
    unsafe { command.pre_exec(before_exec) };
    command.spawn()
}

/// Asks the program's process group to end, and kills what is left of it. The program may have ended before; the
/// caller must not have waited for it.
pub fn end(child: &mut Child) -> Option<ExitStatus> {
    // While it has not been waited for, its id is its own, and the group's.
    let group = Pid::from_child(child);
    let _ = kill_process_group(group, Signal::TERM);
    let give_up = Instant::now() + END_WITHIN;
    while !has_ended(child) && Instant::now() < give_up {
        std::thread::sleep(LOOK);
    }
    let _ = kill_process_group(group, Signal::KILL);
    child.wait().ok()
}

/// Whether it has ended; it is not waited for, so that its id stays its own.
fn has_ended(child: &Child) -> bool {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(Pid::from_child(child)), options), Ok(None))
}

/// How a program ended, in words: `exit status 255`, `signal 9`.
pub fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "in an unknown way".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    #[test]
    fn the_whole_group_ends() {
        let mut child =
            spawn(&mut shell("trap '' TERM; sleep 300 & echo $!; wait; sleep 300")).expect("started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let grandchild = Pid::from_raw(line.trim().parse().expect("an id")).expect("an id");
        let status = end(&mut child).expect("it ended");
        assert_eq!(ended(status), "signal 9", "it ignores SIGTERM");
        let give_up = Instant::now() + Duration::from_secs(10);
        // A killed orphan stays a zombie until init has waited for it.
        let is_gone = || match std::fs::read_to_string(format!("/proc/{}/stat", grandchild.as_raw_nonzero()))
        {
            Ok(stat) => stat.contains(") Z"),
            Err(_) => true,
        };
        while !is_gone() {
            assert!(Instant::now() < give_up, "a process of the group outlives it");
            std::thread::yield_now();
        }
    }

    #[test]
    fn it_ends_with_the_thread_that_started_it() {
        let starting = || spawn(&mut shell("echo ready; exec sleep 300")).expect("started");
        let mut child = std::thread::spawn(starting).join().expect("no panic");
        assert_eq!(ended(child.wait().expect("our own child")), "signal 9");
    }

    #[test]
    fn it_has_no_terminal() {
        let mut child = spawn(&mut shell("exec 3</dev/tty")).expect("started");
        assert!(!child.wait().expect("our own child").success(), "it could ask there");
    }

    #[test]
    fn its_end_is_said() {
        let status = shell("exit 7").status().expect("started");
        assert_eq!(ended(status), "exit status 7");
        assert!(spawn(&mut Command::new("/nowhere/program")).is_err());
    }
}

//! `report.html`: written when a run ends, by `startline report`, and for a run that was killed.
//!
//! A run writes its page last of all, once every file is complete. A run that is killed cannot. So a
//! process waits beside it: it writes a page that says that the run has not ended, sleeps until the
//! run is gone, and writes the page again if the run did not. It costs the run no memory and no CPU
//! time. Invariant: that process does not outlive the run for longer than a page takes.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::lang::Lang;
use crate::report::files::{self, REPORT};
use crate::report::{page, recorded};

/// What a run says that has written its page itself.
const WRITTEN: &[u8] = b"written";
/// The page is no hurry, and the workers are.
const NICE: i32 = 19;
/// How long the first summary may be on its way.
const FIRST_SUMMARY: Duration = Duration::from_secs(5);
/// Between two looks for it.
const LOOK: Duration = Duration::from_millis(100);

/// Writes the page of this directory into it, and returns its path.
///
/// # Errors
/// There is no result in it, or the page cannot be written.
pub(super) fn write(directory: &Path, lang: Lang) -> Result<PathBuf> {
    let html = page::html(&recorded::read(directory)?, lang);
    let path = directory.join(REPORT);
    let place = || format!("cannot write {}", path.display());
    // Whole or not at all, readable by the user alone.
    let mut file = tempfile::Builder::new().prefix(".report.").tempfile_in(directory).with_context(place)?;
    file.write_all(html.as_bytes()).with_context(place)?;
    file.persist(&path).map_err(|refused| refused.error).with_context(place)?;
    Ok(path)
}

/// The page of a run that has ended, on its way to a disk that may hang.
pub(super) struct Writing(Receiver<Result<PathBuf>>);

impl Writing {
    /// Begins.
    pub fn begin(directory: &Path, lang: Lang) -> Self {
        let (sender, done) = mpsc::channel();
        let directory = directory.to_owned();
        // Without a thread nothing is sent, which is found below.
        let _ = thread::Builder::new().name("page".into()).spawn(move || {
            // The waiting side may have given up.
            let _ = sender.send(write(&directory, lang));
        });
        Self(done)
    }

    /// Waits for it.
    ///
    /// # Errors
    /// It could not be written in this time.
    pub fn wait(self, patience: Duration) -> Result<PathBuf> {
        match self.0.recv_timeout(patience) {
            Ok(written) => written,
            Err(RecvTimeoutError::Timeout) => Err(anyhow!("the disk did not take it in time")),
            Err(RecvTimeoutError::Disconnected) => bail!("its thread could not run, or died"),
        }
    }
}

/// The waiting process. When it is dropped, it writes the page again; nobody waits for it, since its disk
/// may hang.
#[derive(Debug)]
pub struct PageKeeper {
    child: Child,
}

impl PageKeeper {
    /// Starts it for this directory; `None` if that is not possible, which costs a killed run its
    /// page and nothing else.
    pub fn start(directory: &Path, lang: Lang) -> Option<Self> {
        let child = Command::new(std::env::current_exe().ok()?)
            .arg("report")
            .arg(directory)
            .args(["--lang", lang.tag(), "--when-killed"])
            // Its end is the run's end, however that comes.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C on a terminal reaches the run alone.
            .process_group(0)
            .spawn();
        child.ok().map(|child| Self { child })
    }

    /// Says that the page is written.
    pub fn release(mut self) {
        if let Some(mut run) = self.child.stdin.take() {
            // It may be gone, and then has nothing to do.
            let _ = run.write_all(WRITTEN);
        }
    }
}

/// What the waiting process does: writes the page as the files are now, and again if the run was
/// killed.
pub(super) fn keep(directory: &Path, lang: Lang) -> Result<()> {
    // Refused at worst: then it competes with the run for a moment.
    let _ = rustix::process::nice(NICE);
    let began = Instant::now();
    while write(directory, lang).is_err() && began.elapsed() < FIRST_SUMMARY {
        thread::sleep(LOOK);
    }
    let mut said = Vec::new();
    io::stdin().lock().read_to_end(&mut said)?;
    if said != WRITTEN && directory.join(files::SUMMARY).exists() {
        write(directory, lang)?;
    }
    Ok(())
}

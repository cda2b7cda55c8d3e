//! A run that serves its metrics, and what a scraper reads there.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use super::processes::Guarded;
use super::{DEADLINE, Run};

/// A run with `--metrics`, on a port that the kernel chose.
#[derive(Debug)]
pub(crate) struct Scraped {
    pub(crate) process: Guarded,
    pub(crate) address: String,
}

impl Scraped {
    /// Starts it, and reads from its standard error where the metrics are.
    #[track_caller]
    pub(crate) fn start(run: &Run) -> Self {
        let run = run.clone().with("metrics", "127.0.0.1:0");
        let mut process = Guarded::spawn(run.command().stdout(Stdio::null()));
        let stderr = BufReader::new(process.0.stderr.take().expect("piped"));
        let (sender, receiver) = std::sync::mpsc::channel();
        // Reads on, so that the run can write on.
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)))
        });
        loop {
            let line = receiver.recv_timeout(DEADLINE).expect("an address of metrics");
            if let Some(address) = line.strip_prefix("metrics: http://") {
                let address = address.strip_suffix("/metrics").expect("the path").to_owned();
                return Self { process, address };
            }
        }
    }

    /// The page as it is now; none once the run has ended.
    pub(crate) fn page(&self) -> Option<String> {
        let mut answer = ureq::get(&format!("http://{}/metrics", self.address)).call().ok()?;
        answer.body_mut().read_to_string().ok()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> i32 {
        let child: &mut Child = &mut self.process.0;
        let mut status = None;
        super::eventually("the end of the run", || {
            status = child.try_wait().expect("our own child");
            status.is_some()
        });
        status.and_then(|status| status.code()).unwrap_or(-1)
    }
}

//! The built-in mock server as a child process: started for a run without a target, ended with it.
//!
//! A process of its own, so that its memory and CPU are not the client's. It asks the kernel to be killed when the
//! thread that started it ends, however that ends, and is in a process group of its own: Ctrl-C on a terminal
//! reaches the run alone, whose sessions then still find their server.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use startline_os::{affinity, spawn};

use crate::lang::{Reason, Sentence};
use crate::members::SessionNumber;
use crate::plan::{Plan, capacity};

/// How long it may take to end, once asked to, before it is killed.
const END_WITHIN: Duration = Duration::from_secs(3);

/// A running mock server.
#[derive(Debug)]
pub struct MockServer {
    child: RefCell<Child>,
    /// `http://ADDRESS`, or `https://ADDRESS` if it speaks TLS.
    pub url: String,
    /// The CA (PEM) of the certificate that it generated for TLS.
    pub ca: Option<String>,
}

impl MockServer {
    /// Starts one on a free port of the loopback interface with these further arguments of `startline serve`.
    ///
    /// # Errors
    /// It cannot be started, or ends before it listens.
    pub fn start(arguments: &[String]) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program to start the mock server")?;
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--announce-json", "--actuator", "--parent"])
            .arg(std::process::id().to_string())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("cannot start the mock server")?;
        match announced(&mut child) {
            Ok(said) => {
                let url = format!("{}://{}", said.scheme, said.listening);
                Ok(Self { child: RefCell::new(child), url, ca: said.ca })
            }
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Returns how it ended, if it has.
    pub fn ended(&self) -> Option<Sentence> {
        let status = self.child.borrow_mut().try_wait().ok()??;
        Some(Reason::MockEnded.with(status.to_string()))
    }

    /// Returns the arguments with which it serves these plans, which are alike in all that is not their members.
    pub fn arguments(plans: &[&Plan], challenge: u64, descriptors_hard: u64) -> Vec<String> {
        let Some(plan) = plans.first() else { return Vec::new() };
        let ends =
            |plan: &Plan| [SessionNumber(0), SessionNumber(plan.people() - 1)].map(|k| plan.members.id(k));
        let ids = || plans.iter().flat_map(|plan| ends(plan));
        let (first, last) = (ids().min().unwrap_or_default(), ids().max().unwrap_or_default());
        let connections: u32 = plans.iter().map(|plan| plan.connections()).sum();
        let mut arguments: Vec<String> = [
            "--members".to_owned(),
            format!("{first}-{last}"),
            "--challenge".to_owned(),
            challenge.to_string(),
            "--ready".to_owned(),
            "--workers".to_owned(),
            capacity::mock_workers(connections, affinity::cores(), descriptors_hard).to_string(),
        ]
        .into();
        if let Some(scale) = capacity::mock_time_scale(plan.settings.ramp) {
            arguments.extend(["--time-scale".to_owned(), scale.to_string()]);
        }
        if plan.settings.mock_tls {
            arguments.push("--tls".to_owned());
        }
        if plan.settings.no_broadcast {
            arguments.push("--no-broadcast".to_owned());
        }
        arguments
    }
}

impl Drop for MockServer {
    /// Asks it to end, and kills it if it does not.
    fn drop(&mut self) {
        let child = self.child.get_mut();
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        // The child has not been waited for, so its id is its own.
        let _ = kill_process(Pid::from_child(child), Signal::TERM);
        let give_up = Instant::now() + END_WITHIN;
        while Instant::now() < give_up {
            match child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                _ => return,
            }
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// What the child prints about itself.
#[derive(Debug, Deserialize)]
struct Announcement {
    listening: SocketAddr,
    scheme: String,
    ca: Option<String>,
}

/// Reads the line with the address at which the child listens. The rest of its output is drained, so that it never
/// blocks on a full pipe.
fn announced(child: &mut Child) -> Result<Announcement> {
    let stdout = child.stdout.take().ok_or_else(|| anyhow!("the mock server has no output"))?;
    let mut reader = BufReader::new(stdout);
    let mut line = String::new();
    reader.read_line(&mut line).context("cannot read from the mock server")?;
    if line.is_empty() {
        let status = child.wait().context("cannot wait for the mock server")?;
        bail!("the mock server ended before it listened ({status}); its message is above");
    }
    let announcement =
        serde_json::from_str(&line).with_context(|| format!("the mock server printed {line:?}"))?;
    let drain = move || drop(reader.read_to_end(&mut Vec::new()));
    let thread = std::thread::Builder::new().name("drain".into()).spawn(drain);
    thread.map_err(spawn::explained).context("cannot read from the mock server")?;
    Ok(announcement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_has_a_ca_if_one_was_made() {
        let read = |text: &str| serde_json::from_str::<Announcement>(text).unwrap();
        let plain = read(r#"{"listening":"127.0.0.1:8080","scheme":"http"}"#);
        assert_eq!((plain.scheme.as_str(), plain.ca), ("http", None));
        let secured = read(r#"{"ca":"PEM\n","listening":"[::1]:8080","scheme":"https"}"#);
        assert_eq!((secured.listening.port(), secured.ca.as_deref()), (8080, Some("PEM\n")));
    }
}

//! Processes that do not outlive a test, the mock server among them.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{DEADLINE, startline};

/// A process that ends with the test, whatever becomes of it.
#[derive(Debug)]
pub(crate) struct Guarded(pub(crate) Child);

impl Guarded {
    #[track_caller]
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let program = command.get_program().to_owned();
        let child =
            command.spawn().unwrap_or_else(|error| panic!("{}: {error}", Path::new(&program).display()));
        Self(child)
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `startline serve` on a port of its own; it is killed when dropped, or when the thread that
/// started it ends.
#[derive(Debug)]
pub(crate) struct MockServer {
    process: Guarded,
    pub(crate) url: String,
}

impl MockServer {
    /// With these options; on a free port, if they do not say otherwise.
    #[track_caller]
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = startline();
        command.args(["serve", "--announce-json"]);
        if !args.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(["--parent", &std::process::id().to_string()]).args(args).stderr(Stdio::inherit());
        let mut process = Guarded::spawn(&mut command);
        let stdout = process.0.stdout.take().expect("piped");
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| sender.send(line))
        });
        let line = receiver.recv_timeout(DEADLINE).expect("an announcement");
        let announced: Value = serde_json::from_str(&line).expect("JSON");
        let text = |key: &str| announced[key].as_str().expect("text");
        Self { process, url: format!("{}://{}", text("scheme"), text("listening")) }
    }

    /// Ends it, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// The process.
    #[allow(dead_code, reason = "`watched` alone freezes one")]
    pub(crate) fn id(&self) -> u32 {
        self.process.0.id()
    }
}

/// A port of the loopback on which nothing listens, unless another process has taken it since: below
/// those that connections get, of which a load beside the test takes thousands.
#[track_caller]
pub(crate) fn free_port() -> u16 {
    let free = |port| {
        TcpListener::bind(("127.0.0.1", port)).and_then(|it| it.local_addr()).map(|address| address.port())
    };
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first: u16 = range.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0);
    let mut below = (0..100).filter(|_| first > FIRST_PORT).map(|_| fastrand::u16(FIRST_PORT..first));
    below.find_map(|port| free(port).ok()).unwrap_or_else(|| free(0).expect("a free port"))
}

/// Lower ones are known services'.
const FIRST_PORT: u16 = 10_000;

//! A real Redis and a real Prometheus, each in a directory and on a port of its own, gone with the test.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::common::eventually;
use crate::common::processes::{Guarded, free_port};
use crate::programs::program;

/// Ports tried: another process may take one between its finding and its use.
const TRIES: usize = 20;

/// How a server is started, what it is asked, and how an answer begins once it is there.
type Plan = (Command, Vec<u8>, &'static [&'static str]);

/// A server, what it writes, and where it listens.
#[derive(Debug)]
pub struct Watched {
    process: Guarded,
    directory: TempDir,
    pub port: u16,
}

impl Watched {
    /// Redis, with these options besides.
    #[track_caller]
    pub fn redis(options: &[&str]) -> Self {
        let redis = program(&["redis-server"], "apt-get install --no-install-recommends redis-server");
        Self::start(&|port, directory| {
            let mut command = Command::new(&redis);
            let port = port.to_string();
            command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"]);
            command.arg("--dir").arg(directory).args(options);
            // Anything that it says shows that it is there; one that wants a password says so.
            (command, b"PING\r\n".to_vec(), &["+PONG", "-NOAUTH"])
        })
    }

    /// Prometheus, which scrapes itself as the job `prometheus`, and these addresses as the job `business`.
    #[track_caller]
    pub fn prometheus(business: &[String]) -> Self {
        let prometheus = program(&["prometheus"], "apt-get install --no-install-recommends prometheus");
        Self::start(&|port, directory| {
            let list = |addresses: &[String]| {
                addresses.iter().map(|it| format!("'{it}'")).collect::<Vec<_>>().join(", ")
            };
            let own = list(&[format!("127.0.0.1:{port}")]);
            let mut config = format!(
                "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n  - job_name: prometheus\n    \
                 static_configs:\n      - targets: [{own}]\n"
            );
            if !business.is_empty() {
                config += &format!(
                    "  - job_name: business\n    static_configs:\n      - targets: [{}]\n",
                    list(business)
                );
            }
            let file = directory.join("prometheus.yml");
            fs::write(&file, config).expect("written");
            let mut command = Command::new(&prometheus);
            command.arg(format!("--config.file={}", file.display()));
            command.arg(format!("--storage.tsdb.path={}", directory.join("data").display()));
            command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
            let request = format!("GET /-/ready HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n");
            (command, request.into_bytes(), &["HTTP/1.0 200"])
        })
    }

    /// Prometheus, which scrapes mock servers' pages every second.
    #[track_caller]
    pub fn scraping(mocks: &[&str]) -> Self {
        let prometheus = program(&["prometheus"], "apt-get install --no-install-recommends prometheus");
        let targets = mocks.iter().map(|it| format!("'{it}'")).collect::<Vec<_>>().join(", ");
        Self::start(&|port, directory| {
            let file = directory.join("prometheus.yml");
            let config = format!(
                "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n  - job_name: business\n    \
                 metrics_path: /actuator/prometheus\n    static_configs:\n      - targets: [{targets}]\n"
            );
            fs::write(&file, config).expect("written");
            let mut command = Command::new(&prometheus);
            command.arg(format!("--config.file={}", file.display()));
            command.arg(format!("--storage.tsdb.path={}", directory.join("data").display()));
            command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
            let request = format!("GET /-/ready HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n");
            (command, request.into_bytes(), &["HTTP/1.0 200"])
        })
    }

    /// Starts what `make` says for a port and a directory; it is there once it answers the request with one of the beginnings.
    #[track_caller]
    fn start(make: &dyn Fn(u16, &Path) -> Plan) -> Self {
        for _ in 0..TRIES {
            let directory = tempfile::tempdir().expect("a directory");
            let port = free_port();
            let (mut command, request, ready) = make(port, directory.path());
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .current_dir(directory.path());
            let mut process = Guarded::spawn(&mut command);
            let mut has_ended = false;
            eventually("the server", || {
                has_ended = process.0.try_wait().expect("our own child").is_some();
                has_ended || ready.iter().any(|begin| said(port, &request).starts_with(begin))
            });
            if !has_ended {
                return Self { process, directory, port };
            }
        }
        panic!("it found no port in {TRIES} tries, or does not start at all");
    }

    /// Ends it, as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops it where it is …
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// … and has it go on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process.0), signal).expect("our own child");
    }

    /// A Redis that was killed, again where it was.
    #[track_caller]
    pub fn restart(&mut self) {
        let redis = program(&["redis-server"], "apt-get install --no-install-recommends redis-server");
        let mut command = Command::new(redis);
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", ""]);
        command.arg("--dir").arg(self.directory.path()).stdout(Stdio::null());
        self.process = Guarded::spawn(&mut command);
        eventually("the server", || said(self.port, b"PING\r\n").starts_with("+PONG"));
    }

    /// A process that is subscribed to a channel of a Redis.
    #[track_caller]
    pub fn subscribed(server: &Self, channel: &str) -> Guarded {
        let redis_cli = program(&["redis-cli"], "apt-get install --no-install-recommends redis-tools");
        let mut command = Command::new(redis_cli);
        command.args(["-p", &server.port.to_string(), "SUBSCRIBE", channel]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Guarded::spawn(&mut command);
        let stdout = process.0.stdout.as_mut().expect("piped");
        let mut said = [0; 9];
        stdout.read_exact(&mut said).expect("an answer");
        assert_eq!(&said, b"subscribe");
        process
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// What answers a request there; nothing while nobody does.
fn said(port: u16, request: &[u8]) -> String {
    let ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(request)?;
        let mut answer = [0; 512];
        let read = stream.read(&mut answer)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer[..read]).into_owned())
    };
    ask().unwrap_or_default()
}

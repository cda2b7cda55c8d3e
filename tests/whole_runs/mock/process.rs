//! `startline serve` as a process: what it prints, how it ends, and what it does when descriptors
//! run out.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::stand::*;

/// A process that does not outlive the test.
pub struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    pub fn spawn(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    pub fn serve(args: &[&str]) -> Self {
        Self::spawn(
            Command::new(env!("CARGO_BIN_EXE_startline"))
                .args(["serve", "--listen", "127.0.0.1:0"])
                .args(args),
        )
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    fn addr(&mut self) -> SocketAddr {
        let line = self.line();
        let rest = line.strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line:?}"));
        rest.split(' ').next().unwrap().parse().unwrap()
    }

    fn signal(&self, signal: i32) {
        // SAFETY: the child has not been waited for, so the id is its own.
        assert_eq!(unsafe { libc::kill(self.child.id() as libc::pid_t, signal) }, 0);
    }

    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        await_that("the process ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One plain request over a connection of its own.
fn ask(addr: SocketAddr, method: &str, path: &str, token: &str) -> String {
    use std::io::Write;
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn open(addr: SocketAddr, member: u64) -> Client {
    let json = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let login = json(ask(addr, "POST", &format!("/api/v1/auth/test-login?memberId={member}"), ""));
    let token = login["data"]["accessToken"].as_str().unwrap();
    let entered = json(ask(addr, "POST", "/api/v1/challenges/1/enter", token));
    let ticket = entered["data"]["ticket"].as_str().unwrap();
    let mut client = Client::connect(addr, &format!("/ws?ticket={ticket}")).unwrap();
    assert_eq!(client.text()["type"], "CONNECTED");
    client
}

#[test]
fn it_says_where_it_listens_and_what_there_is() {
    let mut process = Process::serve(&["--members", "13-6012", "--challenge", "38", "--ready"]);
    let line = process.line();
    assert!(line.ends_with(" (2 WebSocket servers, 6000 members, challenge 38 READY)\n"), "{line:?}");
    let mut process = Process::serve(&["--servers", "1", "--members", "13-13", "--announce-json"]);
    let announced: Value = serde_json::from_str(&process.line()).unwrap();
    let addr: SocketAddr = announced["listening"].as_str().unwrap().parse().unwrap();
    assert!(TcpStream::connect(addr).is_ok());
}

#[test]
fn a_signal_closes_sessions_with_1001_and_prints_the_counts() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let mut process = Process::serve(&["--members", "13-20", "--ready"]);
        let mut client = open(process.addr(), 13);
        process.signal(signal);
        client.assert_closed(1001);
        assert_eq!(process.wait().code(), Some(0));
        let summary = process.rest();
        assert!(summary.contains("1 upgraded, 1 CONNECTED"), "{summary}");
    }
}

#[test]
fn a_second_signal_does_not_wait_for_anybody() {
    let mut process = Process::serve(&["--members", "13-20", "--ready"]);
    // This client never answers the close frame, so that stopping would take its two seconds.
    let mut client = open(process.addr(), 13);
    process.signal(libc::SIGTERM);
    let mut head = [0; 2];
    client.socket.get_mut().read_exact(&mut head).unwrap();
    assert_eq!(head[0], 0x88, "a close frame: the first signal has been noticed");
    // One Ctrl-C may come twice; half a second later it is another.
    crate::common::let_pass(Duration::from_millis(700));
    process.signal(libc::SIGTERM);
    let status = process.wait();
    assert_eq!(status.code(), Some(3), "{status}");
}

#[test]
fn a_port_that_is_taken_is_refused() {
    let mut first = Process::serve(&[]);
    let addr = first.addr().to_string();
    let output =
        Command::new(env!("CARGO_BIN_EXE_startline")).args(["serve", "--listen", &addr]).output().unwrap();
    assert_ne!(output.status.code(), Some(0));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains(&format!("cannot listen on {addr}")), "{error}");
}

#[test]
fn who_listens_everywhere_is_warned() {
    for (listen, is_warned) in [("0.0.0.0:0", true), ("127.0.0.1:0", false)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_startline"))
            .args(["serve", "--listen", listen])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufRead::read_line(&mut BufReader::new(child.stdout.as_mut().unwrap()), &mut line).unwrap();
        child.kill().unwrap();
        let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
        assert_eq!(said.contains("listens on every address"), is_warned, "{line}{said}");
    }
}

#[test]
fn it_dies_with_its_parent() {
    let program = env!("CARGO_BIN_EXE_startline");
    let script = format!("{program} serve --listen 127.0.0.1:0 --parent $$ & wait");
    let mut shell = Process::spawn(Command::new("sh").args(["-c", &script]));
    let addr = shell.addr();
    assert!(TcpStream::connect(addr).is_ok());
    shell.signal(libc::SIGKILL);
    await_that("nobody listens any more", || TcpStream::connect(addr).is_err());

    let output =
        Command::new(program).args(["serve", "--listen", "127.0.0.1:0", "--parent", "1"]).output().unwrap();
    assert_ne!(output.status.code(), Some(0), "its parent is somebody else");
}

#[test]
fn without_descriptors_it_waits_instead_of_spinning() {
    let program = env!("CARGO_BIN_EXE_startline");
    let script = format!(
        "ulimit -n 24; exec {program} serve --listen 127.0.0.1:0 --workers 1 --members 13-20 --ready"
    );
    let mut process = Process::spawn(Command::new("sh").args(["-c", &script]));
    let addr = process.addr();
    let mut client = open(addr, 13);
    let held: Vec<TcpStream> = (0..60).map(|_| TcpStream::connect(addr).unwrap()).collect();
    // It goes on serving who is there …
    let cpu_before = cpu_ticks(process.child.id());
    for _ in 0..5 {
        client.ping();
        assert_silent(&mut client, Duration::from_millis(100));
    }
    let spent = cpu_ticks(process.child.id()) - cpu_before;
    assert!(spent < 25, "{spent} of 50 ticks: the refused accepts are tried again and again");
    // … and takes whoever waits as soon as there is room.
    drop(held);
    let counters: Value = serde_json::from_str(&ask(addr, "GET", "/mock/counters", "")).unwrap();
    assert!(counters["accept_failures"].as_u64().unwrap() > 0, "{counters}");
}

/// For so long nothing comes, and the connection stays.
#[track_caller]
fn assert_silent(client: &mut Client, span: Duration) {
    let stream = client.socket.get_mut();
    stream.set_read_timeout(Some(span)).unwrap();
    let heard = stream.peek(&mut [0]).map_err(|error| error.kind());
    assert!(matches!(heard, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{heard:?}");
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
}

/// User and system time of a process, in hundredths of a second.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

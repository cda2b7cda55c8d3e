//! OpenSSL's `s_server`, and the WebSocket that a test speaks through it.
//!
//! It is a pipe: what the client sends comes out of its standard output, what is written to its standard input goes to the
//! client. Lines of its own stand between the client's frames, whose first byte is no ASCII. A write that it reads at once and
//! that begins with a letter it knows is a command (`sv_body` in OpenSSL's apps/s_server.c): `k` and `K` change its key, `K` asks for
//! ours as well, `q` ends the connection with close_notify, `P` writes to the socket what nobody has sealed. So every write here waits
//! until the one before it was read. What it sends and receives it notes in a file (`-msgfile`).

use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use serde_json::Value;
use tempfile::TempDir;
use tungstenite::handshake::derive_accept_key;

use crate::common::frames::frame;
use crate::common::processes::Guarded;
use crate::common::{DEADLINE, Finished, Run, eventually, kinds, number, results, summary};
use crate::tools::{Certified, Key, openssl};

/// A WebSocket and no HTTP: what is read and written is TLS's business alone.
pub const SCENARIO: &str = r#"
name = "piped"

[websocket]
url = "/"

[websocket.messages]
welcome = {}
news = {}
pong = {}

[[websocket.steps]]
name = "open"
await = "welcome"

[[websocket.every]]
name = "ping"
send = '{"type":"ping","number":"{sequence}"}'
interval = "100ms"
timeout = "5s"
reply = "pong"
reply_at = "/number"
reply_equals = "{sequence}"
"#;

/// The client's frames, all of which are masked and shorter than 126 bytes: two bytes and the mask before the payload.
const FRAME_HEAD_BYTES: usize = 6;

/// What it is started with, and how it greets.
pub struct Manners {
    /// Arguments besides.
    pub args: Vec<String>,
    /// The kind of its certificate's key.
    pub key: Key,
    /// Bytes of padding in the message that opens the session.
    pub welcome_bytes: usize,
    /// That message goes out with the 101, in one record.
    pub welcome_with_the_101: bool,
    /// KeyUpdates before the 101, and whether each asks for ours.
    pub updates_before_the_101: &'static [bool],
    /// KeyUpdates between the 101 and the message that opens the session.
    pub updates_after_the_101: &'static [bool],
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            args: Vec::new(),
            key: Key::P256,
            welcome_bytes: 0,
            welcome_with_the_101: false,
            updates_before_the_101: &[],
            updates_after_the_101: &[],
        }
    }
}

/// It, the port that it listens on, and what is spoken through it.
pub struct SServer {
    process: Guarded,
    pub port: u16,
    pub certified: Certified,
    relay: JoinHandle<u32>,
    directory: TempDir,
    messages: PathBuf,
}

impl SServer {
    /// Starts one. Each PING is handed to `on_ping`, to be answered there, with how many came before it.
    #[track_caller]
    pub fn start(manners: Manners, on_ping: impl FnMut(&mut Line, u32) + Send + 'static) -> Self {
        let certified = Certified::with(manners.key);
        let directory = tempfile::tempdir().expect("a directory");
        let messages = directory.path().join("messages");
        let mut command = openssl();
        command.args(["s_server", "-accept", "127.0.0.1:0", "-msg", "-msgfile"]).arg(&messages);
        command.arg("-cert").arg(certified.certificate()).arg("-key").arg(certified.key());
        command.args(&manners.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Guarded::spawn(&mut command);
        let line = Line {
            stdin: process.0.stdin.take().expect("piped"),
            stdout: process.0.stdout.take().expect("piped"),
            heard: Vec::new(),
            messages: messages.clone(),
            ping: 0,
        };
        let (sender, receiver) = mpsc::channel();
        let relay = thread::spawn(move || line.serve(&sender, &manners, on_ping));
        let port = receiver.recv_timeout(DEADLINE).expect("s_server says where it listens");
        Self { process, port, certified, relay, directory, messages }
    }

    /// A run of one session against it.
    #[track_caller]
    pub fn run(&self) -> Run {
        let file = self.directory.path().join("piped.toml");
        fs::write(&file, SCENARIO).expect("written");
        Run::against(&format!("https://127.0.0.1:{}", self.port), 1, &results(&self.directory))
            .without("challenge")
            .without("members")
            .with("scenario", file.display())
            .with("ca", self.certified.ca().display())
            .with("ramp", "0")
            .with("hold", "4s")
    }

    /// Where the results are.
    pub fn results(&self) -> PathBuf {
        results(&self.directory)
    }

    /// A session whose end is ours: its goodbye is awaited.
    #[track_caller]
    pub fn play(self) -> Played {
        let finished = self.run().finish();
        if number(&summary(&results(&self.directory)), "/sessions/held_to_end") > 0.0 {
            eventually("our close_notify", || noted(&self.messages, '<', "close_notify") > 0);
        }
        self.ended(&finished)
    }

    /// What is known after a run.
    #[track_caller]
    pub fn ended(mut self, finished: &Finished) -> Played {
        assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
        self.process.kill();
        let pings = self.relay.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let summary = summary(&results(&self.directory));
        Played { summary, pings, messages: self.messages, _directory: self.directory }
    }
}

/// What became of a session.
pub struct Played {
    pub summary: Value,
    /// PINGs that came through.
    pub pings: u32,
    messages: PathBuf,
    _directory: TempDir,
}

impl Played {
    #[track_caller]
    pub fn count(&self, pointer: &str) -> u64 {
        number(&self.summary, pointer) as u64
    }

    /// It opened, was held, had its PINGs answered, and nothing went wrong.
    #[track_caller]
    pub fn assert_held(&self) {
        assert_eq!(self.count("/sessions/held_to_end"), 1, "{:#}", self.summary);
        // A PING each 100 ms is soon missed where the machine does other things as well, and says nothing of TLS.
        let mut kinds = kinds(&self.summary);
        kinds.retain(|(kind, _)| kind != "ping-missed");
        assert_eq!(kinds, [], "{:#}", self.summary["errors"]);
        assert_eq!(self.count("/errors/messages"), 0, "{:#}", self.summary["errors"]);
        let settled = self.count("/ping/answered") + self.count("/ping/pending");
        assert_eq!(self.count("/ping/sent"), settled, "{:#}", self.summary["ping"]);
        // What is sent after accounts have closed is not counted any more.
        assert!(
            self.count("/ping/sent") <= u64::from(self.pings),
            "{} came: {:#}",
            self.pings,
            self.summary["ping"]
        );
        assert_eq!(self.count("/ping/unasked_pongs"), 0);
    }

    /// Messages of this kind that OpenSSL says it has received.
    pub fn received(&self, kind: &str) -> usize {
        noted(&self.messages, '<', kind)
    }
}

/// How often a message was sent (`>`) or received (`<`), by OpenSSL's own account.
fn noted(messages: &Path, direction: char, kind: &str) -> usize {
    let text = fs::read_to_string(messages).unwrap_or_default();
    text.lines().filter(|line| line.starts_with(direction) && line.ends_with(kind)).count()
}

/// The test's end of the pipe.
pub struct Line {
    stdin: ChildStdin,
    stdout: ChildStdout,
    heard: Vec<u8>,
    messages: PathBuf,
    ping: u32,
}

impl Line {
    /// Answers the PING.
    pub fn pong(&mut self) {
        let number = self.ping;
        self.say(&format!("{{\"type\":\"pong\",\"number\":\"{number}\"}}"));
    }

    /// Sends a message.
    pub fn say(&mut self, text: &str) {
        self.write(&frame(0x81, text.as_bytes()));
    }

    /// Sends a message with this many bytes of padding, none of which reads as a command.
    pub fn say_much(&mut self, kind: &str, bytes: usize) {
        self.say(&format!("{{\"type\":\"{kind}\",\"padding\":\"{}\"}}", ".".repeat(bytes)));
    }

    /// OpenSSL takes its next key; with `asked`, it wants us to do the same.
    pub fn update_key(&mut self, asked: bool) {
        let before = noted(&self.messages, '>', "KeyUpdate");
        self.command(if asked { "K" } else { "k" });
        eventually("a KeyUpdate", || noted(&self.messages, '>', "KeyUpdate") > before);
    }

    /// One of s_server's own commands.
    pub fn command(&mut self, letter: &str) {
        self.write(format!("{letter}\n").as_bytes());
    }

    fn write(&mut self, bytes: &[u8]) {
        self.await_that_all_was_read();
        // It may have ended; whoever waits for an answer will say so.
        let _ = self.stdin.write_all(bytes);
    }

    fn await_that_all_was_read(&self) {
        eventually("s_server's reading", || {
            let mut waiting: libc::c_int = 0;
            // SAFETY: FIONREAD writes one int, which outlives the call; the descriptor is open.
            let asked = unsafe { libc::ioctl(self.stdin.as_raw_fd(), libc::FIONREAD, &raw mut waiting) };
            asked != 0 || waiting == 0
        });
    }

    /// Speaks for as long as s_server lives; how many PINGs came.
    fn serve(
        mut self,
        listening: &mpsc::Sender<u16>,
        manners: &Manners,
        mut on_ping: impl FnMut(&mut Self, u32),
    ) -> u32 {
        let Some(accept) = self.line_with("ACCEPT ") else { return 0 };
        let port = accept.rsplit(':').next().and_then(|port| port.trim().parse().ok());
        listening.send(port.expect("a port")).expect("the test waits for it");
        if self.line_with("GET / HTTP/1.1").is_none() {
            return 0;
        }
        let key = self.line_with("Sec-WebSocket-Key: ").expect("a key");
        let key = key.split(": ").nth(1).expect("a key").trim();
        while self.line_with("").is_some_and(|line| !line.trim().is_empty()) {}
        self.greet(key, manners);
        let (mut pings, mut last) = (0, None::<u32>);
        while let Some((opcode, payload)) = self.frame() {
            if opcode == 0x88 {
                self.write(&frame(0x88, &payload));
                continue;
            }
            let ping: Value = serde_json::from_slice(&payload).expect("JSON, whole and in order");
            self.ping = ping["number"].as_str().and_then(|number| number.parse().ok()).expect("a number");
            let ahead = last.replace(self.ping).is_none_or(|last| last < self.ping);
            assert!(ahead, "{} came twice or out of order", self.ping);
            on_ping(&mut self, pings);
            pings += 1;
        }
        pings
    }

    fn greet(&mut self, key: &str, manners: &Manners) {
        let accept = derive_accept_key(key.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        let padding = ".".repeat(manners.welcome_bytes);
        let welcome = frame(0x81, format!("{{\"type\":\"welcome\",\"padding\":\"{padding}\"}}").as_bytes());
        manners.updates_before_the_101.iter().for_each(|asked| self.update_key(*asked));
        if manners.welcome_with_the_101 {
            return self.write(&[head.as_bytes(), &welcome].concat());
        }
        self.write(head.as_bytes());
        manners.updates_after_the_101.iter().for_each(|asked| self.update_key(*asked));
        self.write(&welcome);
    }

    /// The next line that begins so; others are s_server's own, and skipped.
    fn line_with(&mut self, beginning: &str) -> Option<String> {
        loop {
            while let Some(end) = self.heard.iter().position(|&byte| byte == b'\n') {
                let line =
                    String::from_utf8_lossy(&self.heard.drain(..=end).collect::<Vec<_>>()).into_owned();
                if line.starts_with(beginning) {
                    return Some(line);
                }
            }
            self.hear()?;
        }
    }

    /// The client's next frame, unmasked; what s_server says between two is skipped.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            match self.heard.first() {
                Some(first) if first.is_ascii() => {
                    self.skip_line()?;
                    continue;
                }
                Some(&opcode) if self.heard.len() >= FRAME_HEAD_BYTES => {
                    let length = usize::from(self.heard[1] & 0x7f);
                    assert!(self.heard[1] & 0x80 != 0 && length < 126, "masked and short");
                    if self.heard.len() >= FRAME_HEAD_BYTES + length {
                        let frame: Vec<u8> = self.heard.drain(..FRAME_HEAD_BYTES + length).collect();
                        let (mask, payload) = frame[2..].split_at(4);
                        let plain = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
                        return Some((opcode, plain.collect()));
                    }
                }
                _ => {}
            }
            self.hear()?;
        }
    }

    fn skip_line(&mut self) -> Option<()> {
        loop {
            if let Some(end) = self.heard.iter().position(|&byte| byte == b'\n') {
                self.heard.drain(..=end);
                return Some(());
            }
            self.hear()?;
        }
    }

    /// More of what comes out; `None` at the end.
    fn hear(&mut self) -> Option<()> {
        let mut buffer = [0; 4096];
        let read = self.stdout.read(&mut buffer).ok().filter(|&read| read > 0)?;
        self.heard.extend_from_slice(&buffer[..read]);
        Some(())
    }
}

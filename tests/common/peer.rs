//! A server that does what a test says, byte by byte: plain threads and sockets, none of the
//! program's code.
//!
//! By default it is a good Runnity server without broadcasts. Each connection has a
//! thread that ends with it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection};
use tungstenite::handshake::derive_accept_key;

use crate::common::frames::frame;

/// What a peer does when something comes.
type Act = Arc<dyn Fn(&mut Connection) + Send + Sync>;

/// A peer's manners, each of which a test may replace.
#[derive(Clone)]
pub(crate) struct Script {
    /// It speaks TLS with this.
    tls: Option<Arc<ServerConfig>>,
    /// In place of all that follows.
    accepted: Option<Act>,
    login: Act,
    enter: Act,
    upgrade: Act,
    /// After the 101.
    opened: Act,
    ping: Act,
    closing: Act,
}

/// A running peer.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    is_secure: bool,
    pub(crate) seen: Arc<Seen>,
}

/// What it has seen.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicU32,
    /// WebSocket frames from clients: opcode and payload.
    pub(crate) frames: Mutex<Vec<(u8, Vec<u8>)>>,
}

/// A connection and what is known of it.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// Until records are made by hand.
    pub(crate) tls: Option<ServerConnection>,
    is_secure: bool,
    unread: Vec<u8>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) address: SocketAddr,
    /// The head of the last request.
    pub(crate) head: String,
    /// PINGs so far.
    pub(crate) pings: u32,
    /// For a test to remember something of the connection by.
    pub(crate) note: String,
}

impl Script {
    pub(crate) fn good() -> Self {
        Self {
            tls: None,
            accepted: None,
            login: Arc::new(|to| to.json(r#"{"data":{"accessToken":"token"}}"#)),
            enter: Arc::new(|to| {
                let url = to.ws_url();
                to.json(&format!(r#"{{"data":{{"ticket":"t-1","wsUrl":"{url}"}}}}"#));
            }),
            upgrade: Arc::new(|to| {
                let answer = to.switching();
                to.send(&answer);
            }),
            opened: Arc::new(|to| to.text(CONNECTED)),
            ping: Arc::new(|to| to.text(PONG)),
            closing: Arc::new(|to| to.frame(0x88, &1000_u16.to_be_bytes())),
        }
    }

    /// Speaks TLS.
    pub(crate) fn secured(mut self, tls: Arc<ServerConfig>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Does only this with a connection, whatever comes.
    pub(crate) fn accepted(act: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        Self { accepted: Some(Arc::new(act)), ..Self::good() }
    }

    pub(crate) fn login(mut self, act: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        self.login = Arc::new(act);
        self
    }

    pub(crate) fn enter(mut self, act: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        self.enter = Arc::new(act);
        self
    }

    pub(crate) fn upgrade(mut self, act: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        self.upgrade = Arc::new(act);
        self
    }

    pub(crate) fn opened(mut self, act: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        self.opened = Arc::new(act);
        self
    }

    pub(crate) fn ping(mut self, act: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        self.ping = Arc::new(act);
        self
    }

    pub(crate) fn closing(mut self, act: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        self.closing = Arc::new(act);
        self
    }

    /// Starts it.
    pub(crate) fn start(self) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        let is_secure = self.tls.is_some();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                shared.connections.fetch_add(1, Ordering::Relaxed);
                stream.set_nodelay(true).expect("an option of every TCP socket");
                let (script, seen) = (self.clone(), Arc::clone(&shared));
                let tls = self.tls.clone().map(|tls| ServerConnection::new(tls).expect("a server's side"));
                let mut connection = Connection {
                    stream,
                    tls,
                    is_secure,
                    unread: Vec::new(),
                    seen,
                    address,
                    head: String::new(),
                    pings: 0,
                    note: String::new(),
                };
                thread::spawn(move || connection.serve(&script));
            }
        });
        Peer { address, is_secure, seen }
    }
}

impl Peer {
    /// Where it is, as a target.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }
}

pub(crate) const CONNECTED: &str = r#"{"type":"CONNECTED","userId":13,"participants":[],"timestamp":1}"#;
pub(crate) const PONG: &str = r#"{"type":"PONG","timestamp":1}"#;

impl Connection {
    fn serve(&mut self, script: &Script) {
        if let Some(act) = &script.accepted {
            return act(self);
        }
        while self.read_head() {
            if self.head.contains("/test-login") {
                (script.login)(self);
            } else if self.head.contains("/enter") {
                (script.enter)(self);
            } else {
                (script.upgrade)(self);
                (script.opened)(self);
                return self.converse(script);
            }
        }
    }

    fn converse(&mut self, script: &Script) {
        while let Some((opcode, payload)) = self.read_frame() {
            self.seen.frames.lock().expect("no panic").push((opcode, payload.clone()));
            match opcode {
                0x1 if payload.starts_with(br#"{"type":"PING""#) => {
                    self.pings += 1;
                    (script.ping)(self);
                }
                0x8 => {
                    (script.closing)(self);
                    return self.hang_up();
                }
                _ => {}
            }
        }
    }

    /// Waits for bytes; `false` when none will come.
    pub(crate) fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        loop {
            let count = match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => return false,
                Ok(count) => count,
            };
            if self.tls.is_none() {
                self.unread.extend_from_slice(&buffer[..count]);
                return true;
            }
            let Some(opened) = self.open(&buffer[..count]) else { return false };
            if !opened.is_empty() {
                self.unread.extend_from_slice(&opened);
                return true;
            }
        }
    }

    /// Reads up to the empty line; bodies are empty in this protocol.
    fn read_head(&mut self) -> bool {
        loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                self.head = String::from_utf8(head).expect("an ASCII head");
                return true;
            }
            if !self.more() {
                return false;
            }
        }
    }

    /// The client's frames are masked and short here.
    fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        while self.unread.len() < 6 || self.unread.len() < 6 + usize::from(self.unread[1] & 0x7f) {
            if !self.more() {
                return None;
            }
        }
        let length = usize::from(self.unread[1] & 0x7f);
        assert!(self.unread[1] & 0x80 != 0 && length < 126, "masked and short");
        let frame: Vec<u8> = self.unread.drain(..6 + length).collect();
        let payload =
            frame[6..].iter().zip(frame[2..6].iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        Some((frame[0] & 0x0f, payload))
    }

    pub(crate) fn ws_url(&self) -> String {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        format!("{scheme}://{}/ws/ws1", self.address)
    }

    /// Whatever is left of the client may have gone: that is the test's to notice.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sealed = self.seal(bytes.as_ref());
        let _ = self.stream.write_all(&sealed);
    }

    /// In packets of one byte, as far as the kernel lets us.
    pub(crate) fn send_byte_by_byte(&mut self, bytes: impl AsRef<[u8]>) {
        for byte in bytes.as_ref() {
            self.send([*byte]);
            thread::yield_now();
        }
    }

    pub(crate) fn json(&mut self, body: &str) {
        self.answer("200 OK", "application/json", body);
    }

    pub(crate) fn answer(&mut self, status: &str, kind: &str, body: &str) {
        self.send(response(status, kind, body));
    }

    /// The 101 that fits the request.
    pub(crate) fn switching(&self) -> String {
        let key =
            self.head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
            derive_accept_key(key.as_bytes())
        )
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.frame(0x81, text.as_bytes());
    }

    pub(crate) fn frame(&mut self, first: u8, payload: &[u8]) {
        self.send(frame(first, payload));
    }

    pub(crate) fn hang_up(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Ends it by a reset, with bytes of the client's unread or not.
    pub(crate) fn cut(&mut self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        self.unread.clear();
    }

    /// Says nothing any more until the client hangs up.
    pub(crate) fn fall_silent(&mut self) {
        while self.more() {
            self.unread.clear();
        }
    }
}

/// A whole answer.
pub(crate) fn response(status: &str, kind: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

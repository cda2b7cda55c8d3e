//! A mock server to talk to, and foreign clients that talk.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use startline_mock::world::Distance;
use startline_mock::{Config, Counters, Preload, Server};
use tungstenite::protocol::WebSocket;
use tungstenite::{Error, Message};

/// The longest that anything may take.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// The challenge that [`ready`] preloads.
pub const CHALLENGE: u64 = 38;

/// A config for tests: two workers, members 13 to 312, announcements gathered shortly.
pub fn plain() -> Config {
    Config {
        workers: 2,
        members: 13..=312,
        broadcast_gather: Duration::from_millis(10),
        time_zone: jiff::tz::TimeZone::UTC,
        pin: false,
        ..Config::default()
    }
}

/// The same with challenge [`CHALLENGE`] READY and everyone joined.
pub fn ready() -> Config {
    let preload = Preload { challenge: CHALLENGE, distance: Distance::Five, ready: true };
    Config { preload: Some(preload), ..plain() }
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub kind: String,
    pub date: String,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts success and gives `data`.
    #[track_caller]
    pub fn data(&self, status: u16) -> Value {
        let json = self.json();
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!((&json["isSuccess"], &json["code"]), (&json!(true), &json!(status)), "{self:?}");
        json["data"].clone()
    }

    /// Asserts a named error: status, code and message.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, code: u16, message: &str) {
        let json = self.json();
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(json, json!({"isSuccess": false, "code": code, "message": message}), "{self:?}");
    }
}

/// A mock server and an HTTP client for it.
pub struct Stand {
    server: Server,
    agent: ureq::Agent,
}

impl Stand {
    pub fn start(config: Config) -> Self {
        let server = Server::start(config).expect("the mock server starts");
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(DEADLINE))
            .build()
            .into();
        Self { server, agent }
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    pub fn counters(&self) -> Counters {
        self.server.counters()
    }

    pub fn stop(self) -> Counters {
        self.server.stop()
    }

    pub fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.addr()));
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let response = match body {
            Some(body) => {
                let request = request.header("Content-Type", "application/json");
                self.agent.run(request.body(body.to_string()).unwrap())
            }
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut response = response.expect("an answer");
        let header = |name| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (kind, date) = (header("content-type"), header("date"));
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(64 << 20).read_to_string().expect("a body");
        Answer { status, kind, date, body }
    }

    /// A member's access token.
    #[track_caller]
    pub fn login(&self, member: u64) -> String {
        let answer = self.call("POST", &format!("/api/v1/auth/test-login?memberId={member}"), None, None);
        answer.data(200)["accessToken"].as_str().expect("a token").to_owned()
    }

    /// One request about a challenge as a member: `POST join`, `DELETE join`, `POST enter`, or
    /// `GET` with an empty `what`.
    #[track_caller]
    pub fn about(&self, member: u64, method: &str, challenge: u64, what: &str) -> Answer {
        let path = format!("/api/v1/challenges/{challenge}{what}");
        self.call(method, &path, Some(&self.login(member)), None)
    }

    /// What *enter* hands out: ticket and URL.
    #[track_caller]
    pub fn enter(&self, member: u64) -> (String, String) {
        let data = self.about(member, "POST", CHALLENGE, "/enter").data(200);
        (data["ticket"].as_str().unwrap().to_owned(), data["wsUrl"].as_str().unwrap().to_owned())
    }

    /// What the look-up says became of a member's participation.
    #[track_caller]
    pub fn status(&self, challenge: u64, member: u64) -> String {
        let data = self.about(member, "GET", challenge, "").data(200);
        let participants = data["participants"].as_array().expect("participants");
        let own = participants.iter().find(|participant| participant["memberId"] == member);
        own.map_or("none", |own| own["status"].as_str().unwrap()).to_owned()
    }

    /// Upgrades with whatever ticket.
    #[track_caller]
    pub fn upgrade(&self, ticket: &str) -> Client {
        Client::connect(self.addr(), &format!("/ws/ws1?ticket={ticket}")).expect("an upgrade")
    }

    /// Enters, upgrades and reads CONNECTED, which comes first.
    #[track_caller]
    pub fn open(&self, member: u64) -> (Client, Value) {
        let (ticket, _) = self.enter(member);
        let mut client = self.upgrade(&ticket);
        let connected = client.text();
        assert_eq!(connected["type"], "CONNECTED", "{connected}");
        assert_eq!(connected["userId"], member);
        (client, connected)
    }

    /// Orders a fault.
    #[track_caller]
    pub fn control(&self, path: &str) {
        let answer = self.call("POST", &format!("/mock/{path}"), None, None);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

/// What a client hears.
#[derive(Debug, PartialEq)]
pub enum Heard {
    Text(Value),
    Pong(Vec<u8>),
    /// A close frame with this code; 1005 is one without.
    Close(u16),
    /// The end of the connection.
    End,
}

/// A WebSocket by tungstenite.
pub struct Client<S = TcpStream> {
    pub socket: WebSocket<S>,
}

impl Client {
    /// Connects; the error is the status of an answer that is no 101.
    pub fn connect(addr: SocketAddr, path: &str) -> Result<Self, u16> {
        let stream = TcpStream::connect_timeout(&addr, DEADLINE).expect("a connection");
        Self::over(stream, addr, path)
    }

    /// The same over a connection that is there.
    pub fn over(stream: TcpStream, addr: SocketAddr, path: &str) -> Result<Self, u16> {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::upgrade(stream, format!("ws://{addr}{path}"))
    }
}

impl<S: Read + Write> Client<S> {
    /// Upgrades whatever carries bytes.
    pub fn upgrade(stream: S, url: String) -> Result<Self, u16> {
        match tungstenite::client(url, stream) {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(tungstenite::HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// The next thing heard.
    #[track_caller]
    pub fn hear(&mut self) -> Heard {
        match self.socket.read() {
            Ok(Message::Text(text)) => Heard::Text(serde_json::from_str(&text).expect("JSON")),
            Ok(Message::Pong(bytes)) => Heard::Pong(bytes.to_vec()),
            Ok(Message::Close(frame)) => Heard::Close(frame.map_or(1005, |frame| frame.code.into())),
            Ok(other) => panic!("{other:?}"),
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => Heard::End,
            Err(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
                Heard::End
            }
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionReset => Heard::End,
            Err(error) => panic!("{error}"),
        }
    }

    #[track_caller]
    pub fn text(&mut self) -> Value {
        match self.hear() {
            Heard::Text(value) => value,
            other => panic!("a text was due, not {other:?}"),
        }
    }

    /// The next text of this type, whatever texts come before.
    #[track_caller]
    pub fn text_of(&mut self, kind: &str) -> Value {
        loop {
            let text = self.text();
            if text["type"] == kind {
                return text;
            }
        }
    }

    #[track_caller]
    pub fn say(&mut self, value: &Value) {
        self.say_text(&value.to_string());
    }

    #[track_caller]
    pub fn say_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("sent");
    }

    #[track_caller]
    pub fn record(&mut self, distance: f64, pace: i32) {
        self.say(&json!({"type": "RECORD", "distance": distance, "pace": pace, "timestamp": 1}));
    }

    #[track_caller]
    pub fn ping(&mut self) -> Value {
        self.say(&json!({"type": "PING", "timestamp": 1}));
        self.text_of("PONG")
    }

    /// Hears a close frame with this code next, and then the end.
    #[track_caller]
    pub fn assert_closed(&mut self, code: u16) {
        assert_eq!(self.hear(), Heard::Close(code));
        assert_eq!(self.hear(), Heard::End);
    }

    /// Closes with 1000 as a runner's phone does, and waits for the end.
    #[track_caller]
    pub fn close(mut self) {
        let frame = tungstenite::protocol::CloseFrame {
            code: tungstenite::protocol::frame::coding::CloseCode::Normal,
            reason: "".into(),
        };
        self.socket.close(Some(frame)).expect("sent");
        while self.hear() != Heard::End {}
    }
}

/// Waits for a condition, up to the deadline.
#[track_caller]
pub fn await_that(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        // Whoever looks without a pause takes the core from what it waits for.
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

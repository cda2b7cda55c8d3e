//! A session's servers, with a fate: HTTP and frames written and read by hand, so that they share no code with
//! what they test.

use startline::fault::Fault;
use startline::scenario::Scenario;
use startline_protocol::websocket::Violation;

use super::{Micros, SECOND};
use crate::frames;

/// What befalls a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    BadAccept,
    BadUtf8,
    ClosedBetweenRequests,
    CloseInHold,
    CutInHold,
    DoublePong,
    EnterBroken,
    EnterNotJoined,
    EnterNotReady,
    EnterPoolExhausted,
    EnteredBeforeConnected,
    ErrorInHold,
    ForeignHost,
    Good,
    InvalidTicket,
    LatePongs,
    LoginCut,
    LoginRefused,
    LoginSilent,
    LosesAndDelaysPongs,
    LosesOnePong,
    LosesPongs,
    MaskedFrame,
    NeverConnected,
    NoTicket,
    PingFrames,
    Refused,
    ResetInHold,
    UpgradeRefused,
    UpgradeSilent,
    VeryLatePongs,
}

impl Fate {
    pub const ALL: [Self; 31] = [
        Self::BadAccept,
        Self::BadUtf8,
        Self::ClosedBetweenRequests,
        Self::CloseInHold,
        Self::CutInHold,
        Self::DoublePong,
        Self::EnterBroken,
        Self::EnterNotJoined,
        Self::EnterNotReady,
        Self::EnterPoolExhausted,
        Self::EnteredBeforeConnected,
        Self::ErrorInHold,
        Self::ForeignHost,
        Self::Good,
        Self::InvalidTicket,
        Self::LatePongs,
        Self::LoginCut,
        Self::LoginRefused,
        Self::LoginSilent,
        Self::LosesAndDelaysPongs,
        Self::LosesOnePong,
        Self::LosesPongs,
        Self::MaskedFrame,
        Self::NeverConnected,
        Self::NoTicket,
        Self::PingFrames,
        Self::Refused,
        Self::ResetInHold,
        Self::UpgradeRefused,
        Self::UpgradeSilent,
        Self::VeryLatePongs,
    ];

    /// The step (login, enter, connect, open, ping) and fault that the session must fail with.
    pub fn expected(self, scenario: &Scenario) -> Option<(u8, Fault)> {
        let named = |name: &str| {
            let index = scenario.error_names.iter().position(|known| known == name);
            scenario.named(index.unwrap_or_else(|| panic!("the scenario names {name}")) as u8)
        };
        let ticket =
            scenario.value_names.iter().position(|name| name == "ticket").expect("a ticket is taken");
        match self {
            Self::BadAccept => Some((2, Fault::UpgradeInvalid)),
            Self::BadUtf8 => Some((5, Fault::Violation(Violation::BadUtf8))),
            Self::CloseInHold => Some((5, Fault::Closed(1000))),
            Self::CutInHold | Self::ResetInHold => Some((5, Fault::Cut)),
            Self::EnterBroken => Some((1, named("INTERNAL_SERVER_ERROR"))),
            Self::EnterNotJoined => Some((1, named("CHALLENGE_NOT_JOINED"))),
            Self::EnterNotReady => Some((1, named("CHALLENGE_NOT_READY"))),
            Self::EnterPoolExhausted => Some((1, named("POOL_EXHAUSTED"))),
            Self::ForeignHost => Some((2, Fault::HostNotAllowed)),
            Self::InvalidTicket => Some((3, named("INVALID_TICKET"))),
            Self::LoginCut => Some((0, Fault::ClosedEarly)),
            Self::LoginRefused => Some((0, Fault::HttpStatus(500))),
            Self::LoginSilent => Some((0, Fault::StepTimeout)),
            Self::MaskedFrame => Some((5, Fault::Violation(Violation::MaskBit))),
            Self::NeverConnected => Some((3, Fault::StepTimeout)),
            Self::NoTicket => Some((1, Fault::ValueMissing(ticket as u8))),
            Self::Refused => Some((0, Fault::ConnectRefused)),
            Self::UpgradeRefused => Some((2, Fault::UpgradeRefused(403))),
            Self::UpgradeSilent => Some((2, Fault::StepTimeout)),
            Self::ClosedBetweenRequests
            | Self::DoublePong
            | Self::EnteredBeforeConnected
            | Self::ErrorInHold
            | Self::Good
            | Self::LatePongs
            | Self::LosesAndDelaysPongs
            | Self::LosesOnePong
            | Self::LosesPongs
            | Self::PingFrames
            | Self::VeryLatePongs => None,
        }
    }
}

/// Bytes for the session.
pub struct Reply {
    pub after: Micros,
    pub bytes: Vec<u8>,
    /// The connection ends after them: an errno, or 0 for an orderly end.
    pub then_gone: Option<i32>,
}

/// One session's servers.
pub struct Peer {
    fate: Fate,
    buffer: Vec<u8>,
    upgraded: bool,
    connections: u32,
    pings: u32,
    /// PONGs that it did not send, and those that it sent too late.
    pub lost: u64,
    pub delayed: u64,
    /// Whether a room says who is in, and whether it has been asked to.
    has_room: bool,
    entering: bool,
}

impl Peer {
    pub fn new(fate: Fate, _scenario: &Scenario) -> Self {
        Self {
            fate,
            buffer: Vec::new(),
            upgraded: false,
            connections: 0,
            pings: 0,
            lost: 0,
            delayed: 0,
            has_room: false,
            entering: false,
        }
    }

    pub fn fate(&self) -> Fate {
        self.fate
    }

    /// The 101 is all that this peer says by itself of opening.
    pub fn leaves_opening_to_the_room(&mut self) {
        self.has_room = true;
    }

    /// Whether its session has been upgraded since this was last asked.
    pub fn takes_its_place(&mut self) -> bool {
        std::mem::take(&mut self.entering)
    }

    pub fn refuses_connection(&self) -> bool {
        self.fate == Fate::Refused
    }

    pub fn new_connection(&mut self) {
        self.connections += 1;
        self.buffer.clear();
        self.upgraded = false;
    }

    /// Takes what the session sent; what comes back.
    pub fn received(&mut self, bytes: &[u8], rng: &mut fastrand::Rng) -> Vec<Reply> {
        self.buffer.extend_from_slice(bytes);
        let mut replies = Vec::new();
        loop {
            let reply = if self.upgraded { self.frame(rng) } else { self.request() };
            match reply {
                Some(mut more) => replies.append(&mut more),
                None => return replies,
            }
        }
    }

    fn request(&mut self) -> Option<Vec<Reply>> {
        let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(self.buffer[..end].to_vec()).expect("requests are ASCII");
        self.buffer.drain(..end);
        assert!(head.contains("\r\nHost: sim:8080\r\n"), "{head}");
        if head.starts_with("POST /api/v1/auth/test-login?memberId=") {
            return Some(self.login());
        }
        if head.starts_with("POST /api/v1/challenges/38/enter") {
            assert!(head.contains("\r\nAuthorization: Bearer token-"), "{head}");
            return Some(self.enter());
        }
        assert!(head.starts_with("GET /ws/ws1?ticket=t-1 HTTP/1.1\r\n"), "{head}");
        Some(self.upgrade(&head))
    }

    fn login(&mut self) -> Vec<Reply> {
        let body = r#"{"isSuccess":true,"code":200,"message":"성공","data":{"accessToken":"token-1","refreshToken":"r","newUser":false}}"#;
        match self.fate {
            Fate::LoginSilent => vec![],
            Fate::LoginCut => {
                vec![Reply { after: 0, bytes: b"HTTP/1.1 200 OK\r\nCont".to_vec(), then_gone: Some(0) }]
            }
            Fate::LoginRefused => {
                vec![answer(500, "Internal Server Error", r#"{"timestamp":"x","status":500}"#)]
            }
            // The answer is whole and promises more, yet the server hangs up.
            Fate::ClosedBetweenRequests => vec![Reply { then_gone: Some(0), ..answer(200, "OK", body) }],
            _ => vec![answer(200, "OK", body)],
        }
    }

    fn enter(&mut self) -> Vec<Reply> {
        let host = if self.fate == Fate::ForeignHost { "runnity.example" } else { "sim:8080" };
        let ticket = if self.fate == Fate::NoTicket { "" } else { r#""ticket":"t-1","# };
        let body = format!(
            r#"{{"isSuccess":true,"code":200,"message":"성공","data":{{{ticket}"userId":13,"challengeId":38,"wsUrl":"ws://{host}/ws/ws1","expiresIn":30}}}}"#
        );
        match self.fate {
            Fate::EnterNotJoined => vec![refused("참가하지 않은 챌린지입니다.")],
            Fate::EnterNotReady => vec![refused("챌린지가 입장 가능한 상태가 아닙니다.")],
            Fate::EnterBroken => vec![broken()],
            // The general message again: only the time tells.
            Fate::EnterPoolExhausted => vec![Reply { after: 30 * SECOND, ..broken() }],
            _ => vec![answer(200, "OK", &body)],
        }
    }

    fn upgrade(&mut self, head: &str) -> Vec<Reply> {
        match self.fate {
            Fate::UpgradeRefused => return vec![answer(403, "Forbidden", "")],
            Fate::UpgradeSilent => return vec![],
            _ => {}
        }
        let key = head
            .split("Sec-WebSocket-Key: ")
            .nth(1)
            .and_then(|rest| rest.split("\r\n").next())
            .expect("a key");
        let accept = match self.fate {
            Fate::BadAccept => "bm90IHRoZSByaWdodCBrZXkgYXQgYWxsLg==".to_owned(),
            _ => tungstenite::handshake::derive_accept_key(key.as_bytes()),
        };
        self.upgraded = true;
        let mut bytes = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .into_bytes();
        let entered = r#"{"type":"USER_ENTERED","userId":99,"nickname":"테스트유저99","profileImage":null,"distance":0.0,"pace":0,"timestamp":1}"#;
        let connected = r#"{"type":"CONNECTED","challengeId":38,"userId":13,"me":{"userId":13},"participants":[{"userId":14,"nickname":"테스트유저2","profileImage":null,"distance":0.0,"pace":0}],"timestamp":1}"#;
        match self.fate {
            _ if self.has_room => self.entering = true,
            Fate::NeverConnected => {}
            Fate::InvalidTicket => {
                frame(
                    &mut bytes,
                    1,
                    r#"{"type":"ERROR","errorCode":"INVALID_TICKET","errorMessage":"x","timestamp":1}"#
                        .as_bytes(),
                );
                frame(&mut bytes, 8, &1008u16.to_be_bytes());
                return vec![Reply { after: 0, bytes, then_gone: Some(0) }];
            }
            Fate::EnteredBeforeConnected => {
                frame(&mut bytes, 1, entered.as_bytes());
                frame(&mut bytes, 1, connected.as_bytes());
            }
            _ => {
                frame(&mut bytes, 1, connected.as_bytes());
                frame(&mut bytes, 1, entered.as_bytes());
            }
        }
        vec![Reply { after: 0, bytes, then_gone: None }]
    }

    fn frame(&mut self, rng: &mut fastrand::Rng) -> Option<Vec<Reply>> {
        let (opcode, payload) = self.client_frame()?;
        let mut bytes = Vec::new();
        match opcode {
            8 => {
                frame(&mut bytes, 8, &payload);
                return Some(vec![Reply { after: 0, bytes, then_gone: Some(0) }]);
            }
            10 => {
                assert_eq!(payload, b"are you there", "a pong carries the ping's payload");
                return Some(vec![]);
            }
            _ => {}
        }
        let text = String::from_utf8(payload).expect("text is UTF-8");
        assert!(text.starts_with(r#"{"type":"PING","timestamp":17"#), "{text}");
        self.pings += 1;
        Some(self.answer_ping(rng))
    }

    fn answer_ping(&mut self, rng: &mut fastrand::Rng) -> Vec<Reply> {
        let mut bytes = Vec::new();
        let pong = br#"{"type":"PONG","timestamp":1}"#;
        let (mut after, mut then_gone) = (0, None);
        let strikes = self.pings == 2;
        match self.fate {
            Fate::LosesPongs => return vec![],
            Fate::LosesAndDelaysPongs => match rng.u8(..10) {
                0 => {
                    self.lost += 1;
                    return vec![];
                }
                1 => {
                    self.delayed += 1;
                    after = rng.u64(5_100_000..30_800_000);
                }
                _ => {}
            },
            Fate::LosesOnePong if strikes => return vec![],
            Fate::LatePongs => after = 6 * SECOND + rng.u64(..10 * SECOND),
            // After the next PING has gone out.
            Fate::VeryLatePongs => after = 31 * SECOND,
            Fate::DoublePong => frame(&mut bytes, 1, pong),
            Fate::PingFrames => frame(&mut bytes, 9, b"are you there"),
            Fate::CloseInHold if strikes => {
                frame(&mut bytes, 8, &1000u16.to_be_bytes());
                return vec![Reply { after, bytes, then_gone: Some(0) }];
            }
            Fate::CutInHold if strikes => then_gone = Some(0),
            Fate::ResetInHold if strikes => then_gone = Some(104),
            Fate::BadUtf8 if strikes => frame(&mut bytes, 1, b"{\"type\":\"PONG\",\"x\":\"\xff\"}"),
            Fate::MaskedFrame if strikes => bytes.extend_from_slice(&[0x81, 0x81, 0, 0, 0, 0, b'x']),
            Fate::ErrorInHold => frame(
                &mut bytes,
                1,
                br#"{"type":"ERROR","errorCode":"MESSAGE_PROCESSING_ERROR","errorMessage":"x","timestamp":1}"#,
            ),
            _ => {}
        }
        self.maybe_fragmented(&mut bytes, pong, rng);
        vec![Reply { after, bytes, then_gone }]
    }

    /// A text message whole, or in two fragments with a ping frame between them.
    fn maybe_fragmented(&self, out: &mut Vec<u8>, text: &[u8], rng: &mut fastrand::Rng) {
        if rng.bool() {
            return frame(out, 1, text);
        }
        let (first, second) = text.split_at(rng.usize(..=text.len()));
        raw_frame(out, 0x01, first);
        frame(out, 9, b"are you there");
        raw_frame(out, 0x80, second);
    }

    /// One masked frame off the buffer; clients here send short ones.
    fn client_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (&[first, second], rest) = self.buffer.split_first_chunk::<2>()?;
        assert_eq!(second & 0x80, 0x80, "a client masks");
        let length = usize::from(second & 0x7f);
        assert!(length < 126, "PINGs are short");
        if rest.len() < 4 + length {
            return None;
        }
        let key = [rest[0], rest[1], rest[2], rest[3]];
        let payload = rest[4..4 + length].iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
        self.buffer.drain(..6 + length);
        Some((first & 0x0f, payload))
    }
}

fn answer(status: u16, reason: &str, body: &str) -> Reply {
    let bytes = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Reply { after: 0, bytes: bytes.into_bytes(), then_gone: None }
}

/// A refusal, with the full stop that the real servers write.
fn refused(message: &str) -> Reply {
    let body = format!(r#"{{"isSuccess":false,"code":400,"message":"{message}"}}"#);
    answer(400, "Bad Request", &body)
}

/// The answer of a server that has no other.
fn broken() -> Reply {
    let body = r#"{"isSuccess":false,"code":500,"message":"서버 내부 오류입니다."}"#;
    answer(500, "Internal Server Error", body)
}

/// A whole text message.
pub fn text_frame(text: &str) -> Vec<u8> {
    frames::frame(0x81, text.as_bytes())
}

fn frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    raw_frame(out, 0x80 | opcode, payload);
}

fn raw_frame(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    out.extend(frames::frame(first, payload));
}

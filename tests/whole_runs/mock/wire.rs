//! Bytes on the wire: keep-alive, both framings, splits, pipelines, and what a hostile peer might
//! send.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::stand::*;

struct Raw {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Raw {
    fn to(stand: &Stand) -> Self {
        let stream = TcpStream::connect(stand.addr()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, unread: Vec::new() }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Reads up to and including `end`.
    #[track_caller]
    fn until(&mut self, end: &str) -> String {
        loop {
            let found = self.unread.windows(end.len()).position(|window| window == end.as_bytes());
            if let Some(at) = found {
                let rest = self.unread.split_off(at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.unread, rest)).unwrap();
            }
            let mut buffer = [0; 4096];
            let count = self.stream.read(&mut buffer).unwrap();
            assert!(
                count > 0,
                "the end came before {end:?}; there was {:?}",
                String::from_utf8_lossy(&self.unread)
            );
            self.unread.extend_from_slice(&buffer[..count]);
        }
    }

    /// Everything until the peer closes.
    fn rest(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.unread);
        // A reset behind the last bytes is an end as well.
        let _ = self.stream.read_to_end(&mut rest);
        String::from_utf8(rest).unwrap()
    }
}

/// The end of a chunked body.
const LAST_CHUNK: &str = "\r\n0\r\n\r\n";

fn login(member: u64) -> String {
    format!("POST /api/v1/auth/test-login?memberId={member} HTTP/1.1\r\nHost: x\r\n\r\n")
}

#[test]
fn a_connection_carries_many_requests_each_in_any_split() {
    let stand = Stand::start(plain());
    let mut raw = Raw::to(&stand);
    let request = login(13);
    for split in 1..request.len() {
        raw.write(&request.as_bytes()[..split]);
        raw.write(&request.as_bytes()[split..]);
        assert!(raw.until(LAST_CHUNK).starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(stand.counters().accepted, 1);
}

#[test]
fn a_request_may_name_the_host_in_its_target() {
    let stand = Stand::start(plain());
    let mut raw = Raw::to(&stand);
    raw.write(login(13).replace("POST /", "POST http://x:1/").as_bytes());
    assert!(raw.until(LAST_CHUNK).starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let stand = Stand::start(plain());
    let mut raw = Raw::to(&stand);
    let look_up = "GET /api/v1/challenges/1 HTTP/1.1\r\nHost: x\r\n\r\n";
    let requests: String = (0..100).map(|_| login(13) + look_up).collect();
    raw.write(requests.as_bytes());
    for _ in 0..100 {
        assert!(raw.until(LAST_CHUNK).starts_with("HTTP/1.1 200"));
        assert!(raw.until("\r\n\r\n").starts_with("HTTP/1.1 403"), "which keeps the connection");
    }
}

#[test]
fn a_status_of_400_closes_the_connection() {
    let stand = Stand::start(plain());
    let mut raw = Raw::to(&stand);
    raw.write((login(999_999) + &login(13)).as_bytes());
    let answer = raw.rest();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("\r\nConnection: close\r\n"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
}

#[test]
fn a_body_may_come_in_chunks_or_by_length_and_in_pieces() {
    let stand = Stand::start(plain());
    let token = stand.login(13);
    let head = format!(
        "POST /api/v1/challenges/1/join HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\n"
    );
    let mut raw = Raw::to(&stand);
    let bodies = [
        "Content-Length: 2\r\n\r\n{}".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nTrailer: t\r\n\r\n".to_owned(),
    ];
    for body in &bodies {
        let request = format!("{head}{body}");
        for piece in request.as_bytes().chunks(7) {
            raw.write(piece);
        }
        let answer = raw.until(LAST_CHUNK);
        assert!(
            answer.starts_with("HTTP/1.1 404"),
            "there is no such challenge, and the body was read: {answer}"
        );
    }
    raw.write(format!("{head}Content-Length: 1\r\n\r\n{{").as_bytes());
    assert!(raw.until("\"}").contains("application/problem+json"));
}

#[test]
fn who_expects_to_be_told_to_continue_is_told() {
    let stand = Stand::start(plain());
    let mut raw = Raw::to(&stand);
    let token = stand.login(13);
    raw.write(
        format!(
            "POST /api/v1/challenges/1/join HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        .as_bytes(),
    );
    assert_eq!(raw.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    raw.write(b"{}");
    assert!(raw.until(LAST_CHUNK).starts_with("HTTP/1.1 404"));
}

#[test]
fn a_connection_that_is_to_close_closes_and_its_body_has_a_length() {
    let stand = Stand::start(plain());
    for request in [
        "POST /api/v1/auth/test-login?memberId=13 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "POST /api/v1/auth/test-login?memberId=13 HTTP/1.0\r\n\r\n",
        "POST /api/v1/auth/test-login?memberId=13 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ] {
        let mut raw = Raw::to(&stand);
        raw.write(request.as_bytes());
        let answer = raw.rest();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains("Connection: close") && head.contains(&format!("Content-Length: {}", body.len()))
        );
    }
}

#[test]
fn an_answer_to_head_is_a_header_only() {
    let stand = Stand::start(ready());
    let token = stand.login(13);
    let mut raw = Raw::to(&stand);
    for (path, status) in [
        (format!("/api/v1/challenges/{CHALLENGE}"), "200"),
        ("/api/v1/challenges/999".to_owned(), "404"),
        ("/nothing".to_owned(), "404"),
        ("/mock/nothing".to_owned(), "404"),
        ("/ws".to_owned(), "405"),
    ] {
        raw.write(
            format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n").as_bytes(),
        );
        let head = raw.until("\r\n\r\n");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {head}");
        raw.write(login(13).as_bytes());
        let next = raw.until(LAST_CHUNK);
        assert!(next.starts_with("HTTP/1.1 200"), "{path}: the next answer follows at once, not {next}");
    }
}

#[test]
fn two_lines_of_connection_are_one_list() {
    let stand = Stand::start(ready());
    let mut raw = Raw::to(&stand);
    raw.write(
        b"GET /ws?ticket=x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive\r\n\
          Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert!(raw.until("\r\n\r\n").starts_with("HTTP/1.1 101"));
}

#[test]
fn what_is_not_http_is_refused_and_the_connection_ends() {
    let stand = Stand::start(plain());
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    let both = "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (request, status) in [("\x16\x03\x01 hello\r\n\r\n", "400"), (long.as_str(), "431"), (both, "400")] {
        let mut raw = Raw::to(&stand);
        // The server may be done with us before everything is written.
        let _ = raw.stream.write_all(request.as_bytes());
        let answer = raw.until("\r\n\r\n");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        raw.rest();
    }
}

#[test]
fn a_body_over_the_limit_is_refused_and_the_next_request_is_read() {
    let stand = Stand::start(plain());
    let mut raw = Raw::to(&stand);
    let token = stand.login(13);
    raw.write(
        format!(
            "POST /api/v1/admin/challenges HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 300000\r\n\r\n"
        )
        .as_bytes(),
    );
    raw.write(&vec![b' '; 300_000]);
    raw.write(login(13).as_bytes());
    assert!(raw.until("\"}").starts_with("HTTP/1.1 413"));
    assert!(raw.until(LAST_CHUNK).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_client_that_only_asks_and_never_reads_is_not_answered_without_bound() {
    let stand = Stand::start(startline_mock::Config {
        send_buffer_bytes: Some(4 << 10),
        members: 13..=42,
        ..ready()
    });
    let token = stand.login(13);
    let request = format!(
        "GET /api/v1/challenges/{CHALLENGE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let mut raw = Raw::to(&stand);
    raw.stream.set_nonblocking(true).unwrap();
    let many: String = request.repeat(100);
    // Some eight megabytes of answers.
    let mut asked = 0;
    // Until our own buffers are full because nobody takes the requests any more.
    for _ in 0..20 {
        match raw.stream.write(many.as_bytes()) {
            Ok(count) => asked += count,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                break;
            }
        }
    }
    let answers = asked / request.len();
    let peak = stand.counters().backlog_peak_bytes;
    assert!(peak < 2 << 20, "{peak} bytes queued for {answers} unread answers");
    // And once read, everything that was taken is answered.
    raw.stream.set_nonblocking(false).unwrap();
    for _ in 0..answers {
        assert!(raw.until(LAST_CHUNK).starts_with("HTTP/1.1 200"));
    }
}

#[test]
fn frames_that_come_with_the_upgrade_are_read_and_any_split_is() {
    let stand = Stand::start(ready());
    let (ticket, _) = stand.enter(13);
    let mut raw = Raw::to(&stand);
    let upgrade = format!(
        "GET /ws/ws1?ticket={ticket} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let ping = br#"{"type":"PING","timestamp":1}"#;
    let key = [1, 2, 3, 4];
    let mut frame = vec![0x81, 0x80 | ping.len() as u8];
    frame.extend_from_slice(&key);
    frame.extend(ping.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
    raw.write(&[upgrade.as_bytes(), &frame].concat());
    let head = raw.until("\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    assert!(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    let pong = || br#"{"type":"PONG","timestamp":"#;
    let mut frames = RawFrames(raw);
    assert!(frames.next().starts_with(br#"{"type":"CONNECTED""#));
    assert!(frames.next().starts_with(pong()));
    for split in 1..frame.len() {
        frames.0.write(&frame[..split]);
        frames.0.write(&frame[split..]);
        assert!(frames.next().starts_with(pong()));
    }
    let many: Vec<u8> = std::iter::repeat_n(frame, 500).flatten().collect();
    frames.0.write(&many);
    for _ in 0..500 {
        assert!(frames.next().starts_with(pong()));
    }
}

/// Server frames, read by hand.
struct RawFrames(Raw);

impl RawFrames {
    fn next(&mut self) -> Vec<u8> {
        let mut take = |count: usize| {
            while self.0.unread.len() < count {
                let mut buffer = [0; 4096];
                let read = self.0.stream.read(&mut buffer).unwrap();
                assert!(read > 0);
                self.0.unread.extend_from_slice(&buffer[..read]);
            }
            let rest = self.0.unread.split_off(count);
            std::mem::replace(&mut self.0.unread, rest)
        };
        let head = take(2);
        assert_eq!(head[0], 0x81);
        let len = match head[1] {
            126 => take(2).iter().fold(0, |len, byte| len << 8 | usize::from(*byte)),
            127 => take(8).iter().fold(0, |len, byte| len << 8 | usize::from(*byte)),
            short => usize::from(short),
        };
        take(len)
    }
}

#[test]
fn a_member_whose_connection_is_cut_has_disconnected() {
    let stand = Stand::start(ready());
    let (mut watcher, _) = stand.open(99);
    let (cut, _) = stand.open(13);
    assert_eq!(watcher.text()["type"], "USER_ENTERED");
    cut.socket.get_ref().shutdown(Shutdown::Both).unwrap();
    assert_eq!(watcher.text()["reason"], "DISCONNECTED");
    let (reset, _) = stand.open(14);
    assert_eq!(watcher.text()["type"], "USER_ENTERED");
    socket2::SockRef::from(reset.socket.get_ref()).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(reset);
    assert_eq!(watcher.text()["reason"], "DISCONNECTED");
    assert_eq!(stand.status(CHALLENGE, 14), "DISCONNECTED");
}

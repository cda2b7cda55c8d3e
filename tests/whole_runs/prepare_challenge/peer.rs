//! A server that answers one request after the other as it was told to, whatever is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

pub struct Peer {
    pub url: String,
}

impl Peer {
    /// Heads (status line and fields) and bodies, a request each; then it is gone.
    pub fn answering(answers: Vec<(&'static str, &'static str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            for (head, body) in answers {
                let Ok((stream, _)) = listener.accept() else { return };
                answer(stream, head, body);
            }
        });
        Self { url }
    }
}

fn answer(mut stream: TcpStream, head: &str, body: &str) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    reader.read_exact(&mut vec![0; length]).expect("the body");
    if head.is_empty() {
        return; // It hangs up without a word.
    }
    let length = body.len();
    write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .expect("sent");
}

/// The head of an answer at 10:00:00.
pub const OK: &str = "200 OK\r\nContent-Type: application/json\r\nDate: Sun, 01 Mar 2026 10:00:00 GMT";

/// What Runnity's login answers.
pub const LOGIN: &str =
    r#"{"isSuccess":true,"code":200,"message":"ok","data":{"accessToken":"t","refreshToken":"r"}}"#;

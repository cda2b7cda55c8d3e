//! A server that answers one request after the other as it was told to, whatever is asked.

use std::io::BufReader;
use std::net::{TcpListener, TcpStream};

use crate::common::http::{read_request, respond};

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
    read_request(&mut reader).expect("a request");
    // Without a head it hangs up without a word.
    if !head.is_empty() {
        respond(&mut stream, head, body).expect("sent");
    }
}

/// The head of an answer at 10:00:00.
pub const OK: &str = "200 OK\r\nContent-Type: application/json\r\nDate: Sun, 01 Mar 2026 10:00:00 GMT";

/// What Runnity's login answers.
pub const LOGIN: &str =
    r#"{"isSuccess":true,"code":200,"message":"ok","data":{"accessToken":"t","refreshToken":"r"}}"#;

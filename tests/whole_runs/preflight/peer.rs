//! A server that answers each request as the test says, or never.

use std::io::{BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::common::http::{read_request, respond};

/// What is answered: a status line with header fields, and a body.
pub type Answer = (&'static str, String);

/// Ends with the test's process.
pub struct Peer {
    pub url: String,
}

impl Peer {
    /// Asks for each request, such as `GET /api/v1/challenges/38`, what is to be answered; without an answer the connection stays
    /// open and silent.
    pub fn start(answer: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                thread::spawn(move || serve(stream, &*answer));
            }
        });
        Self { url }
    }
}

/// One request a connection. Whoever hangs up first is no failure of the test's.
fn serve(stream: TcpStream, answer: &dyn Fn(&str) -> Option<Answer>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let asked = read_request(&mut reader)?;
    let mut stream = stream;
    match answer(&asked) {
        Some((head, body)) => respond(&mut stream, head, &body).ok(),
        // Until the other end hangs up.
        None => reader.read_to_end(&mut Vec::new()).ok().map(drop),
    }
}

pub const OK: &str = "200 OK\r\nContent-Type: application/json";

/// A login of Runnity's.
pub fn logged_in() -> Option<Answer> {
    Some((OK, r#"{"data":{"accessToken":"t"}}"#.to_owned()))
}

/// A peer whose members can log in, and whose look-ups are answered so.
pub fn looking_up(head: &'static str, body: &'static str) -> Peer {
    Peer::start(move |asked| match asked {
        login if login.starts_with("POST ") => logged_in(),
        look_up if look_up.contains("/challenges/") => {
            Some((head, body.to_owned())).filter(|_| !head.is_empty())
        }
        _ => Some((OK, String::new())),
    })
}

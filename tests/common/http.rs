//! One HTTP request read and answered on a connection, for servers of the tests' own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::time::Instant;

use super::{DEADLINE, LOOK};

/// Reads a request with its body; `GET /path` is returned, `None` when the client has gone.
pub(crate) fn read_request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut request = String::new();
    reader.read_line(&mut request).ok().filter(|read| *read > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    Some(request.trim_end().trim_end_matches(" HTTP/1.1").to_owned())
}

/// Answers with this status line and header fields, and this body; the connection ends with it.
pub(crate) fn respond(stream: &mut TcpStream, head: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// The next connection to a test's own listener, with its request read: `child`, the program that is to
/// ask, is awaited no longer than it lives, nor beyond the deadline.
#[track_caller]
#[allow(dead_code, reason = "few binaries answer by hand")]
pub(crate) fn await_request(listener: &TcpListener, child: &mut Child) -> TcpStream {
    listener.set_nonblocking(true).expect("a listener");
    let give_up = Instant::now() + DEADLINE;
    let stream = loop {
        if let Ok((stream, _)) = listener.accept() {
            break stream;
        }
        let ended = child.try_wait().expect("a child");
        if ended.is_some() || Instant::now() > give_up {
            let _ = child.kill();
            let mut said = String::new();
            child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
            panic!("no request came; the program: {ended:?}, {said}");
        }
        std::thread::park_timeout(LOOK);
    };
    stream.set_nonblocking(false).expect("a socket");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
    // What is closed with something unread is reset, and an answer may be lost with it.
    let request = read_request(&mut BufReader::new(stream.try_clone().expect("a socket")));
    assert!(request.is_some(), "the connection ended without a request");
    stream
}

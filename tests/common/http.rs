//! One HTTP request read and answered on a connection, for servers of the tests' own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

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

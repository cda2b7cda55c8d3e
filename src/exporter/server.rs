//! A small HTTP server for one page, in front of scrapers that may be slow, many or hostile.
//!
//! Knows nothing of what it serves. Invariants: as many connections are served at a time as there
//! are threads, and the others wait in the kernel; a connection ends within [`PATIENCE`], whatever
//! its peer does; each has one request, of a bounded size; the threads run when no other wants to.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::setpriority_process;
use startline_os::spawn;
use startline_protocol::http::{HttpError, Limits, RequestReader};

use super::PATH;
use super::page::Latest;

/// Connections that are served at a time.
const THREADS: usize = 4;
/// From the accepted connection to its end. Prometheus gives up after 10 s by default.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// After an error of the listening socket, such as too many descriptors.
const AFTER_ERROR: Duration = Duration::from_millis(200);
/// The lowest priority: a scraper that asks without a pause gets what the workers leave.
const NICE: i32 = 19;
/// A request has no body; one that comes all the same is read no further than this.
const LIMITS: Limits = Limits { head_bytes: 8 << 10, fields: 64, body_bytes: 0, body_bytes_read: 64 << 10 };

/// What a request gets.
enum Answer {
    Page,
    NotFound,
    NotAllowed { with_body: bool },
    Malformed,
}

/// Serves the latest page until the process ends; `patience`: what a connection may take.
///
/// # Errors
/// A thread cannot start.
pub(super) fn start(listener: TcpListener, latest: &Arc<Latest>, patience: Duration) -> io::Result<()> {
    let listener = Arc::new(listener);
    for number in 0..THREADS {
        let (listener, latest) = (Arc::clone(&listener), Arc::clone(latest));
        let name = format!("metrics-{number}");
        thread::Builder::new()
            .name(name)
            .spawn(move || serve(&listener, &latest, patience))
            .map_err(spawn::explained)?;
    }
    Ok(())
}

fn serve(listener: &TcpListener, latest: &Latest, patience: Duration) {
    // Without it, scrapers are only less modest.
    let _ = setpriority_process(None, NICE);
    loop {
        match listener.accept() {
            // A scraper that goes, or takes too long, asks again.
            Ok((stream, _)) => drop(converse(&Timed::new(stream, patience), latest)),
            Err(_) => thread::sleep(AFTER_ERROR),
        }
    }
}

fn converse(stream: &Timed, latest: &Latest) -> io::Result<()> {
    let Some(answer) = read_request(stream)? else { return Ok(()) };
    let page;
    let (status, more, body) = match answer {
        Answer::Page => {
            page = latest.page();
            (
                "200 OK",
                "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n",
                page.text(),
            )
        }
        Answer::NotFound => ("404 Not Found", "", "The metrics are at /metrics.\n"),
        Answer::NotAllowed { with_body } => {
            ("405 Method Not Allowed", "Allow: GET\r\n", if with_body { "The method is GET.\n" } else { "" })
        }
        Answer::Malformed => ("400 Bad Request", "", "This is not HTTP/1.1.\n"),
    };
    let head =
        format!("HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    stream.end()
}

/// Reads a request's head; `None` if the peer leaves before it is there.
fn read_request(stream: &Timed) -> io::Result<Option<Answer>> {
    let mut reader = RequestReader::new(LIMITS);
    let mut bytes = [0; 1024];
    loop {
        let read = stream.read(&mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        match reader.feed(&bytes[..read]) {
            Err(error) if error != HttpError::BodyTooLarge => return Ok(Some(Answer::Malformed)),
            // The head is in; a body, if there is one, is not waited for.
            _ if !reader.method().is_empty() => {
                return Ok(Some(answer_to(reader.method(), reader.origin_target())));
            }
            _ => {}
        }
    }
}

fn answer_to(method: &str, target: &str) -> Answer {
    let path = target.split('?').next().unwrap_or_default();
    match (path == PATH, method) {
        (true, "GET") => Answer::Page,
        (true, method) => Answer::NotAllowed { with_body: method != "HEAD" },
        (false, _) => Answer::NotFound,
    }
}

/// A connection with an end.
struct Timed {
    stream: TcpStream,
    until: Instant,
}

impl Timed {
    fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, until: Instant::now() + patience }
    }

    /// What is left of its time.
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }

    fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        (&self.stream).read(bytes)
    }

    /// In pieces, each of which may take what is left of the time.
    fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(self.left()?)?;
            match (&self.stream).write(bytes)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => bytes = &bytes[written..],
            }
        }
        Ok(())
    }

    /// Closes it once the peer has: bytes of its that were never read would take the answer back.
    fn end(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        let mut bytes = [0; 1024];
        while self.read(&mut bytes)? > 0 {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::reading::Reading;
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn served(patience: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        start(listener, &Arc::new(Latest::new(Reading::default())), patience).expect("threads");
        address
    }

    fn connect(address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(LONG)).expect("a timeout");
        stream.set_write_timeout(Some(LONG)).expect("a timeout");
        stream
    }

    /// The whole answer to these bytes.
    fn answer(address: SocketAddr, request: &str) -> String {
        let mut stream = connect(address);
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer with an end");
        answer
    }

    #[test]
    fn the_page_and_nothing_else_is_served() {
        let address = served(LONG);
        let page = answer(address, "GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
        let (head, body) = page.split_once("\r\n\r\n").expect("a head");
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0")
        );
        assert!(body.ends_with("# EOF\n") && head.contains(&format!("Content-Length: {}\r\n", body.len())));
        assert!(answer(address, "GET http://a/metrics HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200 "));
        for (request, begin) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 "),
            ("GET /metrics/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 "),
            (
                "HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
                "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n",
            ),
            ("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 405 "),
            ("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nabc", "HTTP/1.1 405 "),
            ("\u{16}\u{3}\u{1}\r\n\r\n", "HTTP/1.1 400 "),
        ] {
            let answer = answer(address, request);
            assert!(answer.starts_with(begin), "{request:?}: {answer}");
        }
    }

    #[test]
    fn a_head_without_an_end_is_refused() {
        let mut stream = connect(served(LONG));
        let endless = "x: y\r\n".repeat(20_000);
        // It may be refused before all of it is sent.
        let _ = stream.write_all(format!("GET /metrics HTTP/1.1\r\n{endless}").as_bytes());
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 400");
    }

    /// More connections than threads, none of which ever says or reads anything: each has its time.
    #[test]
    fn whoever_is_silent_makes_room() {
        let address = served(Duration::from_millis(50));
        let silent: Vec<TcpStream> = (0..THREADS * 3).map(|_| connect(address)).collect();
        let page = answer(address, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(page.ends_with("# EOF\n"));
        for mut stream in silent {
            assert_eq!(stream.read(&mut [0]).expect("it was closed"), 0);
        }
    }
}

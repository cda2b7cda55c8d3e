//! HTTP messages at every split, their heads against httparse, their bodies against a naive reader of the whole.

use startline_protocol::http::*;

use super::splits;

/// Small, so that inputs get over them.
pub const LIMITS: Limits = Limits { head_bytes: 400, fields: 8, body_bytes: 40, body_bytes_read: 1 << 40 };

/// Fields whose values are compared.
const NAMES: [&str; 7] =
    ["a", "x-y", "connection", "content-type", "content-length", "transfer-encoding", "absent"];

/// What a reader made of a response.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// Bytes taken, if the response was complete before the connection's end.
    pub complete: Result<Option<usize>, HttpError>,
    /// What the connection's end was told to be, if it was reached.
    pub end: Option<Result<bool, HttpError>>,
    /// The status.
    pub status: Option<u16>,
    /// Values of [`NAMES`].
    pub headers: Vec<Option<String>>,
    /// The body as far as kept.
    pub body: Vec<u8>,
    /// Whether that is all of it.
    pub kept: BodyKept,
    /// Whether the connection may go on.
    pub keep_alive: bool,
}

/// Reads one response that arrives in these pieces, and then the connection's end.
pub fn read_response(pieces: &[&[u8]]) -> Outcome {
    let mut reader = ResponseReader::new(LIMITS, false);
    let mut complete = Ok(None);
    let mut before = 0;
    for piece in pieces {
        match reader.feed(piece) {
            Ok(progress) if progress.complete => complete = Ok(Some(before + progress.consumed)),
            Ok(progress) => assert_eq!(progress.consumed, piece.len(), "an open response takes all"),
            Err(error) => complete = Err(error),
        }
        if complete != Ok(None) {
            break;
        }
        before += piece.len();
    }
    // After an error only the error counts.
    let sound = complete.is_ok();
    let end = (complete == Ok(None)).then(|| reader.end_of_stream());
    let headers = NAMES.iter().map(|name| reader.header(name).map(str::to_owned));
    Outcome {
        complete,
        end,
        status: reader.status(),
        headers: if sound { headers.collect() } else { Vec::new() },
        body: if sound { reader.body().to_vec() } else { Vec::new() },
        kept: if sound { reader.body_kept() } else { BodyKept::Whole },
        keep_alive: sound && reader.keep_alive(),
    }
}

/// A response, and the connection's end after it: alike at every split, with httparse's status and fields, and the body that
/// these frame.
pub fn response(bytes: &[u8]) {
    let whole = read_response(&[bytes]);
    for pieces in splits(bytes) {
        assert_eq!(read_response(&pieces), whole);
    }
    match foreign_response(bytes) {
        // Nothing is learned from a head that is not whole, but it may be refused for what it is so far.
        Ok(None) => assert_eq!(whole.status, None),
        Ok(Some(head)) => {
            let refused = matches!(
                whole.complete,
                Err(HttpError::Framing | HttpError::HeadTooLarge | HttpError::TooManyFields)
            );
            assert!(head.status < 100 || refused || whole.status == Some(head.status), "{whole:?}");
            if whole.status.is_some() && whole.complete.is_ok() {
                for (name, value) in NAMES.iter().zip(&whole.headers) {
                    assert_eq!(value, &head.text(name), "{name}");
                }
                check_body(&whole, &head, bytes);
            }
        }
        Err(_) => {
            assert_eq!(whole.status, None);
            let end = matches!(whole.end, Some(Err(HttpError::HeadTruncated)));
            let refused = matches!(
                whole.complete,
                Err(HttpError::Malformed | HttpError::HeadTooLarge | HttpError::TooManyFields)
            );
            assert!(refused || end, "{whole:?}");
        }
    }
}

/// The body of an accepted response is the one that its head frames.
fn check_body(whole: &Outcome, head: &ForeignHead, bytes: &[u8]) {
    let rest = &bytes[head.len..];
    let (body, end) = match head.status {
        101 | 204 | 304 => (Vec::new(), Some(0)),
        _ => naive_body(head, rest, Framed::ByEnd),
    };
    let expected_end = end.map(|end| head.len + end);
    assert_eq!(whole.complete, Ok(expected_end));
    assert_eq!(whole.body, body[..body.len().min(LIMITS.body_bytes)]);
    assert_eq!(whole.kept == BodyKept::Cut, body.len() > LIMITS.body_bytes);
}

/// A request as it was read.
#[derive(Debug, PartialEq)]
struct Request {
    /// Bytes of the connection up to its end.
    end: usize,
    method: String,
    target: String,
    headers: Vec<Option<String>>,
    body: Vec<u8>,
    kept: BodyKept,
    keep_alive: bool,
}

/// Requests on one connection: alike at every split, each with httparse's method, target and fields, and the body that
/// these frame.
pub fn requests(bytes: &[u8]) {
    let whole = read_requests(&[bytes]);
    for pieces in splits(bytes) {
        assert_eq!(read_requests(&pieces), whole);
    }
    let (requests, error) = whole;
    let mut start = 0;
    for request in &requests {
        let rest = &bytes[start..];
        let head = foreign_request(rest).expect("httparse refuses less").expect("httparse sees its end");
        assert_eq!((&request.method, &request.target), (&head.method, &head.target));
        for (name, value) in NAMES.iter().zip(&request.headers) {
            assert_eq!(value, &head.text(name), "{name}");
        }
        let (body, end) = naive_body(&head, &rest[head.len..], Framed::ByLength);
        assert_eq!(end.map(|end| start + head.len + end), Some(request.end));
        assert_eq!(request.body, body[..body.len().min(LIMITS.body_bytes)]);
        assert_eq!(request.kept == BodyKept::Cut, body.len() > LIMITS.body_bytes);
        start = request.end;
    }
    if matches!(foreign_request(&bytes[start..]), Ok(Some(_))) {
        assert_ne!(error, Some(HttpError::Malformed));
    }
}

fn read_requests(pieces: &[&[u8]]) -> (Vec<Request>, Option<HttpError>) {
    let mut reader = RequestReader::new(LIMITS);
    let mut requests = Vec::new();
    let mut before = 0;
    for piece in pieces {
        let mut piece = *piece;
        while !piece.is_empty() {
            let progress = match reader.feed(piece) {
                Ok(progress) => progress,
                Err(error) => return (requests, Some(error)),
            };
            before += progress.consumed;
            piece = &piece[progress.consumed..];
            if !progress.complete {
                assert!(piece.is_empty(), "an open request takes all");
                break;
            }
            requests.push(Request {
                end: before,
                method: reader.method().to_owned(),
                target: reader.target().to_owned(),
                headers: NAMES.iter().map(|name| reader.header(name).map(str::to_owned)).collect(),
                body: reader.body().to_vec(),
                kept: reader.body_kept(),
                keep_alive: reader.keep_alive(),
            });
            reader.reset();
        }
    }
    (requests, None)
}

/// A head as httparse reads it.
#[derive(Debug, Default)]
struct ForeignHead {
    /// Bytes up to the end of it, interim heads before it included.
    len: usize,
    status: u16,
    method: String,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
}

impl ForeignHead {
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| &value[..])
    }

    fn text(&self, name: &str) -> Option<String> {
        String::from_utf8(self.values(name).next()?.to_vec()).ok()
    }
}

fn owned(fields: &[httparse::Header<'_>]) -> Vec<(String, Vec<u8>)> {
    // A field that was folded over several lines is one line.
    let unfolded = |value: &[u8]| {
        value.iter().map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { *b }).collect::<Vec<_>>()
    };
    fields.iter().map(|field| (field.name.to_owned(), unfolded(field.value).trim_ascii().to_vec())).collect()
}

/// The first head that is not an interim one; `None` if it is not whole.
fn foreign_response(bytes: &[u8]) -> Result<Option<ForeignHead>, httparse::Error> {
    let mut config = httparse::ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);
    let mut before = 0;
    loop {
        let mut room = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut room);
        let parsed = config.parse_response(&mut response, &bytes[before..])?;
        let httparse::Status::Complete(len) = parsed else { return Ok(None) };
        before += len;
        let status = response.code.expect("it is complete");
        if !(100..200).contains(&status) || status == 101 {
            let fields = owned(response.headers);
            return Ok(Some(ForeignHead { len: before, status, fields, ..ForeignHead::default() }));
        }
    }
}

fn foreign_request(bytes: &[u8]) -> Result<Option<ForeignHead>, httparse::Error> {
    let mut room = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut room);
    let httparse::Status::Complete(len) = request.parse(bytes)? else { return Ok(None) };
    let word = |word: Option<&str>| word.expect("it is complete").to_owned();
    let (method, target) = (word(request.method), word(request.path));
    Ok(Some(ForeignHead { len, method, target, fields: owned(request.headers), ..ForeignHead::default() }))
}

/// What a body without framing fields is.
#[derive(Clone, Copy, PartialEq)]
enum Framed {
    /// The rest of the connection.
    ByEnd,
    /// Nothing.
    ByLength,
}

/// The body at the start of `rest` as far as it is there, and where it ends (`None`: not here). The head has been accepted: its
/// framing fields do not contradict each other.
fn naive_body(head: &ForeignHead, rest: &[u8], without: Framed) -> (Vec<u8>, Option<usize>) {
    let codings = head.values("transfer-encoding").collect::<Vec<_>>().join(&b","[..]).to_ascii_lowercase();
    let last = codings.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).rfind(|coding| !coding.is_empty());
    if last == Some(b"chunked") {
        return naive_chunks(rest);
    }
    let length =
        head.text("content-length").and_then(|text| text.split(',').next()?.trim().parse::<u64>().ok());
    match length {
        Some(length) => {
            let end = usize::try_from(length).ok().filter(|end| *end <= rest.len());
            (rest[..end.unwrap_or(rest.len())].to_vec(), end)
        }
        None if without == Framed::ByLength => (Vec::new(), Some(0)),
        None => (rest.to_vec(), None),
    }
}

/// Chunks joined, as far as they are there; sizes as httparse reads them.
fn naive_chunks(bytes: &[u8]) -> (Vec<u8>, Option<usize>) {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(&bytes[at..]) else {
            return (body, None);
        };
        at += line;
        if size == 0 {
            // Trailer fields, each a line, and the empty line after them.
            let lines_end = if bytes[at..].starts_with(b"\r\n") {
                Some(2)
            } else {
                find(&bytes[at..], b"\r\n\r\n").map(|at| at + 4)
            };
            return (body, lines_end.map(|end| at + end));
        }
        let there = usize::try_from(size).unwrap_or(usize::MAX).min(bytes.len() - at);
        body.extend_from_slice(&bytes[at..at + there]);
        at += there;
        if !bytes[at..].starts_with(b"\r\n") {
            return (body, None);
        }
        at += 2;
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

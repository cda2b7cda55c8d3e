//! Heads: where they end, whether they are well formed, and what their fields say about framing.
//!
//! Looks for the blank line first and asks `httparse` twice a head: once for the start line, so
//! that a peer of another protocol is refused at once, and once for the whole. A head that trickles
//! in is so read in linear time. Does not keep parsed fields: a lookup walks the head's lines
//! again, which is cheap for the few that are wanted. Invariant: what passes is HTTP/1.0 or 1.1
//! without line folding; that of a response is undone before.

use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Status};

use super::{HttpError, Limits, Progress};

/// Fields that are parsed at most: their room is on the stack.
const FIELDS_MAX: usize = 256;

/// Room for a usual head at once, so that its lines do not grow the buffer step by step.
const USUAL_HEAD_BYTES: usize = 1024;

/// Which start line is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Request,
    Response,
}

/// Finds the end of a head in bytes that arrive in any split.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    place: Place,
    /// Blank lines before the head: dropped, but counted against the limit.
    blank_bytes: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// In the blank lines that some senders put before a head (RFC 9112, 2.2).
    #[default]
    BeforeStart,
    /// After a CR there.
    BeforeStartCr,
    /// Inside the start line.
    StartLine,
    /// At the beginning of a line that is a field or the blank one.
    LineStart,
    /// After a CR there.
    LineStartCr,
    /// Inside a field's line.
    FieldLine,
}

impl HeadScan {
    /// Moves the head's part of `bytes` to `kept`; `complete` once the blank line is in.
    pub(super) fn take(
        &mut self,
        start: Start,
        limits: &Limits,
        bytes: &[u8],
        kept: &mut Vec<u8>,
    ) -> Result<Progress, HttpError> {
        let mut consumed = 0;
        while let Some(rest @ [byte, ..]) = bytes.get(consumed..) {
            let room = limits.head_bytes.saturating_sub(self.blank_bytes as usize + kept.len());
            if room == 0 {
                return Err(HttpError::HeadTooLarge);
            }
            if self.is_untouched() && self.skip_blank(*byte)? {
                consumed += 1;
                continue;
            }
            let step = self.step_len(rest).min(room);
            let step = rest.get(..step).unwrap_or(rest);
            kept.reserve(if kept.is_empty() { rest.len().min(USUAL_HEAD_BYTES) } else { 0 });
            kept.extend_from_slice(step);
            consumed += step.len();
            if self.advance(start, step, kept)? {
                return Ok(Progress { consumed, complete: true });
            }
        }
        Ok(Progress { consumed, complete: false })
    }

    /// Whether no byte of the head has come.
    pub(super) fn is_untouched(&self) -> bool {
        matches!(self.place, Place::BeforeStart | Place::BeforeStartCr)
    }

    /// Before the start line: true when `byte` belongs to a blank line.
    fn skip_blank(&mut self, byte: u8) -> Result<bool, HttpError> {
        self.place = match (self.place, byte) {
            (_, b'\n') => Place::BeforeStart,
            (Place::BeforeStart, b'\r') => Place::BeforeStartCr,
            (Place::BeforeStart, _) => Place::StartLine,
            _ => return Err(HttpError::Malformed),
        };
        let blank = self.is_untouched();
        self.blank_bytes = self.blank_bytes.saturating_add(blank.into());
        Ok(blank)
    }

    /// How many of `rest` are taken in one go: inside a line, to its end.
    fn step_len(&self, rest: &[u8]) -> usize {
        match self.place {
            Place::StartLine | Place::FieldLine => {
                rest.iter().position(|&b| b == b'\n').map_or(rest.len(), |i| i + 1)
            }
            _ => 1,
        }
    }

    /// Moves on over `step`, already at the end of `kept`; true when the head ends with it.
    fn advance(&mut self, start: Start, step: &[u8], kept: &[u8]) -> Result<bool, HttpError> {
        let last = step.last().copied().unwrap_or_default();
        self.place = match self.place {
            Place::StartLine => {
                check_start(start, kept, last == b'\n')?;
                if last == b'\n' { Place::LineStart } else { Place::StartLine }
            }
            Place::FieldLine if last == b'\n' => Place::LineStart,
            Place::LineStart if last == b'\r' => Place::LineStartCr,
            Place::LineStart | Place::LineStartCr if last == b'\n' => return Ok(true),
            Place::LineStartCr => return Err(HttpError::Malformed),
            _ => Place::FieldLine,
        };
        Ok(false)
    }
}

/// Refuses a start line of another protocol; before its end, by its first bytes.
fn check_start(start: Start, line: &[u8], whole: bool) -> Result<(), HttpError> {
    const VERSION: &[u8] = b"HTTP/1.";
    let (fine, parsed) = match start {
        Start::Response => {
            let fine = line.iter().zip(VERSION).all(|(a, b)| a == b);
            (fine, whole.then(|| httparse::Response::new(&mut []).parse(line)))
        }
        // A TLS hello begins with a control byte.
        Start::Request => {
            let fine = line.first().is_some_and(u8::is_ascii_graphic);
            (fine, whole.then(|| httparse::Request::new(&mut []).parse(line)))
        }
    };
    if fine && !matches!(parsed, Some(Err(_))) { Ok(()) } else { Err(HttpError::Malformed) }
}

/// Replaces each line end before a space or tab by spaces, so that a folded field is one line again
/// (RFC 9112, 5.2). Not the start line's: what follows it that way is no field of a name.
pub(super) fn unfold(head: &mut [u8]) {
    let start_line = head.iter().position(|&b| b == b'\n').unwrap_or(head.len());
    for at in start_line + 1..head.len() {
        if head.get(at) == Some(&b'\n') && matches!(head.get(at + 1), Some(b' ' | b'\t')) {
            for byte in head.get_mut(at - 1..=at).unwrap_or_default() {
                *byte = if matches!(*byte, b'\r' | b'\n') { b' ' } else { *byte };
            }
        }
    }
}

/// Status and minor version of a whole response head.
pub(super) fn parse_response(head: &[u8], limits: &Limits) -> Result<(u16, u8), HttpError> {
    let mut room = [const { MaybeUninit::<Header>::uninit() }; FIELDS_MAX];
    let room = room.get_mut(..limits.fields.min(FIELDS_MAX)).unwrap_or_default();
    let mut response = httparse::Response::new(&mut []);
    let end = ParserConfig::default().parse_response_with_uninit_headers(&mut response, head, room);
    whole(end, head)?;
    match (response.code, response.version) {
        (Some(status @ 100..), Some(version)) => Ok((status, version)),
        _ => Err(HttpError::Malformed),
    }
}

/// Minor version of a whole request head.
pub(super) fn parse_request(head: &[u8], limits: &Limits) -> Result<u8, HttpError> {
    let mut room = [const { MaybeUninit::<Header>::uninit() }; FIELDS_MAX];
    let room = room.get_mut(..limits.fields.min(FIELDS_MAX)).unwrap_or_default();
    let mut request = httparse::Request::new(&mut []);
    let end = ParserConfig::default().parse_request_with_uninit_headers(&mut request, head, room);
    whole(end, head)?;
    request.version.ok_or(HttpError::Malformed)
}

/// `httparse` must agree where the head ends.
fn whole(end: Result<Status<usize>, httparse::Error>, head: &[u8]) -> Result<(), HttpError> {
    match end {
        Ok(Status::Complete(end)) if end == head.len() => Ok(()),
        Err(httparse::Error::TooManyHeaders) => Err(HttpError::TooManyFields),
        _ => Err(HttpError::Malformed),
    }
}

/// The words of a request line that has been parsed: method, target, version.
pub(super) fn request_words(head: &[u8]) -> impl Iterator<Item = &str> {
    let line = head.split(|&b| b == b'\n').next().unwrap_or_default();
    line.split(|&b| b == b' ').map(|word| std::str::from_utf8(word).unwrap_or_default())
}

/// Names and values of a head that has been parsed.
fn fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.split(|&b| b == b'\n').skip(1).filter_map(|line| {
        let colon = line.iter().position(|&b| b == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        Some((name, value.get(1..)?.trim_ascii()))
    })
}

/// The first value under `name`.
pub(super) fn field<'h>(head: &'h [u8], name: &str) -> Option<&'h [u8]> {
    values(head, name).next()
}

/// All values under `name`, in order.
pub(super) fn values<'h>(head: &'h [u8], name: &str) -> impl Iterator<Item = &'h [u8]> {
    fields(head).filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
}

/// The elements of all lists under `name` (RFC 9110, 5.6.1), empty ones included.
pub(super) fn elements<'h>(head: &'h [u8], name: &str) -> impl Iterator<Item = &'h [u8]> {
    values(head, name).flat_map(|value| value.split(|&b| b == b',')).map(<[u8]>::trim_ascii)
}

/// Whether the connection stays open after the message, by its version and fields (RFC 9112, 9.3).
pub(super) fn is_persistent(head: &[u8], minor_version: u8) -> bool {
    let says = |option: &[u8]| elements(head, "connection").any(|e| e.eq_ignore_ascii_case(option));
    !says(b"close") && (minor_version >= 1 || says(b"keep-alive"))
}

/// The Content-Length: decimal, and the same wherever it is repeated (RFC 9110, 8.6).
pub(super) fn content_length(head: &[u8]) -> Result<Option<u64>, HttpError> {
    let mut length = None;
    for text in elements(head, "content-length") {
        let value = parse_decimal(text).ok_or(HttpError::Framing)?;
        if length.is_some_and(|known| known != value) {
            return Err(HttpError::Framing);
        }
        length = Some(value);
    }
    Ok(length)
}

/// Digits only: `str::parse` would take a plus sign.
fn parse_decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |value, &digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// What Transfer-Encoding says (RFC 9112, 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// There is none.
    Absent,
    /// Chunked, and nothing else.
    Chunked,
    /// Chunked over other codings, which are left on the body.
    ChunkedLast,
    /// Others, without chunks at the end.
    Unframed,
}

/// Reads Transfer-Encoding; refuses it empty, with chunks applied twice, or in HTTP/1.0, where it
/// has no meaning and a proxy on the way may have understood otherwise.
pub(super) fn transfer_coding(head: &[u8], minor_version: u8) -> Result<Coding, HttpError> {
    if field(head, "transfer-encoding").is_none() {
        return Ok(Coding::Absent);
    }
    let (mut codings, mut chunked, mut last) = (0u32, 0u32, false);
    for coding in elements(head, "transfer-encoding").filter(|coding| !coding.is_empty()) {
        last = coding.eq_ignore_ascii_case(b"chunked");
        codings += 1;
        chunked += u32::from(last);
    }
    match (codings, chunked) {
        (0, _) | (_, 2..) => Err(HttpError::Framing),
        _ if minor_version == 0 => Err(HttpError::Framing),
        (1, 1) => Ok(Coding::Chunked),
        (_, 1) if last => Ok(Coding::ChunkedLast),
        _ => Ok(Coding::Unframed),
    }
}

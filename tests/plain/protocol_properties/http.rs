//! HTTP messages at every split against what they were made from, and heads against httparse.

use proptest::prelude::*;
use startline_protocol::http::*;

use super::{mutated, mutations};
use crate::checks::protocol::http::{self as check, LIMITS, read_response};
use crate::checks::protocol::splits;

/// A message and the truth about it.
#[derive(Clone, Debug)]
struct Sample {
    bytes: Vec<u8>,
    /// Where it ends in `bytes`; `None` for the connection's end.
    end: Option<usize>,
    body: Vec<u8>,
}

fn fields() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["A", "a", "X-Y", "Connection", "Content-Type"]);
    let value = prop_oneof!["[ -~]{0,12}", "[가-힣\t ]{0,4}", Just("close".to_owned())];
    let end = prop::sample::select(vec!["\r\n", "\r\n", "\n"]);
    prop::collection::vec((name, value, end), 0..4)
        .prop_map(|fields| fields.iter().map(|(name, value, end)| format!("{name}:{value}{end}")).collect())
}

/// A body in chunks of any size, with what may stand around them.
fn chunked() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let chunk =
        (prop::collection::vec(any::<u8>(), 1..20), "0{0,2}", "[ \t]{0,2}(;[ -~]{0,8})?", any::<bool>());
    let trailers = "([A-Z]: [a-z]{0,5}\r\n){0,2}";
    (prop::collection::vec(chunk, 0..4), trailers).prop_map(|(chunks, trailers)| {
        let (mut framed, mut body) = (Vec::new(), Vec::new());
        for (data, zeros, extension, upper) in chunks {
            let size = if upper { format!("{:X}", data.len()) } else { format!("{:x}", data.len()) };
            framed.extend_from_slice(format!("{zeros}{size}{extension}\r\n").as_bytes());
            framed.extend_from_slice(&data);
            framed.extend_from_slice(b"\r\n");
            body.extend_from_slice(&data);
        }
        framed.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
        (framed, body)
    })
}

/// Framing fields, framed body, body, and whether the connection's end is the body's.
fn body() -> impl Strategy<Value = (String, Vec<u8>, Vec<u8>, bool)> {
    let data = || prop::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        data().prop_map(|body| (format!("Content-Length: {}\r\n", body.len()), body.clone(), body, false)),
        chunked().prop_map(|(framed, body)| (
            "Transfer-Encoding: chunked\r\n".to_owned(),
            framed,
            body,
            false
        )),
        data().prop_map(|body| (String::new(), body.clone(), body, true)),
    ]
}

fn response() -> impl Strategy<Value = Sample> {
    let start = prop::sample::select(vec!["", "\r\n", "HTTP/1.1 100 Continue\r\nA: b\r\n\r\n"]);
    let reason = prop::sample::select(vec!["200 OK", "200", "404 Not Found", "503 "]);
    (start, reason, fields(), body(), "[ -~]{0,9}").prop_map(
        |(start, reason, fields, (framing, framed, body, until_end), next)| {
            let head = format!("{start}HTTP/1.1 {reason}\r\n{fields}{framing}\r\n");
            let mut bytes = [head.as_bytes(), &framed].concat();
            let end = (!until_end).then_some(bytes.len());
            if !until_end {
                bytes.extend_from_slice(next.as_bytes());
            }
            Sample { bytes, end, body }
        },
    )
}

/// Requests, each with its method, target and body.
fn request() -> impl Strategy<Value = (String, String, Sample)> {
    let method = prop::sample::select(vec!["GET", "POST", "OPTIONS"]);
    (method, "/[a-z0-9?=&%/.]{0,12}", fields(), body()).prop_map(
        |(method, target, fields, (framing, framed, body, until_end))| {
            // Without framing a request has no body.
            let (framed, body) = if until_end { (Vec::new(), Vec::new()) } else { (framed, body) };
            let head = format!("{method} {target} HTTP/1.1\r\n{fields}{framing}\r\n");
            let bytes = [head.as_bytes(), &framed].concat();
            (method.to_owned(), target, Sample { end: Some(bytes.len()), bytes, body })
        },
    )
}

proptest! {
    #[test]
    fn a_response_is_read_alike_at_every_split(sample in response()) {
        let expected_body = &sample.body[..sample.body.len().min(LIMITS.body_bytes)];
        for pieces in splits(&sample.bytes) {
            let outcome = read_response(&pieces);
            prop_assert_eq!(outcome.complete, Ok(sample.end));
            prop_assert_eq!(outcome.end, sample.end.is_none().then_some(Ok(true)));
            prop_assert_eq!(&outcome.body, expected_body);
            prop_assert_eq!(outcome.kept == BodyKept::Cut, sample.body.len() > LIMITS.body_bytes);
        }
    }

    #[test]
    fn header_values_are_those_that_httparse_finds(sample in response()) {
        check::response(&sample.bytes);
    }

    #[test]
    fn a_damaged_response_is_judged_alike_at_every_split(sample in response(), mutations in mutations()) {
        check::response(&mutated(sample.bytes, &mutations));
    }

    #[test]
    fn pipelined_requests_come_out_as_they_went_in(
        requests in prop::collection::vec(request(), 1..4),
        sizes in prop::collection::vec(1..50usize, 1..20),
    ) {
        let bytes: Vec<u8> = requests.iter().flat_map(|(_, _, sample)| sample.bytes.clone()).collect();
        let limits = Limits::default();
        let mut reader = RequestReader::new(limits);
        let mut read = Vec::new();
        let mut rest = &bytes[..];
        for size in sizes.iter().cycle() {
            let (mut piece, after) = rest.split_at((*size).min(rest.len()));
            rest = after;
            while !piece.is_empty() {
                let progress = reader.feed(piece).unwrap();
                piece = &piece[progress.consumed..];
                if progress.complete {
                    let (method, target) = (reader.method().to_owned(), reader.target().to_owned());
                    read.push((method, target, reader.body().to_vec()));
                    reader.reset();
                } else {
                    prop_assert!(piece.is_empty());
                }
            }
            if rest.is_empty() {
                break;
            }
        }
        prop_assert!(reader.is_untouched());
        let sent: Vec<_> = requests.into_iter().map(|(m, t, sample)| (m, t, sample.body)).collect();
        prop_assert_eq!(read, sent);
    }

    #[test]
    fn damaged_requests_are_judged_alike_at_every_split(
        requests in prop::collection::vec(request(), 1..3),
        mutations in mutations(),
    ) {
        let bytes: Vec<u8> = requests.into_iter().flat_map(|(_, _, sample)| sample.bytes).collect();
        check::requests(&mutated(bytes, &mutations));
    }

    #[test]
    fn chunk_sizes_are_those_that_httparse_reads(
        line in "[0-9a-fA-F]{0,3}[0-9a-fA-Fg]{0,14}[ \t]{0,2}[0;]?[ -~]{0,4}",
    ) {
        let digits = line.bytes().take_while(u8::is_ascii_hexdigit).count();
        // httparse takes no digit for 0, and refuses more than 16 even if they are zeros.
        prop_assume!((1..=16).contains(&digits));
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut reader = ResponseReader::new(LIMITS, false);
        let ours = reader.feed(format!("{head}{line}\r\n").as_bytes());
        let foreign = httparse::parse_chunk_size(format!("{line}\r\n").as_bytes());
        prop_assert_eq!(ours.is_ok(), foreign.is_ok());
        if let Ok(httparse::Status::Complete((_, size @ 1..=5000))) = foreign {
            let rest = [&vec![b'x'; size as usize], &b"\r\n0\r\n\r\n"[..]].concat();
            prop_assert_eq!(reader.feed(&rest), Ok(Progress { consumed: rest.len(), complete: true }));
        }
    }
}

//! HTTP heads and bodies: what is read, what is refused, at every split.

use super::*;

fn response() -> ResponseReader {
    ResponseReader::new(Limits::default(), false)
}

fn request() -> RequestReader {
    RequestReader::new(Limits::default())
}

/// Feeds in one go; the response must end exactly at the end of `bytes`.
#[track_caller]
fn whole_response(bytes: &[u8]) -> ResponseReader {
    let mut reader = response();
    assert_eq!(reader.feed(bytes), Ok(Progress { consumed: bytes.len(), complete: true }));
    reader
}

#[track_caller]
fn whole_request(bytes: &[u8]) -> RequestReader {
    let mut reader = request();
    assert_eq!(reader.feed(bytes), Ok(Progress { consumed: bytes.len(), complete: true }));
    reader
}

#[track_caller]
fn response_refused(bytes: &[u8], error: HttpError) {
    assert_eq!(response().feed(bytes), Err(error));
    let mut bytewise = response();
    let refused = bytes.iter().find_map(|byte| bytewise.feed(std::slice::from_ref(byte)).err());
    assert_eq!(refused, Some(error), "byte by byte");
}

#[track_caller]
fn request_refused(bytes: &[u8], error: HttpError) {
    assert_eq!(request().feed(bytes), Err(error));
    let mut bytewise = request();
    let refused = bytes.iter().find_map(|byte| bytewise.feed(std::slice::from_ref(byte)).err());
    assert_eq!(refused, Some(error), "byte by byte");
}

#[test]
fn a_response_with_a_length_ends_there_and_leaves_the_rest() {
    let mut reader = response();
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1";
    assert_eq!(reader.feed(bytes), Ok(Progress { consumed: bytes.len() - 8, complete: true }));
    assert_eq!(reader.status(), Some(200));
    assert_eq!(reader.header("CONTENT-type"), Some("text/plain"));
    assert_eq!(reader.header("Content"), None);
    assert_eq!((reader.body(), reader.body_kept()), (&b"hello"[..], BodyKept::Whole));
    assert!(reader.keep_alive());
    assert_eq!(reader.feed(b"more"), Ok(Progress { consumed: 0, complete: true }));
}

#[test]
fn a_chunked_response_gives_its_body_without_extensions_and_trailers() {
    let reader = whole_response(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n\
          5;name=\"a;b\"\r\nhello\r\n00A \r\n, world...\r\n0;last\r\nETag: x\r\nMore: y\r\n\r\n",
    );
    assert_eq!(reader.body(), b"hello, world...");
    assert_eq!(reader.header("etag"), None, "trailers are no header");
    assert!(reader.keep_alive());
}

#[test]
fn a_chunked_body_is_the_same_at_every_split() {
    let bytes =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n";
    for cut in 0..bytes.len() {
        let mut reader = response();
        assert_eq!(reader.feed(&bytes[..cut]), Ok(Progress { consumed: cut, complete: false }), "{cut}");
        assert!(reader.feed(&bytes[cut..]).unwrap().complete);
        assert_eq!(reader.body(), b"abcde");
    }
}

#[test]
fn bad_chunks_are_refused() {
    let cases: &[&[u8]] = &[
        b"\r\n",
        b";ext\r\n",
        b"g\r\n",
        b"-1\r\n",
        b"0x1\r\n",
        b"1 1\r\n",
        b"1\n",
        b"1;a\nb\r\n",
        b"1\r\r\n",
        b"10000000000000000\r\n",
        b"2\r\nabc\r\n",
        b"1\r\na\n",
        b"0\r\nT: u\n\r\n",
        b"0\r\n\n",
        b"0\r\n\rx",
    ];
    for case in cases {
        let bytes = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *case].concat();
        response_refused(&bytes, HttpError::Framing);
    }
}

#[test]
fn chunk_extensions_and_trailers_have_a_limit() {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let long = |part: &[u8], len: usize| [head, part, &vec![b'x'; len], b"\r\n"].concat();
    assert!(response().feed(&long(b"1;", 4092)).is_ok());
    response_refused(&long(b"1;", 4095), HttpError::Framing);
    assert!(response().feed(&long(b"0\r\n", 16_382)).is_ok());
    response_refused(&long(b"0\r\n", 16_384), HttpError::Framing);
    // The limit is for each size line, not for the body.
    let chunk = [&b"1;"[..], &[b'x'; 4000], b"\r\na\r\n"].concat();
    let many = [&head[..], &chunk.repeat(30), b"0\r\n\r\n"].concat();
    assert_eq!(whole_response(&many).body(), [b'a'; 30]);
}

#[test]
fn a_response_without_framing_lasts_until_the_end() {
    let mut reader = response();
    let bytes = b"HTTP/1.1 200 OK\r\n\r\nsome";
    assert_eq!(reader.feed(bytes), Ok(Progress { consumed: bytes.len(), complete: false }));
    assert_eq!(reader.feed(b" text"), Ok(Progress { consumed: 5, complete: false }));
    assert_eq!(reader.end_of_stream(), Ok(true));
    assert_eq!(reader.body(), b"some text");
    assert!(!reader.keep_alive());

    for coding in ["gzip", "chunked, gzip", "chunked\r\nTransfer-Encoding: gzip"] {
        let mut reader = response();
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n");
        assert!(!reader.feed(format!("{head}0\r\n\r\n").as_bytes()).unwrap().complete);
        assert_eq!(reader.end_of_stream(), Ok(true));
        assert_eq!(reader.body(), b"0\r\n\r\n", "{coding}");
    }
    let chunked_last = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, ,chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    assert_eq!(whole_response(chunked_last).body(), b"x");
}

#[test]
fn the_end_of_the_stream_tells_where_it_came() {
    let ends = |bytes: &[u8]| {
        let mut reader = response();
        reader.feed(bytes).unwrap();
        reader.end_of_stream()
    };
    assert_eq!(ends(b""), Ok(false));
    assert_eq!(ends(b"\r\n"), Ok(false), "a blank line is no byte of a response");
    assert_eq!(ends(b"H"), Err(HttpError::HeadTruncated));
    assert_eq!(ends(b"HTTP/1.1 100 Continue\r\n\r\n"), Err(HttpError::HeadTruncated));
    assert_eq!(ends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx"), Err(HttpError::BodyTruncated));
    assert_eq!(
        ends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"),
        Err(HttpError::BodyTruncated)
    );
    assert_eq!(ends(b"HTTP/1.1 204 No Content\r\n\r\n"), Ok(true));
}

#[test]
fn responses_without_a_body_end_with_their_head() {
    for status in ["101 Switching Protocols", "204 No Content", "304 Not Modified"] {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\n");
        let mut reader = response();
        let progress = reader.feed(format!("{head}\x01\x02").as_bytes());
        assert_eq!(progress, Ok(Progress { consumed: head.len(), complete: true }), "{status}");
        assert_eq!(reader.body(), b"");
        assert_eq!(reader.keep_alive(), !status.starts_with("101"));
    }
    let mut to_head = ResponseReader::new(Limits::default(), true);
    assert!(to_head.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").unwrap().complete);
    assert!(whole_response(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").body().is_empty());
}

#[test]
fn interim_responses_are_skipped() {
    let reader = whole_response(
        b"HTTP/1.1 100 Continue\r\nA: interim\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n\
          HTTP/1.1 201 Created\r\nB: final\r\nContent-Length: 2\r\n\r\nok",
    );
    assert_eq!(reader.status(), Some(201));
    assert_eq!((reader.header("a"), reader.header("b")), (None, Some("final")));
    assert_eq!(reader.body(), b"ok");

    let mut waiting = response();
    assert!(!waiting.feed(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap().complete);
    assert!(!waiting.is_untouched());
    assert_eq!(waiting.status(), None);
}

#[test]
fn contradicting_lengths_are_refused_and_equal_ones_are_not() {
    let with = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nhello").into_bytes();
    for fine in ["Content-Length: 5\r\ncontent-length: 5", "Content-Length: 5, 5", "Content-Length: 005"] {
        assert_eq!(whole_response(&with(fine)).body(), b"hello", "{fine}");
    }
    for bad in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: 6, 5",
        "Content-Length: 5,",
        "Content-Length:",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 5 5",
        "Content-Length: 0x5",
        "Content-Length: 18446744073709551616",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nTransfer-Encoding: gzip",
        "Transfer-Encoding:",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ] {
        response_refused(&with(bad), HttpError::Framing);
        request_refused(&[b"GET / HTTP/1.1\r\n", &with(bad)[17..]].concat(), HttpError::Framing);
    }
    response_refused(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HttpError::Framing);
}

#[test]
fn the_greatest_length_does_not_wrap() {
    let mut reader = response();
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nabc";
    assert_eq!(reader.feed(bytes), Ok(Progress { consumed: bytes.len(), complete: false }));
    assert_eq!(reader.body(), b"abc");
}

#[test]
fn a_body_over_what_is_kept_is_read_to_its_end_and_cut() {
    let limits = Limits { body_bytes: 4, ..Limits::default() };
    let cases: [&[u8]; 2] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcdefghi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n6\r\ndefghi\r\n0\r\n\r\n",
    ];
    for bytes in cases {
        let mut reader = ResponseReader::new(limits, false);
        assert!(reader.feed(bytes).unwrap().complete);
        assert_eq!((reader.body(), reader.body_kept()), (&b"abcd"[..], BodyKept::Cut));
        assert!(reader.keep_alive());
    }
    let mut exact = ResponseReader::new(limits, false);
    assert!(exact.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd").unwrap().complete);
    assert_eq!((exact.body(), exact.body_kept()), (&b"abcd"[..], BodyKept::Whole));
}

#[test]
fn heads_have_a_limit_of_bytes_and_of_fields() {
    let limits = Limits { head_bytes: 40, fields: 2, body_bytes: 0, ..Limits::default() };
    let fits = b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0";
    assert_eq!(fits.len(), 40);
    let mut reader = ResponseReader::new(limits, false);
    assert!(reader.feed(fits).is_ok());
    assert_eq!(reader.feed(b"\r"), Err(HttpError::HeadTooLarge));

    let mut fields = ResponseReader::new(Limits { head_bytes: 100, ..limits }, false);
    assert_eq!(fields.feed(b"HTTP/1.1 200 OK\r\na:\r\nb:\r\nc:\r\n\r\n"), Err(HttpError::TooManyFields));

    let mut blank = ResponseReader::new(limits, false);
    assert_eq!(blank.feed(&b"\r\n".repeat(21)), Err(HttpError::HeadTooLarge));
}

#[test]
fn peers_of_another_protocol_are_refused_before_a_blank_line() {
    response_refused(b"SSH-2.0-OpenSSH_9.9\r\n", HttpError::Malformed);
    response_refused(b"\x15\x03\x01", HttpError::Malformed);
    response_refused(b"HTTP/2 200", HttpError::Malformed);
    response_refused(b"HTTP/1.1 20 OK\r\n", HttpError::Malformed);
    response_refused(b"HTTP/1.1 099 Odd\r\n\r\n", HttpError::Malformed);
    response_refused(b"HTTP/1.1 200 OK\r\n\rX", HttpError::Malformed);
    request_refused(b"\x16\x03\x01", HttpError::Malformed);
    request_refused(b"GET / HTTP/1.2\r\n", HttpError::Malformed);
    request_refused(b"GET  / HTTP/1.1\r\n", HttpError::Malformed);
    request_refused(b"GET /\r\n", HttpError::Malformed);
}

#[test]
fn malformed_fields_are_refused() {
    for fields in ["A : b", "A\r\n", " folded: x", "A: \x01", "A: b\rC: d", ": x", "A: b\r\n\rX"] {
        response_refused(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").as_bytes(), HttpError::Malformed);
        request_refused(format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n").as_bytes(), HttpError::Malformed);
    }
}

#[test]
fn header_values_are_trimmed_first_of_their_name_and_text() {
    let reader = whole_response(
        b"HTTP/1.1 204 No Content\nA:\t one \t\nA: two\nKorean: \xeb\x8b\xac\nBad: \xff\nEmpty:\n\n",
    );
    assert_eq!(reader.header("a"), Some("one"));
    assert_eq!(reader.header("korean"), Some("달"));
    assert_eq!(reader.header("bad"), None);
    assert_eq!(reader.header("empty"), Some(""));
    let request = whole_request(b"GET http://a/ HTTP/1.1\r\n\r\n");
    assert_eq!(request.header("GET http"), None, "the start line is no field");
}

#[test]
fn connections_stay_open_as_version_and_fields_say() {
    let keeps = |head: &str| {
        let response = whole_response(format!("HTTP/{head}Content-Length: 0\r\n\r\n").as_bytes());
        let (version, fields) = head.split_once(" 200 OK\r\n").unwrap();
        let request = whole_request(format!("GET / HTTP/{version}\r\n{fields}\r\n").as_bytes());
        assert_eq!(response.keep_alive(), request.keep_alive(), "{head}");
        response.keep_alive()
    };
    assert!(keeps("1.1 200 OK\r\n"));
    assert!(keeps("1.0 200 OK\r\nConnection: Keep-Alive\r\n"));
    assert!(keeps("1.1 200 OK\r\nConnection: closed\r\n"));
    assert!(!keeps("1.0 200 OK\r\n"));
    assert!(!keeps("1.1 200 OK\r\nConnection: upgrade, Close\r\n"));
    assert!(!keeps("1.1 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\n"));
    assert!(!keeps("1.0 200 OK\r\nConnection: keep-alive, close\r\n"));
}

#[test]
fn pipelined_requests_are_read_one_by_one() {
    let bytes =
        b"\r\nPOST /login?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}GET /next HTTP/1.1\r\n\r\n";
    let mut reader = request();
    let first = reader.feed(bytes).unwrap();
    assert!(first.complete);
    assert_eq!((reader.method(), reader.target()), ("POST", "/login?x=1"));
    assert_eq!((reader.header("host"), reader.body()), (Some("a"), &b"{}"[..]));
    reader.reset();
    assert!(reader.is_untouched());
    assert_eq!((reader.method(), reader.header("host"), reader.body()), ("", None, &b""[..]));
    let rest = &bytes[first.consumed..];
    assert_eq!(reader.feed(rest), Ok(Progress { consumed: rest.len(), complete: true }));
    assert_eq!((reader.method(), reader.target()), ("GET", "/next"));
}

#[test]
fn requests_with_other_codings_are_refused() {
    request_refused(b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", HttpError::Framing);
    request_refused(b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", HttpError::Framing);
    request_refused(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HttpError::Framing);
    let chunked = whole_request(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    assert_eq!(chunked.body(), b"x");
}

#[test]
fn a_wish_for_100_continue_is_told_once_and_only_before_the_body() {
    let head = b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
    let mut reader = request();
    assert!(!reader.feed(&head[..20]).unwrap().complete);
    assert!(!reader.wants_continue());
    assert!(!reader.feed(&head[20..]).unwrap().complete);
    assert!(reader.wants_continue());
    assert!(!reader.wants_continue());
    assert!(reader.feed(b"{}").unwrap().complete);

    let mut eager = request();
    assert!(!eager.feed(&[head, &b"{"[..]].concat()).unwrap().complete);
    assert!(!eager.wants_continue());

    let mut no_body = whole_request(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n");
    assert!(!no_body.wants_continue());

    let mut old = request();
    old.feed(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").unwrap();
    assert!(!old.wants_continue());
}

#[test]
fn before_the_end_of_the_head_there_is_nothing_to_read() {
    let mut reader = response();
    assert!(reader.is_untouched());
    reader.feed(b"HTTP/1.1 200 OK\r\nA: b\r\n").unwrap();
    assert!(!reader.is_untouched());
    assert_eq!((reader.status(), reader.header("a"), reader.body()), (None, None, &b""[..]));
    assert!(!reader.keep_alive());
}

#[test]
fn large_buffers_are_given_back_between_requests() {
    let mut reader = request();
    assert_eq!(reader.buffer_bytes(), 0, "an untouched reader owns no heap");
    let large = [&b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"[..], &[b'x'; 100_000]].concat();
    assert!(reader.feed(&large).unwrap().complete);
    assert!(reader.buffer_bytes() > 100_000);
    reader.reset();
    assert_eq!(reader.buffer_bytes(), 0);
    reader.feed(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    reader.reset();
    assert!((1..=4096).contains(&reader.buffer_bytes()), "a small one is kept");
}

#[test]
fn a_body_over_what_is_read_ends_where_it_passes_that() {
    let limits = Limits { body_bytes: 2, body_bytes_read: 6, ..Limits::default() };
    for head in ["Content-Length: 1000000", "Transfer-Encoding: chunked", "Connection: close"] {
        let mut reader = ResponseReader::new(limits, false);
        assert!(reader.feed(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes()).is_ok());
        if head.starts_with("Transfer") {
            assert!(reader.feed(b"f0\r\n").is_ok());
        }
        assert!(reader.feed(b"abcdef").is_ok());
        assert_eq!(reader.body_kept(), BodyKept::Cut, "known before the end");
        assert_eq!(reader.feed(b"g"), Err(HttpError::BodyTooLarge), "{head}");
    }
}

#[test]
fn folded_fields_are_one_line_again() {
    let reader = whole_response(
        b"HTTP/1.1 200 OK\r\nX-Long: one\r\n two\r\n\t three\r\nContent-Length:\r\n 2\r\nX: \n y\r\n\r\nab",
    );
    assert_eq!(reader.header("x-long"), Some("one   two  \t three"));
    assert_eq!((reader.header("x"), reader.body()), (Some("y"), &b"ab"[..]));
    // There is no field yet that could be folded.
    response_refused(b"HTTP/1.1 200 OK\r\n X: y\r\n\r\n", HttpError::Malformed);
    request_refused(b"GET / HTTP/1.1\r\nX: y\r\n z\r\n\r\n", HttpError::Malformed);
}

#[test]
fn several_lines_of_a_list_are_one_list() {
    let reader = whole_response(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive\r\nConnection: foo, UPGRADE\r\n\r\n",
    );
    assert!(reader.lists("connection", "upgrade") && reader.lists("Connection", "keep-alive"));
    assert!(!reader.lists("Connection", "up") && !reader.lists("Upgrade", "websocket"));
}

/// `printf '{"t":1}' | gzip -n | xxd -i`, and the same by Python's `zlib.compress`.
const GZIPPED: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0x2a, 0x51, 0xb2, 0x32, 0xac,
    0x05, 0x00, 0x5d, 0xb4, 0x1b, 0xfe, 0x07, 0x00, 0x00, 0x00,
];
const DEFLATED: &[u8] =
    &[0x78, 0x9c, 0xab, 0x56, 0x2a, 0x51, 0xb2, 0x32, 0xac, 0x05, 0x00, 0x08, 0x89, 0x02, 0x1c];

fn coded(codings: &str, body: &[u8], limits: Limits) -> ResponseReader {
    let mut reader = ResponseReader::new(limits, false);
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: {codings}\r\nContent-Length: {}\r\n\r\n", body.len());
    assert!(reader.feed(head.as_bytes()).is_ok());
    assert!(reader.feed(body).unwrap().complete);
    reader
}

#[test]
fn coded_bodies_are_decoded() {
    for (codings, body) in [
        ("gzip", GZIPPED),
        ("X-GZip", GZIPPED),
        ("identity, gzip", GZIPPED),
        ("deflate", DEFLATED),
        ("identity", b"{\"t\":1}"),
    ] {
        let reader = coded(codings, body, Limits::default());
        assert_eq!(reader.decoded_body().as_deref(), Ok(&b"{\"t\":1}"[..]), "{codings}");
        assert_eq!(reader.body(), body, "as it came");
    }
    assert_eq!(coded("gzip", b"", Limits::default()).decoded_body().as_deref(), Ok(&b""[..]));
}

#[test]
fn a_body_that_decodes_to_more_than_is_kept_is_refused() {
    let limits = |body_bytes| Limits { body_bytes, ..Limits::default() };
    assert!(coded("gzip", GZIPPED, limits(GZIPPED.len())).decoded_body().is_ok());
    let bomb = coded("deflate", DEFLATED, limits(DEFLATED.len()));
    assert!(bomb.decoded_body().is_ok());
    let thousands = [
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x31, 0x01, 0x00, 0x00, 0x00,
        0xc2, 0xa0, 0xda, 0x8b, 0x6f, 0x0a, 0x3f, 0xa0, 0x00, 0x00, 0x00, 0x00, 0x80, 0xb7, 0x01, 0x26, 0xf0,
        0xdb, 0x00, 0x88, 0x13, 0x00, 0x00,
    ];
    let bomb = coded("gzip", &thousands, limits(thousands.len()));
    assert_eq!(bomb.decoded_body(), Err(HttpError::BodyTooLarge));
    assert_eq!(coded("gzip", GZIPPED, limits(3)).decoded_body(), Err(HttpError::BodyTooLarge), "cut");
}

#[test]
fn codings_that_are_unknown_or_broken_are_refused() {
    for (codings, body) in
        [("br", GZIPPED), ("gzip", DEFLATED), ("gzip", &GZIPPED[..12]), ("gzip,gzip,gzip,gzip,gzip", GZIPPED)]
    {
        assert_eq!(
            coded(codings, body, Limits::default()).decoded_body(),
            Err(HttpError::Coding),
            "{codings}"
        );
    }
}

#[test]
fn a_target_may_name_its_host() {
    for (target, origin) in [
        ("/a?b=c", "/a?b=c"),
        ("http://x:80/a?b=c", "/a?b=c"),
        ("HTTPS://x/a", "/a"),
        ("http://x", "/"),
        ("*", "*"),
    ] {
        let reader = whole_request(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes());
        assert_eq!((reader.target(), reader.origin_target()), (target, origin));
    }
}

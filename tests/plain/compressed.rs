//! Compressed messages as a session meets them: in fragments, reads of every split, beside others; what is
//! agreed upon, and what is refused.

use flate2::{Compress, Compression, FlushCompress, Status};
use proptest::prelude::*;
use startline::fault::Blame;
use startline::scenario::MessageType;
use startline::session::Phase;

use crate::frames::frame;
use crate::simulated::lent::Driven;

const AGREED: &str = "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Extensions: \
                      permessage-deflate; client_no_context_takeover; server_no_context_takeover";

/// Upgraded with these header fields, in a scenario that offers compression.
fn upgraded(more: &str, answer: &str) -> Driven {
    let source = format!(
        "name = \"x\"\n[websocket]\nurl = \"/ws\"\ncompression = \"deflate\"\n{more}\n\
         [websocket.messages]\na = {{ starts = \"a\" }}\nb = {{ starts = \"b\" }}\n"
    );
    let mut driven = Driven::playing(&source);
    let answer = driven.switching(answer);
    driven.receive(answer);
    driven
}

fn opened() -> Driven {
    let driven = upgraded("", AGREED);
    assert_eq!(driven.phase(), Phase::Held);
    driven
}

/// As RFC 7692, 7.2.1, says, by flate2's compressor.
fn deflated(text: &[u8], level: u32) -> Vec<u8> {
    let mut compress = Compress::new(Compression::new(level), false);
    let mut out = Vec::with_capacity(text.len() + text.len() / 8 + 64);
    let status = compress.compress_vec(text, &mut out, FlushCompress::Sync).expect("it compresses");
    assert!(status != Status::StreamEnd && out.ends_with(&[0, 0, 0xff, 0xff]), "{status:?}");
    out.truncate(out.len() - 4);
    out
}

/// In frames cut at these places, with a Ping between them.
fn fragmented(opcode: u8, payload: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (payload.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(payload.len());
    let (mut bytes, mut from) = (Vec::new(), 0);
    for (k, to) in cuts.iter().copied().enumerate() {
        let fin = if k + 1 == cuts.len() { 0x80 } else { 0 };
        let first = if k == 0 { 0x40 | opcode } else { 0 };
        bytes.extend(frame(fin | first, &payload[from..to]));
        if fin == 0 {
            bytes.extend(frame(0x89, b"between"));
        }
        from = to;
    }
    bytes
}

#[derive(Clone, Debug)]
struct Sent {
    text: String,
    level: Option<u32>,
    cuts: Vec<usize>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let text = prop_oneof![
        Just(String::new()),
        "[ab]{1,3}[a-z가-힣😀 ]{0,200}",
        // More than a piece of the inflater's.
        ("[abc]", 1..400usize, "[a-z가-힣]{1,300}")
            .prop_map(|(start, times, text)| start + &text.repeat(times)),
    ];
    let cuts = prop::collection::vec(any::<usize>(), 0..4);
    (text, prop::option::weighted(0.8, 0..10u32), cuts).prop_map(|(text, level, cuts)| Sent {
        text,
        level,
        cuts,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any messages, some of them compressed, in any frames and reads, are those that were sent.
    #[test]
    fn whatever_flate2_compresses_is_read(
        messages in prop::collection::vec(sent(), 1..6),
        reads in prop::collection::vec(1..5_000usize, 1..8),
    ) {
        let (mut bytes, mut compressed) = (Vec::new(), 0);
        for sent in &messages {
            match sent.level {
                Some(level) => {
                    let payload = deflated(sent.text.as_bytes(), level);
                    compressed += payload.len() as u64;
                    bytes.extend(fragmented(1, &payload, &sent.cuts));
                }
                None => bytes.extend(frame(0x81, sent.text.as_bytes())),
            }
        }
        let mut driven = opened();
        let (mut rest, mut reads) = (&bytes[..], reads.into_iter().cycle());
        while !rest.is_empty() {
            let (read, after) = rest.split_at(reads.next().expect("a cycle").min(rest.len()));
            driven.receive(read);
            rest = after;
        }
        prop_assert_eq!(driven.phase(), Phase::Held);
        let measured = driven.measured();
        let starting = |with: char| messages.iter().filter(|it| it.text.starts_with(with)).count() as u64;
        prop_assert_eq!(measured.messages_of(MessageType(0)), starting('a'));
        prop_assert_eq!(measured.messages_of(MessageType(1)), starting('b'));
        let counts = &measured.counts;
        let bytes = |of: &dyn Fn(&&Sent) -> bool| messages.iter().filter(of).map(|it| it.text.len() as u64).sum::<u64>();
        prop_assert_eq!((counts.messages, counts.message_bytes), (messages.len() as u64, bytes(&|_| true)));
        let is_compressed = |it: &&Sent| it.level.is_some();
        let of = counts.compression;
        prop_assert_eq!((of.sessions, of.messages), (1, messages.iter().filter(is_compressed).count() as u64));
        prop_assert_eq!((of.bytes, of.inflated_bytes), (compressed, bytes(&is_compressed)));
        prop_assert_eq!(driven.spills(), 0, "nothing waits once every message is whole");
    }
}

#[test]
fn every_split_of_a_compressed_message() {
    let payload = deflated("a가나다, a가나다".as_bytes(), 6);
    let bytes =
        [fragmented(1, &payload, &[3, 9]), frame(0xc2, &deflated(b"b", 1)), frame(0xc1, b"\0")].concat();
    for cut in 0..bytes.len() {
        let mut driven = opened();
        driven.receive(&bytes[..cut]);
        driven.receive(&bytes[cut..]);
        assert_eq!(driven.messages(), (vec![1, 1], 1), "cut at {cut}");
        assert_eq!(driven.phase(), Phase::Held);
    }
}

#[track_caller]
fn assert_refused(driven: Driven, kind: &str, code: Option<u16>) {
    let out = driven.out.clone();
    let (failure, blame) = driven.failure();
    assert_eq!((failure.as_str(), blame), (kind, Blame::Server));
    if let Some(code) = code {
        // After a Pong, perhaps.
        let Some([0x88, 0x82, a, b, _, _, high, low]) = out.last_chunk() else { panic!("{out:02x?}") };
        assert_eq!(u16::from_be_bytes([high ^ a, low ^ b]), code);
    }
}

#[test]
fn bits_that_no_agreement_allows() {
    let hello = deflated(b"hello", 6);
    let continued = [frame(0x41, &hello[..2]), frame(0xc0, &hello[2..])].concat();
    for bytes in [continued, frame(0xc9, b"x"), frame(0xc8, &[]), frame(0xa1, b"x"), frame(0xd1, b"x")] {
        let mut driven = opened();
        driven.receive(&bytes);
        assert_refused(driven, "violation:reserved-bit", Some(1002));
    }
    // Declined: as if nothing had been offered.
    let mut driven = upgraded("", "Upgrade: websocket\r\nConnection: upgrade");
    driven.receive(frame(0x81, b"a"));
    assert_eq!(driven.messages(), (vec![1, 0], 0));
    assert_eq!(driven.measured().counts.compression.sessions, 0);
    driven.receive(frame(0xc1, &hello));
    assert_refused(driven, "violation:reserved-bit", Some(1002));
}

#[test]
fn what_is_not_deflate() {
    let hello = deflated(b"hello, hello, hello", 6);
    let cut = &hello[..hello.len() - 3];
    for payload in [&b"\xff\xff\xff"[..], cut, b"\x06"] {
        for bytes in [frame(0xc1, payload), fragmented(1, payload, &[1])] {
            let mut driven = opened();
            driven.receive(&bytes);
            assert_refused(driven, "violation:bad-deflate", Some(1007));
        }
    }
    let mut driven = opened();
    driven.receive(frame(0xc1, &deflated(b"a\xff", 6)));
    assert_refused(driven, "violation:bad-utf8", Some(1007));
    // Within a piece that is not the last one, and at the end of those.
    for wrong in [[&b"a\xff"[..], &[b'x'; 70_000]].concat(), [&[b'x'; 70_000][..], b"\xea\xb0"].concat()] {
        let mut driven = opened();
        driven.receive(frame(0xc1, &deflated(&wrong, 6)));
        assert_refused(driven, "violation:bad-utf8", Some(1007));
    }
}

#[test]
fn a_few_bytes_cannot_become_more_than_the_limit() {
    let limit = "message_bytes_max = \"100KiB\"";
    for (len, fits) in [(100 << 10, true), ((100 << 10) + 1, false), (50 << 20, false)] {
        let mut driven = upgraded(limit, AGREED);
        driven.receive(frame(0xc1, &deflated(&vec![b'a'; len], 9)));
        match fits {
            true => assert_eq!((driven.messages(), driven.phase()), ((vec![1, 0], 0), Phase::Held)),
            false => assert_refused(driven, "violation:inflated-too-long", Some(1009)),
        }
    }
    // What does not compress takes a little more than it is.
    let noise: String =
        (0..100u32 << 10).map(|k| char::from((k.wrapping_mul(2_654_435_761) >> 25) as u8)).collect();
    let mut driven = upgraded(limit, AGREED);
    let payload = deflated(noise.as_bytes(), 0);
    assert!(payload.len() > noise.len());
    driven.receive(fragmented(1, &payload, &[7]));
    assert_eq!((driven.phase(), driven.measured().counts.messages), (Phase::Held, 1));
}

#[test]
fn what_was_refused_is_not_shown() {
    let mut driven = opened();
    let payload = [&deflated(b"secret secret", 0)[..], b"\x06"].concat();
    driven.receive(frame(0xc1, &payload));
    let evidence = driven.evidence();
    assert!(!evidence.contains("secret"), "{evidence}");
}

#[test]
fn answers_that_cannot_be_accepted() {
    for (extensions, kind) in [
        ("permessage-deflate", "deflate-takeover"),
        ("permessage-deflate; client_no_context_takeover", "deflate-takeover"),
        ("permessage-deflate; server_no_context_takeover; server_max_window_bits=7", "deflate-invalid"),
        ("permessage-deflate; server_no_context_takeover; client_max_window_bits=15", "deflate-invalid"),
        ("permessage-bzip2", "deflate-invalid"),
    ] {
        let answer =
            format!("Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Extensions: {extensions}");
        let driven = upgraded("", &answer);
        assert_refused(driven, kind, None);
    }
}

#[test]
fn it_is_offered_where_the_scenario_says_so() {
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n";
    for (key, is_offered) in [("compression = \"deflate\"", true), ("", false)] {
        let source = format!("name = \"x\"\n[websocket]\nurl = \"/ws\"\n{key}\n");
        let driven = Driven::playing(&source);
        let request = String::from_utf8_lossy(&driven.out).into_owned();
        assert_eq!(request.contains(offer), is_offered, "{request}");
        assert_eq!(request.contains("Sec-WebSocket-Extensions"), is_offered);
    }
}

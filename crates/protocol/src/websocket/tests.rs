//! Frames, masks, close payloads and keys, against the RFC's own examples where it has them.

use super::*;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn from_server(bytes: &[u8]) -> Result<Option<(FrameHeader, usize)>, Violation> {
    parse_header(bytes, Reader::Client)
}

fn header(opcode: Opcode, payload_len: u64) -> FrameHeader {
    FrameHeader { fin: true, opcode, compressed: false, mask: None, payload_len }
}

#[test]
fn reads_the_examples_of_section_5_7() {
    assert_eq!(from_server(b"\x81\x05Hello"), Ok(Some((header(Opcode::Text, 5), 2))));
    assert_eq!(from_server(b"\x89\x05Hello"), Ok(Some((header(Opcode::Ping, 5), 2))));
    assert_eq!(from_server(b"\x82\x7e\x01\x00"), Ok(Some((header(Opcode::Binary, 256), 4))));
    assert_eq!(
        from_server(b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        Ok(Some((header(Opcode::Binary, 65_536), 10)))
    );
    assert_eq!(
        parse_header(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", Reader::Server),
        Ok(Some((FrameHeader { mask: Some(KEY), ..header(Opcode::Text, 5) }, 6)))
    );
    assert_eq!(
        from_server(b"\x01\x03Hel"),
        Ok(Some((FrameHeader { fin: false, ..header(Opcode::Text, 3) }, 2)))
    );
    assert_eq!(from_server(b"\x80\x02lo"), Ok(Some((header(Opcode::Continuation, 2), 2))));
}

#[test]
fn a_violation_is_reported_from_the_first_bytes_that_prove_it() {
    let cases: &[(&[u8], Violation)] = &[
        (b"\xc1", Violation::ReservedBit),
        (b"\xa1", Violation::ReservedBit),
        (b"\x91", Violation::ReservedBit),
        (b"\x83", Violation::ReservedOpcode),
        (b"\x87", Violation::ReservedOpcode),
        (b"\x8b", Violation::ReservedOpcode),
        (b"\x8f", Violation::ReservedOpcode),
        (b"\x08", Violation::ControlFragmented),
        (b"\x09", Violation::ControlFragmented),
        (b"\x0a", Violation::ControlFragmented),
        (b"\x81\x80", Violation::MaskBit),
        (b"\x89\x7e", Violation::ControlTooLong),
        (b"\x88\x7f", Violation::ControlTooLong),
        (b"\x81\x7e\x00\x7d", Violation::LengthEncoding),
        (b"\x81\x7f\x80", Violation::LengthEncoding),
        (b"\x81\x7f\x00\x00\x00\x00\x00\x00", Violation::LengthEncoding),
    ];
    for &(bytes, violation) in cases {
        assert_eq!(from_server(bytes), Err(violation), "{bytes:02x?}");
        let before = &bytes[..bytes.len() - 1];
        assert_eq!(from_server(before), Ok(None), "{before:02x?} proves nothing yet");
    }
    assert_eq!(parse_header(b"\x81\x05", Reader::Server), Err(Violation::MaskBit));
}

#[test]
fn the_least_and_greatest_length_of_each_form_are_read() {
    for (bytes, len) in [
        (&b"\x82\x7d"[..], 125),
        (b"\x82\x7e\x00\x7e", 126),
        (b"\x82\x7e\xff\xff", 65_535),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 65_536),
        (b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", i64::MAX as u64),
    ] {
        assert_eq!(from_server(bytes), Ok(Some((header(Opcode::Binary, len), bytes.len()))));
        for cut in 0..bytes.len() {
            assert_eq!(from_server(&bytes[..cut]), Ok(None));
        }
    }
}

#[test]
fn a_whole_frame_is_written_masked_and_read_back() {
    let mut out = b"before".to_vec();
    write_frame(&mut out, Opcode::Text, Some(KEY), b"Hello");
    assert_eq!(out, b"before\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
}

#[test]
fn a_mask_goes_on_where_the_last_piece_ended() {
    let plain: Vec<u8> = (0..40).collect();
    for cut in 0..plain.len() {
        let mut whole = plain.clone();
        apply_mask(&mut whole, KEY, 0);
        let mut pieces = plain.clone();
        let (start, end) = pieces.split_at_mut(cut);
        apply_mask(start, KEY, 0);
        apply_mask(end, KEY, cut);
        assert_eq!(pieces, whole);
    }
}

#[test]
fn a_close_is_written_cut_at_a_character_and_read_back() {
    let mut out = Vec::new();
    write_close(&mut out, None, 1001, &"달".repeat(50));
    assert_eq!(from_server(&out), Ok(Some((header(Opcode::Close, 125), 2))));
    assert_eq!(parse_close(&out[2..]), Ok(Some((1001, "달".repeat(41).as_str()))));

    out.clear();
    write_close(&mut out, Some(KEY), 1000, &format!("x{}", "달".repeat(50)));
    let (read, len) = parse_header(&out, Reader::Server).unwrap().unwrap();
    assert_eq!(read.payload_len, 123, "122 bytes do not end inside a character");
    apply_mask(&mut out[len..], KEY, 0);
    assert_eq!(parse_close(&out[len..]).unwrap().unwrap().0, 1000);
}

#[test]
fn close_codes_are_those_that_may_be_sent() {
    let allowed = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
    for code in 0..=u16::MAX {
        let expected = allowed.contains(&code) || (3000..5000).contains(&code);
        let read = parse_close(&code.to_be_bytes()).map(|read| read.map(|(code, _)| code));
        assert_eq!(read, if expected { Ok(Some(code)) } else { Err(Violation::BadClose) });
    }
}

#[test]
fn close_payloads_of_no_byte_one_byte_and_bad_text() {
    assert_eq!(parse_close(b""), Ok(None));
    assert_eq!(parse_close(b"\x03"), Err(Violation::BadClose));
    assert_eq!(parse_close(b"\x03\xe8\xff"), Err(Violation::BadUtf8));
    assert_eq!(parse_close(b"\x03\xe8bye"), Ok(Some((1000, "bye"))));
}

#[test]
fn the_key_of_the_handshake_is_base64() {
    // "the sample nonce", the key of section 1.3.
    assert_eq!(&key_text(*b"the sample nonce"), b"dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(&key_text([0xff; 16]), b"/////////////////////w==");
}

#[test]
fn text_is_checked_over_any_split_and_refused_at_once() {
    let text = "aé달🏃".as_bytes();
    let mut check = Utf8Check::default();
    for byte in text {
        assert_eq!(check.feed(std::slice::from_ref(byte)), Ok(()));
    }
    assert_eq!(check.finish(), Ok(()));

    let mut unfinished = Utf8Check::default();
    assert_eq!(unfinished.feed(b"\xf0\x9f"), Ok(()));
    assert_eq!(unfinished.finish(), Err(Violation::BadUtf8));

    let mut surrogate = Utf8Check::default();
    assert_eq!(surrogate.feed(b"\xed"), Ok(()));
    assert_eq!(surrogate.feed(b"\xa0"), Err(Violation::BadUtf8), "no third byte can make it valid");
}

fn fragment(fin: bool, opcode: Opcode, payload_len: u64) -> FrameHeader {
    FrameHeader { fin, ..header(opcode, payload_len) }
}

#[test]
fn fragments_come_in_order_and_control_frames_between_them_change_nothing() {
    let mut reader = MessageReader::default();
    let unexpected = reader.begin_frame(&fragment(true, Opcode::Continuation, 0), 8);
    assert_eq!(unexpected, Err(Violation::UnexpectedContinuation));
    for (opcode, kind) in [(Opcode::Text, MessageKind::Text), (Opcode::Binary, MessageKind::Binary)] {
        reader.begin_frame(&fragment(false, opcode, 5), 8).unwrap();
        reader.feed(b"he").unwrap();
        reader.feed(b"llo").unwrap();
        assert_eq!(reader.end_frame(false), Ok(None));
        assert_eq!(reader.kind(), Some(kind));
        reader.begin_frame(&header(Opcode::Ping, 125), 8).unwrap();
        assert_eq!(reader.check(&header(opcode, 0), 8), Err(Violation::ExpectedContinuation));
        reader.begin_frame(&fragment(true, Opcode::Continuation, 3), 8).unwrap();
        reader.feed(b"you").unwrap();
        assert_eq!(reader.end_frame(true), Ok(Some(WholeMessage { kind, bytes: 8 })));
        assert_eq!(reader.kind(), None);
    }
}

#[test]
fn the_limit_is_for_all_fragments_together() {
    let mut reader = MessageReader::default();
    assert_eq!(reader.check(&header(Opcode::Text, 9), 8), Err(Violation::MessageTooLong));
    reader.begin_frame(&fragment(false, Opcode::Binary, 8), 8).unwrap();
    reader.feed(&[0xff; 8]).unwrap();
    assert_eq!(reader.end_frame(false), Ok(None));
    assert_eq!(reader.check(&fragment(false, Opcode::Continuation, 1), 8), Err(Violation::MessageTooLong));
    assert_eq!(reader.check(&fragment(true, Opcode::Continuation, 0), 8), Ok(()));
    assert_eq!(
        reader.check(&fragment(true, Opcode::Continuation, u64::MAX >> 1), 8),
        Err(Violation::MessageTooLong)
    );
}

#[test]
fn a_character_may_be_split_by_a_fragment_but_not_by_the_end() {
    let mut reader = MessageReader::default();
    reader.begin_frame(&fragment(false, Opcode::Text, 1), 8).unwrap();
    reader.feed(b"\xec").unwrap();
    assert_eq!(reader.end_frame(false), Ok(None));
    let mut cut = reader;
    assert_eq!(cut.end_frame(true), Err(Violation::BadUtf8));
    reader.begin_frame(&fragment(true, Opcode::Continuation, 2), 8).unwrap();
    assert_eq!({ reader }.feed(b"("), Err(Violation::BadUtf8));
    reader.feed(b"\x84\xb1").unwrap();
    assert_eq!(reader.end_frame(true), Ok(Some(WholeMessage { kind: MessageKind::Text, bytes: 3 })));
}

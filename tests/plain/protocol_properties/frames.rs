//! Frames against tungstenite, UTF-8 against the standard library.

use std::io::Cursor;

use proptest::prelude::*;
use startline_protocol::websocket::*;
use tungstenite::Message;
use tungstenite::protocol::frame::FrameHeader as ForeignHeader;
use tungstenite::protocol::frame::coding::{CloseCode, OpCode};
use tungstenite::protocol::{Role, WebSocket};

use super::{mutated, mutations};
use crate::checks::protocol::frames::{self as check, OPCODES};

/// Headers that may be sent; lengths around every change of form.
fn header() -> impl Strategy<Value = FrameHeader> {
    let near =
        prop::sample::select(vec![0u64, 125, 126, 127, 255, 256, 65_535, 65_536, 1 << 32, (1 << 63) - 1]);
    let len = prop_oneof![near, (0..63u32, any::<u64>()).prop_map(|(bits, any)| any >> (63 - bits) >> 1)];
    (any::<bool>(), prop::sample::select(OPCODES.to_vec()), any::<Option<[u8; 4]>>(), len).prop_map(
        |(fin, opcode, mask, len)| {
            let control = opcode.is_control();
            let payload_len = if control { len % 126 } else { len };
            FrameHeader { fin: fin || control, opcode, compressed: false, mask, payload_len }
        },
    )
}

/// Starts of frames, good and bad: bytes that make short lengths in long forms are frequent.
fn header_bytes() -> impl Strategy<Value = Vec<u8>> {
    let first =
        prop_oneof![3 => prop::sample::select(b"\x00\x01\x81\x82\x88\x89\x8a".to_vec()), 1 => any::<u8>()];
    let second =
        prop_oneof![3 => prop::sample::select(b"\x05\x7d\x7e\x7f\x85\xfe\xff".to_vec()), 1 => any::<u8>()];
    let more = prop_oneof![3 => Just(0u8), 1 => 0x7du8..0x7f, 1 => Just(0x80), 1 => any::<u8>()];
    (first, second, prop::collection::vec(more, 0..14), 0..16usize).prop_map(|(first, second, more, len)| {
        let mut bytes = vec![first, second];
        bytes.extend(more);
        bytes.truncate(len);
        bytes
    })
}

fn reader() -> impl Strategy<Value = Reader> {
    prop_oneof![Just(Reader::Client), Just(Reader::Inflating), Just(Reader::Server)]
}

/// Texts with a share of bytes that are none.
fn nearly_utf8() -> impl Strategy<Value = Vec<u8>> {
    let character = any::<char>().prop_map(|c| c.to_string().into_bytes());
    let edge = prop::sample::select(
        [
            "\u{7f}",
            "\u{80}",
            "\u{7ff}",
            "\u{800}",
            "\u{d7ff}",
            "\u{e000}",
            "\u{ffff}",
            "\u{10000}",
            "\u{10ffff}",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec(),
    );
    let broken = prop::collection::vec(0x80u8.., 1..3);
    let part = prop_oneof![20 => character, 10 => edge, 1 => broken];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn a_header_is_written_as_tungstenite_writes_it_and_read_back(header in header()) {
        let mut ours = Vec::new();
        write_header(&mut ours, header.fin, header.opcode, header.mask, header.payload_len);
        let mut theirs = Vec::new();
        let foreign = ForeignHeader {
            is_final: header.fin,
            opcode: OpCode::from(header.opcode as u8),
            mask: header.mask,
            ..ForeignHeader::default()
        };
        foreign.format(header.payload_len, &mut theirs).unwrap();
        prop_assert_eq!(&ours, &theirs);
        prop_assert!(ours.len() <= HEADER_BYTES_MAX);

        let reader = if header.mask.is_some() { Reader::Server } else { Reader::Client };
        for cut in 0..ours.len() {
            prop_assert_eq!(parse_header(&ours[..cut], reader), Ok(None));
        }
        let len = ours.len();
        ours.extend_from_slice(b"payload");
        prop_assert_eq!(parse_header(&ours, reader), Ok(Some((header, len))));
    }

    #[test]
    fn a_header_is_read_as_tungstenite_reads_it_or_breaks_a_rule(bytes in header_bytes(), reader in reader()) {
        check::header(&bytes, reader);
    }

    #[test]
    fn a_mask_is_the_naive_one(
        mut bytes in prop::collection::vec(any::<u8>(), 0..100),
        key: [u8; 4],
        offset in 0..usize::MAX,
        skip in 0..9usize,
    ) {
        // Skipping moves the slice through every alignment.
        let skip = skip.min(bytes.len());
        let mut naive = bytes.clone();
        for (i, byte) in naive[skip..].iter_mut().enumerate() {
            *byte ^= key[(offset % 4 + i) % 4];
        }
        apply_mask(&mut bytes[skip..], key, offset);
        prop_assert_eq!(bytes, naive);
    }

    #[test]
    fn tungstenite_reads_our_frames(text: String, data: Vec<u8>, mask: Option<[u8; 4]>) {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, Opcode::Text, mask, text.as_bytes());
        write_frame(&mut bytes, Opcode::Binary, mask, &data);
        write_close(&mut bytes, mask, 1000, "done");
        let role = if mask.is_some() { Role::Server } else { Role::Client };
        let mut socket = WebSocket::from_raw_socket(Cursor::new(bytes), role, None);
        prop_assert_eq!(socket.read().unwrap(), Message::text(text));
        prop_assert_eq!(socket.read().unwrap(), Message::binary(data));
        let Message::Close(Some(close)) = socket.read().unwrap() else { panic!("no close") };
        prop_assert_eq!((u16::from(close.code), close.reason.as_str()), (1000, "done"));
    }

    #[test]
    fn a_close_is_read_back(code in 1000..5000u16, reason: String, mask: Option<[u8; 4]>) {
        let mut bytes = Vec::new();
        write_close(&mut bytes, mask, code, &reason);
        let reader = if mask.is_some() { Reader::Server } else { Reader::Client };
        let (header, len) = parse_header(&bytes, reader).unwrap().unwrap();
        prop_assert_eq!(header.payload_len as usize, bytes.len() - len);
        if let Some(key) = mask {
            apply_mask(&mut bytes[len..], key, 0);
        }
        if let Ok(read) = parse_close(&bytes[len..]) {
            let (read_code, read_reason) = read.unwrap();
            prop_assert_eq!(read_code, code);
            prop_assert!(reason.starts_with(read_reason));
            // Cut only if it had to be, and at the last character that fits.
            prop_assert!(read_reason.len() == reason.len() || read_reason.len() >= 120);
        } else {
            prop_assert!(!CloseCode::from(code).is_allowed());
        }
    }

    #[test]
    fn a_close_is_refused_for_its_code_or_its_text(code: u16, reason in nearly_utf8()) {
        check::close(&[&code.to_be_bytes(), &reason[..]].concat());
    }

    #[test]
    fn what_is_said_to_be_compressed_is_refused_or_is_flate2s(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in "[ab가]{0,300}",
        mutations in mutations(),
    ) {
        check::inflated(&bytes);
        let mut compress = flate2::Compress::new(flate2::Compression::fast(), false);
        let mut deflated = Vec::with_capacity(2 * text.len() + 64);
        compress.compress_vec(text.as_bytes(), &mut deflated, flate2::FlushCompress::Sync).unwrap();
        check::inflated(&mutated(deflated, &mutations));
    }

    #[test]
    fn text_is_judged_as_the_standard_library_judges_it(bytes in nearly_utf8()) {
        check::text(&bytes);
    }
}

#[test]
fn close_codes_are_tungstenites_and_bad_gateway() {
    for code in 0..=u16::MAX {
        check::close(&code.to_be_bytes());
    }
}

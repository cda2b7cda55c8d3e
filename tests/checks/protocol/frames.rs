//! Frames against tungstenite, UTF-8 against the standard library.

use std::io::{Cursor, Read};

use startline_protocol::websocket::*;
use tungstenite::Error;
use tungstenite::protocol::frame::FrameHeader as ForeignHeader;
use tungstenite::protocol::frame::coding::CloseCode;

use super::splits;

/// Opcodes of section 11.8.
pub const OPCODES: [Opcode; 6] =
    [Opcode::Continuation, Opcode::Text, Opcode::Binary, Opcode::Close, Opcode::Ping, Opcode::Pong];

const VIOLATIONS_OF_HEADERS: [Violation; 6] = [
    Violation::ReservedBit,
    Violation::ReservedOpcode,
    Violation::ControlFragmented,
    Violation::MaskBit,
    Violation::ControlTooLong,
    Violation::LengthEncoding,
];

/// A header is read as tungstenite reads it, or breaks a rule; more bytes do not change what fewer proved.
pub fn header(bytes: &[u8], reader: Reader) {
    let start = &bytes[..bytes.len().min(HEADER_BYTES_MAX + 2)];
    let verdict = parse_header(bytes, reader);
    match verdict {
        Err(violation) => assert!(is_broken(start, reader, violation), "{violation:?} is not there"),
        Ok(read) => {
            for violation in VIOLATIONS_OF_HEADERS {
                assert!(!is_broken(start, reader, violation), "{violation:?} is not seen");
            }
            let ours = read.map(|(h, len)| (h.fin, h.opcode as u8, h.mask, h.payload_len, len));
            let theirs =
                foreign_parse(bytes).expect("tungstenite refuses less").map(|(header, payload_len, len)| {
                    (header.is_final, u8::from(header.opcode), header.mask, payload_len, len)
                });
            assert_eq!(ours, theirs);
        }
    }
    let prefixes: Vec<_> = (0..=start.len()).map(|len| parse_header(&bytes[..len], reader)).collect();
    let first = prefixes.iter().position(|verdict| *verdict != Ok(None)).unwrap_or(start.len());
    for later in &prefixes[first..] {
        assert_eq!(*later, prefixes[first], "after {first} bytes it was proved");
    }
    assert_eq!(prefixes[start.len()], verdict);
}

/// Whether these bytes prove the violation, as section 5 words it.
fn is_broken(bytes: &[u8], reader: Reader, violation: Violation) -> bool {
    let Some(&first) = bytes.first() else { return false };
    let control = first & 0x08 != 0;
    let second = bytes.get(1).copied();
    match violation {
        // RFC 7692, 6: on the first frame of a data message, where it is agreed upon.
        Violation::ReservedBit => {
            let may_be_compressed = reader == Reader::Inflating && matches!(first & 0x0f, 1 | 2);
            first & if may_be_compressed { 0x30 } else { 0x70 } != 0
        }
        Violation::ReservedOpcode => OPCODES.iter().all(|&opcode| opcode as u8 != first & 0x0f),
        Violation::ControlFragmented => control && first & 0x80 == 0,
        Violation::MaskBit => second.is_some_and(|s| (s & 0x80 != 0) != (reader == Reader::Server)),
        Violation::ControlTooLong => control && second.is_some_and(|s| s & 0x7f > 125),
        Violation::LengthEncoding => {
            let form = second.map_or(0, |s| s & 0x7f);
            // The greatest and the least length that the missing bytes could make.
            let length = |size: usize, missing: u8| {
                (2..2 + size)
                    .fold(0u64, |len, i| len << 8 | u64::from(bytes.get(i).copied().unwrap_or(missing)))
            };
            (form == 126 && length(2, 0xff) < 126)
                || (form == 127 && (length(8, 0xff) < 65_536 || length(8, 0) >> 63 != 0))
        }
        _ => false,
    }
}

fn foreign_parse(bytes: &[u8]) -> Result<Option<(ForeignHeader, u64, usize)>, Error> {
    let mut cursor = Cursor::new(bytes);
    let parsed = ForeignHeader::parse(&mut cursor)?;
    Ok(parsed.map(|(header, len)| (header, len, cursor.position() as usize)))
}

/// A close's payload: nothing, or a code that tungstenite lets through and a reason in UTF-8.
pub fn close(payload: &[u8]) {
    let expected = match *payload {
        [] => Ok(None),
        [_] => Err(Violation::BadClose),
        [high, low, ref reason @ ..] => {
            let code = u16::from_be_bytes([high, low]);
            // 1014 was registered with IANA after RFC 6455; tungstenite does not know it.
            match CloseCode::from(code).is_allowed() || code == 1014 {
                true => std::str::from_utf8(reason)
                    .map(|reason| Some((code, reason)))
                    .map_err(|_| Violation::BadUtf8),
                false => Err(Violation::BadClose),
            }
        }
    };
    assert_eq!(parse_close(payload), expected);
}

/// Text is refused after the same byte as by the standard library, at every split.
pub fn text(bytes: &[u8]) {
    let whole = std::str::from_utf8(bytes);
    for pieces in splits(bytes) {
        let mut check = Utf8Check::default();
        let mut seen = 0;
        let mut refused = false;
        for piece in &pieces {
            seen += piece.len();
            refused = check.feed(piece).is_err();
            let hopeless = std::str::from_utf8(&bytes[..seen]).is_err_and(|e| e.error_len().is_some());
            assert_eq!(refused, hopeless, "after {seen} bytes");
            if refused {
                break;
            }
        }
        assert_eq!(!refused && check.finish().is_ok(), whole.is_ok());
    }
}

/// Bytes that are said to be a compressed message: refused, or what flate2 makes of them with the tail
/// that RFC 7692, 7.2.2, adds; never more than the limit.
pub fn inflated(bytes: &[u8]) {
    let (limit, mut ours, mut last) = (1 << 16, Vec::new(), 0);
    let mut inflater = Inflater::default();
    let made = inflater.message(bytes, limit, |piece, is_last| {
        assert_eq!(last, 0, "nothing follows the last piece");
        last += usize::from(is_last);
        ours.extend_from_slice(piece);
        Ok::<(), Violation>(())
    });
    assert!(ours.len() as u64 <= limit);
    // One inflater, one message after another.
    let again = inflater.message(bytes, limit, |_, _| Ok::<(), Violation>(()));
    assert_eq!(made, again);
    match made {
        Ok(len) => {
            assert_eq!((len, last), (ours.len() as u64, 1));
            let theirs = foreign_inflate(bytes, limit as usize);
            assert!(theirs.starts_with(&ours) || ours.starts_with(&theirs), "the same as far as both go");
        }
        Err(violation) => assert!(matches!(violation, Violation::BadDeflate | Violation::InflatedTooLong)),
    }
}

/// The first stream of a message, by the library's reader.
fn foreign_inflate(bytes: &[u8], limit: usize) -> Vec<u8> {
    let whole = [bytes, &[0, 0, 0xff, 0xff]].concat();
    let mut made = Vec::new();
    let mut reader = flate2::read::DeflateDecoder::new(&whole[..]).take(limit as u64);
    // What ends without a last block is an error at its end.
    let _ = reader.read_to_end(&mut made);
    made
}

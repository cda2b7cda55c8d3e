//! The parsers against foreign ones, and against themselves at every split of the input.

mod frames;
mod http;
mod matching;

use proptest::prelude::*;

/// A change of one place: where (scaled to the length), what, and the byte for it.
pub type Mutation = (u16, u8, u8);

/// Few changes of bytes, most of them to ones that mean something to the parsers.
pub fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let telling = prop::sample::select(b"\r\n\t :;,.-+0179afxEu{}[]\"\\HTP/\x00\x1f\x7f".to_vec());
    let byte = prop_oneof![8 => telling, 1 => any::<u8>()];
    prop::collection::vec((any::<u16>(), 0..4u8, byte), 1..4)
}

/// `bytes` with the changes made.
pub fn mutated(mut bytes: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for &(place, what, byte) in mutations {
        let at = usize::from(place) * bytes.len() / (1 << 16);
        match what {
            _ if bytes.is_empty() => bytes.push(byte),
            0 => bytes.insert(at, byte),
            1 => bytes[at] = byte,
            2 => drop(bytes.remove(at)),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

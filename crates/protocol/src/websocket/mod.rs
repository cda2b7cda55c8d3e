//! RFC 6455: frame headers, masking, close payloads, the order of fragments and the opening
//! handshake's key. RFC 7692: compressed messages.
//!
//! Does no I/O and buffers nothing: [`parse_header`] reads a frame's header, [`MessageReader`]
//! follows a message over its frames. Invariant: what is accepted is valid for the reading side's
//! role; anything else is a [`Violation`].

mod deflate;
mod frame;
mod key;
mod message;
#[cfg(test)]
mod tests;
mod utf8;
mod violation;

pub use deflate::{DeflateRefusal, Inflater, OFFER, is_agreed};
pub use frame::{
    FrameHeader, HEADER_BYTES_MAX, Opcode, Reader, apply_mask, parse_close, parse_header, write_close,
    write_frame, write_header,
};
pub use key::key_text;
pub use message::{MessageKind, MessageReader, WholeMessage};
pub use utf8::{Utf8Check, is_utf8};
pub use violation::Violation;
